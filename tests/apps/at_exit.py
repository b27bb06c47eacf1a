# SPDX-License-Identifier: Apache-2.0
"""Notes in the file that the query names that the process ended in order."""

from __future__ import annotations

import atexit
from pathlib import Path

from tools import Body, Environ, StartResponse, query, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    atexit.register(Path(query(environ)["file"]).write_text, "ended in order")
    return send_text(start_response, "registered")
