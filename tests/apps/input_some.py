# SPDX-License-Identifier: Apache-2.0
"""Reads some bytes of the body and leaves the rest."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, query, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    got = environ["wsgi.input"].read(int(query(environ).get("n", "5")))
    return send_text(start_response, got.decode("latin-1"))
