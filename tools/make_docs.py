#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/settings.md from the table of settings; with --check says whether it is current.

Run by the Python into which pyisapie is installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyisapie import cli, settings

TARGET = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

HEAD = """\
# Settings

Made from the table in `src/base/settings.h` by `tools/make_docs.py`; do not edit.

A setting `log-level` is `--log-level` for `pyisapie serve`, `PYISAPIE_LOG_LEVEL` in the environment
(in Apache: `SetEnv`), and `log-level = "debug"` in `pyisapie.toml`. Flags win over the environment,
the environment over the file. Sizes take K, M, G; times are seconds and may have a fraction;
switches are on or off. An unknown name or a wrong value is an error that names its place.

Settings marked (serve) are for `pyisapie serve` alone: IIS and Apache have their own.
"""


def form_of(row: settings.Setting) -> str:
    if row.type == "choice":
        return ", ".join(row.choices)
    if row.type in ("text", "switch"):
        return "on, off" if row.type == "switch" else "text"
    scale = 1000 if row.type == "time" else 1
    unit = {"time": " s", "size": " bytes"}.get(row.type, "")
    return f"{row.minimum / scale:g} to {row.maximum / scale:.12g}{unit}"


def render() -> str:
    lines = [HEAD]
    for title, names in cli.GROUPS.items():
        lines.append(
            f"\n## {title.capitalize()}\n\n"
            "| setting | default | values | |\n| --- | --- | --- | --- |"
        )
        for name in names:
            row = settings.TABLE[name]
            default = row.choices[0] if row.choices else row.default
            scope = " (serve)" if row.scope == "host" else ""
            help_text = row.help.replace("|", "\\|")
            lines.append(f"| `{name}` | {default} | {form_of(row)} | {help_text}{scope} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    missing = set(settings.TABLE) - {name for names in cli.GROUPS.values() for name in names}
    if missing:
        print(f"these settings are in no group of cli.GROUPS: {', '.join(sorted(missing))}")
        return 1
    text = render()
    if "--check" in sys.argv:
        current = TARGET.is_file() and TARGET.read_text() == text
        if not current:
            print("docs/settings.md is not current: run tools/make_docs.py")
        return 0 if current else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
