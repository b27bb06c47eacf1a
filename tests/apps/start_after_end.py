# SPDX-License-Identifier: Apache-2.0
"""Keeps start_response and write; the next request finds that both refuse."""

from __future__ import annotations

from collections.abc import Callable

from tools import TEXT, Body, Environ, StartResponse

kept: list[tuple[StartResponse, Callable[[bytes], object]]] = []


def _raised(call: Callable[..., object], *args: object) -> str:
    try:
        call(*args)
    except Exception as error:
        return type(error).__name__
    return "nothing"


def app(environ: Environ, start_response: StartResponse) -> Body:
    said = "first"
    if kept:
        start, write = kept.pop()
        said = f"{_raised(start, '200 OK', TEXT)} {_raised(write, b'late')}"
    kept.append((start_response, start_response("200 OK", TEXT)))
    return [said.encode()]
