# SPDX-License-Identifier: Apache-2.0
"""What a second core is worth to one process: the modes isolated and free-threaded."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from bench import wrk
from bench.running import Running, say
from bench.servers import Server
from bench.work import HELLO_APP, Work

CPU = Work("cpu", "20 ms of Python", "/cpu", connections=8)


@dataclass
class Rates:
    """Requests a second, of one round."""

    one: float
    two: float


def _server(mode: str, python: Path, cores: int) -> Server:
    command = [str(python.parent / "pyisapie"), "serve", "{app}", "--bind", "127.0.0.1:{port}",
               "--mode", mode, "--parallel", str(cores)]  # fmt: skip
    return Server(f"{mode}-{cores}", "pyisapie", lambda: command, cores=cores)


def measure(mode: str, python: Path, rounds: int, seconds: int) -> list[Rates]:
    """The same server on one core and on two, in turns. Raises FailedError."""
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(closing(Running(_server(mode, python, cores), HELLO_APP)))
            for cores in (1, 2)
        )
        found = []
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}: {mode}, one core and two")
            found.append(Rates(wrk.run(one, CPU, seconds).rate, wrk.run(two, CPU, seconds).rate))
        return found
