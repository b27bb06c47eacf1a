# SPDX-License-Identifier: Apache-2.0
"""A server without requests sleeps: none of its threads wakes up, as the system call trace shows."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from harness.serve import Serve
from harness.site import mounts
from test_modes import MODES

Start = Callable[..., Serve]
SECONDS = 3.0
CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\(", re.MULTILINE)

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")


def calls(pid: int) -> list[str]:
    """The system calls that a process begins within some seconds, of all its threads."""
    trace = subprocess.Popen(
        ["strace", "-f", "-p", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    time.sleep(SECONDS)
    trace.send_signal(signal.SIGINT)
    _, text = trace.communicate(timeout=20)
    lines = text.decode("utf-8", "replace")
    if "Operation not permitted" in lines:
        pytest.skip("strace may not trace here")
    # Calls in which the threads were already are shown as begun or restarted by the tracer.
    begun = [line for line in lines.splitlines() if "resumed" not in line]
    found = [match[1] for line in begun if (match := CALL.match(line))]
    blocked = len(re.findall(r"^strace: Process \d+ detached", lines, re.MULTILINE))
    assert blocked, lines
    return found[blocked:]


@pytest.mark.parametrize("mode", MODES)
def test_idle_threads_do_not_wake_up(serve: Start, mode: str) -> None:
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
    assert calls(worker) == []
    for client in clients:
        client.close()
