#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures PyISAPIe beside its peers: interleaved rounds, server and client on separate cores.

    ./dev bench                       all work, 5 rounds: about 20 minutes
    ./dev bench quick                 the main work and peers: two minutes
    ./dev bench memory                a million requests: does the memory stay flat?
    ./dev bench parallel              one process on one core and on two
    ./dev bench hello json fastpysgi  chosen work and servers, beside PyISAPIe

docs/bench.md tells how it is measured. Only a whole run replaces bench/results; others write
build/bench.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import chart, memory, report
from bench.goals import judge
from bench.measure import Bench
from bench.paths import BUILD, RESULTS
from bench.servers import OURS, SERVERS, Server
from bench.work import HELLO_APP, Work, all_work, write_files

QUICK_WORK = ("hello", "pipelined", "django", "mixed")
QUICK_SERVERS = ("bare", OURS, "fastpysgi", "bjoern", "granian", "gunicorn", "waitress")


@dataclass
class Plan:
    """What a run does."""

    servers: list[Server]
    work: list[Work]
    rounds: int
    seconds: int
    folder: Path  # for the results: only a whole run replaces bench/results
    pythons: dict[str, Path]  # for each mode that is to be run on two cores


def chosen(names: list[str], known: list[str], kind: str) -> list[str]:
    for name in names:
        if name not in known:
            raise SystemExit(f"bench: no {kind} {name!r}; there are: {', '.join(known)}")
    return [name for name in known if name in names] if names else known


def make_plan(options: argparse.Namespace) -> Plan:
    work_names = [work.name for work in all_work()]
    server_names = [server.name for server in SERVERS]
    quick, only, peers = False, list(options.only), list(options.servers)
    parallel = False
    for name in options.names:
        if name == "quick":
            quick = True
        elif name == "parallel":
            parallel = True
        elif name in work_names:
            only.append(name)
        else:
            peers.append(name)
    whole = not (quick or only or peers or parallel)
    pythons = dict(word.split("=", 1) for word in options.python) if whole or parallel else {}
    if parallel and not (quick or only or peers):
        return Plan([], [], options.rounds or 5, options.seconds or 2, BUILD,
                    {mode: Path(python) for mode, python in pythons.items()})  # fmt: skip
    if quick:
        only, peers = only or list(QUICK_WORK), peers or list(QUICK_SERVERS)
    only = chosen(only, work_names, "work")
    peers = chosen(peers, server_names, "server")
    return Plan(
        [server for server in SERVERS if server.name in peers],
        [work for work in all_work() if work.name in only],
        options.rounds or (2 if quick else 5),
        options.seconds or (1 if quick else 2),
        RESULTS if whole else BUILD,
        {mode: Path(python) for mode, python in pythons.items()},
    )


def names_of(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    top.add_argument("names", nargs="*", metavar="NAME",
                     help="quick, memory, parallel, or names of works and servers")  # fmt: skip
    top.add_argument("--only", type=names_of, default=[], metavar="WORK,...",
                     help=", ".join(work.name for work in all_work()))  # fmt: skip
    top.add_argument("--servers", type=names_of, default=[], metavar="SERVER,...",
                     help=", ".join(server.name for server in SERVERS))  # fmt: skip
    top.add_argument("--rounds", type=int, help="5, in a quick run 2")
    top.add_argument("--seconds", type=int, help="of each run: 2, in a quick run 1")
    top.add_argument("--python", action="append", default=[], metavar="MODE=PYTHON",
                     help="for parallel: Pythons that can do a mode (set by ./dev)")  # fmt: skip
    top.add_argument("--requests", type=int, default=1_000_000, help="for memory: 1000000")
    return top


def main() -> int:
    options = parser().parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("bench: wrk is not installed")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    write_files(all_work())
    if options.names[:1] == ["memory"]:
        return run_memory(options)
    run(make_plan(options))
    return 0


def run(plan: Plan) -> None:
    results = Bench(plan.servers, plan.work, plan.rounds, plan.seconds, plan.pythons).run()
    verdicts = judge(results)
    facts = report.facts(plan.servers, results.left_out, plan.rounds, plan.seconds)
    report.show(results, verdicts, plan.work)
    report.write(plan.folder / "latest.json", results, verdicts, plan.work, facts)
    chart.write(plan.folder / "latest.svg", results, plan.work, facts)
    print(f"\nwritten: {plan.folder / 'latest.json'}, latest.svg")


def run_memory(options: argparse.Namespace) -> int:
    """./dev bench memory: a million requests, or --requests, of all work but the slow one."""
    names = options.names[1:] + options.only + options.servers
    work = [work for work in all_work() if work.app == HELLO_APP and not work.beside]
    work_names = [item.name for item in work]
    server_names = [server.name for server in SERVERS]
    chosen(names, work_names + server_names, "work or server")
    work_names = [name for name in work_names if name in names] or work_names
    server_names = [name for name in server_names if name in names] or [OURS]
    flat = True
    for server in SERVERS:
        if server.name in server_names:
            mine = [item for item in work if server.does(item) and item.name in work_names]
            flat &= memory.measure(server, mine, options.requests, options.seconds or 1)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
