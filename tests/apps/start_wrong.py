# SPDX-License-Identifier: Apache-2.0
"""Calls start_response in the wrong way that the query names, and lets the exception out."""

from __future__ import annotations

from typing import Any

from tools import TEXT, Body, Environ, StartResponse, query


class Text(str):
    """A str that is not exactly str."""


WRONG: dict[str, tuple[Any, ...]] = {
    "status-bytes": (b"200 OK", TEXT),
    "status-number": (200, TEXT),
    "status-none": (None, TEXT),
    "status-short": ("20", TEXT),
    "status-empty": ("", TEXT),
    "status-words": ("OK 200", TEXT),
    "status-four-digits": ("2000 OK", TEXT),
    "status-low": ("099 Low", TEXT),
    "status-unicode": ("200 Ω", TEXT),
    "status-unicode-digits": ("\u0662\u0660\u0660 OK", TEXT),
    "headers-tuple": ("200 OK", tuple(TEXT)),
    "headers-dict": ("200 OK", dict(TEXT)),
    "headers-none": ("200 OK", None),
    "headers-generator": ("200 OK", (pair for pair in TEXT)),
    "header-list": ("200 OK", [["X-Name", "value"]]),
    "header-text": ("200 OK", ["X-Name: value"]),
    "header-triple": ("200 OK", [("X-Name", "value", "more")]),
    "header-none": ("200 OK", [None]),
    "name-bytes": ("200 OK", [(b"X-Name", "value")]),
    "value-bytes": ("200 OK", [("X-Name", b"value")]),
    "value-number": ("200 OK", [("Content-Length", 5)]),
    "value-none": ("200 OK", [("X-Name", None)]),
    "value-unicode": ("200 OK", [("X-Name", "Ω")]),
    "length-words": ("200 OK", [("Content-Length", "five")]),
    "length-negative": ("200 OK", [("Content-Length", "-1")]),
    "length-plus": ("200 OK", [("Content-Length", "+5")]),
    "lengths-differ": ("200 OK", [("Content-Length", "5"), ("Content-Length", "6")]),
    "no-arguments": (),
    "one-argument": ("200 OK",),
    "four-arguments": ("200 OK", TEXT, None, None),
    "exc-info-text": ("200 OK", TEXT, "exc_info"),
}


def app(environ: Environ, start_response: StartResponse) -> Body:
    start_response(*WRONG[query(environ)["how"]])
    return [b"must not be sent"]
