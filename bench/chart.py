# SPDX-License-Identifier: Apache-2.0
"""bench/results/latest.svg: one panel of bars for each kind of work, the least first."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median

from bench.goals import Of, main_figure
from bench.measure import Figure, Results
from bench.servers import APACHE_BARE, APACHE_OURS, BARE, OURS
from bench.work import Work

WIDTH, MARGIN, COLUMNS = 980, 24, 2
PANEL = (WIDTH - MARGIN * (COLUMNS + 1)) / COLUMNS
LABEL, NUMBER = 156, 62  # room left of the bars for names, right of them for figures
BAR, STEP = 13, 20
TOP, HEAD, FOOT = 84, 46, 34  # above the panels, and in a panel above and below its bars

STYLE = """
text { font: 12px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #24292f }
.title { font-size: 20px; font-weight: 600 }
.panel { font-size: 14px; font-weight: 600 }
.small { font-size: 11px; fill: #57606a }
.ours-text { font-weight: 700 }
.end { text-anchor: end }
.back { fill: #ffffff }
.bar { fill: #a8b1bb }
.bare { fill: #dfe3e8 }
.ours { fill: #1f6feb }
.axis { stroke: #8c959f }
.spread { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9da7b3 }
  .back { fill: #0d1117 }
  .bar { fill: #57616d }
  .bare { fill: #30363d }
  .ours { fill: #4c9aff }
  .axis { stroke: #6e7681 }
  .spread { stroke: #e6edf3 }
}
"""


@dataclass
class Bar:
    """One server: the median, and the least and the most of the rounds."""

    name: str
    value: float
    least: float
    most: float

    @property
    def kind(self) -> str:
        if self.name in (OURS, APACHE_OURS):
            return "ours"
        return "bare" if self.name in (BARE, APACHE_BARE) else "bar"


def bars_of(by_server: dict[str, list[Figure]], of: Of) -> list[Bar]:
    bars = []
    for name, figures in by_server.items():
        values = [of(figure) for figure in figures]
        bars.append(Bar(name, median(values), min(values), max(values)))
    return sorted(bars, key=lambda bar: bar.value)


def text(x: float, y: float, words: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{name}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def number(value: float) -> str:
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def panel_height(bars: list[Bar]) -> float:
    return HEAD + STEP * len(bars) + FOOT


def panel(x: float, y: float, title: str, unit: str, bars: list[Bar]) -> list[str]:
    """A title, the bars with names and figures, and the axis with its unit."""
    left = x + LABEL
    scale = (PANEL - LABEL - NUMBER) / max(max(bar.most for bar in bars), 1e-9)
    bottom = y + HEAD + STEP * len(bars) - (STEP - BAR) / 2
    parts = [text(x, y + 26, title, "panel")]
    for place, bar in enumerate(bars):
        at = y + HEAD + STEP * place
        middle = at + BAR / 2
        bold = " ours-text" if bar.kind == "ours" else ""
        parts += [
            text(left - 8, middle + 4, bar.name, "end" + bold),
            f'<rect x="{left:.1f}" y="{at:.1f}" width="{max(bar.value * scale, 1):.1f}" '
            f'height="{BAR}" rx="2" class="{bar.kind}"/>',
            line(left + bar.least * scale, middle, left + bar.most * scale, middle, "spread"),
            text(left + bar.most * scale + 6, middle + 4, number(bar.value), bold.strip()),
        ]
    parts += [
        line(left, y + HEAD - 6, left, bottom, "axis"),
        text(left, bottom + 16, f"{unit}; less is better", "small"),
    ]
    return parts


def draw(results: Results, work: list[Work], facts: dict) -> str:
    panels = []
    for item in work:
        if item.name in results.figures:
            unit = "99th percentile, µs" if item.beside else "CPU per request, µs"
            bars = bars_of(results.figures[item.name], main_figure(item))
            panels.append((item.title, unit, bars))
    parts, y = [], float(TOP)
    for start in range(0, len(panels), COLUMNS):
        row = panels[start : start + COLUMNS]
        for column, (title, unit, bars) in enumerate(row):
            parts += panel(MARGIN + column * (PANEL + MARGIN), y, title, unit, bars)
        y += max(panel_height(bars) for _, _, bars in row)
    versions = [f"{name} {number}" for name, number in facts["versions"].items() if number]
    notes = [
        f"Python {facts['python']}, Linux {facts['kernel']}, {facts['processor']}, "
        f"{facts['cores']} cores: one for the server, one for the client.",
        f"Median of {facts['rounds']} interleaved rounds of {facts['seconds']} s; the thin line "
        "spans the rounds. Every answer was checked.",
        *[", ".join(versions[n : n + 9]) for n in range(0, len(versions), 9)],
    ]
    height = y + 18 * len(notes) + MARGIN
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="PyISAPIe beside its peers">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height:.0f}" class="back"/>',
        text(MARGIN, 38, "PyISAPIe beside its peers", "title"),
        text(MARGIN, 60, "One worker process on one core; CPU is user and system time of the "
             "whole server.", "small"),
    ]  # fmt: skip
    feet = [text(MARGIN, y + 12 + 18 * n, note, "small") for n, note in enumerate(notes)]
    return "\n".join([*head, *parts, *feet, "</svg>"]) + "\n"


def write(path: Path, results: Results, work: list[Work], facts: dict) -> None:
    path.write_text(draw(results, work, facts))
