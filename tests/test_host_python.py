# SPDX-License-Identifier: Apache-2.0
"""Which Python our host serves with: its own, or for pyisapie-host what the setting home names."""

from __future__ import annotations

import html
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.paths import APPS, REPO, host_program, package
from harness.serve import Serve, run
from harness.site import Site

Start = Callable[[object], Site]
MINE = f"3.{sys.version_info.minor}"


@pytest.fixture
def start(serve: Callable[..., Serve]) -> Start:
    """Starts pyisapie-host with PYISAPIE_HOME."""
    if not host_program().exists():
        pytest.skip(f"there is no {host_program()}")

    def begin(home: object) -> Site:
        program = [host_program(), "--door", package() / "pyisapie.so"]
        return serve("python:app", program=program, env={"PYISAPIE_HOME": str(home)}).site()

    return begin


def make_environment(folder: Path, python: str = sys.executable) -> Path:
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


def test_home_is_another_environment(start: Start, tmp_path: Path) -> None:
    env = make_environment(tmp_path / "env")
    found = start(env).get("/").json()
    assert found["prefix"] == str(env)
    assert found["executable"] == str(env / "bin" / "python")


def test_home_is_an_installation(start: Start) -> None:
    """That from which the environment of the tests was made."""
    found = start(sys.base_prefix).get("/").json()
    assert found["prefix"] == found["base_prefix"] == sys.base_prefix


def test_home_is_a_python_of_another_version(start: Start, tmp_path: Path) -> None:
    others = sorted(REPO.glob(".parts/cpython-3.*-linux"))
    others = [folder for folder in others if f"-{MINE}" not in folder.name]
    if not others:
        pytest.skip("there is no other Python in .parts (tools/parts.py)")
    other = others[0]
    version = other.name.split("-")[1]
    page = start(other).get("/")
    assert page.status == 500
    assert f"There is no Python {MINE} in {other}" in html.unescape(page.text)
    env = make_environment(tmp_path / "env", str(other / "bin" / f"python{version}"))
    text = html.unescape(start(env).get("/").text)
    assert f"The Python found is {version}, but the extension" in text
    assert f"is built for Python {MINE}" in text


def test_serve_has_its_python_already(tmp_path: Path, serve: Callable[..., Serve]) -> None:
    env = make_environment(tmp_path / "env")
    for words in (["--home", str(env)], ["--home", str(tmp_path / "gone")]):
        status, said = run("serve", "hello:app", "--root", str(APPS), *words)
        assert status == 2
        assert f"the setting home is {words[1]}, but this command runs in the Python of" in said
    same = serve("python:app", "--home", sys.prefix).site()
    assert same.get("/").json()["prefix"] == sys.prefix
