"""An hourly schedule of all that is exported: what pages bring, and by exports alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.environments import Tool, Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasuredTap, MeasurementError
from benchmarks.settings import Settings
from benchmarks.standing import TIMES, SyncRun, now_of, standing_tap, sync
from tests.end_to_end import people
from tests.end_to_end.checks import without_exported_columns
from tests.harness import NOW, Account, Target, select
from tests.sandbox.activity_types import DELETE_LEAD
from tests.sandbox.clock import bulk_time, parse_time

HOURS, HOUR = 72, 3600
# Until the last that showed late has come; nothing happens meanwhile.
HOURS_AFTER = 25
# The day before the first sync is as each day after it.
HOURS_BEFORE = 24
START_DATE = "2026-06-14T12:00:00Z"
# How much shorter this tap's waits are than Marketo's: about as much as its calls are.
SCALE = 200
# So many rows that the same one seldom changes twice in two days, which would need one export.
OPTIONS = ["--leads", "10000", "--custom-objects", "5000", "--activities", "2000"]
OPTIONS += ["--history-days", "60", "--late-share", "0", "--merged-leads", "0"]
OPTIONS += ["--programs", "25", "--program-members", "2000", "--lists", "12"]
OPTIONS += ["--export-minutes", "2-5"]
# An hour has so many parts, and each part these changes.
PARTS = 12
CHANGES = {
    "new_activities": 10,
    "updated_leads": 2,
    "custom_objects_changed": 1,
    "program_members_changed": 1,
    "list_members_added": 1,
}
LATE_ACTIVITIES = 4
MOST_BYTES, MOST_HOURS = 2.2, 24
MEMBERS_OBJECT, OBJECTS = "program/members", "customobjects/"


@dataclass(frozen=True)
class _Late:
    """A row that shows up to a day after its date."""

    streams: tuple[str, ...]
    """Those that may have it."""
    key: tuple[Any, ...]
    held: Any
    """What the target had of it before."""
    shown: float


@dataclass
class _Schedule:
    """What has happened hour by hour, and what the syncs have brought of it."""

    marketo: Account
    target: Target
    activities: tuple[str, ...]
    """The streams of them."""
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    written: Counter[str] = field(default_factory=Counter)
    """Rows that are new or have changed, by bulk object; of activities none."""
    late: list[_Late] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds from when a row showed late until the end of the sync that brought it."""

    def write(self, begins: float) -> None:
        """Let an hour's rows be written, some of them with a date of up to a day ago."""
        for part in range(PARTS):
            # Nothing happens before the end of the sync that has just been made.
            at = max(begins + HOUR * (part + 0.5) / PARTS, now_of(self.marketo) + 1)
            late = {"late_activities": 1} if part < LATE_ACTIVITIES else {}
            for guid in self._change(at, **CHANGES, **late).get("late_activities", ()):
                self.late.append(_Late(self.activities, (guid,), None, at))
            if part == 0:
                self._write_late(at)

    def _write_late(self, at: float) -> None:
        hours = self.rng.uniform(1, 23.9)
        done = self._change(at - HOUR * hours, updated_leads=2, custom_objects_changed=1)
        keys = [("leads", lead) for lead in done["updated_leads"]]
        keys += [(f"custom_object_{name}", key) for name, key in done["custom_objects_changed"]]
        for stream, key in keys:
            held = self.target.tables.get(stream, {}).get((key,))
            self.late.append(_Late((stream,), (key,), held, at))
        self._change(at, program_members_changed=1, list_members_removed=1, late_hours=hours)
        self._change(at, new_program_members=1, list_members_removed=1)

    def _change(self, at: float, **what: Any) -> dict[str, Any]:
        done: dict[str, Any] = self.marketo.change(at=bulk_time(at), **what)
        self.written["leads"] += len(done.get("updated_leads", ()))
        for name in ("program_members_changed", "new_program_members"):
            self.written[MEMBERS_OBJECT] += len(done.get(name, ()))
        for name, _ in done.get("custom_objects_changed", ()):
            self.written[OBJECTS + name] += 1
        return done

    def note_late(self) -> None:
        """Note which of the rows that showed late the last sync has brought."""
        now, left = now_of(self.marketo), []
        for each in self.late:
            rows = (self.target.tables.get(name, {}).get(each.key) for name in each.streams)
            if any(row is not None and row != each.held for row in rows):
                self.delays.append(now - each.shown)
            else:
                left.append(each)
        self.late = left


@dataclass
class _Outcome:
    runs: list[SyncRun] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    """All of these runs: the hour, the bulk object, the window, the bytes."""
    new: dict[str, float] = field(default_factory=dict)
    """Bytes of what was new, by bulk object."""
    late: int = 0
    late_delay: float = 0.0

    def bytes_for_each(self, *objects: str) -> float:
        """Return the bytes exported for each new byte, of some bulk objects."""
        exported: int = sum(job["bytes"] for job in self.jobs if job["object"] in objects)
        return exported / sum(self.new[name] for name in objects)

    def measures(self, what: str, is_bound: bool) -> list[Measure]:
        """Return the lines of the table; those of the usual setting are bound to something."""
        all_bytes, delay = self.bytes_for_each(*self.new), self.late_delay / HOUR
        others = self.bytes_for_each(*self.new.keys() - {MEMBERS_OBJECT})
        label = f"{what}: bytes exported for each new byte"
        bound = at_most(label, all_bytes, MOST_BYTES)
        return [
            bound if is_bound else Measure(label, {"ours": all_bytes}, digits=2),
            Measure("  of all but members", {"ours": others}, digits=2),
            *(
                Measure(f"  of {name}", {"ours": self.bytes_for_each(name)}, digits=2)
                for name in sorted(self.new)
            ),
            Measure("  export jobs", {"ours": len(self.jobs)}),
            Measure("  API calls", {"ours": sum(run.calls for run in self.runs)}),
            Measure("  slowest sync", {"ours": max(run.seconds for run in self.runs)}, "s"),
            Measure("  rows that showed late", {"ours": self.late}),
            at_most("    hours until the last of them came", delay, MOST_HOURS, digits=1),
        ]


