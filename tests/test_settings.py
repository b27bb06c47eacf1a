# SPDX-License-Identifier: Apache-2.0
"""Settings from flags, environment and pyisapie.toml, and what is said about wrong ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import windows
from harness.paths import APPS, REPO, command
from harness.serve import Serve, run
from pyisapie import settings

WRONG_VALUES = {
    "workers": ["0", "-1", "two", "1.5", "99999999999"],
    "threads": ["0", ""],
    "header-limit": ["64X", "-1", "1"],
    "header-timeout": ["-1", "soon"],
    "access-log": ["yes", "Combined "],
    "log-level": ["loud"],
    "strict-isapi": ["maybe"],
    "quirks": ["nginx"],
    "bind": [
        "127.0.0.1",
        "99999",
        ":99999",
        "127.0.0.1:99999",
        "127.0.0.1:x",
        "[::1",
        "unix:",
        "fd:x",
    ],
}
CASES = [(name, value) for name, values in WRONG_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_wrong_flag(name: str, value: str) -> None:
    status, said = run("serve", "hello:app", "--root", str(APPS), f"--{name}={value}")
    assert status not in (0, None)
    assert name in said
    assert value.strip() in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value"), [case for case in CASES if case[0] != "bind" and case[1]]
)
def test_wrong_variable(name: str, value: str) -> None:
    variable = "PYISAPIE_" + name.upper().replace("-", "_")
    status, said = run("serve", "hello:app", "--root", str(APPS), env={variable: value})
    assert status == 2
    assert variable in said
    assert value in said
    assert "Traceback" not in said


def test_unknown_variable() -> None:
    status, said = run("serve", "hello:app", "--root", str(APPS), env={"PYISAPIE_WORKRES": "2"})
    assert status == 2
    assert "PYISAPIE_WORKRES" in said
    assert "workers" in said, "the nearest name is suggested"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--workres", "2"], "there is no --workres: did you mean --workers?"),
        (["--workres=2"], "there is no --workres: did you mean --workers?"),
        (["--thread", "2"], "there is no --thread: did you mean --threads?"),
        (["--port", "80"], "there is no --port: did you mean --bind?"),
        (["-b", ":80"], "there is no -b: did you mean --bind?"),
        (["--debug"], "there is no --debug: did you mean --reload?"),
        (["--xyzzy"], "there is no --xyzzy: see `pyisapie serve --help`."),
    ],
)
def test_unknown_flag(words: list[str], hint: str) -> None:
    status, said = run("serve", "hello:app", *words)
    assert status == 2
    assert hint in said
    assert said.startswith("usage: pyisapie serve ")


@pytest.mark.parametrize(
    ("app", "meant"),
    [
        ("hello.py", "hello:app"),
        ("./hello.py", "hello:app"),
        ("hello.py:other", "hello:other"),
        ("/=hello.py", "hello:app"),
        ("mysite/wsgi.py", "mysite.wsgi:application"),
    ],
)
def test_a_file_instead_of_a_module(app: str, meant: str) -> None:
    status, said = run("serve", app, "--root", str(APPS))
    assert status == 2
    assert f"did you mean {meant}?" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('app = "hello:app"\n\nworkers = 0\n', ["line 3", "workers", "0"]),
        ('app = "hello:app"\nworkres = 2\n', ["line 2", "workres", "workers"]),
        ('app = "hello:app"\nheader-limit = "64X"\n', ["line 2", "header-limit", "64X"]),
        ('app = "hello:app"\nthreads = {}\n', ["line 2", "threads"]),
        ("app = hello\n", ["not valid TOML", "line 1"]),
        ("mounts = 3\n", ["line 1", "mounts"]),
        ('app = "hello:app"\nbind = [1]\n', ["line 2", "bind"]),
    ],
)
def test_wrong_file(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "pyisapie.toml").write_text(text)
    status, said = run("serve", "--root", str(tmp_path))
    assert status == 2
    assert "pyisapie.toml" in said
    for word in words:
        assert word in said
    assert "Traceback" not in said


def test_file_that_is_named_but_not_there(tmp_path: Path) -> None:
    status, said = run("serve", "hello:app", "--config", str(tmp_path / "gone.toml"))
    assert status == 2
    assert "gone.toml" in said


def test_no_application(tmp_path: Path) -> None:
    status, said = run("serve", cwd=tmp_path)
    assert status == 2
    assert "MODULE:APP" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["./gone"], "gone (setting app"),
        (["/=hello:app,/x=./gone/"], "gone (setting app"),
        (["hello:app", "--root", "gone"], "gone (setting root)"),
    ],
)
def test_a_folder_that_is_not_there(words: list[str], said: str, tmp_path: Path) -> None:
    status, text = run("serve", *words, "--bind", "127.0.0.1:0", cwd=tmp_path)
    assert status == 2
    assert f"there is no folder {tmp_path}" in text
    assert said in text


def test_without_serve() -> None:
    status, said = run("hello:app", "--bind", ":80")
    assert status == 2
    assert "did you mean `pyisapie serve hello:app --bind :80`?" in said


def test_a_door_that_is_not_there(tmp_path: Path) -> None:
    status, said = run("serve", "--bind", "127.0.0.1:0", "--door", str(tmp_path / "gone.so"))
    assert status == 1
    assert "there is no ISAPI extension" in said and "(setting door)" in said
    assert "worker" not in said


def test_help_names_every_setting() -> None:
    status, said = run("serve", "--help")
    assert status == 0
    _, listed = run("settings")
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    assert len(names) > 25
    for name in names:
        if name != "app":
            assert f"--{name}" in said
    assert "MODULE:APP" in said


def test_version() -> None:
    status, said = run("--version")
    assert status == 0
    assert said.startswith("pyisapie 2.")


def threads_in_use(server: Serve) -> int:
    """How many requests run at the same time."""
    count = 0
    for n in (1, 2, 3, 4):
        clients = [server.client() for _ in range(n)]
        for client in clients:
            client.start("GET", f"/?name=n{n}&n={n}&timeout=1")
        if any(client.response().status != 200 for client in clients):
            break
        count = n
    return count


@pytest.mark.parametrize(
    ("flag", "variable", "file", "expected"),
    [
        (None, None, 3, 3),
        (None, 2, 3, 2),
        (1, 2, 3, 1),
        (2, None, None, 2),
    ],
)
def test_precedence(
    serve: Callable[..., Serve],
    tmp_path: Path,
    flag: int | None,
    variable: int | None,
    file: int | None,
    expected: int,
) -> None:
    config = tmp_path / "some.toml"
    config.write_text(f"threads = {file}\n" if file else "")
    args = ["--config", str(config)] + (["--threads", str(flag)] if flag else [])
    env = {"PYISAPIE_THREADS": str(variable)} if variable else {}
    server = serve("together:app", *args, env=env)
    assert threads_in_use(server) == expected


def test_file_in_the_root(serve: Callable[..., Serve], tmp_path: Path) -> None:
    text = 'server-header = "from-file"\n[mounts]\n"/x" = "one:app"\n"/" = "one:other"\n'
    (tmp_path / "pyisapie.toml").write_text(text)
    app = "def app(e, s):\n    s('200 OK', [])\n    return [e['SCRIPT_NAME'].encode()]\n"
    (tmp_path / "one.py").write_text(app + app.replace("app(", "other("))
    server = serve("", root=tmp_path)
    with server.client() as client:
        response = client.get("/x/y")
        assert response.body == b"/x"
        assert response.header("Server") == "from-file"
        assert client.get("/xy").body == b""


def test_root_is_where_the_file_lies(serve: Callable[..., Serve], tmp_path: Path) -> None:
    folder = tmp_path / "site" / "code"
    folder.mkdir(parents=True)
    (folder / "one.py").write_text("def app(e, s):\n    s('200 OK', [])\n    return [b'one']\n")
    config = tmp_path / "site" / "pyisapie.toml"
    config.write_text('app = "one:app"\nroot = "code"\n')
    server = serve("", "--config", str(config), root=None)
    with server.client() as client:
        assert client.get("/").body == b"one"


def test_files_are_named_from_where_the_settings_lie(tmp_path: Path) -> None:
    (tmp_path / "pyisapie.toml").write_text('root = "app"\naccess-log-file = "logs/access"\n')
    values = settings.read_file(tmp_path / "pyisapie.toml")
    assert values == {
        "root": str(tmp_path / "app"),
        "access-log-file": str(tmp_path / "logs" / "access"),
    }


def test_the_list_can_be_cut_short() -> None:
    listing = f"'{command()}' settings | head -1"
    done = subprocess.run(["bash", "-c", listing], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("app ")
    assert done.stderr == ""


@pytest.mark.skipif(bool(windows.NAME), reason="the table is the same everywhere")
def test_the_document_is_current() -> None:
    command = [sys.executable, REPO / "tools" / "make_docs.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
