# SPDX-License-Identifier: Apache-2.0
"""An error before the first byte: start_response with exc_info replaces what was said."""

from __future__ import annotations

import sys

from tools import TEXT, Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", [("X-Lost", "1"), ("Content-Length", "3")])
    try:
        raise RuntimeError("before the first byte")
    except RuntimeError:
        start_response("503 Replaced", TEXT, sys.exc_info())
    return [b"the replacement"]
