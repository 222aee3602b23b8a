"""What is new between the daily exports: an hour, and a day with a sync every five minutes.

For this tap Marketo's clock stands and moves by what a call takes, so that a time is the same on
any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.environments import Tool, Tools
from benchmarks.report import Figure, Measure, at_most, pair
from benchmarks.runs import MeasuredTap, MeasurementError, measured_tap
from benchmarks.settings import Settings
from benchmarks.standing import TIMES, SyncRun, now_of, standing_tap, sync
from tests.harness import NOW, Account, Target, account
from tests.sandbox.clock import bulk_time, parse_time

START_DATE = "2026-06-01T12:00:00Z"
OPTIONS = ["--activity-types", "31", "--late-share", "0", "--export-minutes", "2-5"]
SEVERAL_WEEKS = ["--leads", "2000", "--activities", "20000", "--history-days", "60"]
# As much as comes then.
TWO_DAYS = ["--leads", "10000", "--activities", "40000", "--history-days", "2"]
# The incumbent knows no clock that stands: its waits, and the clock itself, are so much faster.
INCUMBENTS_SCALE = 600
# This tap waits so much shorter than Marketo's clock goes on.
SCALE = 20
# Of leads and activities all is selected beside these.
STREAMS = ("campaigns", "lists", "programs", "activity_types")
# A row of the others without a date ends the incumbent's sync, which compares None with a date.
INCUMBENTS_STREAMS = ("activity_types",)

HOUR, MINUTES = 3600, 300
DAY = 86_400
ACTIVITIES, LEADS = 600, 200
MOST_SECONDS, MOST_CALLS = 45, 40
DAYS_ACTIVITIES, DAYS_LEADS = 20_000, 5_000
MOST_AGE, MOST_DAYS_CALLS, MOST_BYTES = 6.0, 10_000, 2.2


@dataclass
class _Day:
    runs: list[SyncRun] = field(default_factory=list)
    oldest: float = 0.0
    """Seconds between the date of a row that did not show late and the end of the run with it."""
    late: int = 0
    late_delay: float = 0.0
    bytes_for_each: float = 0.0


def measure(tools: Tools, settings: Settings) -> Figure:
    """Let an hour pass for both taps, and a day of close syncs for ours."""
    ours, theirs = (_hour(tool) for tool in tools.both)
    day = _close_schedule(tools.ours)
    figure = Figure(
        f"What is new: an hour of {ACTIVITIES} activities of 30 types and {LEADS} changed leads; "
        f"a day of {DAYS_ACTIVITIES:,} activities and {DAYS_LEADS:,} changed leads, synced every "
        "five minutes"
    )
    slowest = max(run.seconds for run in day.runs)
    figure.measures = [
        at_most("hour: time of the sync", ours.seconds, MOST_SECONDS, "s", 0,
                incumbent=theirs.seconds),
        at_most("  API calls", ours.calls, MOST_CALLS, digits=0, incumbent=theirs.calls),
        at_most("  export jobs", ours.jobs, 0, digits=0, incumbent=theirs.jobs),
        pair("  bytes exported", ours.bytes / 1000, theirs.bytes / 1000, "kB"),
        at_most("every five minutes: slowest sync", slowest, MINUTES, "s", 0),
        at_most("  oldest row when it came", day.oldest / 60, MOST_AGE, "min", 1),
        at_most("  API calls a day", sum(run.calls for run in day.runs), MOST_DAYS_CALLS, digits=0),
        Measure("  export jobs a day", {"ours": sum(run.jobs for run in day.runs)}),
        at_most("  bytes exported for each new byte", day.bytes_for_each, MOST_BYTES),
        Measure("  activities that showed late", {"ours": day.late}),
        at_most("  hours until the last of them came", day.late_delay / HOUR, 24, digits=1),
    ]  # fmt: skip
    figure.notes = [
        f"{TIMES} The incumbent's clock runs {INCUMBENTS_SCALE} times as fast as usual. "
        "It cannot keep a schedule "
        "of five minutes: it waits five minutes for each job of each type. It syncs no campaigns, "
        "lists and programs: one without a date ends its sync.",
        "The oldest row is the greatest time between a row's date and the end of the run that "
        "brought it, of rows that did not show late.",
    ]
    figure.raw = {"ours": asdict(ours), "incumbent": asdict(theirs), "day": asdict(day)}
    return figure


@contextmanager
def _tap(tool: Tool, history: Sequence[str]) -> Iterator[tuple[MeasuredTap, Account]]:
    if tool.name != "incumbent":
        with standing_tap(tool, [*OPTIONS, *history], SCALE) as both:
            yield both
        return
    clock = ["--scale", str(INCUMBENTS_SCALE)]
    with (
        account(*clock, *OPTIONS, *history) as marketo,
        measured_tap(tool, marketo, INCUMBENTS_SCALE) as tap,
    ):
        yield tap, marketo


def _catalog(tool: Tool, tap: MeasuredTap, config: Any) -> dict[str, Any]:
    streams = INCUMBENTS_STREAMS if tool.name == "incumbent" else STREAMS
    catalog = tap.catalog(config)
    for stream in catalog["streams"]:
        name = stream["tap_stream_id"]
        for item in stream["metadata"]:
            if not item["breadcrumb"] and name in streams:
                item["metadata"]["selected"] = True
            if item["metadata"].get("marketo.extra-column") in (
                "actionResult",
                "unknown_attributes",
            ):
                item["metadata"]["selected"] = False
    return catalog


def _hour(tool: Tool) -> SyncRun:
    with _tap(tool, SEVERAL_WEEKS) as (tap, marketo):
        config = tap.settings(START_DATE)
        catalog = _catalog(tool, tap, config)
        target = Target()
        print(f"An hour with {tool.name}: the first sync ...", flush=True)
        sync(tap, marketo, config, catalog, target)
        begun = now_of(marketo)
        for part in range(10):
            at = bulk_time(begun + HOUR * (part + 0.5) / 10)
            marketo.change(new_activities=ACTIVITIES // 10, updated_leads=LEADS // 10, at=at)
        marketo.control("POST", "clock", {"set": bulk_time(begun + HOUR)})
        print("  and that of the hour ...", flush=True)
        return sync(tap, marketo, config, catalog, target)


def _close_schedule(tool: Tool) -> _Day:
    with _tap(tool, TWO_DAYS) as (tap, marketo):
        config = tap.settings(START_DATE)
        catalog = _catalog(tool, tap, config)
        target = Target()
        print("Every five minutes: the first sync ...", flush=True)
        first = sync(tap, marketo, config, catalog, target)
        start = parse_time(NOW)
        assert start is not None
        day, begun = _Day(), start + HOUR
        came: dict[Any, float] = {}
        late: dict[str, float] = {}
        new: set[str] = set()
        # After the day hourly, until the next daily export is near; then as before, until the last
        # that showed late has come.
        ends = [begun + MINUTES * (number + 1) for number in range(DAY // MINUTES)]
        ends += [begun + DAY + HOUR * (number + 1) for number in range(20)]
        ends += [ends[-1] + MINUTES * (number + 1) for number in range(4 * HOUR // MINUTES)]
        marketo.control("POST", "clock", {"set": bulk_time(begun)})
        for number, end in enumerate(ends):
            if end <= begun + DAY:
                _let_happen(marketo, end - MINUTES, number, new, late)
            marketo.control("POST", "clock", {"set": bulk_time(max(end, now_of(marketo)))})
            before = {name: len(table) for name, table in target.tables.items()}
            run = sync(tap, marketo, config, catalog, target)
            if end <= begun + DAY:
                day.runs.append(run)
            for name, table in target.tables.items():
                for key in list(table)[before.get(name, 0) :]:
                    came.setdefault(key[0], now_of(marketo))
            if number % 24 == 0:
                print(f"  {number} of {len(ends)}", flush=True)
        dates = {row["marketoGUID"]: row["activityDate"] for row in marketo.truth("activities")}
    missing = [guid for guid in (*new, *late) if guid not in came]
    if missing:
        raise MeasurementError(f"{len(missing):,} activities are missing")
    day.oldest = max(came[guid] - (parse_time(dates[guid]) or 0) for guid in new)
    day.late = len(late)
    day.late_delay = max(came[guid] - shown for guid, shown in late.items())
    exported = sum(run.bytes for run in day.runs)
    new_rows = len(new) + len(late) + DAYS_LEADS
    day.bytes_for_each = exported / (new_rows * first.bytes / first.rows)
    return day


def _let_happen(
    marketo: Account, begins: float, number: int, new: set[str], late: dict[str, float]
) -> None:
    """Let five minutes' rows be written, a few of them with a date of up to a day ago."""
    for part in range(5):
        at = begins + MINUTES * (part + 0.5) / 5
        count = DAYS_ACTIVITIES // (24 * HOUR // MINUTES) // 5
        done = marketo.change(
            new_activities=count,
            updated_leads=DAYS_LEADS // (24 * HOUR // MINUTES) // 5,
            late_activities=2 if part == number % 5 else 0,
            at=bulk_time(at),
        )
        new.update(done["new_activities"])
        late.update(dict.fromkeys(done.get("late_activities", ()), at))
