# SPDX-License-Identifier: Apache-2.0
"""Settings: one table, made in C (src/base/settings.h), read from file, environment and flags.

Precedence, from low to high: defaults, ``pyisapie.toml``, environment (``PYISAPIE_*``), flags.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyisapie import _engine
from pyisapie._loading import FILE_NAME as FILE_NAME

PREFIX = "PYISAPIE_"


class SettingError(ValueError):
    """A setting that is unknown or has a wrong value; the text names where it stands."""


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    name: as on the command line ("log-level"); type: "text", "number", "size", "time", "switch" or
    "choice"; default: its text; scope: "host" (our own server) or "door" (any server).
    """

    name: str
    type: str
    default: str
    minimum: int
    maximum: int
    scope: str
    help: str

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return PREFIX + self.name.upper().replace("-", "_")

    @property
    def choices(self) -> list[str]:
        """The words of a choice; the first is the default."""
        return self.default.split("|") if self.type == "choice" else []


TABLE: dict[str, Setting] = {row[0]: Setting(*row) for row in _engine.settings()}


def _unknown(name: str, where: str) -> SettingError:
    close = difflib.get_close_matches(name, TABLE, n=1)
    hint = f" Did you mean {close[0]}?" if close else " See `pyisapie settings` for all."
    return SettingError(f"{where}: there is no setting {name!r}.{hint}")


def _folder_of(path: str) -> str:
    return f"{os.path.dirname(path) or '.'}/"


def target_hint(target: str) -> str:
    """What was meant, perhaps, by an application that is given as a file (site/hello.py)."""
    path, _, attribute = target.partition(":")
    if not path.endswith(".py"):
        return ""
    module = os.path.normpath(path.removesuffix(".py")).replace(os.sep, ".").lstrip(".")
    usual = "application" if module.endswith("wsgi") else "app"
    hint = f"Write MODULE:CALLABLE: did you mean {module}:{attribute or usual}?"
    return hint if attribute else f"{hint} A page is served by its folder: {_folder_of(path)}"


def check(name: str, text: str, where: str) -> str:
    """The text itself, if the setting takes it; else SettingError naming where."""
    try:
        _engine.check_setting(name, text)
    except ValueError as error:
        raise SettingError(f"{where}: {name} is {text!r}, but it {error}.") from None
    return text


def _line_of(source: str, key: str) -> int:
    pattern = re.compile(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=\].]")
    for number, line in enumerate(source.splitlines(), 1):
        if pattern.match(line) or line.strip() == f"[{key}]":
            return number
    return 1


def _as_text(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise SettingError(f"{where}: a text, a number, true, false or a list of texts is wanted.")


FILES = ("root", "log", "crash-log", "access-log-file")  # taken from the file's place


def locate_folders(text: str, base: Path, where: str) -> str:
    """The setting static with absolute folders; base is what relative ones are taken from."""
    located = []
    for item in filter(None, map(str.strip, text.split(","))):
        path, _, folder = (part.strip() for part in item.partition("="))
        full = base.joinpath(folder).absolute()
        if not full.is_dir():
            raise SettingError(f"{where}: static is {text!r}, but there is no folder {full}.")
        if "," in str(full):
            raise SettingError(f"{where}: static names {full}, and a comma ends a folder's name.")
        located.append(f"{path}={full}")
    return check("static", ",".join(located), where)


def _pairs(table: Any, where: str, example: str) -> str:
    """A table of paths as one text: mounts and static."""
    if not isinstance(table, dict):
        raise SettingError(f"{where} is a table such as {example}.")
    return ",".join(f"{key}={_as_text(value, where)}" for key, value in table.items())


def read_file(path: str | os.PathLike[str]) -> dict[str, str]:
    """The settings in a file, checked: name to text. Relative folders are taken from its place."""
    try:
        source = Path(path).read_text("utf-8")
        content = tomllib.loads(source)
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not valid TOML: {error}.") from None
    mounts = content.pop("mounts", None)
    if isinstance(content.get("static"), dict):
        where = f"{path}, line {_line_of(source, 'static')}: [static]"
        content["static"] = _pairs(content["static"], where, '"/static" = "assets"')
    values: dict[str, str] = {}
    for key, value in content.items():
        where = f"{path}, line {_line_of(source, key)}"
        name = key.replace("_", "-")
        if name not in TABLE:
            raise _unknown(key, where)
        values[name] = check(name, _as_text(value, f"{where}: {key}"), where)
    if mounts is not None:
        where = f"{path}, line {_line_of(source, 'mounts')}: [mounts]"
        values["app"] = _pairs(mounts, where, '"/shop" = "shop:app"')
    if "static" in values:
        where = f"{path}, line {_line_of(source, 'static')}"
        base = Path(path).parent.absolute()
        values["static"] = locate_folders(values["static"], base, where)
    for name in FILES:
        if values.get(name, "-") != "-":
            values[name] = str(Path(path).parent.joinpath(values[name]).resolve())
    return values


def read_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings in PYISAPIE_* variables, checked."""
    values: dict[str, str] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower().replace("_", "-")
        if name not in TABLE:
            raise _unknown(name, f"environment variable {variable}")
        values[name] = check(name, text, f"environment variable {variable}")
    return values
