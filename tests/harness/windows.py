# SPDX-License-Identifier: Apache-2.0
"""The Windows binaries, under Wine: TEST_WINDOWS names their folder in build (./dev test windows).

Their standard streams are pipes: CPython refuses to start under Wine when they are files.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import BinaryIO

REPO = Path(__file__).resolve().parent.parent.parent
NAME = os.environ.get("TEST_WINDOWS", "")
FOLDER = REPO / "build" / NAME
PACKAGES = FOLDER / "packages"  # what the applications need


def path(unix: str | Path) -> str:
    """As Windows programs see it: Wine shows the whole file system as drive Z."""
    return "Z:" + str(Path(unix).absolute()).replace("/", "\\")


def program() -> list[str]:
    """What serves: pyisapie-host.exe; with TEST_WINDOWS_SERVE=1 `pyisapie serve`."""
    if os.environ.get("TEST_WINDOWS_SERVE"):
        return [*python(), "-m", "pyisapie", "serve"]
    return ["wine", str(FOLDER / "package" / "pyisapie" / "pyisapie-host.exe")]


def python() -> list[str]:
    """The Python for Windows, which finds the package by PYTHONPATH."""
    return ["wine", str(Path(os.environ["TEST_WINDOWS_PYTHON"]) / "python.exe")]


def environment() -> dict[str, str]:
    folders = (FOLDER / "package", PACKAGES, REPO / "tests" / "windows")
    return wine() | {
        "PYISAPIE_HOME": path(os.environ["TEST_WINDOWS_PYTHON"]),
        "PYTHONPATH": ";".join(map(path, folders)),
    }


def wine() -> dict[str, str]:
    """What Wine itself needs."""
    return {"WINEPREFIX": str(REPO / "build" / "wine"), "WINEDEBUG": "-all"}


def to_file(file: BinaryIO) -> BinaryIO:
    """The writing end of a pipe, whose bytes go to the file."""
    copier = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
    assert copier.stdin
    return copier.stdin  # type: ignore[return-value]
