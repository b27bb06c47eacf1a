# SPDX-License-Identifier: Apache-2.0
"""Changes the environ, which must not reach the next request, and tells what it found."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_json


def app(environ: Environ, start_response: StartResponse) -> Body:
    found = {"mark": environ.get("test.mark"), "version": list(environ["wsgi.version"])}
    environ["test.mark"] = "left over"
    environ["wsgi.version"] = (9, 9)
    return send_json(start_response, found)
