# SPDX-License-Identifier: Apache-2.0
"""Text that could forge log lines or break an encoding."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_text

LINES = (
    "umlaut-\u00e4\u00f6\u00fc-\u03a9-\u4f8b",
    "lone-\udcff-surrogate",
    "escape-\x1b[31m-red",
    "nul-\x00-byte",
    "return-\r-alone",
    "forged\n2026-01-01 00:00:00.000 1 ERROR [00000000-1] forged entry",
    "long-" + "x" * 100_000 + "-end",
)


def app(environ: Environ, start_response: StartResponse) -> Body:
    for line in LINES:
        environ["wsgi.errors"].write(line + "\n")
    return send_text(start_response, environ["pyisapie.request_id"])
