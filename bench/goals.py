# SPDX-License-Identifier: Apache-2.0
"""The goals, and whether a run meets them.

A ratio is ours divided by the peer's, of the same round; the median of the rounds counts. The best
peer is the one that needs the least CPU (or has the highest rate, the lowest latency), in the
median.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.measure import Figure, Results
from bench.servers import APACHE_BARE, APACHE_OURS, BARE, OURS, SERVERS
from bench.work import Work

PEERS = tuple(s.name for s in SERVERS if not s.apache and s.name not in (OURS, BARE))
THREADED = ("gunicorn", "granian", "waitress")

Value = Callable[[Results], float | None]  # None: not measured
Of = Callable[[Figure], float]


@dataclass(frozen=True)
class Goal:
    text: str
    limit: float
    value: Value
    at_least: bool = False  # else: at most

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Verdict:
    """What a run says about a goal."""

    text: str
    limit: float
    at_least: bool
    value: float | None
    met: bool | None  # None: not measured


def judge(results: Results) -> list[Verdict]:
    verdicts = []
    for goal in GOALS:
        value = goal.value(results)
        met = None if value is None else goal.is_met(value)
        verdicts.append(Verdict(goal.text, goal.limit, goal.at_least, value, met))
    return verdicts


# ---- how a value is found ----


def cpu(figure: Figure) -> float:
    return figure.cpu_us


def rate(figure: Figure) -> float:
    return figure.rate


def p99(figure: Figure) -> float:
    return figure.p99_us


def main_figure(work: Work) -> Of:
    """What a kind of work is compared by: the fast requests' latency when others run beside."""
    return p99 if work.beside else cpu


def beside(name: str) -> Of:
    return lambda figure: figure.beside[name]


def paired(ours: list[Figure], theirs: list[Figure], of: Of = cpu) -> float | None:
    """The median ratio of the rounds that both have."""
    other = {figure.round: of(figure) for figure in theirs}
    pairs = [(of(f), other[f.round]) for f in ours if f.round in other]
    ratios = [mine / theirs for mine, theirs in pairs if theirs]
    return median(ratios) if ratios else None


def ratio(work: str, peer: str, of: Of = cpu, ours: str = OURS) -> Value:
    def value(results: Results) -> float | None:
        figures = results.figures.get(work, {})
        return paired(figures.get(ours, []), figures.get(peer, []), of)

    return value


def ratio_of_works(work: str, other: str) -> Value:
    """Both by ours."""

    def value(results: Results) -> float | None:
        mine, theirs = (results.figures.get(name, {}).get(OURS, []) for name in (work, other))
        return paired(mine, theirs)

    return value


def ratio_to_best(work: str, peers: tuple[str, ...] = PEERS, of: Of = cpu,
                  highest: bool = False) -> Value:  # fmt: skip
    def value(results: Results) -> float | None:
        figures = results.figures.get(work, {})
        known = {peer: median(map(of, figures[peer])) for peer in peers if figures.get(peer)}
        if not known:
            return None
        best = (max if highest else min)(known, key=lambda peer: known[peer])
        return paired(figures.get(OURS, []), figures[best], of)

    return value


def middle(work: str, of: Of) -> Value:
    def value(results: Results) -> float | None:
        figures = results.figures.get(work, {}).get(OURS, [])
        return median(map(of, figures)) if figures else None

    return value


def system_calls(work: str) -> Value:
    return lambda results: results.system_calls.get(work, {}).get(OURS)


def gil_entries(work: str) -> Value:
    return lambda results: results.gil_entries.get(work, {}).get(OURS)


def memory(results: Results) -> float | None:
    """An idle worker of ours, to the smallest of the peers'."""
    known = [results.memory[peer].workers for peer in PEERS if peer in results.memory]
    ours = results.memory.get(OURS)
    return ours.workers / min(known) if ours and known else None


def two_cores(results: Results) -> float | None:
    """Of the modes that were measured, the lesser one."""
    gains = [median(r.two / r.one for r in rates) for rates in results.two_cores.values()]
    return min(gains) if gains else None


# ---- the goals ----

GOALS = (
    Goal("hello: CPU, of fastpysgi's", 0.90, ratio("hello", "fastpysgi")),
    Goal("hello: CPU, of bjoern's", 0.90, ratio("hello", "bjoern")),
    Goal("hello: CPU, of the bare responder's", 1.20, ratio("hello", BARE)),
    Goal("pipelined: CPU, of fastpysgi's", 0.50, ratio("pipelined", "fastpysgi")),
    Goal("JSON: CPU, of the best peer's", 1.00, ratio_to_best("json")),
    Goal("body of 100 KB: CPU, of the best peer's", 1.00, ratio_to_best("body")),
    Goal("generator: CPU, of the best peer's", 1.00, ratio_to_best("generator")),
    Goal("file: CPU, of the best peer's", 1.00, ratio_to_best("file")),
    Goal("POST: CPU, of the best peer's", 1.00, ratio_to_best("post")),
    Goal("Django page: CPU, of the best peer's", 1.00, ratio_to_best("django")),
    Goal("Django page: CPU, of Granian's", 0.90, ratio("django", "granian")),
    Goal("Django page: CPU, of gunicorn's", 0.90, ratio("django", "gunicorn")),
    Goal("a page's hello: CPU, of WSGI's", 1.10, ratio_of_works("page", "wsgi")),
    Goal("mixed: p99 of the fast, of the best threaded peer's", 0.25,
         ratio_to_best("mixed", THREADED, p99)),
    Goal("mixed: rate of the CPU requests, of the best threaded peer's", 0.85,
         ratio_to_best("mixed", THREADED, beside("cpu"), highest=True), at_least=True),
    Goal("mixed: rate of the sleeping requests, of the best threaded peer's", 0.85,
         ratio_to_best("mixed", THREADED, beside("sleep"), highest=True), at_least=True),
    Goal("mixed: p50 of the fast, ms", 2.0, middle("mixed", lambda f: f.p50_us / 1000)),
    Goal("hello: GIL transitions per request", 0.05, gil_entries("hello")),
    Goal("hello: system calls per request", 2.1, system_calls("hello")),
    Goal("pipelined: system calls per request", 0.2, system_calls("pipelined")),
    Goal("httpd: CPU, of mod_wsgi embedded's", 0.90,
         ratio("apache", "httpd+mod_wsgi", ours=APACHE_OURS)),
    Goal("httpd: CPU, of the bare ISAPI extension's", 1.15,
         ratio("apache", APACHE_BARE, ours=APACHE_OURS)),
    Goal("httpd: requests a second, of gunicorn's behind httpd", 4.0,
         ratio("apache", "httpd+gunicorn", rate, APACHE_OURS), at_least=True),
    Goal("memory of an idle worker, of the smallest peer's", 1.00, memory),
    Goal("isolated or free-threaded on two cores: rate of CPU-bound requests, of one core's", 1.8,
         two_cores, at_least=True),
)  # fmt: skip
