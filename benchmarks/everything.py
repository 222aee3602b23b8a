"""The first sync of a year with every stream selected: wall time, and whose turn it is when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from benchmarks.costs import Cost, calls_by_kind, measure_sync
from benchmarks.environments import Tools
from benchmarks.marketo_time import CALLS, PERIOD_SECONDS, workers_time
from benchmarks.members import LEFT
from benchmarks.report import Figure, Measure, at_most, sample
from benchmarks.runs import MeasurementError, measured_tap
from benchmarks.settings import Settings
from tests.harness import Account, Target, account, select
from tests.sandbox.activity_types import DELETE_LEAD
from tests.sandbox.exports import WORKERS

SCALE = 120
RUNS = 2
START_DATE = "2025-06-15T12:00:00Z"
# Exports dominate: the year of each object is 13 jobs or so. Members are read by pages.
OPTIONS = ["--leads", "2000", "--activities", "20000", "--activity-types", "31"]
OPTIONS += ["--programs", "450", "--program-members", "10000", "--custom-objects", "5000"]
OPTIONS += ["--late-share", "0"]
OPTIONS += ["--queue-minutes", "1-3", "--export-minutes", "2-10", "--minutes-per-mb", "1"]
MOST_OF_WORKERS_TIME = 1.05
# Between two of its jobs every other family has its turn, and some of them a second one.
MOST_ROUNDS = 2
MEMBERS = "program/members"


@dataclass(frozen=True)
class Turns:
    """When the jobs of one object were enqueued; seconds in Marketo's time.

    Attributes:
        jobs: how many there were.
        first: from the run's first call to its first job.
        longest: between two of its jobs.
        others: the most jobs of other objects between two of its own.
    """

    jobs: int
    first: float
    longest: float
    others: int


@dataclass(frozen=True)
class _Run:
    cost: Cost
    begun: float
    turns: Mapping[str, Turns]
    round: float
    """Seconds that the two workers need for a job of each object."""
    without_members: float
    """Seconds that they need for all jobs but those of members, which pages can read."""


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync a year of everything, several times, each with jobs of other lengths."""
    scale, runs = settings.scale or SCALE, settings.runs or RUNS
    syncs = [_sync(tools, scale, seed) for seed in range(1, runs + 1)]
    costs = [sync.cost for sync in syncs]
    figure = Figure(
        f"First sync of a year with every stream, {CALLS} calls in {PERIOD_SECONDS:g} s "
        f"(clock {scale:g} x)"
    )
    share = sample(sync.cost.seconds / sync.without_members for sync in syncs)
    figure.measures = [
        _line("wall time", [cost.seconds / 60 for cost in costs], "min", 1),
        _line(
            "  its jobs on Marketo's two workers", [cost.workers / 60 for cost in costs], "min", 1
        ),
        at_most("  of their time for all but members", share, MOST_OF_WORKERS_TIME),
        _line("  from the first call to the first job", [sync.begun for sync in syncs], "s", 1),
        _line("export jobs", [cost.job_count for cost in costs]),
        _line("bytes exported", [cost.bytes / 1000 for cost in costs], "kB"),
        _line("API calls", [cost.calls for cost in costs]),
        _line("  of them about the jobs' status", [cost.polls for cost in costs]),
        _line("peak memory", [cost.peak_bytes / 1_000_000 for cost in costs], "MB", 1),
        *_fairness(syncs),
    ]
    figure.notes = [
        "A round is the time that Marketo's two workers need for one job of each object. A longest "
        "wait is that between two jobs of an object being enqueued.",
        f"Calls of the first run: {calls_by_kind(costs[0].kinds)}.",
    ]
    figure.raw = {"scale": scale, "runs": [asdict(sync) for sync in syncs]}
    return figure


def _line(what: str, values: Sequence[float], unit: str = "", digits: int = 0) -> Measure:
    return Measure(what, {"ours": sample(values)}, unit, digits)


def _fairness(syncs: Sequence[_Run]) -> list[Measure]:
    lines = [_line("a round of all objects", [sync.round / 60 for sync in syncs], "min", 1)]
    for name in sorted(syncs[0].turns):
        turns = [sync.turns[name] for sync in syncs]
        lines += [
            _line(f"{name}: jobs", [each.jobs for each in turns]),
            _line("  first job after", [each.first / 60 for each in turns], "min", 1),
            _line("  longest wait", [each.longest / 60 for each in turns], "min", 1),
            _line("  most jobs of others between", [each.others for each in turns]),
        ]
    longest = sample(
        max(each.longest for each in sync.turns.values()) / sync.round for sync in syncs
    )
    lines.append(at_most("longest wait of all, in rounds", longest, MOST_ROUNDS))
    return lines


def _sync(tools: Tools, scale: float, seed: int) -> _Run:
    with (
        account("--scale", str(scale), "--seed", str(seed), *OPTIONS) as marketo,
        measured_tap(tools.ours.paced(scale), marketo, scale) as tap,
    ):
        config = {**tap.settings(START_DATE), "max_calls_per_20_seconds": CALLS}
        catalog = select(tap.discover(config))
        target = Target()
        print(f"First sync of everything of account {seed} ...", flush=True)
        cost = measure_sync(tap, marketo, config, catalog, target)
        check_rows(marketo, target)
        log = marketo.control("GET", "log")["log"]
        return _told(cost, log[0]["at"], marketo.counters()["jobs"])


def turns_of(jobs: Sequence[Mapping[str, Any]], begun: float) -> dict[str, Turns]:
    """Return when the jobs of each object were enqueued.

    Args:
        jobs: reports of finished jobs, as the sandbox's counters give them.
        begun: when the run began (simulated seconds).
    """
    places: dict[str, list[int]] = defaultdict(list)
    queued = sorted(jobs, key=lambda job: job["queued"])
    for place, job in enumerate(queued):
        places[job["object"]].append(place)
    turns = {}
    for name, own in places.items():
        pairs = list(pairwise(own))
        turns[name] = Turns(
            jobs=len(own),
            first=queued[own[0]]["queued"] - begun,
            longest=max((queued[b]["queued"] - queued[a]["queued"] for a, b in pairs), default=0.0),
            others=max((b - a - 1 for a, b in pairs), default=0),
        )
    return turns


def _told(cost: Cost, begun: float, jobs: Sequence[Mapping[str, Any]]) -> _Run:
    turns = turns_of(jobs, begun)
    taken = sum(job["finished"] - job["started"] for job in jobs)
    mean = taken / len(jobs)
    return _Run(
        cost=cost,
        begun=min(job["queued"] for job in jobs) - begun,
        turns=turns,
        round=mean * len(turns) / WORKERS,
        without_members=workers_time([job for job in jobs if job["object"] != MEMBERS]),
    )


def check_rows(marketo: Account, target: Target) -> None:
    """Stop if the target does not hold as many rows of what is exported as Marketo.

    Raises:
        MeasurementError: it does not.
    """
    wanted, held = {"activities": 0}, {"activities": 0}
    for stream, rows in target.tables.items():
        if stream == "activities_delete_lead":
            continue
        if stream.startswith("activities_"):
            held["activities"] += len(rows)
        elif stream in ("leads", "program_members") or stream.startswith("custom_object_"):
            held[stream] = sum(row.get("statusName") != LEFT for row in rows.values())
    held.pop("custom_object_types", None)
    for name in held:
        wanted[name] = sum(row.get("activityTypeId") != DELETE_LEAD for row in marketo.truth(name))
    if wanted != held:
        raise MeasurementError(f"the target holds {held}, Marketo {wanted}")
