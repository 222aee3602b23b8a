"""Figures as they are printed and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

PROGRAMS = ("ours", "incumbent", "airbyte", "floor")
"""The columns of a table, in this order; those without a value are left out."""


@dataclass(frozen=True)
class Sample:
    """What several runs gave: shown as their median, with the least and the most."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    def over(self, other: Sample) -> Sample:
        """Return the quotients of the runs that were made one after the other."""
        return Sample(tuple(a / b for a, b in zip(self.values, other.values, strict=False)))


def sample(values: Iterable[float]) -> Sample:
    """Return what several runs gave."""
    return Sample(tuple(values))


Value = float | Sample


def middle(value: Value) -> float:
    """Return a value, or the median of several."""
    return value.median if isinstance(value, Sample) else value


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    Attributes:
        what: what was measured.
        values: of each program that was measured, by its name in :data:`PROGRAMS`.
        unit: of all values.
        digits: decimals shown.
        ratio: by how much ours is better, or what the expectation is about; None where there is
            nothing to compare.
        expected: the expectation in words; empty where there is none.
        met: whether it is met.
    """

    what: str
    values: Mapping[str, Value]
    unit: str = ""
    digits: int = 0
    ratio: Value | None = None
    expected: str = ""
    met: bool | None = None

    def cells(self, programs: Sequence[str]) -> list[str]:
        """Return the cells of the line."""
        shown = [_shown(self.values.get(name), self.digits, self.unit) for name in programs]
        ratio = _shown(self.ratio, 2 if self.ratio is None or middle(self.ratio) < 10 else 1)
        verdict = "" if self.met is None else "met" if self.met else "**missed**"
        return [self.what, *shown, ratio, self.expected, verdict]


def pair(
    what: str, ours: Value, incumbent: Value, unit: str = "", digits: int = 0, **rest: Any
) -> Measure:
    """Return a line with a value of ours and one of the incumbent."""
    return Measure(what, {"ours": ours, "incumbent": incumbent}, unit, digits, **rest)


def at_most(
    what: str, value: Value, limit: float, unit: str = "", digits: int = 2, **others: Value
) -> Measure:
    """Return a line that expects a value of ours to be at most so much."""
    expected = f"at most {limit:g}{unit and ' ' + unit} by ours"
    met = middle(value) <= limit
    return Measure(what, {"ours": value, **others}, unit, digits, expected=expected, met=met)


def times_less(what: str, ours: float, incumbent: float, factor: float, **rest: Any) -> Measure:
    """Return a line that expects ours to be some times less than the incumbent's."""
    ratio = incumbent / ours
    expected = f"{factor:g} times less"
    return pair(what, ours, incumbent, ratio=ratio, expected=expected, met=ratio >= factor, **rest)


def _shown(value: Value | None, digits: int, unit: str = "") -> str:
    if value is None:
        return ""
    text = f"{middle(value):,.{digits}f}" + (f" {unit}" if unit else "")
    if isinstance(value, Sample) and len(value.values) > 1:
        text += f" ({min(value.values):,.{digits}f} to {max(value.values):,.{digits}f})"
    return text


@dataclass
class Figure:
    """What one module measured.

    Attributes:
        title: one line.
        measures: the lines of the table.
        notes: what has to be known to read them.
        raw: every number they come from.
    """

    title: str
    measures: list[Measure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def table(self) -> str:
        """Return the figure as Markdown that can be read as it is."""
        programs = [name for name in PROGRAMS if any(name in each.values for each in self.measures)]
        lines = [["", *programs, "ratio", "expected", ""]]
        lines += [measure.cells(programs) for measure in self.measures]
        used = [i for i in range(len(lines[0])) if i == 0 or any(line[i] for line in lines[1:])]
        widths = {i: max(3, *(len(line[i]) for line in lines)) for i in used}
        numbers = range(1, len(programs) + 2)

        def row(cells: Callable[[int], str]) -> str:
            return "| " + " | ".join(cells(i) for i in used) + " |"

        def rule(i: int) -> str:
            return "-" * (widths[i] - 1) + ":" if i in numbers else "-" * widths[i]

        def padded(line: list[str]) -> str:
            return row(
                lambda i: line[i].rjust(widths[i]) if i in numbers else line[i].ljust(widths[i])
            )

        table = [padded(lines[0]), row(rule), *(padded(line) for line in lines[1:])]
        notes = ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join([f"## {self.title}", "", *table, *notes]) + "\n"


def save(figures: Mapping[str, Figure], path: Path) -> None:
    """Write the figures as JSON, beside those of earlier runs that were not measured now."""
    kept: dict[str, Any] = {}
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for name, figure in figures.items():
        kept[name] = {"measured_at": now, **asdict(figure)}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
