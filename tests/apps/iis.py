# SPDX-License-Identifier: Apache-2.0
"""What IIS gives more: ?do= pass_on, whoami, has_token (this thread), impersonate, forget (to end
it), token."""

from __future__ import annotations

import ctypes
import os

import pyisapie
from pyisapie import _engine, windows

from tools import Body, Environ, StartResponse, query, send_json


def _has_token() -> bool:
    """Whether this thread acts as somebody else than the process."""
    if os.name != "nt":
        return False
    token = ctypes.c_void_p()
    api, kernel = ctypes.windll.advapi32, ctypes.windll.kernel32
    thread = ctypes.c_void_p(kernel.GetCurrentThread())
    found = bool(api.OpenThreadToken(thread, 8, 1, ctypes.byref(token)))
    if found:
        kernel.CloseHandle(token)
    return found


def _try(what: str, environ: Environ) -> object:
    try:
        if what == "whoami":
            return windows.whoami()
        if what == "has_token":
            return _has_token()
        if what == "token":
            return environ["pyisapie.windows_token"].handle
        if what == "forget":
            _engine.impersonate(True)
            return _has_token()
        before = _has_token()
        with windows.impersonate(environ):
            within = _has_token()
        return [before, within, _has_token()]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    what = options.get("do", "whoami")
    if what == "pass_on":
        try:
            return pyisapie.pass_to_server(environ, options.get("url"))
        except Exception as error:
            return send_json(start_response, f"{type(error).__name__}: {error}")
    return send_json(start_response, _try(what, environ))
