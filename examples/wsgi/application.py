# SPDX-License-Identifier: Apache-2.0
"""A WSGI application without a framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>WSGI</title>
<link rel="stylesheet" href="/media/site.css">
<h1>WSGI within a handler</h1>
<p>SCRIPT_NAME is <code>{script}</code>, PATH_INFO is <code id="path">{path}</code>.
<p>The colours come from <a href="/media/site.css">a file</a>, which the server has sent.
"""


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    # PEP 3333: the text of these is latin-1 for the bytes that came
    script, path = (
        environ[name].encode("latin-1").decode("utf-8", "replace")
        for name in ("SCRIPT_NAME", "PATH_INFO")
    )
    body = PAGE.format(script=escape(script), path=escape(path)).encode()
    start_response(
        "200 OK",
        [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))],
    )
    return [body]
