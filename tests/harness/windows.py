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
    return ["wine", str(FOLDER / "package" / "pyisapie" / "pyisapie-host.exe")]


def python() -> list[str]:
    """The Windows Python itself."""
    return ["wine", str(Path(os.environ["TEST_WINDOWS_PYTHON"]) / "python.exe")]


def whole_environment() -> dict[str, str]:
    """For a program of Windows that is no server of ours."""
    return dict(os.environ) | environment()


def environment() -> dict[str, str]:
    return {
        "WINEPREFIX": str(REPO / "build" / "wine"),
        "WINEDEBUG": "-all",
        "PYISAPIE_HOME": path(os.environ["TEST_WINDOWS_PYTHON"]),
        "PYTHONPATH": f"{path(PACKAGES)};{path(REPO / 'tests' / 'windows')}",
    }


def to_file(file: BinaryIO) -> BinaryIO:
    """The writing end of a pipe, whose bytes go to the file."""
    copier = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
    assert copier.stdin
    return copier.stdin  # type: ignore[return-value]
