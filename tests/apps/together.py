# SPDX-License-Identifier: Apache-2.0
"""Answers when ?n=N requests are in the application at the same time; 503 if that does not come."""

from __future__ import annotations

import threading

from tools import Body, Environ, StartResponse, query, send_text

barriers: dict[str, threading.Barrier] = {}
lock = threading.Lock()


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    with lock:
        barrier = barriers.setdefault(options["name"], threading.Barrier(int(options["n"])))
    try:
        barrier.wait(float(options.get("timeout", "10")))
    except threading.BrokenBarrierError:
        return send_text(start_response, "alone", "503 Alone")
    return send_text(start_response, "together")
