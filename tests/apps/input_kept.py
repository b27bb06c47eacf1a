# SPDX-License-Identifier: Apache-2.0
"""Keeps wsgi.input; the next request finds that it refuses."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_text

kept: list[object] = []


def app(environ: Environ, start_response: StartResponse) -> Body:
    said = "nothing kept"
    if kept:
        try:
            said = repr(kept.pop().read())  # type: ignore[attr-defined]
        except Exception as error:
            said = type(error).__name__
    kept.append(environ["wsgi.input"])
    return send_text(start_response, said)
