# SPDX-License-Identifier: Apache-2.0
"""``pyisapie serve`` on Windows (under Wine): workers, reload, settings, and how it ends."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness import process, windows
from harness.client import Client, NoResponse
from harness.paths import APPS, environment
from harness.serve import LISTENING, Serve, _parse
from harness.site import mounts

pytestmark = pytest.mark.skipif(not windows.NAME, reason="for ./dev test windows")

CTRL_C = b"\x03"
Start = Callable[..., Serve]


def serve_words() -> list[str]:
    return [*windows.python_command(), "-m", "pyisapie", "serve"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `pyisapie serve`, and ends it after the test."""
    with ExitStack() as stack:

        def begin(app: str, *args: str, root: Path = APPS) -> Serve:
            server = Serve(tmp_path / "server", app, *args, root=root, program=serve_words())
            return stack.enter_context(server)

        yield begin


def run(*words: str) -> tuple[int, str]:
    """Run the Windows Python to its end: exit code, and what it wrote."""
    done = subprocess.run(
        [*windows.python_command(), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def pid_of(server: Serve) -> int:
    """The supervisor's number among the processes of Windows."""
    return server.log.entries()[0].pid


# ---- serving


def test_no_way_up_by_backslashes(start: Start) -> None:
    """Windows takes them for separators; an application that joins paths must not see "..\\"."""
    server = start("environ_json:app")
    for path in ("/..%5Cx", "/a/..\\x", "/a%5C..", "/%2e.%5C", "/a%5C..%5Cb/c"):
        with server.client() as client:
            assert client.get(path).status == 400, path
    for path, info in (("/a%5Cb", "/a\\b"), ("/a..%5C...", "/a..\\..."), ("/x/../y", "/y")):
        with server.client() as client:
            assert client.get(path).json()["environ"]["PATH_INFO"] == info


def test_workers(start: Start) -> None:
    server = start("process:app", "--workers", "3")
    process.eventually(lambda: server.log.text().count("is ready") == 3, "all are ready", 20)
    pids = set()
    for _ in range(60):
        with server.client() as client:
            pids.add(client.get("/").json()["pid"])
    assert len(pids) > 1


def test_a_worker_that_ends_is_replaced(start: Start) -> None:
    server = start(mounts(["process", "killed"]))
    with server.client() as client:
        first = client.get("/process").json()["pid"]
    with server.client() as client:
        client.send(b"GET /killed HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.log.wait("another one starts")

    def another() -> bool:
        try:
            with server.client() as client:
                return bool(client.get("/process").json()["pid"] != first)
        except OSError:
            return False

    process.eventually(another, "another one serves", 15)


def test_reload(start: Start, tmp_path: Path) -> None:
    root = tmp_path / "röot"
    root.mkdir()
    text = "def app(e, s):\n    s('200 OK', [])\n    return [b'%s']\n"
    module = root / "changes.py"
    module.write_text(text % "one")
    server = start("changes:app", "--reload", root=root)

    def answer() -> bytes:
        try:
            with server.client() as client:
                return client.get("/").body
        except (NoResponse, ConnectionError):  # it has reached the worker that is going
            return b""

    assert answer() == b"one"
    module.write_text(text % "other")
    process.eventually(lambda: answer() == b"other", "the change is there", 15)
    assert "ended with code 0" in server.log.text()
    module.write_text("def app(:\n")
    process.eventually(lambda: b"syntax error" in answer(), "the mistake is shown", 15)
    module.write_text(text % "third")
    process.eventually(lambda: answer() == b"third", "the repair is there", 15)


def test_settings_of_a_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine.py").write_text(
        "def app(e, s):\n    s('200 OK', [])\n    return [b'mine']\n"
    )
    (tmp_path / "site" / "pyisapie.toml").write_text(
        'app = "mine:app"\nworkers = 2\nserver-header = "of the file"\n'
    )
    server = start("", root=tmp_path / "site")
    with server.client() as client:
        answer = client.get("/")
    assert (answer.body, answer.header("Server")) == (b"mine", "of the file")


# ---- wrong calls


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "no application is named"),
        (("hello:app", "--wrokers", "2"), "did you mean --workers?"),
        (("hello:app", "--workers", "many"), "workers is 'many'"),
        (("hello:app", "--home", "C:\\nowhere"), "the setting home is"),
    ],
)
def test_wrong_words(words: tuple[str, ...], text: str) -> None:
    code, said = run("-m", "pyisapie", "serve", *words)
    assert code == 2
    assert text in said or text in said.replace("\r\n", " ")
    assert "Traceback" not in said


def test_unix_sockets_are_refused() -> None:
    code, said = run("-m", "pyisapie", "serve", "hello:app", "--bind", "unix:a.sock")
    assert code == 1
    assert "Unix sockets are not available on Windows" in said


def test_the_other_commands() -> None:
    assert run("-m", "pyisapie", "door")[1].strip().endswith("pyisapie\\pyisapie.dll")
    assert "PYISAPIE_WORKERS" in run("-m", "pyisapie", "settings")[1]


# ---- the end


def test_asked_to_stop(start: Start) -> None:
    """As a service manager does: running requests end first."""
    server = start(mounts(["slow", "hello"]), "--workers", "2")
    process.eventually(lambda: server.log.text().count("is ready") == 2, "both are ready", 20)
    with server.client() as client:
        client.start("GET", "/slow?seconds=3")
        time.sleep(0.5)
        script = windows.path(Path(__file__).parent / "windows" / "ask_to_stop.py")
        assert run(script, str(pid_of(server)))[1].strip() == "True"
        assert client.response().status == 200
    assert server.wait() == 0
    assert "stopped" in server.log.text()
    assert run(script, "1")[1].strip() == "False"


class Console:
    """A program in a console of its own: its keys and what it shows."""

    def __init__(self, words: list[str], env: dict[str, str]) -> None:
        self.shown = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, env)

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def read(self) -> bool:
        """Read what has come; False when the program has ended."""
        ready, _, _ = select.select([self._terminal], [], [], 0.1)
        try:
            data = os.read(self._terminal, 65536) if ready else b"-"
        except OSError:
            return False
        self.shown += data if ready else b""
        return bool(data)

    def wait_for(self, pattern: str, timeout: float = 30.0) -> re.Match[str]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.read()
            found = re.search(pattern, self.shown.decode("utf-8", "replace"))
            if found:
                return found
        raise AssertionError(f"{pattern!r} is not shown: {self.shown!r}")

    def end(self, timeout: float = 20.0) -> int:
        """Its exit code, when it ends by itself in time."""
        deadline = time.monotonic() + timeout
        while self.read():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_ctrl_c(tmp_path: Path) -> None:
    """The console tells the supervisor and the workers; running requests end first."""
    words = [*serve_words(), mounts(["slow", "hello"]), "--root", windows.path(APPS)]
    words += ["--bind", "127.0.0.1:0", "--workers", "2"]
    console = Console(words, {**os.environ, **environment()})
    address = _parse(console.wait_for(LISTENING.pattern)[1])
    console.wait_for("(?s)is ready.*is ready")
    with Client(address) as client:
        client.start("GET", "/slow?seconds=2")
        time.sleep(0.5)
        console.press(CTRL_C)
        assert client.response().status == 200
    assert console.end() == 0
    shown = console.shown.decode("utf-8", "replace")
    assert "stopping: running requests may end" in shown
    assert "Traceback" not in shown and "KeyboardInterrupt" not in shown
