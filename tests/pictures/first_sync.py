"""A first sync as a terminal shows it, recorded from the demo and drawn as a series of screens."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.demo import SCALE
from tests.harness import ROOT
from tests.pictures.svg import WIDTH, picture, rect, text
from tests.pictures.terminal import COLUMNS, ROWS, Output, load, record, save, screens

RECORDING = Path(__file__).with_name("first_sync.cast")
TITLE = "A first sync at a terminal"

# What is shown of the demo: from the line before the first command to that after the first sync.
_FIRST, _LAST = "A sandbox Marketo runs", "The first sync of a year took"
_BLOCKS = "▏▎▍▌▋▊▉█"
_LIVE = re.compile(rf"[ {_BLOCKS}]{{10}} ([\d,]+) of ([\d,]+) exports")

# A screen stands for so many seconds, the last one for longer.
_STEP, _END = 1.0, 4.0
_ROW, _COLUMN, _FONT = 17, 8.2, 13.5
_LEFT, _TOP = (WIDTH - COLUMNS * _COLUMN) / 2, 52
_HEIGHT = _TOP + ROWS * _ROW + 14


class Shown(NamedTuple):
    """A screen and the seconds for which the picture shows it."""

    rows: list[str]
    seconds: float


def make_recording() -> None:
    """Run the demo at a terminal and keep what it shows of the first sync."""
    command = [sys.executable, "-m", "tests.demo"]
    save(list(_of_interest(record(command, ROOT))), RECORDING)


def _of_interest(outputs: Sequence[Output]) -> Iterator[Output]:
    began: float | None = None
    for second, said in outputs:
        begin = said.find(_FIRST) if began is None else 0
        if begin < 0:
            continue
        began = second if began is None else began
        last = said.find(_LAST)
        end = said.index("\n", last) + 1 if last >= 0 else None
        yield Output(round(second - began, 3), said[begin:end])
        if end is not None:
            return


def shown(outputs: Sequence[Output]) -> list[Shown]:
    """Choose the screens that the picture shows: one a second, and the last one."""
    times = list(screens(outputs))
    chosen = [times[0]]
    for this, following in pairwise(times):
        # That which stands when a second is over, and no line of the display half written.
        if following[0] >= chosen[-1][0] + _STEP and this[1] != chosen[-1][1]:
            chosen.append((following[0], this[1]))
    chosen.append(times[-1])
    return [Shown(rows, _STEP) for _, rows in chosen[:-1]] + [Shown(chosen[-1][1], _END)]


def still(series: Sequence[Shown]) -> int:
    """Return which screen says most where nothing moves: that with half of the exports read."""
    reached = [live.groups() if (live := _LIVE.search("\n".join(s.rows))) else None for s in series]
    shares = [int(r[0].replace(",", "")) / int(r[1].replace(",", "")) if r else 2 for r in reached]
    return min(range(len(shares)), key=lambda place: abs(shares[place] - 0.5))


def words() -> str:
    """Return what the recording says, for who cannot see it."""
    outputs = load(RECORDING)
    series = shown(outputs)
    live = next(row for row in series[still(series)].rows if _LIVE.match(row))
    seconds = re.search(r"done in ([\d.]+) s", "".join(output.text for output in outputs))
    took = re.search(rf"{_LAST} (.*?)\.(?: |$)", " ".join(series[-1].rows).strip())
    assert seconds
    assert took
    return (
        "At a terminal one line shows how far a sync is. It has a bar, and says, for instance: "
        f"“{live[11:]}”. Lines of the log stand above it. Here a sync of a year took {seconds[1]} "
        f"seconds, as the sandbox's clock runs {SCALE} times as fast, {took[1]}."
    )


def draw() -> str:
    """Return the picture of the recording."""
    outputs = load(RECORDING)
    series = shown(outputs)
    strip = [
        f'<g transform="translate(0 {place * _HEIGHT})">{"".join(_rows(each.rows))}</g>'
        for place, each in enumerate(series)
    ]
    stands = still(series) * _HEIGHT
    lights = [
        f'<circle class="{kind}" cx="{20 + 18 * place}" cy="17" r="5.5"/>'
        for place, kind in enumerate(("red", "yellow", "green"))
    ]
    shapes = [
        rect("screen", 1, 1, WIDTH - 2, _HEIGHT - 2, 'rx="6"'),
        *lights,
        text("caption middle", WIDTH / 2, 22, "make demo"),
        f'<svg y="0" width="{WIDTH}" height="{_HEIGHT}" viewBox="0 0 {WIDTH} {_HEIGHT}">',
        f'<g class="strip" transform="translate(0 -{stands})">',
        *strip,
        "</g></svg>",
    ]
    return picture(TITLE, words(), _HEIGHT, shapes, _css(series))


def _css(series: Sequence[Shown]) -> str:
    """Return the style: who wants no movement, or has no CSS, sees one screen."""
    whole, since, steps = sum(each.seconds for each in series), 0.0, ""
    for place, each in enumerate(series):
        steps += f"{since / whole:.2%}{{transform:translateY(-{place * _HEIGHT}px)}}"
        since += each.seconds
    font = f"font:{_FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
    return (
        f".strip text{{{font};white-space:pre}}"
        ".said{fill:#d4d9df}.strip .command{fill:#fff;font-weight:600}.bar{fill:#58a6ff}"
        ".screen{fill:#0d1117}.caption{fill:#9da7b3}"
        ".red{fill:#ff5f57}.yellow{fill:#febc2e}.green{fill:#28c840}"
        f"@keyframes roll{{{steps}}}"
        "@media(prefers-reduced-motion:no-preference)"
        f"{{.strip{{animation:roll {whole:g}s step-end infinite}}}}"
    )


def _rows(rows: Sequence[str]) -> Iterator[str]:
    for number, row in enumerate(rows):
        kind, y = "command" if row.startswith("$") else "said", _TOP + number * _ROW
        for run in re.finditer(rf"[{_BLOCKS}]+|[^{_BLOCKS}]+", row):
            bare = run[0].lstrip()
            x = _LEFT + (run.end() - len(bare)) * _COLUMN
            if not bare:
                continue
            if bare[0] in _BLOCKS:
                eighths = sum(_BLOCKS.index(block) + 1 for block in bare)
                yield rect("bar", x, y - 12, eighths / 8 * _COLUMN, 14)
            else:
                # Whatever the font, a character is as wide as a column.
                width = f'textLength="{len(bare) * _COLUMN:.5g}"'
                yield text(kind, x, y, bare, f'{width} lengthAdjust="spacingAndGlyphs"')
