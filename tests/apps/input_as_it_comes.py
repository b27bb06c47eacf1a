# SPDX-License-Identifier: Apache-2.0
"""Answers each line of the request body when it has come, before the next one is sent."""

from __future__ import annotations

from collections.abc import Iterator

from tools import TEXT, Body, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response("200 OK", TEXT)

    def answers() -> Iterator[bytes]:
        for line in environ["wsgi.input"]:
            yield b"got " + line

    return answers()
