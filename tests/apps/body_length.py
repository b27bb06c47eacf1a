# SPDX-License-Identifier: Apache-2.0
"""A Content-Length that may differ from the body: ?length=N&body=N&form=..."""

from __future__ import annotations

from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    write = start_response("200 OK", [*TEXT, ("Content-Length", options["length"])])
    body = b"x" * int(options["body"])
    half = len(body) // 2

    def parts() -> Iterator[bytes]:
        yield body[:half]
        yield body[half:]

    if options["form"] == "write":
        write(body)
        return []
    return parts() if options["form"] == "generator" else [body]
