# SPDX-License-Identifier: Apache-2.0
"""The bench's own arithmetic: ratios, goals, the counters' output, the chart."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import calls, chart, goals
from bench.measure import Figure, Results
from bench.parallel import Rates
from bench.running import Memory
from bench.work import Work


def figure(number: int, cpu_us: float, **more: float) -> Figure:
    return Figure(number, cpu_us, more.get("rate", 1000), 10, more.get("p99", 20), 30, 5000, 0)


def results_of(work: str, **servers: list[Figure]) -> Results:
    return Results(figures={work: dict(servers)})


def test_a_ratio_compares_figures_of_the_same_round() -> None:
    ours = [figure(0, 5), figure(1, 50), figure(2, 6)]
    theirs = [figure(0, 10), figure(1, 100), figure(3, 1)]  # the third round was not counted
    assert goals.paired(ours, theirs) == 0.5


def test_without_a_common_round_there_is_no_ratio() -> None:
    assert goals.paired([figure(0, 5)], [figure(1, 5)]) is None
    assert goals.paired([], []) is None


def test_the_best_peer_has_the_least_cpu() -> None:
    results = results_of(
        "json", pyisapie=[figure(0, 10)], granian=[figure(0, 20)], waitress=[figure(0, 40)]
    )
    assert goals.ratio_to_best("json")(results) == 0.5


def test_the_best_peer_of_a_rate_has_the_highest() -> None:
    results = results_of(
        "json",
        pyisapie=[figure(0, 1, rate=90)],
        granian=[figure(0, 1, rate=100)],
        waitress=[figure(0, 1, rate=50)],
    )
    value = goals.ratio_to_best("json", goals.THREADED, goals.rate, highest=True)
    assert value(results) == 0.9


def test_the_bare_responder_is_no_peer() -> None:
    results = results_of("hello", pyisapie=[figure(0, 10)], bare=[figure(0, 5)])
    assert goals.ratio_to_best("hello")(results) is None


def test_memory_is_compared_with_the_smallest_worker() -> None:
    sizes = {"pyisapie": Memory(30, 12), "granian": Memory(20, 16), "bjoern": Memory(8, 8)}
    assert goals.memory(Results(memory={**sizes, "bare": Memory(1, 1)})) == 1.5


def test_the_lesser_gain_of_two_cores_counts() -> None:
    gains = {"isolated": [Rates(50, 100), Rates(50, 90)], "free-threaded": [Rates(40, 60)]}
    assert goals.two_cores(Results(two_cores=gains)) == 1.5


def test_a_goal_without_figures_is_not_measured() -> None:
    assert {verdict.met for verdict in goals.judge(Results())} == {None}


@pytest.mark.parametrize(("at_least", "value", "met"), [
    (False, 0.9, True), (False, 0.91, False), (True, 0.9, True), (True, 0.89, False),
])  # fmt: skip
def test_a_goal_holds_at_its_limit(at_least: bool, value: float, met: bool) -> None:
    assert goals.Goal("", 0.9, goals.two_cores, at_least).is_met(value) is met


def test_what_perf_and_strace_write_is_read(tmp_path: Path) -> None:
    output = tmp_path / "calls.txt"
    output.write_text("# started on\n\n12345,,raw_syscalls:sys_enter,100,100.00,,\n")
    assert calls._read_perf(output) == 12345
    last = "100.00    0.000553           3       145        19 total"
    output.write_text(f"% time seconds usecs/call calls errors syscall\n------\n{last}\n")
    assert calls._read_strace(output) == 145


def test_the_chart_is_xml_with_the_least_bar_first() -> None:
    work = [Work("hello", "Hello & more")]
    results = results_of("hello", waitress=[figure(0, 60)], pyisapie=[figure(0, 6)])
    facts = {"python": "3", "kernel": "6", "processor": "p", "cores": 2, "rounds": 1, "seconds": 1,
             "versions": {"waitress": "3.0.2"}}  # fmt: skip
    drawn = ElementTree.fromstring(chart.draw(results, work, facts))
    words = [element.text or "" for element in drawn.iter() if element.tag.endswith("text")]
    assert "Hello & more" in words
    assert words.index("pyisapie") < words.index("waitress")
