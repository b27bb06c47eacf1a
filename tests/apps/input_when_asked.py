# SPDX-License-Identifier: Apache-2.0
"""Waits, then reads the body: shows when 100 Continue is sent. ?first=1 sends its head before."""

from __future__ import annotations

import time

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    time.sleep(float(options.get("pause", "0")))
    write = start_response("200 OK", TEXT)
    if "first" in options:
        write(b"first ")
    return [b"got " + environ["wsgi.input"].read()]
