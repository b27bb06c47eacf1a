# SPDX-License-Identifier: Apache-2.0
"""Calls start_response wrongly, catches that, and answers rightly: nothing of the first stays."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    try:
        start_response("200 OK", [("X-Lost", "1"), ("X-Bad", "a\r\nX-Injected: 1")])
    except Exception as error:
        start_response("200 OK", [*TEXT, ("X-Raised", type(error).__name__)])
    return [b"recovered"]
