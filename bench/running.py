# SPDX-License-Identifier: Apache-2.0
"""A started server: pinned to its core, watched through /proc, ended by its own numbers."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench import httpd
from bench.paths import APPS, BUILD
from bench.servers import Server
from bench.work import FILE, Work

SERVER_CPU, CLIENT_CPU = "0", "1"  # a server on more than one core shares the client's
START_SECONDS = 20


class FailedError(Exception):
    """A server that does not start, or does not answer rightly."""


@dataclass
class Memory:
    """Proportional set size, KiB: of the whole server, and of its worker processes."""

    server: int
    workers: int


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """None of our settings leaks in from outside."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYISAPIE_")}


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _children() -> dict[int, list[int]]:
    """All processes of the machine, by their parents."""
    found: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(folder.name)):
            found.setdefault(int(fields[1]), []).append(int(folder.name))
    return found


def core_busy_seconds() -> float:
    """How long the servers' core has worked so far, for whomever."""
    text = Path("/proc/stat").read_text()
    fields = [int(word) for word in re.findall(rf"^cpu{SERVER_CPU} (.*)$", text, re.M)[0].split()]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # idle, iowait


class Running:
    """A server that runs, and its backend if it has one."""

    def __init__(self, server: Server, app: str) -> None:
        """Raises MissingError when it cannot be had, FailedError when it does not start."""
        self.server, self.app = server, app
        self.start()

    def start(self) -> None:
        server = self.server
        self.port, backend = free_port(), free_port()
        self.log = BUILD / f"{server.name}.log"
        self.processes: list[subprocess.Popen[bytes]] = []
        names = {"{port}": str(self.port), "{backend}": str(backend), "{app}": self.app}
        if server.apache:
            names["{folder}"] = str(httpd.folder(server.name))
        commands = [command for command in (server.backend, server.make()) if command]
        try:
            with self.log.open("wb") as log:
                for command in commands:
                    self._begin(command, names, log.fileno())
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _begin(self, command: list[str], names: dict[str, str], log: int) -> None:
        words = [re.sub(r"\{\w+\}", lambda m: names[m[0]], word) for word in command]
        self.processes.append(subprocess.Popen(
            ["taskset", "-c", f"0-{self.server.cores - 1}", *words],
            cwd=APPS, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**_environment(), "PYTHONPATH": str(APPS), "BENCH_FILE": str(FILE)}))  # fmt: skip

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self.processes):
                break
            try:
                if self.get("/")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        said = self.log.read_text(errors="replace").strip()[-300:]
        raise FailedError(f"it does not start: {said}")

    def get(self, path: str, headers: tuple[str, ...] = ()) -> tuple[int, bytes]:
        """Status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            fields = dict(text.split(": ", 1) for text in headers)
            connection.request("GET", path, headers=fields)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    # ---- what /proc tells ----

    def tree(self) -> list[int]:
        """All its processes."""
        children = _children()
        found, todo = [], [process.pid for process in self.processes]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children.get(pid, [])
        return found

    def cpu_seconds(self) -> dict[int, float]:
        """User and system, of each of its processes."""
        return {pid: _cpu_clock(pid) for pid in self.tree()}

    def cpu_since(self, before: dict[int, float]) -> float:
        """What it has used since. Raises FailedError when a process has ended in between."""
        now = self.cpu_seconds()
        if ended := before.keys() - now.keys():
            raise FailedError(f"{len(ended)} of its processes have ended")
        return sum(now[pid] - before.get(pid, 0.0) for pid in now)

    def memory(self) -> Memory:
        children = _children()
        size = {pid: _pss(pid) for pid in self.tree()}
        workers = [pid for pid in size if pid not in children]
        return Memory(sum(size.values()), sum(size[pid] for pid in workers))

    def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it, and what it left."""
        started = {pid: fields[19] for pid in self.tree() if (fields := _stat(pid))}
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid, began in started.items():
            fields = _stat(pid)
            if fields and fields[19] == began and fields[0] != "Z":
                os.kill(pid, signal.SIGKILL)
        self.processes = []


def _cpu_clock(pid: int) -> float:
    """Of another process: Linux makes the number of its clock from its own, see clock_getres(2).
    It is exact to less than a microsecond, while /proc counts in hundredths of a second."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0  # it has ended


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+)", text, re.M)
    return int(match[1]) if match else 0


def check(running: Running, work: Work) -> None:
    """One request, whose answer must be right. Raises FailedError."""
    if work.script == "post.lua":
        return
    status, body = running.get(work.path, work.headers)
    if status != 200 or body != work.body:
        raise FailedError(f"{work.path} answers {status} and {body[:60]!r}")
