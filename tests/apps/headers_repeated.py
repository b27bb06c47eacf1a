# SPDX-License-Identifier: Apache-2.0
"""Fields that come more than once."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    cookies = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")]
    start_response("200 OK", [*TEXT, *cookies, ("Vary", "Accept"), ("Vary", "Cookie")])
    return [b"repeated"]
