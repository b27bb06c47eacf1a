# SPDX-License-Identifier: Apache-2.0
"""An error after the first byte: start_response with exc_info raises that error again."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse, query, send_json

raised: list[object] = []


class LateError(Exception):
    """Raised after the headers have left."""


def _body(start_response: StartResponse, headers: list[tuple[str, str]]) -> Iterator[bytes]:
    start_response("200 OK", headers)
    yield b"the beginning"
    try:
        raise LateError("after the first byte")
    except LateError as error:
        try:
            start_response("500 Too late", TEXT, sys.exc_info())
        except BaseException as again:
            raised[:] = [type(again).__name__, again is error]
            raise
    yield b"must not be sent"


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    if "raised" in options:
        return send_json(start_response, raised)
    length = [("Content-Length", "100")] if "length" in options else []
    return _body(start_response, TEXT + length)
