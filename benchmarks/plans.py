"""What --plan says of a first sync, compared with the sync that follows, for three accounts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.costs import Cost, calls_by_kind, measure_sync
from benchmarks.environments import Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.runs import MeasuredTap, MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.harness import account, select

SCALE = 300
START_DATE = "2025-06-15T12:00:00Z"
# Either way.
MOST_APART = 1.2
_YEAR = ("--history-days", "365", "--late-share", "0")


@dataclass(frozen=True)
class _Account:
    """An account and what of it is synced.

    Attributes:
        name: in the table.
        options: of the sandbox.
        streams: selected; empty for all.
        tried_from: start_date of a sync that was tried before, so that Marketo's list of jobs
            shows how long they take; empty for none.
    """

    name: str
    options: Sequence[str]
    streams: Sequence[str] = ()
    tried_from: str = ""


ACCOUNTS = (
    _Account("every stream of a small account", (*_YEAR, "--activity-types", "31")),
    _Account(
        "what hangs on 3,000 parents",
        (
            *_YEAR, "--leads", "2000", "--programs", "1200", "--program-members", "20000",
            "--folders", "800", "--tokens", "8000", "--lists", "1000",
            "--list-memberships", "20000", "--export-minutes", "1-4",
        ),
        (
            "program_members", "lists", "list_memberships", "programs", "folders", "segments",
            "tokens",
        ),
    ),
    _Account(
        "exports, after a month of them",
        (
            *_YEAR, "--leads", "15000", "--activities", "80000", "--custom-objects", "40000",
            "--queue-minutes", "1-3", "--export-minutes", "2-10", "--minutes-per-mb", "1",
        ),
        ("leads", "activities_", "custom_object_car_c", "custom_object_visit_c"),
        tried_from="2026-05-15T12:00:00Z",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class _Compared:
    """A plan and the sync that followed.

    Attributes:
        jobs: that the plan has.
        calls: that the plan has.
        minutes: until the last file is read, by the plan.
        own_calls: that the plan took.
        cost: of the sync.
    """

    jobs: int
    calls: int
    minutes: int
    own_calls: int
    cost: Cost


def measure(tools: Tools, settings: Settings) -> Figure:
    """Plan and sync each account."""
    scale = settings.scale or SCALE
    figure = Figure(f"--plan of first syncs of a year, and the syncs (clock {scale:g} x)")
    for each in ACCOUNTS:
        with (
            account("--scale", str(scale), *each.options) as marketo,
            measured_tap(tools.ours, marketo, scale) as tap,
        ):
            config = tap.settings(START_DATE)
            catalog = tap.discover(config)
            names = [stream["tap_stream_id"] for stream in catalog["streams"]]
            wanted = [name for name in names if _is_of(name, each.streams)]
            catalog = select(catalog, wanted)
            print(f"Plan and first sync of {each.name} ...", flush=True)
            if each.tried_from:
                measure_sync(tap, marketo, tap.settings(each.tried_from), catalog)
            plan = _plan(tap, config, catalog)
            cost = measure_sync(tap, marketo, config, catalog)
        compared = _Compared(
            jobs=plan["sum"]["jobs"],
            calls=plan["sum"]["calls"],
            minutes=plan["sum"]["minutes"],
            own_calls=plan["calls_of_plan"],
            cost=cost,
        )
        figure.measures += _lines(each.name, compared)
        figure.notes.append(f"Calls of {each.name}: {calls_by_kind(cost.kinds)}.")
        figure.raw[each.name] = asdict(compared)
    return figure


def _is_of(name: str, wanted: Sequence[str]) -> bool:
    """Say whether a stream is wanted; a name that ends in an underscore is that of a group."""
    return not wanted or any(
        name == each or (each.endswith("_") and name.startswith(each)) for each in wanted
    )


def _plan(tap: MeasuredTap, config: Any, catalog: Any) -> dict[str, Any]:
    command = tap.command(config, catalog, None, "--plan", "--format", "json")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise MeasurementError(f"the plan failed with exit code {done.returncode}: {done.stderr}")
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def _lines(name: str, found: _Compared) -> list[Measure]:
    cost = found.cost
    return [
        Measure(f"{name}: calls of the plan", {"ours": found.own_calls}),
        Measure("  jobs, by the plan", {"ours": found.jobs}),
        Measure("  jobs of the sync", {"ours": cost.job_count}),
        at_most("    apart", _apart(found.jobs, cost.job_count), MOST_APART),
        Measure("  calls, by the plan", {"ours": found.calls}),
        Measure("  calls of the sync", {"ours": cost.calls}),
        at_most("    apart", _apart(found.calls, cost.calls), MOST_APART),
        Measure("  minutes, by the plan", {"ours": found.minutes}),
        Measure("  minutes of the sync, in Marketo's time", {"ours": cost.seconds / 60}),
    ]


def _apart(planned: float, found: float) -> float:
    """Return by what factor two numbers differ."""
    low, high = sorted((max(planned, 1), max(found, 1)))
    return high / low
