# SPDX-License-Identifier: Apache-2.0
"""How the door finds its Python, and what it says when it does not: in Apache, which has none."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Servers, watch
from harness import process, windows
from harness.client import Response
from harness.httpd import Httpd
from harness.paths import APPS, DOOR, package
from harness.site import Site
from harness.windows import native, shown

BY_FILE = """
<VirtualHost *>
  ServerName file.localhost
  Alias "/" "${PYISAPIE_DIR}/${PYISAPIE_DOOR}/"
</VirtualHost>
"""
# The Python that the door under test is built for, and its folder.
MINOR = windows.NAME.rpartition(".")[2] if windows.NAME else sys.version_info.minor
PREFIX = windows.python() if windows.NAME else Path(sys.prefix)
Start = Callable[..., Site]


@pytest.fixture
def start(servers: Servers, tmp_path: Path) -> Iterator[Start]:
    """Starts an Apache with settings and a folder for the door: start(door=..., NAME=value)."""
    servers.httpd()  # skips where there is no Apache
    with ExitStack() as stack:

        def begin(door: Path | None = None, app: str = "python:app", **settings: object) -> Site:
            defines = {"SITE_NAME": "s.localhost", "SITE_APP": app, "SITE_ROOT": native(APPS)}
            defines |= {"SITE_STATIC": native(tmp_path), "PYISAPIE_DIR": native(door or package())}
            values = {k: native(v) if isinstance(v, Path) else v for k, v in settings.items()}
            more = "".join(f'SetEnv PYISAPIE_{k} "{v}"\n' for k, v in values.items())
            env = windows.bare() if door else {}
            httpd = Httpd(tmp_path / "httpd", defines, more + BY_FILE, env)
            watch("this apache", httpd.log)
            name = "file.localhost" if "CONFIG" in settings else "s.localhost"
            return stack.enter_context(httpd).site(name)

        yield begin


def copy_package(folder: Path, *names: str) -> Path:
    """The installed package, or some files of it, in another place."""
    folder.mkdir(parents=True)
    for source in package().iterdir():
        if source.is_file() and (not names or source.name in names):
            shutil.copy(source, folder)
    return folder


def make_environment(folder: Path) -> Path:
    """A virtual environment with the package in it; the package's folder."""
    if windows.NAME:
        return copy_package(windows.make_environment(folder) / "pyisapie")
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", str(folder)], check=True)
    (library,) = folder.glob("lib/python3*/site-packages")
    return copy_package(library / "pyisapie")


