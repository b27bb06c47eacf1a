# SPDX-License-Identifier: Apache-2.0
"""The measurements. First what is counted, each server alone; then what is timed, all of them
started and each kind of work asked of one after the other, round by round."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import calls, parallel, wrk
from bench.build import MissingError
from bench.running import FailedError, Memory, Running, check, core_busy_seconds, say
from bench.servers import APACHE_OURS, OURS, Server
from bench.work import HELLO_APP, IDLE_APP, Work

COUNTED = ("hello", "pipelined", "apache")  # the work whose system calls are counted


@dataclass
class Figure:
    """One timed run. Times in microseconds; rates a second."""

    round: int
    cpu_us: float
    rate: float
    p50_us: float
    p99_us: float
    p999_us: float
    requests: int
    others: float  # the share of the server's core that others took meanwhile
    beside: dict[str, float] = field(default_factory=dict)  # rates of the loads beside it


@dataclass
class Results:
    """Everything measured; keys are names of works and servers."""

    figures: dict[str, dict[str, list[Figure]]] = field(default_factory=dict)
    system_calls: dict[str, dict[str, float]] = field(default_factory=dict)  # per request
    gil_entries: dict[str, dict[str, float]] = field(default_factory=dict)  # per request
    memory: dict[str, Memory] = field(default_factory=dict)
    two_cores: dict[str, list[parallel.Rates]] = field(default_factory=dict)  # by mode
    left_out: dict[str, str] = field(default_factory=dict)
    not_counted: dict[str, str] = field(default_factory=dict)  # of each, the first reason


class Bench:
    """One run of the bench."""

    def __init__(self, servers: list[Server], work: list[Work], rounds: int, seconds: int,
                 pythons: dict[str, Path]) -> None:  # fmt: skip
        """pythons: for each mode that is to be run on two cores."""
        self.servers = servers
        self.work = work
        self.rounds = rounds
        self.seconds = seconds
        self.pythons = pythons
        self.results = Results()

    def run(self) -> Results:
        for server in self.servers:
            self._count(server)
        for app in sorted({work.app for work in self.work}, reverse=True):
            self._time([work for work in self.work if work.app == app], app)
        for mode, python in self.pythons.items():
            try:
                self.results.two_cores[mode] = parallel.measure(
                    mode, python, self.rounds, self.seconds
                )
            except (MissingError, FailedError, OSError) as error:
                self.results.left_out[f"mode {mode}"] = str(error)
        return self.results

    def _leave_out(self, server: Server, why: object) -> None:
        if server.name not in self.results.left_out:
            say(f"left out: {server.name}: {why}")
        self.results.left_out[server.name] = str(why)

    def _not_counted(self, server: Server, work: Work, why: object) -> None:
        say(f"  not counted: {server.name}, {work.name}: {why}")
        self.results.not_counted.setdefault(f"{server.name}, {work.name}", str(why))

    @contextmanager
    def _started(self, server: Server, app: str) -> Iterator[Running | None]:
        """None when the server cannot be had or does not start."""
        running = None
        try:
            server.version()
            running = Running(server, app)
        except (MissingError, FailedError) as error:
            self._leave_out(server, error)
        try:
            yield running
        finally:
            if running:
                running.stop()

    # ---- what is counted ----

    def _count(self, server: Server) -> None:
        """Memory, system calls and GIL transitions of a server that runs alone."""
        with self._started(server, HELLO_APP if server.apache else IDLE_APP) as running:
            if not running:
                return
            time.sleep(0.5)
            self.results.memory[server.name] = running.memory()
        with self._started(server, HELLO_APP) as running:
            if not running:
                return
            say(f"counting: {server.name}")
            for work in self.work:
                if work.name in COUNTED and server.does(work) and running.processes:
                    try:
                        self._count_work(running, work)
                    except (FailedError, OSError) as error:
                        self._not_counted(server, work, f"system calls: {error}")
                        self._restart(running)

    def _count_work(self, running: Running, work: Work) -> None:
        name = running.server.name
        per_request = calls.per_request(running, work, 2)
        if per_request is not None:
            self.results.system_calls.setdefault(work.name, {})[name] = per_request
        if name in (OURS, APACHE_OURS):
            before = int(running.get("/entries")[1])
            requests = wrk.run(running, work, 1).requests
            entries = int(running.get("/entries")[1]) - before - 1  # the second look is one, too
            self.results.gil_entries.setdefault(work.name, {})[name] = entries / requests

    # ---- what is timed ----

    def _time(self, all_work: list[Work], app: str) -> None:
        with ExitStack() as stack:
            started = [
                running
                for server in self.servers
                if server.name not in self.results.left_out
                and any(server.does(work) for work in all_work)
                and (running := stack.enter_context(self._started(server, app)))
            ]
            for number in range(self.rounds):
                for work in all_work:
                    say(f"round {number + 1} of {self.rounds}: {work.title}")
                    turn = number % max(len(started), 1)  # each round begins with another one
                    for running in started[turn:] + started[:turn]:
                        if running.server.does(work) and running.processes:
                            self._time_one(running, work, number)

    def _time_one(self, running: Running, work: Work, number: int) -> None:
        try:
            if number == 0:
                check(running, work)
            figure = timed(running, work, self.seconds, number)
        except (FailedError, OSError) as error:
            self._not_counted(running.server, work, error)
            self._restart(running)
            return
        by_server = self.results.figures.setdefault(work.name, {})
        by_server.setdefault(running.server.name, []).append(figure)

    def _restart(self, running: Running) -> None:
        """What has failed once may have left it unfit for the next work."""
        running.stop()
        try:
            running.start()
        except FailedError as error:
            self._leave_out(running.server, error)


def timed(running: Running, work: Work, seconds: int, number: int) -> Figure:
    """One run. The loads beside it begin a little earlier and end later."""
    others = {other.name: wrk.start(running, other, seconds + 1) for other in work.beside}
    if others:
        time.sleep(0.5)
    before, began, busy = running.cpu_seconds(), time.monotonic(), core_busy_seconds()
    try:
        answers = wrk.run(running, work, seconds)
        used = running.cpu_since(before)
        taken = max(core_busy_seconds() - busy - used, 0) / (time.monotonic() - began)
    finally:
        for process in others.values():
            process.wait()
    beside = {w.name: wrk.finish(others[w.name], w.connections).rate for w in work.beside}
    return Figure(number, used / answers.requests * 1e6, answers.rate, answers.p50, answers.p99,
                  answers.p999, answers.requests, taken, beside)  # fmt: skip
