# SPDX-License-Identifier: Apache-2.0
"""A header with the name and the value of the query."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    start_response("200 OK", [*TEXT, (options["name"], options["value"])])
    return [b"header set"]
