#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures PyISAPIe beside its peers: interleaved rounds, server and client on separate cores.

    ./dev bench           all work, 5 rounds
    ./dev bench quick     hello, pipelined and mixed, 2 rounds

The figure that counts is CPU time per request, user and system, of the whole server: the client's
limits do not blur it. Only runs without a single wrong answer count. Prints a table and writes
bench/results/latest.json.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
APPS = HERE / "apps"
RESULTS = HERE / "results"
SERVER_CPU, CLIENT_CPU = "0", "1"
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server under test; {port} in its command is replaced."""

    name: str
    command: list[str]
    package: str | None
    only: tuple[str, ...] = ()  # the work that it can do; empty: all

    @property
    def version(self) -> str:
        try:
            return version(self.package) if self.package else ""
        except PackageNotFoundError:
            return "not installed"


@dataclass
class Work:
    """What is asked: a path, connections, and a script for wrk where it is no plain GET."""

    name: str
    path: str = "/"
    connections: int = 64
    script: str | None = None


def build_bare() -> Path:
    target = HERE.parent / "build" / "bench-bare"
    source = HERE / "bare.c"
    if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-O2", "-o", target, source], check=True)
    return target


def servers() -> list[Server]:
    python = str(BIN / "python")
    work = "work:app"
    return [
        Server("bare C", [str(build_bare()), "{port}"], None, ("hello", "pipelined", "hello c=1")),
        Server(
            "pyisapie",
            [str(BIN / "pyisapie"), "serve", work, "--bind", "127.0.0.1:{port}"],
            "pyisapie",
        ),
        Server("fastpysgi", [python, "work.py"], "fastpysgi"),
        Server(
            "granian",
            [str(BIN / "granian"), "--interface", "wsgi", "--port", "{port}", "--no-access-log",
             "--blocking-threads", "16", work],
            "granian",
        ),
        Server(
            "gunicorn gthread",
            [str(BIN / "gunicorn"), "-k", "gthread", "--threads", "16", "-b", "127.0.0.1:{port}",
             "--keep-alive", "60", work],
            "gunicorn",
        ),
        Server(
            "waitress",
            [str(BIN / "waitress-serve"), "--port={port}", "--host=127.0.0.1", "--threads=16",
             work],
            "waitress",
        ),
    ]  # fmt: skip


def all_work() -> list[Work]:
    return [
        Work("hello"),
        Work("hello c=1", connections=1),
        Work("hello c=1000", connections=1000),
        Work("pipelined", script="pipeline.lua"),
        Work("json 1 KB", "/json"),
        Work("body 100 KB", "/large"),
        Work("post 1 MB", "/echo", connections=8, script="post.lua"),
        Work("generator 64", "/generator"),
        Work("file 1 MB", "/file", connections=16),
    ]


class Running:
    """A started server, pinned to its core."""

    def __init__(self, server: Server, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [part.replace("{port}", str(self.port)) for part in server.command]
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CPU, *command],
            cwd=APPS,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            env={**os.environ, "BENCH_SERVER": server.name, "BENCH_PORT": str(self.port),
                 "PYTHONPATH": str(APPS)},
        )  # fmt: skip
        self._wait(server.name)

    def _wait(self, name: str) -> None:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    if client.recv(4096).startswith(b"HTTP/1.1 200"):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{name} does not answer")

    def tree(self) -> list[int]:
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(child) for child in task.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.tree():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def memory_kib(self) -> int:
        total = 0
        for pid in self.tree():
            match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
            total += int(match[1]) if match else 0
        return total

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Figure:
    """One run. Times in microseconds."""

    cpu_us: float
    rate: float
    p50_us: float
    p99_us: float
    p999_us: float
    requests: int


def _microseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1, "ms": 1000, "s": 1_000_000}[unit]


def start_wrk(port: int, work: Work, seconds: float) -> subprocess.Popen[str]:
    script = ["-s", str(HERE / work.script)] if work.script else ["-s", str(HERE / "plain.lua")]
    return subprocess.Popen(
        ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", f"-c{work.connections}", f"-d{seconds}s",
         "--timeout", "10s", *script, f"http://127.0.0.1:{port}{work.path}"],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def read_wrk(process: subprocess.Popen[str]) -> tuple[float, int, dict[str, float]]:
    """(requests a second, requests, latencies). ValueError when an answer was wrong."""
    output, _ = process.communicate()
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if not found:
        raise ValueError(output)
    requests, duration, errors, p50, p99, p999 = map(int, found.groups())
    if errors or not requests:
        raise ValueError(f"{errors} wrong answers of {requests}")
    return requests / (duration / 1e6), requests, {"p50": p50, "p99": p99, "p999": p999}


def measure(running: Running, work: Work, seconds: float) -> Figure:
    before = running.cpu_seconds()
    rate, requests, latency = read_wrk(start_wrk(running.port, work, seconds))
    used = running.cpu_seconds() - before
    return Figure(used / requests * 1e6, rate, latency["p50"], latency["p99"],
                  latency["p999"], requests)  # fmt: skip


def measure_mixed(running: Running, seconds: float) -> dict[str, float]:
    """Fast requests beside 20 ms of Python and 100 ms of sleep."""
    slow = start_wrk(running.port, Work("cpu", "/cpu", 2), seconds + 1)
    sleepers = start_wrk(running.port, Work("sleep", "/sleep", 8), seconds + 1)
    time.sleep(0.5)
    rate, _, latency = read_wrk(start_wrk(running.port, Work("fast", "/", 16), seconds))
    return {"p50": latency["p50"], "p99": latency["p99"], "rate": rate,
            "cpu rate": read_wrk(slow)[0], "sleep rate": read_wrk(sleepers)[0]}  # fmt: skip


def median(figures: list[Figure]) -> Figure:
    names = asdict(figures[0])
    return Figure(**{n: statistics.median(asdict(f)[n] for f in figures) for n in names})


def spread(values: list[float]) -> float:
    return (max(values) - min(values)) / statistics.median(values)


def run(rounds: int, seconds: float, work: list[Work]) -> dict[str, object]:
    log = HERE.parent / "build" / "bench.log"
    log.parent.mkdir(exist_ok=True)
    figures: dict[str, dict[str, list[Figure]]] = {w.name: {} for w in work}
    mixed: dict[str, list[dict[str, float]]] = {}
    memory: dict[str, int] = {}
    for number in range(rounds):
        for server in filter(lambda s: s.version != "not installed", servers()):
            print(f"round {number + 1} of {rounds}: {server.name}", file=sys.stderr)
            try:
                running = Running(server, log)
            except (RuntimeError, FileNotFoundError) as error:
                print(f"  left out: {error}", file=sys.stderr)
                continue
            memory.setdefault(server.name, running.memory_kib())
            try:
                for item in work:
                    if server.only and item.name not in server.only:
                        continue
                    try:
                        figure = measure(running, item, seconds)
                        figures[item.name].setdefault(server.name, []).append(figure)
                    except ValueError as error:
                        print(f"  {item.name}: not counted: {error}", file=sys.stderr)
                if not server.only:
                    try:
                        row = measure_mixed(running, seconds)
                        mixed.setdefault(server.name, []).append(row)
                    except ValueError as error:
                        print(f"  mixed: not counted: {error}", file=sys.stderr)
            finally:
                running.stop()
    return {"figures": figures, "mixed": mixed, "memory": memory}


def report(result: dict[str, object]) -> dict[str, object]:
    lines: dict[str, object] = {}
    for name, by_server in result["figures"].items():  # type: ignore[attr-defined]
        print(f"\n{name}\n  {'':18}{'CPU us':>9}{'spread':>8}{'req/s':>10}{'p50 us':>9}"
              f"{'p99 us':>9}{'p99.9':>9}{'ours/it':>9}")  # fmt: skip
        ours = by_server.get("pyisapie")
        for server, figures in by_server.items():
            m = median(figures)
            ratio = median(ours).cpu_us / m.cpu_us if ours else 0
            part = spread([f.cpu_us for f in figures])
            print(f"  {server:18}{m.cpu_us:9.2f}{part:8.0%}{m.rate:10.0f}{m.p50_us:9.0f}"
                  f"{m.p99_us:9.0f}{m.p999_us:9.0f}{ratio:9.2f}")  # fmt: skip
            lines.setdefault(name, {})[server] = asdict(m)  # type: ignore[index]
    print(f"\nmixed: 16 fast clients beside 2 of 20 ms Python and 8 of 100 ms sleep\n  {'':18}"
          f"{'p50 us':>9}{'p99 us':>9}{'fast/s':>9}{'cpu/s':>8}{'sleep/s':>8}")  # fmt: skip
    for server, rows in result["mixed"].items():  # type: ignore[attr-defined]
        m = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        print(f"  {server:18}{m['p50']:9.0f}{m['p99']:9.0f}{m['rate']:9.0f}{m['cpu rate']:8.1f}"
              f"{m['sleep rate']:8.1f}")  # fmt: skip
        lines.setdefault("mixed", {})[server] = m  # type: ignore[index]
    print("\nmemory of the idle server, KiB (proportional)")
    for server, kib in result["memory"].items():  # type: ignore[attr-defined]
        print(f"  {server:18}{kib:9}")
    lines["memory_kib"] = result["memory"]
    return lines


def main() -> int:
    quick = "quick" in sys.argv[1:]
    work = [w for w in all_work() if not quick or w.name in ("hello", "pipelined")]
    rounds, seconds = (2, 2) if quick else (5, 3)
    result = report(run(rounds, seconds, work))
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "rounds": rounds,
        "seconds": seconds,
        "versions": {s.name: s.version for s in servers()},
    }
    (RESULTS / "latest.json").write_text(json.dumps({"facts": facts, "results": result}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
