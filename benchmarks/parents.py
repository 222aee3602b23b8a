"""A stream that takes a call for each of 5,000 parents, beside exports: time, looks, memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.environments import Tool, Tools
from benchmarks.marketo_time import CALLS, PERIOD_SECONDS, run_time, workers_time
from benchmarks.report import Figure, Measure, at_most, sample
from benchmarks.runs import MeasuredTap, MeasurementError, Usage, measured_tap
from benchmarks.settings import Settings
from tests.harness import Account, account, select

SCALE = 10
START_DATE = "2026-04-20T12:00:00Z"
_OPTIONS = ["--leads", "500", "--activities", "5000", "--history-days", "60", "--late-share", "0"]
_OPTIONS += ["--export-minutes", "2-5"]
# The roots of the three areas, and the folder of the workspace in each.
_SYSTEM_FOLDERS = 6
MOST_OF_PACE = 1.02
MOST_OF_WORKERS_TIME = 1.15
# What is looked at once in an interval is found two intervals after its end at the latest; a call
# may have to wait for the next 20 seconds of the pace.
MOST_POLL_INTERVALS = 2.5
FLAT = 1.1
SECONDS = 3600


@dataclass(frozen=True)
class _Case:
    parents: int
    rows: int

    def options(self) -> list[str]:
        """Return the options of the account: half of the parents are programs."""
        programs = self.parents // 2
        folders = self.parents - programs - _SYSTEM_FOLDERS
        counts = {"--programs": programs, "--folders": folders, "--tokens": self.rows}
        return [*_OPTIONS, *(part for name, n in counts.items() for part in (name, str(n)))]


FEW, MANY = _Case(500, 2_000), _Case(5_000, 100_000)


@dataclass(frozen=True)
class _Run:
    """What one run took; seconds in Marketo's time.

    Attributes:
        calls: all that were sent, those for tokens of access among them.
        tokens: of them those for a parent.
        seconds: from the first call to the end of the process, start-up added.
        exports: from the first job in the queue to the request for the last file.
        workers: what Marketo's two workers need for the jobs.
        found: from the end of each job, and of those whose rows come before, to the request for
            its file.
        usage: of the process.
    """

    calls: int
    tokens: int
    seconds: float
    exports: float
    workers: float
    found: list[float]
    usage: Usage

    @property
    def paced(self) -> float:
        """The seconds before which the last call may not be sent."""
        return PERIOD_SECONDS * ((self.calls - 1) // CALLS)


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync tokens, leads and activities of an account with few and of one with many parents."""
    scale = settings.scale or SCALE
    few, many = (_sync(tools.ours, scale, case) for case in (FEW, MANY))
    poll = tools.ours.poll_interval
    figure = Figure(
        f"A call for each of {MANY.parents:,} parents, {CALLS} calls in {PERIOD_SECONDS:g} s, "
        f"beside exports of leads and activities (clock {scale:g} x)"
    )
    peaks = [run.usage.peak_bytes / 1_000_000 for run in (few, many)]
    figure.measures = [
        Measure("calls", {"ours": many.calls}),
        Measure("  for a parent", {"ours": many.tokens, "floor": MANY.parents}),
        Measure("wall time in Marketo's time", {"ours": many.seconds, "floor": many.paced}, "s"),
        at_most("  of what the pace demands", many.seconds / many.paced, MOST_OF_PACE, digits=3),
        Measure("exports in Marketo's time", {"ours": many.exports, "floor": many.workers}, "s"),
        at_most("  of the workers' time", many.exports / many.workers, MOST_OF_WORKERS_TIME),
        Measure("  jobs", {"ours": len(many.found)}),
        Measure(
            "  poll intervals from their end to the request for the file",
            {"ours": sample(seconds / poll for seconds in many.found)},
            digits=2,
        ),
        at_most("    the longest", max(many.found) / poll, MOST_POLL_INTERVALS),
        *(
            Measure(f"peak memory, {case.parents:,} parents and {case.rows:,} rows", {"ours": peak},
                    "MB", 1)
            for case, peak in zip((FEW, MANY), peaks, strict=True)
        ),
        at_most("  growth", peaks[1] / peaks[0], FLAT),
    ]  # fmt: skip
    figure.notes = [
        "The floor is the time before which the pace does not allow the last call, and what "
        "Marketo's two workers need for the jobs."
    ]
    figure.raw = {"scale": scale, "few": asdict(few), "many": asdict(many)}
    return figure


def _sync(tool: Tool, scale: float, case: _Case) -> _Run:
    with (
        account("--scale", str(scale), *case.options()) as marketo,
        measured_tap(tool.paced(scale), marketo, scale) as tap,
    ):
        config = {**tap.settings(START_DATE), "max_calls_per_20_seconds": CALLS}
        catalog = _catalog(tap, config)
        marketo.control("POST", "reset_counters")
        print(f"{case.parents:,} parents with {tool.name} ...", flush=True)
        usage = tap.measure(config, catalog, seconds=SECONDS)
        return _told(marketo, usage, case)


def _catalog(tap: MeasuredTap, config: Any) -> dict[str, Any]:
    catalog = tap.discover(config)
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    exported = [name for name in names if name == "leads" or name.startswith("activities_")]
    return select(catalog, ["tokens", *exported])


def _told(marketo: Account, usage: Usage, case: _Case) -> _Run:
    seconds = run_time(usage, marketo)
    counters = marketo.counters()
    jobs = counters["jobs"]
    log = marketo.control("GET", "log")["log"]
    asked = {call["id"]: call["at"] for call in reversed(log) if call["call"] == "file"}
    tokens = counters["calls"]["tokens"]
    if tokens != case.parents or usage.lines < case.rows or counters["errors"]:
        raise MeasurementError(
            f"{tokens:,} calls for {case.parents:,} parents, {usage.lines:,} messages, errors "
            f"{counters['errors']}"
        )
    by_object: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: job["queued"]):
        by_object[job["object"]].append(job)
    found = []
    for own in by_object.values():
        ready = 0.0
        for job in own:
            ready = max(ready, job["finished"])
            found.append(asked[job["exportId"]] - ready)
    return _Run(
        calls=len(log),
        tokens=tokens,
        seconds=seconds,
        exports=max(asked.values()) - min(job["queued"] for job in jobs),
        workers=workers_time(jobs),
        found=found,
        usage=usage,
    )
