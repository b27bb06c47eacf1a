# SPDX-License-Identifier: Apache-2.0
"""Size and SHA-256 of the body; ?pause=SECONDS after each MiB makes a slow reader."""

from __future__ import annotations

import hashlib
import time

from tools import Body, Environ, StartResponse, query, send_json

PIECE = 64 * 1024


def app(environ: Environ, start_response: StartResponse) -> Body:
    pause = float(query(environ).get("pause", "0"))
    digest, size = hashlib.sha256(), 0
    while piece := environ["wsgi.input"].read(PIECE):
        digest.update(piece)
        if pause and size // 2**20 != (size + len(piece)) // 2**20:
            time.sleep(pause)
        size += len(piece)
    return send_json(start_response, {"size": size, "sha256": digest.hexdigest()})
