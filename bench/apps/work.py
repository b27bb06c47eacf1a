# SPDX-License-Identifier: Apache-2.0
"""The application that every server of the bench runs: one path for each kind of work."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

Environ = dict[str, Any]
Start = Callable[..., Any]

HELLO = b"Hello, world!\n"
LARGE = b"x" * 100_000
ITEM = b"y" * 100
RECORD = {"items": [{"id": n, "name": f"item {n}", "price": n * 1.5} for n in range(20)]}

FILE = os.environ.get("BENCH_FILE", "")  # 1 MB of z


def _text(start: Start, size: int, kind: str = "text/plain") -> None:
    start("200 OK", [("Content-Type", kind), ("Content-Length", str(size))])


def hello(environ: Environ, start: Start) -> Iterable[bytes]:
    _text(start, len(HELLO))
    return [HELLO]


def json_1k(environ: Environ, start: Start) -> Iterable[bytes]:
    body = json.dumps(RECORD).encode()
    _text(start, len(body), "application/json")
    return [body]


def large(environ: Environ, start: Start) -> Iterable[bytes]:
    _text(start, len(LARGE))
    return [LARGE]


def echo(environ: Environ, start: Start) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    _text(start, len(body))
    return [body]


def generator(environ: Environ, start: Start) -> Iterable[bytes]:
    _text(start, 64 * len(ITEM))
    return (ITEM for _ in range(64))


def pieces(opened: BinaryIO, size: int) -> Iterator[bytes]:
    """For servers without wsgi.file_wrapper."""
    with opened:
        while data := opened.read(size):
            yield data


def file(environ: Environ, start: Start) -> Iterable[bytes]:
    _text(start, 1_000_000)
    opened = open(FILE, "rb")  # noqa: SIM115
    wrapper = environ.get("wsgi.file_wrapper", pieces)
    return wrapper(opened, 65536)


def cpu(environ: Environ, start: Start) -> Iterable[bytes]:
    """20 ms of Python."""
    end = time.thread_time() + 0.020
    while time.thread_time() < end:
        pass
    return hello(environ, start)


def sleep(environ: Environ, start: Start) -> Iterable[bytes]:
    time.sleep(0.1)
    return hello(environ, start)


def entries(environ: Environ, start: Start) -> Iterable[bytes]:
    """How often a thread has taken the GIL so far, as PyISAPIe counts it."""
    from pyisapie import _engine

    body = str(_engine.entries()).encode()
    _text(start, len(body))
    return [body]


PATHS = {
    "/": hello,
    "/json": json_1k,
    "/large": large,
    "/echo": echo,
    "/generator": generator,
    "/file": file,
    "/cpu": cpu,
    "/sleep": sleep,
    "/entries": entries,
}


def app(environ: Environ, start: Start) -> Iterable[bytes]:
    return PATHS[environ["PATH_INFO"]](environ, start)
