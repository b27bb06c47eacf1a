# SPDX-License-Identifier: Apache-2.0
"""The client: wrk, on the other core, with the scripts in bench/lua."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from bench.paths import LUA
from bench.running import CLIENT_CPU, FailedError, Running
from bench.work import Work


@dataclass
class Answers:
    """What wrk counted. Latencies in microseconds."""

    requests: int
    rate: float
    p50: int
    p99: int
    p999: int


def start(running: Running, work: Work, seconds: int) -> subprocess.Popen[str]:
    fields = [word for text in work.headers for word in ("-H", text)]
    return subprocess.Popen(
        ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", f"-c{work.connections}", f"-d{seconds}s",
         "--timeout", "10s", *fields, "-s", work.script,
         f"http://127.0.0.1:{running.port}{work.path}", "--", str(work.body_file)],
        cwd=LUA, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip


def finish(process: subprocess.Popen[str], connections: int) -> Answers:
    """Raises FailedError when a single answer was wrong, or when connections got none."""
    output, _ = process.communicate()
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.M)
    if not found:
        raise FailedError(f"wrk says: {output.strip()[-200:]}")
    requests, duration, wrong, p50, p99, p999 = map(int, found.groups())
    if wrong:
        raise FailedError(f"{wrong} wrong answers beside {requests} requests")
    if requests < 2 * connections:
        raise FailedError(f"it stalls: {requests} answers on {connections} connections")
    return Answers(requests, requests / (duration / 1e6), p50, p99, p999)


def run(running: Running, work: Work, seconds: int) -> Answers:
    return finish(start(running, work, seconds), work.connections)
