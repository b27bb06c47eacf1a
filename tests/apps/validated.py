# SPDX-License-Identifier: Apache-2.0
"""wsgiref.validate between the server and an application that does a bit of everything."""

from __future__ import annotations

from collections.abc import Iterator
from wsgiref.validate import validator

from tools import Body, Environ, StartResponse, query


def _parts(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


def _read(environ: Environ, how: str) -> bytes:
    stream = environ["wsgi.input"]
    if how == "lines":
        return b"".join(stream)
    if how == "readline":
        return b"".join(iter(stream.readline, b""))
    if how == "readlines":
        return b"".join(stream.readlines())
    return stream.read(int(environ.get("CONTENT_LENGTH") or 0))


def _plain(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    body = _read(environ, options.get("read", "")) or b"nothing came"
    environ["wsgi.errors"].write("validated\n")
    environ["wsgi.errors"].flush()
    status = options.get("status", "200 OK")
    bodiless = status[:3] in ("204", "304")
    headers = [] if bodiless else [("Content-Type", "text/plain; charset=utf-8")]
    write = start_response(status, headers)
    if bodiless or environ["REQUEST_METHOD"] == "HEAD":
        return []
    if "write" in options:
        write(b"written ")
    return _parts(body) if "parts" in options else [body]


app = validator(_plain)
