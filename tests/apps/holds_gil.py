# SPDX-License-Identifier: Apache-2.0
"""Computes in C for a while, without giving the GIL away; tells when it began and ended."""

from __future__ import annotations

import time

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    began = time.monotonic()
    sum(range(20_000_000))
    return send_json(start_response, [began, time.monotonic()])
