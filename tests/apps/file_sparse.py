# SPDX-License-Identifier: Apache-2.0
"""A file with holes, ?size=BYTES, sent from ?offset=BYTES; its last bytes are "the end"."""

from __future__ import annotations

import tempfile

from tools import TEXT, Body, Environ, StartResponse, query

END = b"the end"


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.seek(int(options["size"]) - len(END))
    file.write(END)
    file.seek(int(options.get("offset", "0")))
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](file)