def measure(tools: Tools, settings: Settings) -> Figure:
    """Keep an hourly schedule for three days, with pages and with exports alone."""
    auto, exports = (_schedule(tools.ours, increments) for increments in ("auto", "exports"))
    figure = Figure(
        f"{HOURS} hourly syncs of leads, activities, program members, list memberships and two "
        "types of custom objects, after a first one"
    )
    figure.measures = [*auto.measures("auto", True), *exports.measures("exports", False)]
    figure.notes = [
        TIMES,
        "What is new of each bulk object is in bytes of its rows in an export. Memberships are in "
        "no export. Every cell of all tables, and every activity, is as Marketo has it in the end.",
        "A row that showed late is an activity, a lead or a custom object that came or changed "
        "with a date of one to 24 hours ago.",
        "The incumbent has neither members nor memberships nor custom objects, and is not here.",
        f"Jobs with `increments: auto`: {_jobs(auto)}; with `increments: exports`: "
        f"{_jobs(exports)}.",
    ]
    figure.raw = {"auto": asdict(auto), "exports": asdict(exports)}
    return figure


def _jobs(outcome: _Outcome) -> str:
    made = Counter(job["object"] for job in outcome.jobs)
    return ", ".join(f"{made[name]} of {name}" for name in sorted(made))


def _schedule(tool: Tool, increments: str) -> _Outcome:
    with standing_tap(tool, OPTIONS, SCALE) as (tap, marketo):
        config = {**tap.settings(START_DATE), "increments": increments}
        catalog = tap.discover(config)
        names = [stream["tap_stream_id"] for stream in catalog["streams"]]
        activities = tuple(name for name in names if name.startswith("activities_"))
        chosen = without_exported_columns(select(catalog, ["leads", *people.STREAMS, *activities]))
        target, outcome = Target(), _Outcome()
        schedule = _Schedule(marketo, target, activities)
        start = parse_time(NOW)
        assert start is not None
        for hour in range(HOURS_BEFORE):
            schedule.write(start + HOUR * hour)
        begun = start + HOUR * HOURS_BEFORE
        marketo.control("POST", "clock", {"set": bulk_time(begun)})
        print(f"{HOURS} hours ({increments}): the first sync ...", flush=True)
        sync(tap, marketo, config, chosen, target)
        schedule.written.clear()
        schedule.late.clear()
        for hour in range(HOURS + HOURS_AFTER):
            if hour < HOURS:
                schedule.write(begun + HOUR * hour)
            end = begun + HOUR * (hour + 1)
            marketo.control("POST", "clock", {"set": bulk_time(max(end, now_of(marketo)))})
            if 0 < hour <= HOURS:
                # By now those are done, too, whose files this run is to read.
                outcome.jobs += _jobs_of(marketo, hour - 1)
            run = sync(tap, marketo, config, chosen, target)
            if hour < HOURS:
                outcome.runs.append(run)
            schedule.note_late()
            if hour % 24 == 0:
                print(f"  {hour} of {HOURS + HOURS_AFTER}", flush=True)
        if schedule.late:
            raise MeasurementError(f"{len(schedule.late)} rows that showed late have not come")
        outcome.late, outcome.late_delay = len(schedule.delays), max(schedule.delays)
        _check(marketo, chosen, target)
        outcome.new = _new_bytes(tap, marketo, config, chosen, schedule.written, begun)
    return outcome


def _jobs_of(marketo: Account, hour: int) -> list[dict[str, Any]]:
    return [
        {"hour": hour, "object": job["object"], "filter": job["filter"], "bytes": job["bytes"]}
        for job in marketo.counters()["jobs"]
    ]


def _new_bytes(
    tap: MeasuredTap,
    marketo: Account,
    config: Any,
    catalog: Any,
    written: Mapping[str, int],
    begun: float,
) -> dict[str, float]:
    """Return the bytes of what was new in the schedule, by the mean of an export's rows."""
    first, last = bulk_time(begun), bulk_time(begun + HOURS * HOUR)
    new = sum(
        first < row["_visibleFrom"] <= last and row["activityTypeId"] != DELETE_LEAD
        for row in marketo.truth("activities")
    )
    sync(tap, marketo, {**config, "increments": "exports"}, catalog, Target())
    rows: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for job in marketo.counters()["jobs"]:
        rows[job["object"]] += job["rows"]
        size[job["object"]] += job["bytes"]
    counts = {**written, "activities": new}
    return {name: count * size[name] / rows[name] for name, count in counts.items()}


def _check(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    """Stop if the target does not hold what Marketo holds.

    Raises:
        MeasurementError: it does not.
    """
    true = people.tables(marketo, catalog, START_DATE)
    for name, rows in true.items():
        if name not in target.tables:
            continue
        held = people.table(target, name)
        if name == "leads":
            # An activity may tell of others, in which nothing has changed.
            held = {key: row for key, row in held.items() if key in rows}
        if name.startswith("activities_"):
            # Of their columns some are not selected.
            wrong = len(held.keys() ^ rows.keys())
        else:
            wrong = sum(held.get(key) != rows.get(key) for key in held.keys() | rows.keys())
        if wrong:
            raise MeasurementError(f"{wrong:,} rows of {name} are not as they are in Marketo")
