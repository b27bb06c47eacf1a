# SPDX-License-Identifier: Apache-2.0
"""The files that have been uploaded."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path

DATA = Path(os.environ.get("UPLOAD_DATA") or Path(__file__).parent / "data")
NAME_MAX = 100  # characters
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)", re.IGNORECASE)


def safe_name(name: str) -> str:
    """A name that is one on every system: no folders, no devices, nothing hidden."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    name = "".join(c if c.isalnum() or c in " ._-+()" else "_" for c in name)
    stem, ending = os.path.splitext(name.strip(" ."))
    stem, ending = stem[: NAME_MAX - 20].strip(" ."), ending[:20].rstrip(" .")
    if not stem or DEVICES.fullmatch(stem.partition(".")[0].strip()):
        stem = "file" + stem
    return stem + ending


def save(name: str, pieces: Iterable[bytes]) -> str:
    """Keep a file, under a name of its own; nothing is left of one that does not come whole."""
    DATA.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=DATA, prefix=".", delete=False) as file:
        try:
            for piece in pieces:
                file.write(piece)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise
    return _give_name(file.name, safe_name(name))


def _give_name(temporary: str, name: str) -> str:
    """The first of name.txt, name-2.txt ... that is free."""
    stem, ending = os.path.splitext(name)
    number = 1
    while True:
        candidate = name if number == 1 else f"{stem}-{number}{ending}"
        try:
            with open(DATA / candidate, "xb"):  # only one can make it
                pass
        except FileExistsError:
            number += 1
            continue
        os.replace(temporary, DATA / candidate)
        return candidate


def names() -> list[tuple[str, int]]:
    """(name, bytes) of each file, the newest first."""
    if not DATA.is_dir():
        return []
    found = [(e.stat().st_mtime, e.name, e.stat().st_size) for e in os.scandir(DATA) if e.is_file()]
    return [(name, size) for _, name, size in sorted(found, reverse=True) if name[0] != "."]


def find(name: str) -> Path | None:
    """The file of a name that save() may have given."""
    path = DATA / name
    return path if name and safe_name(name) == name and path.is_file() else None
