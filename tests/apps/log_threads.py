# SPDX-License-Identifier: Apache-2.0
"""Prints from a thread of its own, and leaves an exception in another."""

from __future__ import annotations

import threading

from tools import Body, Environ, StartResponse, send_text


def _print() -> None:
    print("printed-in-a-thread")


def _fail() -> None:
    raise RuntimeError("failed-in-a-thread")


def app(environ: Environ, start_response: StartResponse) -> Body:
    for work in (_print, _fail):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    return send_text(start_response, "threads done")
