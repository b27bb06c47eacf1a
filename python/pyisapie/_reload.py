# SPDX-License-Identifier: Apache-2.0
"""Development: end this worker when a Python file it has loaded changes.

The supervisor starts a fresh one in its place.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from pyisapie import _engine

INTERVAL = 0.5  # seconds between two looks

_thread: threading.Thread | None = None


def _files() -> set[str]:
    found = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {name for name in found if name and name.endswith(".py")}


def _changed(seen: dict[str, float]) -> str | None:
    for name in _files():
        try:
            modified = os.stat(name).st_mtime
        except OSError:
            modified = 0.0
        if seen.setdefault(name, modified) != modified:
            return name
    return None


def _watch(seen: dict[str, float]) -> None:
    while True:
        changed = _changed(seen)
        if changed:
            _engine.log(2, f"{changed} has changed: this worker ends, a new one starts")
            _engine.ask_to_stop(os.getpid())
            return
        time.sleep(INTERVAL)


def watch() -> None:
    """Start watching, once."""
    global _thread
    if _thread is None:
        seen: dict[str, float] = {}
        _changed(seen)  # as the files are now, before the first answer
        _thread = threading.Thread(target=_watch, args=(seen,), name="pyisapie-reload", daemon=True)
        _thread.start()
