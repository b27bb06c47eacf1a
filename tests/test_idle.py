# SPDX-License-Identifier: Apache-2.0
"""A server without requests sleeps: no thread wakes up, as a trace of system calls shows."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import process
from harness.serve import Serve
from harness.site import mounts
from test_modes import MODES

Start = Callable[..., Serve]
SECONDS = 3.0

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def traced(pid: int, file: Path) -> str:
    """What a trace of a process and all its threads shows within some seconds."""
    with file.open("wb") as output:
        command = ["strace", "-f", "-p", str(pid)]
        trace = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=output)
    try:
        process.eventually(lambda: "attach" in file.read_text("utf-8", "replace"), "it traces")
        if "not permitted" in file.read_text("utf-8", "replace"):
            pytest.skip("strace may not trace here")
        time.sleep(1)  # attaching itself has calls begin anew
        before = file.stat().st_size
        time.sleep(SECONDS)
        return file.read_bytes()[before:].decode("utf-8", "replace")
    finally:
        trace.send_signal(signal.SIGINT)
        trace.wait(20)


@pytest.mark.parametrize("mode", MODES)
def test_idle_threads_do_not_wake_up(serve: Start, tmp_path: Path, mode: str) -> None:
    more = ["--mode", mode, "--parallel", "2", "--request-timeout", "20"]
    server = serve(mounts(["hello", "slow"]), *more)
    server.log.wait("is ready")
    clients = [server.client() for _ in range(6)]
    for client in clients:  # every thread has had something to do
        client.start("GET", "/slow?seconds=0.1")
    assert [client.response().status for client in clients] == [200] * 6
    for client in clients:
        assert client.get("/hello").status == 200
    time.sleep(4.5)  # the longest that a clock looks at nothing before it sleeps
    (worker,) = server.workers()
    assert traced(worker, tmp_path / "trace") == ""
    for client in clients:
        client.close()
