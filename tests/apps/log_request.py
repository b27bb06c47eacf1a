# SPDX-License-Identifier: Apache-2.0
"""Writes what the query says to the log, twice with a pause: the id must be this request's."""

from __future__ import annotations

import time

from tools import Body, Environ, StartResponse, query, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    mark = query(environ)["mark"]
    print(f"{mark}-first")
    time.sleep(0.2)
    environ["wsgi.errors"].write(f"{mark}-second\n")
    return send_text(start_response, environ["pyisapie.request_id"])
