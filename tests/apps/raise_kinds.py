# SPDX-License-Identifier: Apache-2.0
"""Raises what the query names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from tools import Body, Environ, StartResponse, query


class NoText(Exception):
    """Fails when it is shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


class OwnBase(BaseException):
    """Not an Exception."""


def _recurse() -> Any:
    return _recurse()


def _chain() -> None:
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise RuntimeError("the consequence") from error


def _raise(error: BaseException) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call


KINDS: dict[str, Callable[[], Any]] = {
    "runtime": _raise(RuntimeError("plain <b>text</b>")),
    "unicode": _raise(RuntimeError("\u03a9 \u4f8b")),
    "surrogate": _raise(RuntimeError("\udcff")),
    "chain": _chain,
    "exit": lambda: sys.exit(3),
    "interrupt": _raise(KeyboardInterrupt()),
    "base": _raise(OwnBase("a base exception")),
    "memory": _raise(MemoryError()),
    "recursion": _recurse,
    "no-text": _raise(NoText()),
    "stop": _raise(StopIteration("stop")),
    "generator-exit": _raise(GeneratorExit()),
    "long": _raise(RuntimeError("y" * 1_000_000)),
    "group": _raise(ExceptionGroup("several", [ValueError("one"), TypeError("two")])),
}


def app(environ: Environ, start_response: StartResponse) -> Body:
    return KINDS[query(environ)["kind"]]()
