# SPDX-License-Identifier: Apache-2.0
"""The bench's own programs in C."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.paths import BENCH, BUILD


class MissingError(Exception):
    """A server that cannot be had here; the text says why."""


def compiled(name: str, source: str, *options: str) -> Path:
    """A program or library of the bench's own, in C."""
    target = BUILD / name
    command = ["gcc", "-O2", *options, "-o", str(target), str(BENCH / source)]
    BUILD.mkdir(parents=True, exist_ok=True)
    if not shutil.which("gcc"):
        raise MissingError("gcc is not installed")
    subprocess.run(command, check=True)
    return target
