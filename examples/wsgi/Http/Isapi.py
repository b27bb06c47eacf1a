# SPDX-License-Identifier: Apache-2.0
"""The handler of all requests."""

from application import application
from Http import Env
from Http.WSGI import RunWSGI


def Request() -> object:
    if Env.URL.startswith("/media/"):
        return True  # exactly True: the server answers
    return RunWSGI(application, Base="/")
