# SPDX-License-Identifier: Apache-2.0
"""System calls per request, by perf or else by strace; in runs that are not timed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path

from bench import wrk
from bench.paths import BUILD
from bench.running import Running
from bench.work import Work

EVENT = "raw_syscalls:sys_enter"


@cache
def tool() -> str | None:
    """perf where it may count system calls, else strace, else nothing."""
    if shutil.which("perf"):
        words = ["perf", "stat", "-e", EVENT, "true"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0 and "<not" not in done.stderr:
            return "perf"
    return "strace" if shutil.which("strace") else None


def per_request(running: Running, work: Work, seconds: int) -> float | None:
    """None when nothing here can count them."""
    output = BUILD / "calls.txt"
    pids = [str(pid) for pid in running.tree()]
    if tool() == "perf":
        words = ["perf", "stat", "-x,", "-e", EVENT, "-o", str(output), "-p", ",".join(pids)]
        read = _read_perf
    elif tool() == "strace":
        words = ["strace", "-f", "-c", "-o", str(output), *(w for pid in pids for w in ("-p", pid))]
        read = _read_strace
    else:
        return None
    counter = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)  # it attaches
        requests = wrk.run(running, work, seconds).requests
    finally:
        counter.send_signal(signal.SIGINT)
        counter.wait()
    return read(output) / requests


def _read_perf(output: Path) -> int:
    found = re.search(rf"^(\d+),[^,]*,{EVENT}", output.read_text(), re.M)
    return int(found[1]) if found else 0


def _read_strace(output: Path) -> int:
    """Its last line: percent, seconds, microseconds a call, calls, failures, the word total."""
    fields = output.read_text().strip().rpartition("\n")[2].split()
    return int(fields[3]) if fields[-1:] == ["total"] else 0
