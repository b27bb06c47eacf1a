# SPDX-License-Identifier: Apache-2.0
"""``pyisapie service``: as far as Wine's service manager goes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import process, windows
from harness.client import Client
from harness.httpd import free_port
from harness.paths import APPS, command

NAME = "pyisapie-tests"
only_windows = pytest.mark.skipif(not windows.NAME, reason="services are of Windows")


def _call(*words: str) -> tuple[int, str]:
    """Not until the pipe ends: Wine's own processes may keep it, and so the service, too."""
    with subprocess.Popen(
        [*windows.python_command(), "-m", "pyisapie", "service", *words],
        env=os.environ | windows.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as called:  # fmt: skip
        code = called.wait(60)
        assert called.stdout
        os.set_blocking(called.stdout.fileno(), False)
        return code, (called.stdout.read() or b"").decode()


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    _call("remove", "--name", NAME)


def _answers(port: int) -> bool:
    try:
        with Client(("127.0.0.1", port)) as client:
            return client.get("/").body == b"Hello, world!\n"
    except OSError:
        return False


@only_windows
def test_a_service(clean: None, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "sérvice.log"
    words = ["install", "--name", NAME, "hello:app", "--root", windows.path(APPS), "--bind",
             f"127.0.0.1:{port}", "--log", windows.path(log), "--home",
             windows.path(windows.python())]  # fmt: skip
    code, said = _call(*words)
    assert code == 0, said
    process.eventually(lambda: _answers(port), "the service serves", 20)
    assert "listening on" in log.read_text()
    code, said = _call(*words)
    assert code == 1
    assert "there is a service of that name" in said
    code, said = _call("remove", "--name", NAME)
    assert code == 0, said
    assert not _answers(port)
    assert "stopping: running requests may end" in log.read_text()


@only_windows
def test_a_service_that_does_not_start_is_not_left() -> None:
    code = (
        "from pathlib import Path; from pyisapie import service\n"
        "what = 'pyisapie-none', Path('Z:/none.exe'), {'log': 'x'}, service.ACCOUNT\n"
        "for _ in range(2):\n"
        "    try: service.install(*what)\n"
        "    except service.ServiceError as error: print('failed:', error)\n"
    )
    command = [*windows.python_command(), "-c", code]
    said = subprocess.run(
        command, env=os.environ | windows.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()  # fmt: skip
    assert said.count("failed:") == 2
    assert "there is a service of that name" not in said
    assert _call("remove", "--name", "pyisapie-none")[0] == 1


@only_windows
def test_no_service() -> None:
    code, said = _call("remove", "--name", "never-installed")
    assert code == 1
    assert "there is no service of that name" in said


@only_windows
def test_a_service_needs_a_log() -> None:
    code, said = _call("install", "hello:app", "--root", windows.path(APPS))
    assert code == 1
    assert "--log FILE" in said


@pytest.mark.skipif(bool(windows.NAME), reason="of other systems")
def test_elsewhere_there_are_no_services() -> None:
    done = subprocess.run([command(), "service", "remove"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "systemd" in done.stderr
