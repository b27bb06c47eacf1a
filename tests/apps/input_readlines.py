# SPDX-License-Identifier: Apache-2.0
"""readlines() with the hint of the query, then readlines() for the rest."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, query, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    stream = environ["wsgi.input"]
    hint = query(environ).get("hint")
    groups = [stream.readlines(int(hint))] if hint else []
    groups.append(stream.readlines())
    return send_json(start_response, [[line.decode("latin-1") for line in g] for g in groups])
