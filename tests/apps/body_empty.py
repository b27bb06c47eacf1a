# SPDX-License-Identifier: Apache-2.0
"""No body at all, in the form of the query."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse, query

FORMS = {"list": list, "tuple": tuple, "generator": lambda: iter([]), "part": lambda: [b""]}


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", TEXT)
    return FORMS[query(environ)["form"]]()
