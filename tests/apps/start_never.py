# SPDX-License-Identifier: Apache-2.0
"""Gives a body in the form of the query, but never calls start_response."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, query


def app(environ: Environ, start_response: StartResponse) -> Body:
    forms = {"list": [b"a body"], "empty": [], "generator": iter([b"a body"]), "nothing": iter([])}
    return forms[query(environ)["form"]]
