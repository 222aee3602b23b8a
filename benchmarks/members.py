"""Program members of 2,000 programs: the first sync, and a day on which 15 programs changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.costs import Cost, calls_by_kind, measure_sync
from benchmarks.environments import Tool, Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.end_to_end import expected
from tests.harness import Account, Target, account, select

STREAM = expected.MEMBERS
# Marketo's clock runs slower where calls are the time that counts, as those of this machine are in
# it too; where jobs are, nothing else is worth the wait.
SCALE, SCALE_OF_EXPORTS = 10, 240
PROGRAMS, MEMBERS, CHANGED = 2_000, 64_000, 15
# Of leads and activities; of members all are read.
START_DATE = "2026-01-15T12:00:00Z"
OPTIONS = ["--leads", "25000", "--activities", "60000", "--late-share", "0"]
OPTIONS += ["--programs", str(PROGRAMS), "--program-members", str(MEMBERS)]
MOST_MINUTES, MOST_SECONDS = 30, 60
# The day in which 300 members changed and 45 joined.
_CHANGES, _NEW = 300, 45
LEFT = "Not in Program"
_OBJECT, _PAGES = "program/members", "members_of_program"


@dataclass(frozen=True)
class _Way:
    """What one way took.

    Attributes:
        scale: how much faster than ours Marketo's clock ran.
        first: the first sync, beside leads and activities.
        others: seconds until the last job of those was done.
        own: seconds until the last call for members was made, or their last job was done.
        day: the sync of the day, of members alone.
        members: how many there were.
        filled: in how many programs.
    """

    scale: float
    first: Cost
    others: float
    own: float
    day: Cost
    members: int
    filled: int


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync all members, then those of a day, by pages and by exports."""
    pages = _way(tools.ours, "auto", settings.scale or SCALE)
    exports = _way(tools.ours, "exports", settings.scale or SCALE_OF_EXPORTS)
    figure = Figure(
        f"Program members: {pages.members:,} in {pages.filled:,} of {PROGRAMS:,} programs beside "
        f"leads and activities of five months, then a day on which {CHANGED} programs changed"
    )

    first, other = pages.first, exports.first
    day, other_day = pages.day, exports.day
    figure.measures = [
        at_most("first sync", first.seconds / 60, MOST_MINUTES, "min", 1),
        *_costs(first),
        *_parts(pages),
        Measure("first sync by exports", {"ours": other.seconds / 60}, "min", 1),
        *_costs(other),
        *_parts(exports),
        at_most("daily sync", day.seconds, MOST_SECONDS, "s", 0),
        at_most("  export jobs", day.job_count, 0, digits=0),
        *_costs(day)[1:],
        Measure("daily sync by exports", {"ours": other_day.seconds}, "s", 0),
        *_costs(other_day),
    ]
    figure.notes = [
        f"Times are Marketo's. Its clock runs {pages.scale:g} times as fast as ours by pages, and "
        f"{exports.scale:g} times by exports: the CPU time of the tap and of the sandbox is in it "
        "so many times as well.",
        "Every cell of every member is as Marketo has it, both ways.",
        f"Calls of the first sync: {calls_by_kind(first.kinds)}.",
        f"Calls of the day: {calls_by_kind(day.kinds)}.",
        f"Calls of the first sync by exports: {calls_by_kind(other.kinds)}.",
        f"Calls of the day by exports: {calls_by_kind(other_day.kinds)}.",
    ]
    figure.raw = {"pages": asdict(pages), "exports": asdict(exports)}
    return figure


def _way(tool: Tool, increments: str, scale: float) -> _Way:
    with (
        account("--scale", str(scale), *OPTIONS) as marketo,
        measured_tap(tool, marketo, scale) as tap,
    ):
        config = {**tap.settings(START_DATE), "increments": increments}
        everything = tap.catalog(config)
        only = select(everything, [STREAM])
        everything["streams"] = [
            next(own for own in only["streams"] if own["tap_stream_id"] == STREAM)
            if each["tap_stream_id"] == STREAM
            else each
            for each in everything["streams"]
        ]
        target = Target()
        members = marketo.truth(STREAM)
        print(f"First sync of {len(members):,} members ({increments}) ...", flush=True)
        first = measure_sync(tap, marketo, config, everything, target)
        others, own = _ends(marketo)
        _check(marketo, only, target)
        # What lies before the first sync is read again a day after it; then a usual day begins.
        marketo.advance(days=1)
        measure_sync(tap, marketo, config, only, target)
        marketo.advance(hours=12)
        filled = sorted({row["programId"] for row in members})
        changed = filled[:: len(filled) // CHANGED][:CHANGED]
        marketo.change(program_members_changed=_CHANGES, new_program_members=_NEW, programs=changed)
        marketo.advance(hours=12)
        print(f"  and of a day on which {CHANGED} programs changed ...", flush=True)
        day = measure_sync(tap, marketo, config, only, target)
        _check(marketo, only, target)
    return _Way(scale, first, others, own, day, len(members), len(filled))


def _ends(marketo: Account) -> tuple[float, float]:
    """Return the seconds from the first call to the end of what is no members, and of members."""
    log, jobs = marketo.control("GET", "log")["log"], marketo.counters()["jobs"]
    begun, pages = log[0]["at"], [each["at"] for each in log if each["call"] == _PAGES]
    own = [job["finished"] for job in jobs if job["object"] == _OBJECT]
    others = [job["finished"] for job in jobs if job["object"] != _OBJECT]
    return max(others) - begun, max([*pages, *own]) - begun


def _parts(way: _Way) -> list[Measure]:
    return [
        Measure("  members read after", {"ours": way.own / 60}, "min", 1),
        Measure("  leads and activities exported after", {"ours": way.others / 60}, "min", 1),
    ]


def _costs(sync: Cost) -> list[Measure]:
    return [
        Measure("  export jobs", {"ours": sync.job_count}),
        Measure("  API calls", {"ours": sync.calls}),
        Measure("  bytes exported", {"ours": sync.bytes / 1000}, "kB"),
        Measure("  peak memory", {"ours": sync.peak_bytes / 1_000_000}, "MB", 1),
    ]


def _check(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    """Stop if the target does not hold each member as it is, in every cell, and who left as such.

    Raises:
        MeasurementError: it does not.
    """
    truth, held = expected.members(marketo, catalog), expected.table(target, STREAM)
    wrong = sum(held.get(key) != row for key, row in truth.items())
    wrong += sum(held[key]["statusName"] != LEFT for key in held.keys() - truth.keys())
    if wrong:
        raise MeasurementError(f"{wrong:,} members are not as they are in Marketo")
