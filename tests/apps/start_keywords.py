# SPDX-License-Identifier: Apache-2.0
"""Calls start_response with exc_info by its name."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", TEXT, exc_info=None)
    return [b"by name"]
