# SPDX-License-Identifier: Apache-2.0
"""A for loop over the body, and what next() does after its end."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    stream = environ["wsgi.input"]
    lines = [line.decode("latin-1") for line in stream]
    is_own_iterator = iter(stream) is stream
    return send_json(
        start_response, {"lines": lines, "own": is_own_iterator, "end": next(stream, 0)}
    )
