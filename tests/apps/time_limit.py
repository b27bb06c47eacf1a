# SPDX-License-Identifier: Apache-2.0
"""Takes too long in the way that ?how= names, and notes what it sees of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator

import pyisapie

from tools import Body, Environ, StartResponse, query, send_json

notes: list[str] = []


def spin() -> None:
    """Python code that stops for no Exception."""
    while True:
        try:
            while True:
                pass
        except Exception:
            notes.append("Exception")


def stubborn() -> None:
    """Code that stops for nothing."""
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            notes.append("BaseException")


def items() -> Iterator[bytes]:
    """A body that does not end."""
    try:
        while True:
            yield b"x"
            time.sleep(0.05)
    finally:
        notes.append("closed")


class Slow:
    """Takes its time to go."""

    def __del__(self) -> None:
        time.sleep(0.6)


def app(environ: Environ, start_response: StartResponse) -> Body:
    how = query(environ)["how"]
    if how == "notes":
        return send_json(start_response, notes)
    try:
        if how == "spin":
            spin()
        elif how == "sleep":
            time.sleep(2)
        elif how == "stubborn":
            stubborn()
        elif how == "destructor":  # the answer has left when it runs
            environ["slow"] = Slow()
            time.sleep(0.3)
            return send_json(start_response, "done")
        elif how == "file":
            file = tempfile.TemporaryFile()  # noqa: SIM115
            file.truncate(4 << 30)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return environ["wsgi.file_wrapper"](file)
        elif how == "read":
            environ["wsgi.input"].read()
    except pyisapie.RequestTimeout:
        notes.append("RequestTimeout")
        raise
    except OSError as error:
        notes.append(str(error))
        raise
    start_response("200 OK", [("Content-Type", "text/plain")])
    return items()
