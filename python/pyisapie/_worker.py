# SPDX-License-Identifier: Apache-2.0
"""A worker process of ``pyisapie serve``: the host on a thread, the application on the main one.

It imports as little as it can: all of it is in the memory of every worker.
"""

from __future__ import annotations

import _thread
import os
import sys

from pyisapie import _engine, _host

GRACE = 2.0  # seconds


def _door() -> str:
    name = "pyisapie.dll" if os.name == "nt" else "pyisapie.so"
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def _exit(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serve until the supervisor ends it; the arguments are settings, NAME=VALUE."""
    if sys.path and not sys.path[0]:
        sys.path[0] = os.getcwd()  # as with python -m
    values = dict(argument.split("=", 1) for argument in sys.argv[1:])
    sys.argv[:] = ["pyisapie"]
    codes: list[int] = []
    ended, free = _thread.allocate_lock(), _thread.allocate_lock()
    ended.acquire()
    free.acquire()

    def serve() -> None:
        try:
            codes.append(_host.run(values, [], _door(), True))
        finally:
            _engine.disown()
            if not free.acquire(timeout=GRACE):  # the main thread is in an import that does not end
                _exit(codes[0] if codes else 1)
            ended.release()

    # The application gets Python's main thread, as in an ordinary program; the host needs none.
    _engine.offer()
    _thread.start_new_thread(serve, ())
    _engine.own()
    free.release()
    ended.acquire()
    code = codes[0] if codes else 1
    # Each further interpreter has run what is due at its end; Python itself would only complain
    # that they are still there, or abort.
    if values.get("mode") == "isolated":
        _exit(code)
    if _engine.has_guests():
        from pyisapie import _support

        _support.stop(1)
        _exit(code)
    raise SystemExit(code)
