# SPDX-License-Identifier: Apache-2.0
"""Read a site of PyISAPIe 1 and tell what must change: ``pyisapie check-legacy``.

Nothing of the site is run or imported: its sources are read word by word.
"""

from __future__ import annotations

import ast
import codecs
import os
import re
import stat
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pyisapie.legacy import api, python2
from pyisapie.legacy.source import Found, Source

SOURCE_MAX = 16 * 1024 * 1024  # bytes of a file
ENDINGS = (".py", ".pyw")
SKIPPED = {"__pycache__", "site-packages", "node_modules"}
OWN_MODULES = {"WSGI.py", "URL.py", "Watch.py", "Version.py"}
BINARIES = re.compile(r"(pyisapie.*\.(dll|pyd)|python[12]\d\.dll)", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Finding:
    """What must change: where, what is there, and the remedy."""

    file: str
    line: int
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}: {self.remedy}"


@dataclass(frozen=True)
class Report:
    """All findings, and how many files were read."""

    files: int
    findings: list[Finding]

    def as_dict(self) -> dict[str, object]:
        return {"files": self.files, "findings": [asdict(found) for found in self.findings]}


def _decode(data: bytes) -> tuple[str, list[Found]]:
    """The text of a file, and what is wrong with its encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        text = data.decode("utf-16" if data[:1] in b"\xff\xfe" else "latin-1", "replace")
        return text.replace("\0", " "), [(1, "bytes that are no text", "save it as UTF-8")]
    declared = None
    for head in data.split(b"\n", 2)[:2]:
        found = re.match(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", head)
        declared = declared or (found[1].decode("ascii", "replace") if found else None)
    wanted = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else declared or "utf-8"
    try:
        return data.decode(wanted), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "save it as UTF-8, or say what it is in line 1: # -*- coding: cp1252 -*-"
        return data.decode("latin-1"), [(line, f"a byte that is no {wanted}", remedy)]
    except (LookupError, ValueError):
        found_text = f"the unknown encoding {wanted}"
        return data.decode("latin-1"), [(1, found_text, "save it as UTF-8, without that line")]


def _check_parse(text: str) -> Iterator[Found]:
    """What only Python itself sees; it parses, and runs nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        remedy = "mend the syntax" if not isinstance(error, TabError) else "indent by spaces alone"
        yield error.lineno or 1, f"this is no Python 3 ({error.msg})", remedy
    except (ValueError, RecursionError, MemoryError) as error:
        yield 1, f"Python cannot parse this ({type(error).__name__})", "simplify it"


def check_source(data: bytes) -> list[Found]:
    """What must change in a file's text."""
    text, found = _decode(data)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(text)
    found += [*python2.check_syntax(source)]
    if not found:
        found += _check_parse(text)
    found += python2.check_names(source)
    found += python2.check_lists(source)
    found += api.check_api(source, bool(found))
    return sorted(set(found))


def _check_place(path: Path) -> Iterator[Found]:
    """What a file is by its name and place."""
    if path.parent.name == "Http" and path.name in OWN_MODULES:
        text = f"a module Http.{path.stem} of the site's own"
        yield 1, text, "it is used in place of PyISAPIe's: remove it, unless you wrote it for this"
    elif path.parent.name == "Http" and path.name == "__init__.py":
        remedy = "PyISAPIe's own is used in any case: remove it"
        yield 1, "a package Http of the site's own", remedy
    elif path.name.lower() == "pyisapie.py":
        yield 1, "a module that hides PyISAPIe's", "remove it"


def _is_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def _is_package(folder: Path) -> bool:
    return folder.name == "Http" or (folder / "__init__.py").is_file()


def _check_relative(path: Path, data: bytes) -> Iterator[Found]:
    """Imports of modules that lie beside this one in its package, as Python 2 found them."""
    folder = top = path.absolute().parent
    if not _is_package(folder):
        return
    while _is_package(top) and top != top.parent:
        top = top.parent
    for statement in Source(_decode(data)[0].replace("\r\n", "\n").replace("\r", "\n")).statements:
        if statement.begins not in ("import", "from"):
            continue
        modules = [statement[1].text] if statement.begins == "from" else python2.imported(statement)
        for name in {module.partition(".")[0] for module in modules}:
            is_elsewhere = name in sys.stdlib_module_names or _is_module(top, name)
            if name.isidentifier() and not is_elsewhere and _is_module(folder, name):
                remedy = f"write from . import {name}, or its whole name"
                yield statement.line, f"import of {name} out of the same package", remedy


def _check_file(path: Path) -> list[Found]:
    if BINARIES.fullmatch(path.name):
        remedy = "it is for another Python: remove it, and have the server load the new extension"
        return [(1, "a binary of PyISAPIe 1 or Python 2", remedy)]
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return [(1, "no file", "remove it from the site")]
        with open(path, "rb") as file:
            data = file.read(SOURCE_MAX + 1)
    except OSError as error:
        return [(1, f"this cannot be read ({error.strerror})", "give this account the right to")]
    if len(data) > SOURCE_MAX:
        return [(1, "this is too large for a page", f"keep it below {SOURCE_MAX >> 20} MiB")]
    return sorted({*_check_place(path), *check_source(data), *_check_relative(path, data)})


def _files(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        kept = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        folders[:] = sorted(n for n in kept if not os.path.exists(
            os.path.join(folder, n, "pyvenv.cfg")))  # fmt: skip
        for name in sorted(names):
            if name.lower().endswith(ENDINGS) or BINARIES.fullmatch(name):
                yield Path(folder, name)


def _shown(path: Path) -> str:
    """A name that can be written anywhere."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def check(top: Path) -> Report:
    """Read a site's folder, or one file of it. FileNotFoundError when there is none."""
    if not top.exists():
        raise FileNotFoundError(f"there is no folder {top}")
    files = [top] if not top.is_dir() else list(_files(top))
    found = [
        Finding(_shown(path), line, text, remedy)
        for path in files
        for line, text, remedy in _check_file(path)
    ]
    return Report(len(files), found)
