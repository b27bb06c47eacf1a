# SPDX-License-Identifier: Apache-2.0
"""Tells which interpreter and thread it runs in, and how many requests its module has seen."""

from __future__ import annotations

import sys
import threading
import time

from tools import Body, Environ, StartResponse, query, send_json

try:
    import _interpreters
except ImportError:  # before 3.13
    _interpreters = None

seen = 0
background = 0


def count() -> None:
    """Progress that needs no request."""
    global background
    while True:
        time.sleep(0.001)
        background += 1


threading.Thread(target=count, daemon=True).start()


def app(environ: Environ, start_response: StartResponse) -> Body:
    global seen
    seen += 1
    time.sleep(float(query(environ).get("seconds", "0")))
    facts = {
        "interpreter": _interpreters.get_current()[0] if _interpreters else 0,
        "thread": threading.get_ident(),
        "seen": seen,
        "background": background,
        "multiprocess": environ["wsgi.multiprocess"],
        "multithread": environ["wsgi.multithread"],
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }
    return send_json(start_response, facts)
