# SPDX-License-Identifier: Apache-2.0
"""read, readline, iteration and readlines take turns on one body."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    stream = environ["wsgi.input"]
    got = [stream.read(3), stream.readline(), next(stream), stream.readline(2)]
    got += stream.readlines()
    return send_json(start_response, [piece.decode("latin-1") for piece in got])
