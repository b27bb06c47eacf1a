# SPDX-License-Identifier: Apache-2.0
"""The Windows binaries, under Wine: TEST_WINDOWS names their folder in build (./dev test windows).

With TEST_WINDOWS_HTTPD, the folder of a httpd for Windows, that is the host (./dev test
windows-httpd).
Their standard streams are pipes: CPython refuses to start under Wine when they are files.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import termios
import time
from pathlib import Path
from typing import BinaryIO

REPO = Path(__file__).resolve().parent.parent.parent
NAME = os.environ.get("TEST_WINDOWS", "")
HTTPD = os.environ.get("TEST_WINDOWS_HTTPD", "")
FOLDER = REPO / "build" / NAME
PACKAGES = FOLDER / "packages"  # what the applications need


def path(unix: str | Path) -> str:
    """As Windows programs see it: Wine shows the whole file system as drive Z."""
    return "Z:" + str(Path(unix).absolute()).replace("/", "\\")


def native(unix: str | Path) -> str:
    """A path as the programs under test see it, with slashes: what httpd's configuration takes."""
    return path(unix).replace("\\", "/") if NAME else str(unix)


def shown(unix: str | Path) -> str:
    """A path as the programs under test write it."""
    return path(unix) if NAME else str(unix)


def program() -> list[str]:
    """What serves: pyisapie-host.exe; with TEST_WINDOWS_SERVE=1 `pyisapie serve`."""
    if os.environ.get("TEST_WINDOWS_SERVE"):
        return [*python_command(), "-m", "pyisapie", "serve"]
    return ["wine", str(FOLDER / "package" / "pyisapie" / "pyisapie-host.exe")]


def python_command() -> list[str]:
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


def bare() -> dict[str, str]:
    """What takes the Python of environment() out again: the door must find one by itself."""
    return {"PYISAPIE_HOME": "", "PYTHONPATH": ""} if NAME else {}


def python() -> Path:
    """The folder of the Python that the tests use."""
    return Path(os.environ["TEST_WINDOWS_PYTHON"])


def run_python(program: Path, *args: str) -> str:
    """Run a Python that need not lie beside its DLL; what it prints."""
    more = environment() | {"WINEPATH": path(python())}
    done = subprocess.run(
        ["wine", str(program), *args],
        env=os.environ | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_environment(folder: Path) -> Path:
    """A virtual environment; the folder for packages in it."""
    run_python(python() / "python.exe", "-m", "venv", "--without-pip", path(folder))
    # The part has not got the launcher that stands there otherwise; this does for one.
    shutil.copy(python() / "python.exe", folder / "Scripts")
    return folder / "Lib" / "site-packages"


_pipes: dict[str, int] = {}  # of each file: the pipe that it is copied from


def to_file(file: BinaryIO) -> BinaryIO:
    """The writing end of a pipe, whose bytes go to the file."""
    reader, writer = os.pipe()
    subprocess.Popen(["cat"], stdin=reader, stdout=file)
    if file.name in _pipes:
        os.close(_pipes[file.name])
    _pipes[file.name] = reader
    return os.fdopen(writer, "wb")


def settle(path: Path) -> None:
    """Wait until the file has what has been written so far."""
    reader = _pipes.get(str(path))
    if reader is None:
        return
    while int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)), "little"):
        time.sleep(0.002)
    time.sleep(0.01)  # the copier writes what it has read
