# SPDX-License-Identifier: Apache-2.0
"""Calls start_response twice without exc_info."""

from __future__ import annotations

from tools import TEXT, Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", TEXT)
    start_response("200 OK", [*TEXT, ("X-Second", "1")])
    return [b"must not be sent"]
