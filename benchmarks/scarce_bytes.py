"""A first sync whose files cost five days of the allowance: who gets on, day by day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from benchmarks.costs import measure_sync
from benchmarks.environments import Tools
from benchmarks.everything import check_rows
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasuredTap, MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.harness import NOW, Target, account, select
from tests.sandbox.clock import DAY, bulk_time, parse_time

SCALE = 300
START_DATE = "2025-06-15T12:00:00Z"
OPTIONS = ["--leads", "20000", "--activities", "125000", "--late-share", "0"]
OPTIONS += ["--program-members", "50000", "--custom-objects", "60000"]
DEMANDED = 5
"""Days that the bytes demand."""
# What lies before a bookmark is read again every day, and the last export of a day may not fit.
MOST_DAYS = DEMANDED + 1
# Two of the longest jobs.
MOST_APART = round(2 * 31 / 365, 2)
_MEGABYTE = 1_000_000
_HANGS = 12
_LEFT = re.compile(r"Left to do: (.*)\. The next run can continue at")


@dataclass(frozen=True)
class _Day:
    """One day.

    Attributes:
        bytes: exported.
        jobs: made.
        reached: how far each family has come after it, 0 to 1.
        left: what the last line says is left to do.
    """

    bytes: int
    jobs: int
    reached: Mapping[str, float]
    left: str


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync once without a limit, to see what it costs, and then day by day with a fifth of that."""
    scale = settings.scale or SCALE
    needed = _needed(tools, scale)
    limit = needed / DEMANDED
    days = _days(tools, scale, limit)
    figure = Figure(
        f"First sync of a year of {needed / _MEGABYTE:,.0f} MB, at {limit / _MEGABYTE:,.0f} MB a "
        f"day (clock {scale:g} x)"
    )
    apart = [max(day.reached.values()) - min(day.reached.values()) for day in days]
    stood_still = sum(
        then[name] < 1 and now[name] <= then[name]
        for then, now in _before_and_after(days)
        for name in now
    )
    unnamed = sum(
        share < 1 and name not in day.left for day in days for name, share in day.reached.items()
    )
    exported = sum(day.bytes for day in days)
    figure.measures = [
        at_most("days", len(days), MOST_DAYS, digits=0),
        Measure("bytes exported, of those needed", {"ours": exported / needed}, digits=3),
        Measure("export jobs", {"ours": sum(day.jobs for day in days)}),
        at_most("days on which a family did not get on", stood_still, 0, digits=0),
        at_most("furthest apart after a day, of the whole", max(apart), MOST_APART),
        at_most("families left to do that the last line does not name", unnamed, 0, digits=0),
    ]
    for number, day in enumerate(days, 1):
        reached = ", ".join(f"{name} {share:.0%}" for name, share in sorted(day.reached.items()))
        left = f" Left to do: {day.left}." if day.left else ""
        figure.notes.append(
            f"Day {number}: {day.jobs} jobs, {day.bytes / _MEGABYTE:.1f} MB; {reached}.{left}"
        )
    figure.raw = {"scale": scale, "needed": needed, "days": [asdict(day) for day in days]}
    return figure


def _before_and_after(
    days: Sequence[_Day],
) -> list[tuple[Mapping[str, float], Mapping[str, float]]]:
    nothing: Mapping[str, float] = dict.fromkeys(days[0].reached, 0.0)
    return list(
        zip([nothing, *(day.reached for day in days)], [d.reached for d in days], strict=False)
    )


def _needed(tools: Tools, scale: float) -> int:
    with (
        account("--scale", str(scale), *OPTIONS) as marketo,
        measured_tap(tools.ours, marketo, scale) as tap,
    ):
        config = tap.settings(START_DATE)
        print("First sync without a limit ...", flush=True)
        return measure_sync(tap, marketo, config, _catalog(tap, config)).bytes


def _catalog(tap: MeasuredTap, config: Any) -> dict[str, Any]:
    catalog = tap.discover(config)
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    exported = [name for name in names if _family(name)]
    return select(catalog, exported)


def _family(stream: str) -> str | None:
    """Return the family of a stream that is exported, None if it is not."""
    if stream in ("custom_object_types", "activities_delete_lead"):
        return None
    if stream.startswith("activities_"):
        return "activities"
    is_own = stream in ("leads", "program_members") or stream.startswith("custom_object_")
    return stream if is_own else None


def _days(tools: Tools, scale: float, limit: float) -> list[_Day]:
    start = parse_time(NOW)
    assert start is not None
    with (
        account("--scale", str(scale), *OPTIONS) as marketo,
        measured_tap(tools.ours, marketo, scale) as tap,
    ):
        more = {"max_daily_export_mb": limit / _MEGABYTE, "on_quota": "stop"}
        config = tap.settings(START_DATE, **more)
        catalog = _catalog(tap, config)
        programs = sorted({row["id"] for row in marketo.truth("programs")})
        target = Target()
        days: list[_Day] = []
        while not days or days[-1].left:
            if len(days) == _HANGS:
                raise MeasurementError(f"after {_HANGS} days there is left to do: {days[-1].left}")
            if days:
                at = bulk_time(start + len(days) * DAY)
                marketo.control("POST", "clock", {"set": at})
            print(f"Day {len(days) + 1} ...", flush=True)
            cost = measure_sync(tap, marketo, config, catalog, target)
            said = _LEFT.search((tap.directory / "log.txt").read_text(encoding="utf-8"))
            reached = _reached(target, programs, len(days) * DAY + start)
            left = said.group(1) if said else ""
            days.append(_Day(cost.bytes, cost.job_count, reached, left))
        check_rows(marketo, target)
        return days


def _reached(target: Target, programs: Sequence[int], now: float) -> dict[str, float]:
    """Return how far each family has come: in its time, or of the programs."""
    begin = parse_time(START_DATE)
    assert begin is not None
    bookmarks: Mapping[str, Any] = (target.state or {}).get("bookmarks", {})
    reached: dict[str, float] = {}
    for stream in target.schemas:
        family = _family(stream)
        if family is None:
            continue
        mark = bookmarks.get(stream, {})
        if family == "program_members":
            parent = mark.get("parent")
            done = (
                sum(number <= int(parent.rpartition("/")[2]) for number in programs)
                if parent
                else 0
            )
            share = 1.0 if "updatedAt" in mark else done / len(programs)
        else:
            time = mark.get("updatedAt") or mark.get("activityDate")
            at = datetime.fromisoformat(time).timestamp() if time else begin
            share = min((at - begin) / (now - begin), 1.0)
        reached[family] = min(reached.get(family, 1.0), share)
    return reached
