# SPDX-License-Identifier: Apache-2.0
"""A generator: start_response is called when the first part is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tools import TEXT, Environ, StartResponse


def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [*TEXT, ("X-Late", "yes")])
    yield b"from "
    yield b"a generator"
