# SPDX-License-Identifier: Apache-2.0
"""A list of as many parts as the query says."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    start_response("200 OK", TEXT)
    parts = [b"%d," % n for n in range(int(options["parts"]))]
    return tuple(parts) if options.get("form") == "tuple" else parts
