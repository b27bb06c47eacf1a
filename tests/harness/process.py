# SPDX-License-Identifier: Apache-2.0
"""Processes and their memory, as /proc tells it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def everyone() -> list[int]:
    """All processes."""
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def arguments(pid: int) -> list[bytes]:
    """The words with which a process was started; none when it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


def _kilobytes(path: str, field: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * KIB
    raise ValueError(f"{path} has no {field}")


def rss(pid: int) -> int:
    """Resident memory of one process, in bytes."""
    return _kilobytes(f"/proc/{pid}/status", "VmRSS")


def peak(pid: int) -> int:
    """The most resident memory since reset_peak, in bytes."""
    return _kilobytes(f"/proc/{pid}/status", "VmHWM")


def reset_peak(pid: int) -> None:
    """Start the measurement of the peak anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu(pid: int) -> float:
    """CPU seconds of one process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss(pids: list[int]) -> int:
    """Memory of processes, with shared pages divided among their users, in bytes."""
    return sum(_kilobytes(f"/proc/{pid}/smaps_rollup", "Pss") for pid in pids)


def private(pid: int) -> int:
    """Memory that is the process's own (not of mapped files), in bytes."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Anonymous")


def is_alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def eventually(check: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s it is still not so that {what}")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], timeout: float = 15.0) -> int:
    """Stop a process that we started, first politely; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            for pid in reversed(tree(process.pid)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
    return process.wait(timeout)
