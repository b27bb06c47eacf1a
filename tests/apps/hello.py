# SPDX-License-Identifier: Apache-2.0
"""The least that an application can do."""

from __future__ import annotations

from tools import Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world!\n"]
