# SPDX-License-Identifier: Apache-2.0
"""Sets a context variable and a thread-local one; tells what of the first it found."""

from __future__ import annotations

import contextvars

from tools import Body, Environ, StartResponse, send_json

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def app(environ: Environ, start_response: StartResponse) -> Body:
    found = variable.get()
    variable.set("left over")
    return send_json(start_response, found)
