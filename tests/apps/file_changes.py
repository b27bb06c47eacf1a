# SPDX-License-Identifier: Apache-2.0
"""A file that another truncates while it is being sent: less comes than was announced."""

from __future__ import annotations

import os
import tempfile

from tools import TEXT, Body, Environ, StartResponse, query

SIZE = 64 * 2**20
names: list[str] = []


def app(environ: Environ, start_response: StartResponse) -> Body:
    if "truncate" in query(environ):
        name = names.pop()
        os.truncate(name, SIZE // 8)
        os.unlink(name)
        start_response("200 OK", TEXT)
        return [b"truncated"]
    file = tempfile.NamedTemporaryFile(delete=False)  # noqa: SIM115
    file.truncate(SIZE)
    names.append(file.name)
    start_response("200 OK", [*TEXT, ("Content-Length", str(SIZE))])
    return environ["wsgi.file_wrapper"](file)
