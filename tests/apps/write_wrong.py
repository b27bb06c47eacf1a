# SPDX-License-Identifier: Apache-2.0
"""Calls write with what is not bytes."""

from __future__ import annotations

from typing import Any

from tools import TEXT, Body, Environ, StartResponse, query

WRONG: dict[str, Any] = {"text": "text", "none": None, "number": 1, "list": [b"a"]}


def app(environ: Environ, start_response: StartResponse) -> Body:
    write = start_response("200 OK", TEXT)
    write(WRONG[query(environ)["what"]])
    return [b"must not be sent"]
