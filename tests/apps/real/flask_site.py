# SPDX-License-Identifier: Apache-2.0
"""A Flask site: routes, forms, sessions, uploads, streaming, files, errors."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, jsonify, redirect, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "of the tests only"


@app.get("/")
def index() -> str:
    return "Flask"


@app.get("/hello/<name>")
def hello(name: str) -> str:
    return f"Hello, {name}!"


@app.route("/form", methods=["GET", "POST"])
def form() -> Any:
    if request.method == "POST":
        session["name"] = request.form["name"]
        return redirect(url_for("form"))
    return f"name: {session.get('name')}"


@app.post("/upload")
def upload() -> Any:
    file = request.files["file"]
    data = file.read()
    return jsonify(name=file.filename, size=len(data), sha256=hashlib.sha256(data).hexdigest())


@app.post("/json")
def mirror() -> Any:
    return jsonify(request.get_json())


@app.get("/stream")
def stream() -> Response:
    def lines() -> Iterator[str]:
        for number in range(5):
            yield f"line {number}\n"

    return Response(lines(), mimetype="text/plain")


@app.get("/file")
def file() -> Response:
    return send_file(io.BytesIO(b"from memory"), download_name="file.bin")


@app.get("/self")
def itself() -> Response:
    """A real file, with conditional requests and ranges."""
    return send_file(__file__, mimetype="text/x-python", conditional=True)


@app.get("/where")
def where() -> str:
    return url_for("hello", name="ä b", _external=True)


@app.get("/error")
def error() -> str:
    raise RuntimeError("flask fails on purpose")
