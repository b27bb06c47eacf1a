# SPDX-License-Identifier: Apache-2.0
"""?mib=N MiB of a pattern that the client can check, in parts of 64 KiB; tells how far it came."""

from __future__ import annotations

from collections.abc import Iterator

from tools import Body, Environ, StartResponse, query, send_json

PART = bytes(range(256)) * 256
sent = [0]


def _parts(count: int) -> Iterator[bytes]:
    sent[0] = 0
    for _ in range(count):
        yield PART
        sent[0] += len(PART)


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    if "sent" in options:
        return send_json(start_response, sent[0])
    count = int(options["mib"]) * 16
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in options:
        headers.append(("Content-Length", str(count * len(PART))))
    start_response("200 OK", headers)
    return _parts(count)
