# SPDX-License-Identifier: Apache-2.0
"""Writes to wsgi.errors in each way that PEP 3333 names; nothing of it may reach the client."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    errors = environ["wsgi.errors"]
    errors.write("errors-write\n")
    errors.writelines(["errors-line-1\n", "errors-line-2\n"])
    print("errors-print", 42, file=errors)
    errors.flush()
    return send_text(start_response, environ["pyisapie.request_id"])
