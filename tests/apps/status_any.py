# SPDX-License-Identifier: Apache-2.0
"""The status line of the query, with a body."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response(query(environ)["line"], TEXT)
    return [b"a body\n"]
