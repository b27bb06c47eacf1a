# SPDX-License-Identifier: Apache-2.0
"""Sets the headers of the query (?Name=value), which are the connection's and not its own."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", [*TEXT, *query(environ).items()])
    return [b"the body"]
