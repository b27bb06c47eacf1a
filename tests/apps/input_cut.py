# SPDX-License-Identifier: Apache-2.0
"""Notes how a read of the whole body ended; GET tells of the last one."""

from __future__ import annotations

from tools import Body, Environ, StartResponse, query, send_json

last: dict[str, object] = {}
READERS = {
    "read": lambda stream: stream.read(),
    "pieces": lambda stream: list(iter(lambda: stream.read(1000), b"")),
    "readline": lambda stream: list(iter(stream.readline, b"")),
    "readlines": lambda stream: stream.readlines(),
    "iterate": lambda stream: list(stream),
}


def _note(stream: object, how: str) -> None:
    last.clear()
    last["how"] = how
    try:
        READERS[how](stream)
    except BaseException as error:
        last["error"] = [base.__name__ for base in type(error).__mro__]
        raise
    last["error"] = None


def app(environ: Environ, start_response: StartResponse) -> Body:
    if environ["REQUEST_METHOD"] == "POST":
        _note(environ["wsgi.input"], query(environ).get("how", "read"))
    return send_json(start_response, last)
