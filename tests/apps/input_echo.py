# SPDX-License-Identifier: Apache-2.0
"""Sends the request body back, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from tools import Body, Environ, StartResponse


def _pieces(environ: Environ) -> Iterator[bytes]:
    while piece := environ["wsgi.input"].read(16 * 1024):
        yield piece


def app(environ: Environ, start_response: StartResponse) -> Body:
    kind = environ.get("CONTENT_TYPE", "application/octet-stream")
    start_response("200 OK", [("Content-Type", kind)])
    return _pieces(environ)