def run_python(program: Path, *args: str) -> str:
    """What a Python prints."""
    if windows.NAME:
        return windows.run_python(program, *args)
    done = subprocess.run([program, *args], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def program_of(folder: Path) -> Path:
    """Where an environment has its Python."""
    return folder / ("Scripts/python.exe" if windows.NAME else "bin/python")


def check(page: Response, *words: str) -> None:
    """A whole page that says so, and what to do."""
    text = html.unescape(page.text)
    assert page.status == 500
    assert page.complete
    for word in (*words, "What to do", "Reference"):
        assert word in text


def test_door_without_the_rest(start: Start, tmp_path: Path) -> None:
    site = start(copy_package(tmp_path / "alone", DOOR))
    check(site.get("/"), shown(tmp_path / "alone"), "pip install pyisapie")
    site.log.wait("Python was not started")
    short = site.get("/", [("X-Forwarded-For", "192.0.2.1")])
    assert short.status == 500
    assert tmp_path.name not in short.text


def test_environment_of_another_version(start: Start, tmp_path: Path) -> None:
    door = copy_package(tmp_path / "env" / "lib" / "python3.8" / "site-packages" / "pyisapie")
    (tmp_path / "env" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.8.1\n")
    site = start(door)
    mine = f"3.{MINOR}"
    check(site.get("/"), "3.8", f"is built for Python {mine}")


def test_environment_without_a_home(start: Start, tmp_path: Path) -> None:
    version = f"3.{MINOR}.0"
    door = copy_package(tmp_path / "env" / "lib" / "pyisapie")
    (tmp_path / "env" / "pyvenv.cfg").write_text(f"version = {version}\n")
    check(start(door).get("/"), "names no home", "pyvenv.cfg")


def test_base_python_that_is_gone(start: Start, tmp_path: Path) -> None:
    door = make_environment(tmp_path / "env")
    programs = program_of(tmp_path / "env").parent
    for program in programs.glob("python*"):
        program.unlink()
    if not windows.NAME:
        (programs / "python3").symlink_to(tmp_path / "gone")
    check(start(door).get("/"), f"3.{MINOR}", shown(tmp_path / "env"))


def test_home_that_is_no_folder(start: Start, tmp_path: Path) -> None:
    check(start(HOME=tmp_path / "gone").get("/"), "is not a folder", native(tmp_path / "gone"))


def test_home_without_python(start: Start, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check(start(HOME=tmp_path / "empty").get("/"), native(tmp_path / "empty"))


def test_home_is_an_environment(start: Start, tmp_path: Path) -> None:
    env = PREFIX
    if windows.NAME:  # where the tests use an installation
        env = tmp_path / "env"
        make_environment(env)
    found = start(copy_package(tmp_path / "bare" / "pyisapie"), HOME=env).get("/").json()
    assert found["prefix"] == shown(env)


def test_another_installation_of_pyisapie(start: Start, tmp_path: Path) -> None:
    """The one that Python finds has an engine of its own, which no server has opened."""
    make_environment(tmp_path / "env")
    page = start(copy_package(tmp_path / "bare"), HOME=tmp_path / "env").get("/")
    check(page, "another installation of pyisapie")


def test_package_without_http(start: Start, tmp_path: Path) -> None:
    door = make_environment(tmp_path / "env")
    (tmp_path / "www").mkdir()
    page = start(door, app=native(tmp_path / "www")).get("/a.py")
    check(page, "Pages need the package Http beside pyisapie", "Copy the folder Http")


def test_python_without_the_package(start: Start, tmp_path: Path) -> None:
    shutil.rmtree(make_environment(tmp_path / "env"))
    page = start(copy_package(tmp_path / "bare"), HOME=tmp_path / "env").get("/")
    check(page, "cannot be imported by this Python", "No module named 'pyisapie'", "Install")


def test_home_that_comes_later(start: Start, tmp_path: Path) -> None:
    """A start that failed is tried again, without a restart of httpd."""
    later = tmp_path / "later"
    site = start(HOME=later)
    check(site.get("/"), "is not a folder")
    later.symlink_to(PREFIX)
    process.eventually(lambda: site.get("/").status == 200, "Python has started", 5)


def test_environment_behaves_as_its_python(start: Start, tmp_path: Path) -> None:
    env = tmp_path / "env"
    door = make_environment(env)
    (tmp_path / "by-pth").mkdir()
    (door.parent / "more.pth").write_text(f"{tmp_path / 'by-pth'}\n")
    found = start(door).get("/").json()
    code = "import sys, json; print(json.dumps([sys.prefix, sys.base_prefix, sys.path]))"
    prefix, base_prefix, path = json.loads(run_python(program_of(env), "-I", "-c", code))
    assert found["prefix"] == prefix == shown(env)
    assert found["base_prefix"] == base_prefix
    assert shown(tmp_path / "by-pth") in found["path"]
    assert found["path"] == [shown(APPS), *path]
    assert found["executable"] == shown(program_of(env))


def test_unreadable_environment(start: Start, tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("httpd started by root may read everything here (harness/httpd_system.py)")
    door = make_environment(tmp_path / "env")
    (tmp_path / "env" / "pyvenv.cfg").chmod(0)
    check(start(door).get("/"), "may not read", "pyvenv.cfg")


@pytest.mark.parametrize(
    ("name", "value"),
    [("THREADS", "many"), ("LOG_LEVEL", "loud"), ("START_TIMEOUT", "soon"), ("RELOAD", "maybe")],
)
def test_wrong_setting(start: Start, name: str, value: str) -> None:
    check(start(**{name: value}).get("/"), f"PYISAPIE_{name}", value)


def test_log_that_cannot_be_written(start: Start, tmp_path: Path) -> None:
    check(start(LOG=tmp_path / "gone" / "x.log").get("/"), "x.log", "log", "restart the server")


def test_log_of_its_own(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "httpd" / "own"
    site = start(LOG=tmp_path / "httpd" / "own.log", app="log_print:app")
    assert site.get("/").status == 200
    assert "printed-out" in folder.with_suffix(".log").read_text()
    assert "printed-out" not in site.log.text()


def test_settings_file(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "some.toml"
    text = '[mounts]\n"/here" = "hello:app"\n"/" = "python:app"\n'
    config.write_text(f'root = "{native(APPS)}"\n{text}')
    site = start(CONFIG=config)
    assert site.get("/here").body == b"Hello, world!\n"
    assert "version" in site.get("/hereafter").json()


def test_wrong_settings_file(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "some.toml"
    config.write_text('app = "hello:app"\nthreads = "many"\n')
    check(start(CONFIG=config).get("/"), "some.toml, line 2", "threads", "many")
