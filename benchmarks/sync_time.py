"""Wall time of a first and of daily syncs where exports take as long as they really do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from benchmarks.costs import Cost, measure_sync
from benchmarks.environments import Tool, Tools
from benchmarks.report import Figure, Measure, at_most, sample
from benchmarks.runs import measured_tap
from benchmarks.settings import Settings
from tests.harness import Target, account

SCALE = 120
RUNS = 3
DAYS = 2
START_DATE = "2025-06-15T12:00:00Z"
# 31 types with Delete Lead, which is not exported. The files are some 300 kB each: that they take
# time by size shows only where a minute stands for a megabyte.
OPTIONS = ["--leads", "2000", "--activities", "20000", "--activity-types", "31"]
OPTIONS += ["--queue-minutes", "1-3", "--export-minutes", "2-10", "--minutes-per-mb", "1"]
MOST_OF_WORKERS_TIME = 1.15
MOST_POLL_INTERVALS = 2


@dataclass
class _Syncs:
    first: list[Cost] = field(default_factory=list)
    daily: list[Cost] = field(default_factory=list)


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync a year and some days after it, several times, each with jobs of other lengths."""
    scale, runs = settings.scale or SCALE, settings.runs or RUNS
    syncs = _Syncs()
    for seed in range(1, runs + 1):
        _sync_a_year_and_days(tools.ours, scale, seed, syncs)
    first, daily = syncs.first, syncs.daily
    figure = Figure(
        f"Wall time in Marketo's time: leads and 30 activity types, {runs} first syncs of a year, "
        f"{DAYS} days after each (clock {scale:g} x)"
    )
    poll = tools.ours.poll_interval
    share = sample(sync.seconds / sync.workers for sync in first)
    over = sample((sync.seconds - sync.slowest) / poll for sync in daily)
    figure.measures = [
        _minutes("first sync", first, "seconds"),
        _minutes("  its jobs on Marketo's two workers", first, "workers"),
        at_most("  of the workers' time", share, MOST_OF_WORKERS_TIME),
        *_counts(first),
        _minutes("daily sync", daily, "seconds"),
        _minutes("  its slowest job", daily, "slowest"),
        at_most("  poll intervals after it", over, MOST_POLL_INTERVALS),
        *_counts(daily),
    ]
    figure.raw = {"scale": scale, **asdict(syncs)}
    return figure


def _minutes(what: str, syncs: list[Cost], name: str) -> Measure:
    minutes = sample(getattr(sync, name) / 60 for sync in syncs)
    return Measure(what, {"ours": minutes}, "min", 1)


def _counts(syncs: list[Cost]) -> list[Measure]:
    return [
        Measure(f"  {what}", {"ours": sample(getattr(sync, name) for sync in syncs)})
        for what, name in (
            ("export jobs", "job_count"),
            ("bytes exported", "bytes"),
            ("API calls", "calls"),
            ("  of them about the jobs' status", "polls"),
        )
    ]


def _sync_a_year_and_days(tool: Tool, scale: float, seed: int, syncs: _Syncs) -> None:
    with (
        account("--scale", str(scale), "--seed", str(seed), *OPTIONS) as marketo,
        measured_tap(tool, marketo, scale) as tap,
    ):
        config = tap.settings(START_DATE)
        catalog = tap.catalog(config)
        target = Target()
        print(f"First sync of account {seed} ...", flush=True)
        syncs.first.append(measure_sync(tap, marketo, config, catalog, target))
        for day in range(1, DAYS + 1):
            marketo.advance(days=1)
            marketo.change(new_leads=10, updated_leads=40, new_activities=200)
            marketo.advance(hours=1)
            print(f"  and of day {day} ...", flush=True)
            syncs.daily.append(measure_sync(tap, marketo, config, catalog, target))
