# SPDX-License-Identifier: Apache-2.0
"""A status that allows no body, with a body in the form of the query; counts close()."""

from __future__ import annotations

from collections.abc import Iterator

from tools import Body, Environ, StartResponse, query, send_json

closed = [0]


class Parts:
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        closed[0] += 1


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    if "closed" in options:
        return send_json(start_response, closed)
    headers = [("X-Test", "kept")]
    if "length" in options:
        headers.append(("Content-Length", options["length"]))
    write = start_response(options["line"], headers)
    parts = [b"must not ", b"be sent"]
    if options.get("form") == "write":
        write(parts.pop(0))
    return parts if options.get("form") == "list" else Parts(parts)
