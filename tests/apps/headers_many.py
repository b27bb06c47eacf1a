# SPDX-License-Identifier: Apache-2.0
"""As many headers as the query says, of the size that it says."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    options = query(environ)
    value = "v" * int(options.get("size", "1"))
    more = [(f"X-Number-{n}", f"{n}-{value}") for n in range(int(options["count"]))]
    start_response("200 OK", TEXT + more)
    return [b"many headers"]
