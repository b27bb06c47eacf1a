# SPDX-License-Identifier: Apache-2.0
"""Computes for ?seconds=S without giving the GIL away by itself."""

from __future__ import annotations

import time

from tools import Body, Environ, StartResponse, query, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    end = time.perf_counter() + float(query(environ)["seconds"])
    while time.perf_counter() < end:
        pass
    return send_text(start_response, "computed")
