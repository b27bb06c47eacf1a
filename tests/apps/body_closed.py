# SPDX-License-Identifier: Apache-2.0
"""Counts the calls of close(), whatever happened to the body (?count tells)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse, query, send_json

closed: dict[str, int] = {}
lock = threading.Lock()


class Parts:
    def __init__(self, name: str, count: int, size: int) -> None:
        self._name, self._count, self._part = name, count, b"x" * size

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._count):
            yield self._part

    def close(self) -> None:
        with lock:
            closed[self._name] = closed.get(self._name, 0) + 1


class ListParts(list[bytes]):
    """A list with a close()."""

    name = ""

    def close(self) -> None:
        with lock:
            closed[self.name] = closed.get(self.name, 0) + 1


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    name = options["name"]
    if "count" in options:
        return send_json(start_response, closed.get(name, 0))
    start_response("200 OK", TEXT)
    parts, size = int(options.get("parts", "3")), int(options.get("size", "10"))
    if options.get("form") == "list":
        body = ListParts([b"x" * size] * parts)
        body.name = name
        return body
    return Parts(name, parts, size)
