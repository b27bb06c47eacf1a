# SPDX-License-Identifier: Apache-2.0
"""The tables on the terminal, and bench/results/latest.json."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench import calls, httpd
from bench.build import MissingError
from bench.goals import Of, Verdict, main_figure, paired
from bench.measure import Figure, Results
from bench.servers import APACHE_OURS, OURS, Server
from bench.work import Work

NUMBERS = ("cpu_us", "rate", "p50_us", "p99_us", "p999_us", "requests")


def middle(figures: list[Figure], of: Of) -> dict[str, float]:
    """The medians of the rounds; spread: of what the work is compared by, from least to most."""
    row = {name: median(getattr(f, name) for f in figures) for name in NUMBERS}
    values = [of(f) for f in figures]
    row["spread"] = (max(values) - min(values)) / median(values) if any(values) else 0.0
    row["rounds"] = len(figures)
    for name in figures[0].beside:
        row[f"{name} rate"] = median(f.beside[name] for f in figures)
    return row


def disturbance(results: Results) -> dict[str, float]:
    """How much of the servers' core other programs took: of all runs."""
    shares = [f.others for of in results.figures.values() for fs in of.values() for f in fs]
    return {"median": median(shares), "most": max(shares)} if shares else {"median": 0, "most": 0}


# ---- the terminal ----


def show(results: Results, verdicts: list[Verdict], work: list[Work]) -> None:
    for item in work:
        if item.name in results.figures:
            _show_work(item, results.figures[item.name])
    if results.memory:
        _show_counted(results)
    _show_two_cores(results)
    for name, why in results.not_counted.items():
        print(f"not counted: {name}: {why}")
    for name, why in results.left_out.items():
        print(f"left out: {name}: {why}")
    others = disturbance(results)
    print(f"\nOther programs took {others['median']:.0%} of the servers' core in the median run, "
          f"and {others['most']:.0%} in the worst.")  # fmt: skip
    _show_goals(verdicts)


def _show_work(work: Work, by_server: dict[str, list[Figure]]) -> None:
    of = main_figure(work)
    ours = by_server.get(APACHE_OURS if work.apache else OURS, [])
    heads = "".join(f"{load.name + '/s':>10}" for load in work.beside)
    print(f"\n{work.title}\n  {'':22}{'CPU us':>9}{'spread':>8}{'ours/its':>9}{'req/s':>10}"
          f"{'p50 us':>9}{'p99 us':>9}{'p99.9':>9}{heads}")  # fmt: skip
    for server, figures in sorted(by_server.items(), key=lambda x: median(map(of, x[1]))):
        row = middle(figures, of)
        share = paired(ours, figures, of)
        ratio = "" if server in (OURS, APACHE_OURS) or share is None else f"{share:.2f}"
        used = f"{'-':>9}" if work.beside else f"{row['cpu_us']:9.2f}"  # of all loads together
        others = "".join(f"{row[f'{load.name} rate']:10.1f}" for load in work.beside)
        print(f"  {server:22}{used}{row['spread']:8.0%}{ratio:>9}{row['rate']:10.0f}"
              f"{_latency(row['p50_us'])}{_latency(row['p99_us'])}{_latency(row['p999_us'])}"
              f"{others}")  # fmt: skip


def _latency(value: float) -> str:
    """wrk has no latency for most answers of a pipeline."""
    return f"{value:9.0f}" if value else f"{'-':>9}"


def _show_counted(results: Results) -> None:
    columns = [(f"calls {name}", of) for name, of in results.system_calls.items()]
    columns += [(f"GIL {name}", of) for name, of in results.gil_entries.items()]
    heads = "".join(f"{head:>17}" for head, _ in columns)
    print("\nCounted, each server alone: proportional memory when idle, in KiB; system calls and\n"
          f"GIL transitions per request\n  {'':22}{'server':>9}{'workers':>9}{heads}")  # fmt: skip
    for server, memory in results.memory.items():
        cells = "".join(_cell(of.get(server)) for _, of in columns)
        print(f"  {server:22}{memory.server:9}{memory.workers:9}{cells}")


def _show_two_cores(results: Results) -> None:
    if results.two_cores:
        print("\n20 ms of Python, requests a second of one process")
    for mode, rates in results.two_cores.items():
        one, two = median(r.one for r in rates), median(r.two for r in rates)
        print(f"  {mode:22}{one:8.1f} on one core, {two:6.1f} on two: {two / one:.2f}")


def _cell(value: float | None) -> str:
    return f"{'-':>17}" if value is None else f"{value:17.3f}"


def _show_goals(verdicts: list[Verdict]) -> None:
    words = {True: "met", False: "NOT MET", None: "not measured"}
    print("\nGoals")
    for verdict in verdicts:
        value = "-" if verdict.value is None else f"{verdict.value:.3f}"
        sign = ">=" if verdict.at_least else "<="
        print(f"  {words[verdict.met]:13}{value:>9} {sign} {verdict.limit:<6}{verdict.text}")


# ---- the file ----


def facts(servers: list[Server], left_out: dict[str, str], rounds: int, seconds: int) -> dict:
    """On what it was measured."""
    versions = {s.package: s.version() for s in servers if s.package and s.name not in left_out}
    with suppress(MissingError):
        versions["httpd"] = httpd.version()
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "rounds": rounds,
        "seconds": seconds,
        "system calls by": calls.tool(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def write(path: Path, results: Results, verdicts: list[Verdict], work: list[Work],
          facts: dict) -> None:  # fmt: skip
    medians = {
        item.name: {
            server: middle(figures, main_figure(item))
            for server, figures in results.figures.get(item.name, {}).items()
        }
        for item in work
    }
    whole = {
        "facts": facts,
        "disturbance": disturbance(results),
        "goals": [asdict(verdict) for verdict in verdicts],
        "medians": medians,
        "results": asdict(results),
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")
