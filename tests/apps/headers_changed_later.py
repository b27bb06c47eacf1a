# SPDX-License-Identifier: Apache-2.0
"""Changes the list of headers after start_response: what was said then counts."""

from __future__ import annotations

from tools import Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    headers = [("X-First", "1"), ("Content-Type", "text/plain")]
    start_response("200 OK", headers)
    headers[:] = [("X-Second", "2")]
    return [b"changed"]
