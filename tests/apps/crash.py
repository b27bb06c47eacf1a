# SPDX-License-Identifier: Apache-2.0
"""Ends the process as a fatal error of C code does; ?not answers."""

from __future__ import annotations

import os

from tools import TEXT, Body, Environ, StartResponse, query


def fall() -> None:
    os.abort()


def app(environ: Environ, start_response: StartResponse) -> Body:
    if "not" not in query(environ):
        fall()
    start_response("200 OK", TEXT)
    return [b"standing"]
