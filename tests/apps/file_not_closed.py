# SPDX-License-Identifier: Apache-2.0
"""A real file behind file_wrapper: tells whether the last one was closed after its response."""

from __future__ import annotations

import tempfile
from typing import IO

from tools import TEXT, Body, Environ, StartResponse, query, send_json

files: list[IO[bytes]] = []


def app(environ: Environ, start_response: StartResponse) -> Body:
    if "closed" in query(environ):
        return send_json(start_response, [file.closed for file in files])
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(b"a file")
    file.seek(0)
    files.append(file)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](file)
