# SPDX-License-Identifier: Apache-2.0
"""Returns what is no body of bytes."""

from __future__ import annotations

from typing import Any

from tools import TEXT, Environ, StartResponse, query

WRONG: dict[str, Any] = {
    "none": None,
    "number": 1,
    "text": "some text",
    "texts": ["text"],
    "later-text": [b"bytes", "text"],
    "generator-text": lambda: iter(["text"]),
    "numbers": [1],
    "bytearray": [bytearray(b"x")],
    "nones": [None],
}


def app(environ: Environ, start_response: StartResponse) -> Any:
    start_response("200 OK", TEXT)
    result = WRONG[query(environ)["what"]]
    return result() if callable(result) else result
