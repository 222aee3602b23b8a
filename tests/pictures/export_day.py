"""A day's exports: who holds which place in Marketo's queue, who is processed, what is exported.

Recorded of a run against the sandbox whose leads are so long that a year of them is more than a day
may export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tap_marketo.config import SETTINGS
from tests.harness import BY_PAGES, account, select, tap_in_a_directory
from tests.pictures.svg import WIDTH, line, picture, rect, text

RECORDING = Path(__file__).with_name("export_day.json")
TITLE = "The exports of a first sync, on a day whose bytes do not hold all of them"

_SCALE = 300
_OPTIONS = [
    *("--scale", f"{_SCALE}", "--late-share", "0", "--export-minutes", "3-6"),
    *("--leads", "8000", "--text-bytes", "100000", "--activities", "30000"),
    *("--custom-objects", "3000", "--minutes-per-mb", "0.05"),
]
_STREAMS = ["leads", "activities_visit_webpage", "activities_click_email", "custom_object_car_c"]
# As the sandbox names what is exported, as the picture does, and its colour.
_KINDS = {
    "leads": ("leads", "first"),
    "activities": ("activities", "second"),
    "customobjects/car_c": ("custom objects", "third"),
}
_TIMES = ("queued", "started", "finished")
PLACES = 10
_MEGABYTE = 1_000_000

_LEFT, _RIGHT, _TOP, _ROW = 64, 20, 84, 17
_BYTES_TOP, _BYTES_HEIGHT = _TOP + PLACES * _ROW + 44, 110
_HEIGHT = _BYTES_TOP + _BYTES_HEIGHT + 46


class Export(NamedTuple):
    """One job; times are minutes from the first one's."""

    kind: str
    queued: float
    begun: float
    done: float
    size: int


class Day(NamedTuple):
    """The jobs of a run, and what it was bound by."""

    allowed: int
    held: int
    exports: list[Export]


def make_recording() -> None:
    """Sync until the day's bytes are spent, and keep when each job was where."""
    with tap_in_a_directory() as tap, account(*_OPTIONS) as marketo:
        config = marketo.config(
            start_date="2025-06-15T12:00:00Z",
            poll_interval=60 / _SCALE,
            max_calls_per_20_seconds=50 * _SCALE,
            on_quota="stop",
            **BY_PAGES,
        )
        catalog = select(tap.discover(config), _STREAMS)
        marketo.control("POST", "reset_counters")
        done = tap.run(config, catalog)
        if done.code or "Left to do: " not in done.stderr:
            raise SystemExit(done.stderr[-2000:])
        jobs = sorted(marketo.counters()["jobs"], key=lambda job: job["queued"])
    RECORDING.write_text(json.dumps(_kept(jobs), indent=1) + "\n", encoding="utf-8")


def _kept(jobs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def minutes(job: dict[str, Any], when: str) -> float:
        return round(float(job[when] - jobs[0]["queued"]) / 60, 2)

    settings = {item.name: item.default for item in SETTINGS}
    return {
        "allowed": settings["max_daily_export_mb"] * _MEGABYTE,
        "held": settings["max_queued_exports"],
        "exports": [
            [job["object"], *(minutes(job, when) for when in _TIMES), job["bytes"]] for job in jobs
        ],
    }


def load() -> Day:
    """Read the recording."""
    kept = json.loads(RECORDING.read_text(encoding="utf-8"))
    return Day(kept["allowed"], kept["held"], [Export(*each) for each in kept["exports"]])


def words() -> str:
    """Return what the recording says, for who cannot see it."""
    day = load()
    (*_, before, last) = sorted(day.exports, key=lambda export: export.done)
    sizes = sum(export.size for export in day.exports)
    most = max(map(len, _in_places(day.exports)))
    return (
        f"The sync makes {len(day.exports)} jobs in {last.done:.0f} minutes. It takes up to "
        f"{_together(day.exports)} of Marketo's {PLACES} places, each for one job after the other: "
        f"one place serves {most} jobs. Two jobs are processed at once, from the first minute to "
        f"nearly the last. After {before.done:.0f} minutes {_megabytes(sizes - last.size)} of the "
        f"day's {_megabytes(day.allowed)} are exported. With the last job it is "
        f"{_megabytes(sizes)}, and the sync makes no more jobs on this day."
    )


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.0f} MB"


def _together(exports: Sequence[Export]) -> int:
    """Return how many places are taken at once, at most."""
    return max(sum(x.queued <= each.queued < x.done for x in exports) for each in exports)


