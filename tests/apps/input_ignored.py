# SPDX-License-Identifier: Apache-2.0
"""Answers without having looked at the body."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_text


def app(environ: Environ, start_response: StartResponse) -> Body:
    return send_text(start_response, "not read")
