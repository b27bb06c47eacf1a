# SPDX-License-Identifier: Apache-2.0
"""The handler of all requests, in the way of PyISAPIe 1."""

from Http import Env
from Http.WSGI import RunWSGI
from mysite.wsgi import application

BASE = "/"  # where the site lies; its URLs are below that


def Request() -> object:
    if Env.URL.startswith("/media/"):
        return True
    return RunWSGI(application, Base=BASE)
