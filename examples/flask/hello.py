# SPDX-License-Identifier: Apache-2.0
"""A Flask application."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, render_template_string, request

app = Flask(__name__)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Flask</title>
<link rel="stylesheet" href="{{ url_for('static', filename='site.css') }}">
<h1>Hello, <span id="name">{{ name }}</span></h1>
<p><a href="{{ url_for('lines') }}">A response that comes in pieces</a>
"""


@app.get("/")
def index() -> str:
    return render_template_string(PAGE, name=request.args.get("name", "world"))


@app.post("/sum")
def add() -> dict[str, int]:
    numbers = request.get_json()
    return {"sum": sum(map(int, numbers))}


@app.get("/lines")
def lines() -> Response:
    def each() -> Iterator[str]:
        for number in range(1, 4):
            yield f"line {number}\n"

    return Response(each(), mimetype="text/plain")
