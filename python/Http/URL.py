# SPDX-License-Identifier: Apache-2.0
"""From the path of a request to a function: URL maps.

    Map = {
        "Site.Pages": {
            r"^/$": "Index",
            r"^/user/(\\d+)$": "User",       # User("42")
            "Admin": {r"^/admin/": "Index"},  # in Site.Pages.Admin
        },
    }

    Request = Handler(Map)

A key whose value is a dict is a module, within the one around it; a key whose value is a str is
a regular expression, and the value a function of that module. The groups of the expression are its
arguments. The first expression that matches wins.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from PyISAPIe import Env, Header, Write

NOT_FOUND = "404 Not Found: there is nothing here.\n"


def _rules(map_: dict[str, Any], module: str) -> Iterator[tuple[re.Pattern[str], str, str]]:
    for key, value in map_.items():
        if isinstance(value, dict):
            yield from _rules(value, f"{module}.{key}" if module else key)
        elif not isinstance(value, str):
            raise TypeError(f"URL map: {key!r} must lead to a str or a dict, not {value!r}")
        elif not module:
            raise ValueError(f"URL map: {key!r} is in no module")
        else:
            yield re.compile(key), module, value


class Resolver:
    """A URL map, ready for use."""

    def __init__(self, Map: dict[str, Any]) -> None:
        """TypeError or ValueError for what is no map, re.error for a bad expression."""
        self.rules = list(_rules(Map, ""))

    def find(self, path: str) -> tuple[Callable[..., object], tuple[Any, ...]] | None:
        """The function for a path, and its arguments; None when no expression matches.

        Raises what the import of its module raises, AttributeError when it has no such function.
        """
        for pattern, module, name in self.rules:
            match = pattern.search(path)
            if match:
                return getattr(importlib.import_module(module), name), match.groups()
        return None


def Handler(Map: dict[str, Any]) -> Callable[[], object]:
    """A Request() that answers by a URL map, and 404 for what is not in it."""
    resolver = Resolver(Map)

    def Request() -> object:
        found = resolver.find(Env.URL)
        if found is None:
            Header("Content-Type: text/plain; charset=utf-8", Status=404)
            Write(NOT_FOUND)
            return None
        function, arguments = found
        return function(*arguments)

    return Request


def Dispatch(Map: dict[str, Any]) -> object:
    """Answer the request by a URL map, which is read anew: Handler() does that only once."""
    return Handler(Map)()
