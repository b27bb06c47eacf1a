# SPDX-License-Identifier: Apache-2.0
"""What is asked of the servers, and what the right answer is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bench.paths import APPS, BUILD

HELLO_APP = "work:app"
IDLE_APP = "hello:app"
PAGE_APP = "page.wsgi:application"
BOTH_APP = "/=hello:app,/pages=./pages/"  # WSGI and a page of the original's API in one process
HELLO = b"Hello, world!\n"
FILE = BUILD / "file"  # the file of the work "file"
FILE_BODY = b"z" * 1_000_000


@dataclass(frozen=True)
class Work:
    """One kind of load. Its script, in bench/lua, makes the requests and checks the answers."""

    name: str
    title: str
    path: str = "/"
    body: bytes = HELLO  # the right answer
    connections: int = 64
    script: str = "plain.lua"
    app: str = HELLO_APP
    headers: tuple[str, ...] = ()
    beside: tuple[Work, ...] = field(default=())  # loads that run at the same time
    apache: bool = False  # of the servers in httpd, and not of the others
    ours: bool = False  # there is nothing like it in others

    @property
    def body_file(self) -> Path:
        """The right answer, in a file for the script."""
        return BUILD / f"body-{self.name}"


def _json() -> bytes:
    items = [{"id": n, "name": f"item {n}", "price": n * 1.5} for n in range(20)]
    return json.dumps({"items": items}).encode()


@cache
def _page() -> tuple[str, bytes]:
    """The cookie that the Django page is asked with, and the page."""
    command = [sys.executable, "-m", "page.expect"]
    output = subprocess.run(command, cwd=APPS, stdout=subprocess.PIPE, check=True).stdout
    cookie, body = json.loads(output)
    return cookie, body.encode()


def all_work() -> list[Work]:
    cookie, page = _page()
    cpu = Work("cpu", "20 ms of Python", "/cpu", connections=2)
    sleep = Work("sleep", "100 ms of sleep", "/sleep", connections=8)
    return [
        Work("hello", "Hello, 64 connections"),
        Work("hello-1", "Hello, 1 connection", connections=1),
        Work("hello-1000", "Hello, 1,000 connections", connections=1000),
        Work("pipelined", "Hello, pipelined by 16", script="pipeline.lua"),
        Work("json", "JSON of 1 KB", "/json", _json()),
        Work("body", "Body of 100 KB", "/large", b"x" * 100_000),
        Work("post", "POST of 1 MB, echoed", "/echo", b"b" * 1_000_000, 8, "post.lua"),
        Work("generator", "Generator of 64 items", "/generator", b"y" * 6400),
        Work("file", "File of 1 MB", "/file", FILE_BODY, 16),
        Work("django", "Django page with session", body=page, connections=16, app=PAGE_APP,
             headers=(f"Cookie: {cookie}",)),
        Work("wsgi", "Hello by WSGI, beside pages", app=BOTH_APP, ours=True),
        Work("page", "Hello by a page's Write()", "/pages/hello.py", app=BOTH_APP, ours=True),
        Work("mixed", "Mixed load, the fast requests", connections=16, beside=(cpu, sleep)),
        Work("apache", "Hello in httpd, 32 connections", connections=32, apache=True),
    ]  # fmt: skip


def write_files(work: list[Work]) -> None:
    """The files that the scripts and the application read."""
    BUILD.mkdir(parents=True, exist_ok=True)
    FILE.write_bytes(FILE_BODY)
    for item in work:
        for load in (item, *item.beside):
            load.body_file.write_bytes(load.body)
