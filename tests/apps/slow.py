# SPDX-License-Identifier: Apache-2.0
"""Sleeps for ?seconds=S, and answers."""

from __future__ import annotations

import time

from tools import Body, Environ, StartResponse, query, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    time.sleep(float(query(environ)["seconds"]))
    return send_text(start_response, "slept")
