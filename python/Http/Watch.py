# SPDX-License-Identifier: Apache-2.0
"""Reload modules when their files change, without a restart.

    from Http import Watch

    def Request():
        Watch.Reload()
        ...

Pages need none of this: they are looked at by themselves.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from types import ModuleType

from pyisapie._engine import hold

_lock = threading.Lock()
_watched: dict[str, float | None] = {}
_looked = 0.0


def _changed(module: ModuleType | None) -> float | None:
    file = getattr(module, "__file__", None)
    try:
        return os.stat(file).st_mtime if file else None
    except OSError:
        return None


def Watch(*Modules: ModuleType | str) -> None:
    """Have Reload() look after these modules too: modules, or names of imported ones."""
    hold(_lock, _add, Modules, None)


def _add(modules: tuple[ModuleType | str, ...]) -> None:
    for module in modules:
        name = module if isinstance(module, str) else module.__name__
        _watched.setdefault(name, _changed(sys.modules.get(name)))


def Reload(Interval: float = 1.0) -> list[str]:
    """Reload the watched modules whose files have changed, in the order in which they came.

    Interval: seconds in which they are looked at once. Returns the names of what was reloaded.
    Raises what a module raises; the next call tries it again.
    """
    if time.monotonic() < _looked + Interval:
        return []
    names: list[str] = []
    hold(_lock, _reload, names, names)
    return names


def _reload(names: list[str]) -> None:
    global _looked
    for name, known in list(_watched.items()):
        now = _changed(sys.modules.get(name))
        if now is not None and now != known:
            importlib.reload(sys.modules[name])
            _watched[name] = now
            names.append(name)
    _looked = time.monotonic()
