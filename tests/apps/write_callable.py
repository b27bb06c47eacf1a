# SPDX-License-Identifier: Apache-2.0
"""The write callable: two parts before the body, each sent at once."""

from __future__ import annotations

import time

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    pause = float(query(environ).get("pause", "0"))
    write = start_response("200 OK", TEXT)
    write(b"one ")
    time.sleep(pause)
    write(b"")
    write(b"two ")
    time.sleep(pause)
    return [b"three ", b"four"]
