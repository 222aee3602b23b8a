"""The main figures of RESULTS.md as bars, and in words: ``python -m benchmarks.bars`` draws anew.

They are read from the tables of RESULTS.md, which holds what a whole run measured and what was
measured by itself since.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.pictures.svg import WIDTH, picture, rect, text

RESULTS = Path(__file__).with_name("RESULTS.md")
BARS = Path(__file__).with_name("results.svg")
TITLE = "Main figures of the benchmarks"
ALT = "Bars of the main figures: the first sync of a year, daily syncs, rows, memory, start-up"

_YEAR = "First sync of a year: leads and 29"
_DAYS = "7 daily syncs"
_LEADS = (
    "A leads file of 80,000 rows and 50 columns: 40 sparse texts, ids, dates, numbers, booleans"
)
_NAMES = {"ours": "this tap", "incumbent": "singer-io", "airbyte": "Airbyte", "floor": "floor"}
_COLOURS = {"ours": "first", "incumbent": "second", "airbyte": "third", "floor": "grey"}


_PAGE_WIDTH = 100
_MORE = """\
The floor is the least that the work costs in Python without a module of one's own. The notes below
the tables say what is behind the figures."""


class _Panel(NamedTuple):
    """What one group of bars shows.

    Attributes:
        figure: how the title of the figure begins.
        line: the line of its table.
        title: what to call it.
        better: which bars are the good ones.
    """

    figure: str
    line: str
    title: str
    better: str = "less is better"


_PANELS = (
    _Panel(_YEAR, "in Marketo's time", "First sync of a year, time"),
    _Panel(_YEAR, "export jobs", "First sync of a year, export jobs"),
    _Panel(_YEAR, "API calls", "First sync of a year, API calls"),
    _Panel(_DAYS, "activities missing in the end", "Seven daily syncs, activities missing"),
    _Panel(_LEADS, "rows per CPU second", "Leads, rows per CPU second", "more is better"),
    _Panel(
        "An activities file of six types, with up to 8 attributes",
        "rows per CPU second",
        "Activities, rows per CPU second",
        "more is better",
    ),
    _Panel("Peak memory", "10 MB", "Peak memory, a leads file of 10 MB"),
    _Panel("Start-up", "--help", "Start-up, --help"),
)

_COLUMN, _LABEL, _NUMBER = WIDTH / 2, 84, 84
_BAR, _HEAD, _GAP, _TOP = 20, 24, 18, 50


class _Bar(NamedTuple):
    """One of them: whose it is, how long, and what stands at its end."""

    program: str
    length: float
    shown: str


def panels(results: str) -> dict[str, list[_Bar]]:
    """Return the bars of each panel, by its title.

    Args:
        results: the text of RESULTS.md.

    Raises:
        LookupError: a figure is not there.
    """
    tables = dict(_tables(results))
    return {panel.title: _bars(tables, panel) for panel in _PANELS}


def _tables(results: str) -> Iterator[tuple[str, list[list[str]]]]:
    for part in results.split("\n## ")[1:]:
        rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
        yield part.partition("\n")[0], [[cell.strip() for cell in row] for row in rows]


def _bars(tables: Mapping[str, Sequence[Sequence[str]]], panel: _Panel) -> list[_Bar]:
    found = [rows for title, rows in tables.items() if title.startswith(panel.figure)]
    lines = [row for rows in found[:1] for row in rows if row[0] == panel.line]
    if not lines:
        raise LookupError(f"{panel.figure}: {panel.line}")
    cells = dict(zip(found[0][0], lines[0], strict=True))
    shown = {name: cells[name].partition(" (")[0] for name in _NAMES if cells.get(name)}
    return [_Bar(name, float(re.sub(r"[^\d.]", "", value)), value) for name, value in shown.items()]


def words(results: str) -> str:
    """Return what the bars say, for who cannot see them."""
    told = []
    for title, bars in panels(results).items():
        values = ", ".join(f"{_NAMES[bar.program]} {bar.shown}" for bar in bars)
        told.append(f"{title}: {values}.")
    return " ".join(told)


def below_head(results: str) -> str:
    """Return what stands in RESULTS.md of the bars: the picture and its words."""
    told = textwrap.fill(words(results), _PAGE_WIDTH, break_on_hyphens=False)
    return f"![{ALT}]({BARS.name})\n\n{told}\n\n{_MORE}\n"


def svg(results: str) -> str:
    """Return the bars of RESULTS.md as a picture."""
    shapes = [text("ink bold", 16, 26, TITLE)]
    tops = [_TOP, _TOP]
    for panel, bars in zip(_PANELS, panels(results).values(), strict=True):
        # Of the two columns that which is shorter.
        column = tops.index(min(tops))
        shapes += _panel(panel, bars, column * _COLUMN + 16, tops[column])
        tops[column] += _HEAD + len(bars) * _BAR + _GAP
    return picture(TITLE, words(results), max(tops), shapes)


def _panel(panel: _Panel, bars: Sequence[_Bar], x: float, y: float) -> Iterator[str]:
    room = _COLUMN - 32 - _LABEL - _NUMBER
    longest = max(bar.length for bar in bars)
    yield text("ink", x, y + 12, panel.title)
    yield text("faint small end", x + _COLUMN - 32, y + 12, panel.better)
    for place, bar in enumerate(bars):
        top, length = y + _HEAD + place * _BAR, bar.length / longest * room
        yield text("faint small end", x + _LABEL - 10, top + 12, _NAMES[bar.program])
        yield rect(_COLOURS[bar.program], x + _LABEL, top + 1, length, _BAR - 6)
        yield text("ink small", x + _LABEL + length + 6, top + 12, bar.shown)


def with_bars(results: str) -> str:
    """Return RESULTS.md with the picture's words as its tables are."""
    head, machine = re.split(r"(?s)\n(?:!\[.*)?(?=\| \| \|)", results, maxsplit=1)
    return f"{head}\n{below_head(results)}\n{machine}"


def main() -> int:
    """Draw the bars of RESULTS.md as it is, and write its words."""
    results = RESULTS.read_text(encoding="utf-8")
    RESULTS.write_text(with_bars(results), encoding="utf-8")
    BARS.write_text(svg(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
