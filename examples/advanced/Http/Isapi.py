# SPDX-License-Identifier: Apache-2.0
"""The handler of all requests: by the URL map."""

import WWW.Admin.Reports
import WWW.Blog
from Http import Env, Watch
from Http.URL import Handler
from WWW.URL import Map

Watch.Watch(WWW, WWW.Blog, WWW.Admin, WWW.Admin.Reports)
_answer = Handler(Map)


def Request() -> object:
    if Env.URL == "/robots.txt":
        return True  # a file of www, which the server sends
    Watch.Reload()
    return _answer()
