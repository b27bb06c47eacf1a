# SPDX-License-Identifier: Apache-2.0
"""What several of the tiny applications need."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Body = Iterable[bytes]

TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def query(environ: Environ) -> dict[str, str]:
    """The query string as a dictionary of latin-1 text, which is what headers take."""
    return dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, encoding="latin-1"))


def send_json(start_response: StartResponse, value: object, status: str = "200 OK") -> Body:
    """A whole response."""
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(value).encode()]


def send_text(start_response: StartResponse, text: str, status: str = "200 OK") -> Body:
    """A whole response."""
    start_response(status, TEXT)
    return [text.encode()]
