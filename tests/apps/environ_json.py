# SPDX-License-Identifier: Apache-2.0
"""The environ as JSON; what JSON does not know is shown as [type, repr]."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, send_json


def _show(value: object) -> object:
    plain = type(value) in (str, bool, int)
    return value if plain else [type(value).__name__, repr(value)]


def app(environ: Environ, start_response: StartResponse) -> Body:
    shown = {key: _show(value) for key, value in environ.items()}
    types = {type(key).__name__ for key in environ}
    result = {"environ": shown, "type": type(environ).__name__, "keys": sorted(types)}
    return send_json(start_response, result)
