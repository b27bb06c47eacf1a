# SPDX-License-Identifier: Apache-2.0
"""read() with the sizes that the query lists ("3,,-1,0,None"), then once more without any."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, query, send_json


def _read(stream: object, size: str) -> str:
    args = {"": [], "None": [None]}.get(size)
    got = stream.read(*([int(size)] if args is None else args))  # type: ignore[attr-defined]
    assert type(got) is bytes
    return got.decode("latin-1")


def app(environ: Environ, start_response: StartResponse) -> Body:
    sizes = query(environ).get("sizes", "").split(",")
    return send_json(start_response, [_read(environ["wsgi.input"], size) for size in [*sizes, ""]])
