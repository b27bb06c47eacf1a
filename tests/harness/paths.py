# SPDX-License-Identifier: Apache-2.0
"""Where things lie."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from harness import windows

TESTS = Path(__file__).resolve().parent.parent
REPO = TESTS.parent
APPS = TESTS / "apps"
PAGES = APPS.parent / "pages"  # document root of tiny pages
REAL_APPS = APPS / "real"
EXAMPLES = REPO / "examples"
DEMO = EXAMPLES / "demo"
APACHE = TESTS / "apache"
TEST_MODE = os.environ.get("TEST_MODE", "")  # isolated, free-threaded: the suite in that mode
DOOR = "pyisapie.dll" if windows.NAME else "pyisapie.so"
SCREENSHOTS = REPO / "build" / "screenshots"


def command() -> str:
    """The ``pyisapie`` of the environment that runs the tests."""
    beside = Path(sys.executable).with_name("pyisapie")
    found = str(beside) if beside.exists() else shutil.which("pyisapie")
    if not found:
        raise FileNotFoundError("there is no command pyisapie: build first (./dev build)")
    return found


def host_program() -> Path:
    """pyisapie-host, as the build of this environment has left it (Linux does not install it)."""
    tag = Path(sys.prefix).name.removeprefix(".venv").removeprefix("-") or "default"
    return REPO / "build" / tag / "src" / "pyisapie-host"


def package() -> Path:
    """The folder of the installed package, which holds the door."""
    if windows.NAME:
        return windows.FOLDER / "package" / "pyisapie"
    spec = importlib.util.find_spec("pyisapie")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / DOOR).exists():
            return Path(place)
    raise FileNotFoundError(f"the installed package pyisapie holds no {DOOR}")


def environment(**more: str) -> dict[str, str]:
    """The environment for a server: no setting of ours leaks in from outside."""
    if TEST_MODE:
        # Many applications of the tests keep their state in modules: one interpreter for them.
        parallel = "1" if TEST_MODE == "isolated" else "2"
        more = {"PYISAPIE_MODE": TEST_MODE, "PYISAPIE_PARALLEL": parallel} | more
    if windows.NAME:
        more = windows.environment() | more
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYISAPIE_")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | more