def _in_places(exports: Sequence[Export]) -> list[list[Export]]:
    """Give each job the first place that is free when it is queued."""
    places: list[list[Export]] = []
    for export in sorted(exports, key=lambda export: export.queued):
        free = (place for place in places if place[-1].done <= export.queued)
        place = next(free, None)
        if place is None:
            places.append(place := [])
        place.append(export)
    return places


def draw() -> str:
    """Return the picture of the recording."""
    day = load()
    end = max(export.done for export in day.exports)
    scale = (WIDTH - _LEFT - _RIGHT) / (end + 4)
    shapes = [*_legend(), *_hours(scale, end), *_places(day, scale), *_bytes(day, scale, end)]
    return picture(TITLE, words(), _HEIGHT, shapes, _CSS)


_CSS = ".waits{fill-opacity:.28}.area{fill-opacity:.25}.halo{paint-order:stroke;stroke-width:8px}"


def _legend() -> Iterator[str]:
    yield text("ink bold", 16, 24, TITLE)
    x = 16.0
    for name, colour in _KINDS.values():
        yield rect(colour, x, 38, 12, 12)
        yield text("ink small", x + 17, 48, name)
        x += 34 + 7 * len(name)
    yield rect("ink waits", x + 24, 38, 24, 12)
    yield text("ink small", x + 53, 48, "waits in the queue")
    yield rect("ink", x + 182, 38, 24, 12)
    yield text("ink small", x + 211, 48, "is processed by one of Marketo's two workers")


def _hours(scale: float, end: float) -> Iterator[str]:
    bottom = _BYTES_TOP + _BYTES_HEIGHT
    for minute in range(0, int(end) + 1, 10):
        x = _LEFT + minute * scale
        yield line("edge", [(x, _TOP - 4), (x, bottom)])
        yield text("faint small middle", x, bottom + 18, f"{minute} min" if minute else "0")


def _places(day: Day, scale: float) -> Iterator[str]:
    yield text("faint small", 16, _TOP - 10, "Marketo's queue has ten places")
    for number in range(1, PLACES + 1):
        yield text("faint small end", _LEFT - 8, _TOP + number * _ROW - 4, f"{number}")
    for number, place in enumerate(_in_places(day.exports)):
        y = float(_TOP + number * _ROW + 2)
        for export in place:
            colour = _KINDS[export.kind][1]
            queued, begun, done = (
                _LEFT + minute * scale for minute in (export.queued, export.begun, export.done)
            )
            yield rect(f"{colour} waits", queued, y, begun - queued, _ROW - 4)
            yield rect(colour, begun, y, done - begun - 1, _ROW - 4)
    middle = _TOP + (day.held + (PLACES - day.held) / 2) * _ROW + 4
    left = f"left to others: the tap holds {day.held} at most (max_queued_exports)"
    yield text("faint small middle line-page halo", (WIDTH + _LEFT) / 2, middle, left)


def _bytes(day: Day, scale: float, end: float) -> Iterator[str]:
    bottom, right = float(_BYTES_TOP + _BYTES_HEIGHT), WIDTH - _RIGHT
    height = _BYTES_HEIGHT / (day.allowed * 1.1)
    limit = bottom - day.allowed * height
    steps, size = [(float(_LEFT), bottom)], 0
    for export in sorted(day.exports, key=lambda export: export.done):
        x, before = _LEFT + export.done * scale, steps[-1][1]
        size += export.size
        steps += [(x, before), (x, bottom - size * height)]
    area = " ".join(f"{x:.5g},{y:.5g}" for x, y in [*steps, (steps[-1][0], bottom)])
    yield f'<polygon class="grey area" points="{area}"/>'
    yield line("ink", steps, 'stroke-width="1.5"')
    yield line(
        "second", [(_LEFT, limit), (right, limit)], 'stroke-dasharray="6 4" stroke-width="1.5"'
    )
    yield text("ink small", _LEFT + 6, limit + 15, f"the day's {_megabytes(day.allowed)}")
    yield text("faint small", 16, _BYTES_TOP - 4, "bytes of the files that are done, all together")
    yield text("faint small end", _LEFT - 8, bottom, "0")
    yield line("faint", [(_LEFT, bottom), (right, bottom)])
    yield text(
        "faint small end", right, bottom + 36, "minutes of Marketo's time since the first job"
    )
