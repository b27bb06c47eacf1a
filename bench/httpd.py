# SPDX-License-Identifier: Apache-2.0
"""The commands of the servers in httpd: bench/httpd.conf, with what it needs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from bench.build import MissingError, compiled
from bench.paths import APPS, BENCH, BUILD, ROOT, VENV

USER = "www-data"


def program() -> str:
    """httpd itself."""
    usual = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which("apache2", path=usual) or shutil.which("httpd", path=usual)
    if not found:
        raise MissingError("httpd is not installed")
    return found


def version() -> str:
    output = subprocess.run([program(), "-v"], capture_output=True, text=True, check=False).stdout
    return output.partition("/")[2].split()[0] if "/" in output else ""


def _modules(httpd: str) -> Path:
    base = Path(httpd).resolve().parent.parent
    for place in (base / "lib" / "apache2" / "modules", base / "modules"):
        if (place / "mod_mpm_event.so").exists():
            return place
    raise MissingError("httpd's modules are not found")


@cache
def mod_isapi() -> str:
    command = [sys.executable, str(ROOT / "tools" / "parts.py"), "mod-isapi"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingError(f"mod_isapi cannot be had: {done.stderr.strip()[-200:]}")
    return str(Path(done.stdout.strip().splitlines()[-1]) / "mod_isapi.so")


def mod_wsgi() -> dict[str, str]:
    spec = importlib.util.find_spec("mod_wsgi")
    folder = Path(next(iter(spec.submodule_search_locations or []))) if spec else Path()
    found = sorted((folder / "server").glob("mod_wsgi*.so"))
    if not found:
        raise MissingError("mod_wsgi is not installed")
    return {"MOD_WSGI": str(found[0])}


def command(variables: Callable[[], dict[str, str]], *names: str) -> Callable[[], list[str]]:
    """What makes httpd's command; the names choose what it serves."""

    def make() -> list[str]:
        httpd = program()
        defined = {
            "PORT": "{port}",
            "BACKEND_PORT": "{backend}",
            "FOLDER": "{folder}",
            "MODULES": str(_modules(httpd)),
            "APPS": str(APPS),
            "VENV": str(VENV),
            **variables(),
        }
        words = [httpd, "-D", "FOREGROUND", "-f", str(BENCH / "httpd.conf")]
        for name, value in defined.items():
            words += ["-C", f'Define {name} "{value}"']
        for name in names:
            words += ["-D", name]
        return _as_user(words)

    return make


def folder(name: str) -> Path:
    """A folder for httpd's files."""
    made = BUILD / name
    made.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        shutil.chown(made, USER, USER)
    return made


def _as_user(words: list[str]) -> list[str]:
    """As root: as httpd's usual account, which may read a checkout that is closed to others."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        return words
    may = "+dac_read_search"
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups",
            f"--inh-caps={may}", f"--ambient-caps={may}", *words]  # fmt: skip


def door() -> dict[str, str]:
    spec = importlib.util.find_spec("pyisapie")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "pyisapie.so").exists():
            return {"MOD_ISAPI": mod_isapi(), "DOOR": str(Path(place) / "pyisapie.so")}
    raise MissingError("pyisapie is not installed")


def bare_isapi() -> dict[str, str]:
    made = compiled("bench-bare-isapi.so", "bare_isapi.c", "-shared", "-fPIC",
                    f"-I{ROOT / 'include'}")  # fmt: skip
    return {"MOD_ISAPI": mod_isapi(), "BARE_ISAPI": str(made)}
