# SPDX-License-Identifier: Apache-2.0
"""Calls of the input that must raise, and what they raise; then the body, which is still whole."""

from __future__ import annotations

from collections.abc import Callable

from tools import Body, Environ, StartResponse, send_json


def _raised(call: Callable[..., object], *args: object) -> str:
    try:
        call(*args)
    except Exception as error:
        return type(error).__name__
    return "nothing"


def app(environ: Environ, start_response: StartResponse) -> Body:
    stream = environ["wsgi.input"]
    result = {
        "text": _raised(stream.read, "3"),
        "float": _raised(stream.read, 1.5),
        "two": _raised(stream.read, 1, 2),
        "line": _raised(stream.readline, "3"),
        "lines": _raised(stream.readlines, "3"),
    }
    return send_json(start_response, result | {"body": stream.read().decode("latin-1")})
