# SPDX-License-Identifier: Apache-2.0
"""Ends the process by a fault of a C library's; ?not answers."""

from __future__ import annotations

import faulthandler

from tools import TEXT, Body, Environ, StartResponse, query


def fall() -> None:
    faulthandler._sigsegv()  # type: ignore[attr-defined]


def app(environ: Environ, start_response: StartResponse) -> Body:
    if "not" not in query(environ):
        fall()
    start_response("200 OK", TEXT)
    return [b"standing"]
