"""Figures as they are printed and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

_HEAD = ("", "ours", "incumbent", "ratio", "expected", "")


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    Attributes:
        what: what was measured.
        ours: of this tap.
        incumbent: of the incumbent; None where it was not measured.
        unit: of both.
        ratio: by how much ours is better, or what the expectation is about; None where there is
            nothing to compare.
        expected: the expectation in words; empty where there is none.
        met: whether it is met.
        digits: decimals shown.
    """

    what: str
    ours: float
    incumbent: float | None
    unit: str = ""
    ratio: float | None = None
    expected: str = ""
    met: bool | None = None
    digits: int = 0

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the line."""
        unit = f" {self.unit}" if self.unit else ""
        shown = [
            "" if number is None else f"{number:,.{self.digits}f}{unit}"
            for number in (self.ours, self.incumbent)
        ]
        ratio = "" if self.ratio is None else f"{self.ratio:,.{1 if self.ratio > 10 else 2}f}"
        verdict = "" if self.met is None else "met" if self.met else "missed"
        return (self.what, *shown, ratio, self.expected, verdict)


def at_least(
    what: str, ours: float, incumbent: float, factor: float, *, more: bool = False, **rest: Any
) -> Measure:
    """Return a line that expects ours to be some times less (or more) than the incumbent's."""
    ratio = ours / incumbent if more else incumbent / ours
    expected = f"{factor:g} times {'more' if more else 'less'}"
    return Measure(
        what, ours, incumbent, ratio=ratio, expected=expected, met=ratio >= factor, **rest
    )


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


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    lines = [measure.cells() for figure in figures for measure in figure.measures]
    widths = [max(len(line[i]) for line in [_HEAD, *lines]) for i in range(len(_HEAD))]
    for figure in figures:
        print(f"\n{figure.title}")
        for cells in [_HEAD, *(measure.cells() for measure in figure.measures)]:
            first, *numbers, expected, verdict = cells
            print(
                f"  {first:<{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:4], strict=True)),
                f"{expected:<{widths[4]}}",
                verdict,
                sep="  ",
            )
        for note in figure.notes:
            print(f"  - {note}")


def save(figures: dict[str, Figure], path: Path) -> None:
    """Write the figures as JSON, beside those of earlier runs that were not measured now."""
    kept: dict[str, Any] = {}
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for name, figure in figures.items():
        kept[name] = {"measured_at": now, **asdict(figure)}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
