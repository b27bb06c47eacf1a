# SPDX-License-Identifier: Apache-2.0
"""Each part must be with the client before the next is asked for: the client releases them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse, query, send_json

gates: dict[str, threading.Semaphore] = {}
asked: dict[str, int] = {}
WAIT = 10


def _parts(name: str, count: int) -> Iterator[bytes]:
    for number in range(count):
        asked[name] = number + 1
        yield b"part %d\n" % number
        gates[name].acquire(timeout=WAIT)


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    name = options["name"]
    if "release" in options:
        before = asked[name]  # the release lets another thread ask for the next one at once
        gates[name].release()
        return send_json(start_response, before)
    gates[name] = threading.Semaphore(0)
    start_response("200 OK", TEXT)
    return _parts(name, int(options["count"]))
