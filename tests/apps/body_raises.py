# SPDX-License-Identifier: Apache-2.0
"""Raises at the place that the query names; counts close()."""

from __future__ import annotations

from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse, query, send_json

closed = [0]


class Parts:
    def __init__(self, where: str) -> None:
        self._where = where
        self._number = 0

    def __iter__(self) -> Iterator[bytes]:
        if self._where == "iter":
            raise RuntimeError("in __iter__")
        return self

    def __next__(self) -> bytes:
        self._number += 1
        if self._where == "first" or self._number == 3:
            raise RuntimeError(f"in part {self._number}")
        return b"part %d\n" % self._number

    def close(self) -> None:
        closed[0] += 1
        if self._where == "close":
            raise RuntimeError("in close()")


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    if "closed" in options:
        return send_json(start_response, closed[0])
    where = options["where"]
    if where == "before":
        raise RuntimeError("before start_response")
    length = [("Content-Length", options["length"])] if "length" in options else []
    start_response("200 OK", TEXT + length)
    if where == "after":
        raise RuntimeError("after start_response")
    return Parts(where)
