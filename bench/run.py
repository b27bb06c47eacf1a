#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures PyISAPIe beside its peers: interleaved rounds, server and client on separate cores.

    ./dev bench                       all work, 5 rounds: about 20 minutes
    ./dev bench quick                 the main work and peers: two minutes
    ./dev bench memory                a million requests: does the memory stay flat?
    ./dev bench hello json fastpysgi  chosen work and servers, beside PyISAPIe

docs/bench.md tells how it is measured. Prints tables; a whole run writes bench/results.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
from dataclasses import dataclass

from bench import chart, memory, report
from bench.goals import judge
from bench.measure import Bench
from bench.servers import OURS, SERVERS, Server
from bench.work import Work, all_work, write_files

QUICK_WORK = ("hello", "pipelined", "django", "mixed")
QUICK_SERVERS = ("bare C", OURS, "fastpysgi", "bjoern", "granian", "gunicorn", "waitress")


@dataclass
class Plan:
    """What a run does."""

    servers: list[Server]
    work: list[Work]
    rounds: int
    seconds: int
    whole: bool  # only such a run replaces bench/results


def chosen(names: list[str], known: list[str], kind: str) -> list[str]:
    for name in names:
        if name not in known:
            raise SystemExit(f"bench: no {kind} {name!r}; there are: {', '.join(known)}")
    return [name for name in known if name in names] if names else known


def make_plan(options: argparse.Namespace) -> Plan:
    works, servers = all_work(), list(SERVERS)
    quick = options.names[:1] == ["quick"]
    work_names = [w.name for w in works]
    server_names = [s.name for s in servers]
    only, peers = list(options.only), list(options.servers)
    for name in options.names[1:] if quick else options.names:
        chosen([name], work_names + server_names, "work or server")
        (only if name in work_names else peers).append(name)
    whole = not (quick or only or peers)
    if quick:
        only, peers = only or list(QUICK_WORK), peers or list(QUICK_SERVERS)
    only = chosen(only, work_names, "work")
    peers = chosen(peers, server_names, "server")
    return Plan(
        [s for s in servers if s.name in peers],
        [w for w in works if w.name in only],
        options.rounds or (2 if quick else 5),
        options.seconds or 2,
        whole,
    )


def names_of(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    top.add_argument("names", nargs="*", metavar="NAME",
                     help="quick, memory, or names of works and servers")  # fmt: skip
    top.add_argument("--only", type=names_of, default=[], metavar="WORK,...",
                     help=", ".join(w for w in [x.name for x in all_work()]))  # fmt: skip
    top.add_argument("--servers", type=names_of, default=[], metavar="SERVER,...",
                     help=", ".join(s.name for s in SERVERS))  # fmt: skip
    top.add_argument("--rounds", type=int, help="5, in a quick run 2")
    top.add_argument("--seconds", type=int, help="of each run: 2")
    return top


def main() -> int:
    options = parser().parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("bench: wrk is not installed")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    write_files(all_work())
    if options.names[:1] == ["memory"]:
        return memory.main(options)
    plan = make_plan(options)
    results = Bench(plan.servers, plan.work, plan.rounds, plan.seconds).run()
    verdicts = judge(results)
    report.show(results, verdicts)
    facts = report.facts(plan.servers, plan.rounds, plan.seconds)
    if plan.whole:
        report.write(results, verdicts, facts)
        chart.write(results, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
