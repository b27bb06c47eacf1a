# SPDX-License-Identifier: Apache-2.0
"""readline() with the sizes that the query lists, then lines without size until the end."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, query, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    stream = environ["wsgi.input"]
    sizes = filter(None, query(environ).get("sizes", "").split(","))
    lines = [stream.readline(int(size)) for size in sizes]
    while line := stream.readline():
        lines.append(line)
    lines.append(stream.readline())
    return send_json(start_response, [line.decode("latin-1") for line in lines])
