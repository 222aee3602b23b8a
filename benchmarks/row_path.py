"""Rows per CPU second: every program turns the same file into messages, one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.airbyte_tap import AirbyteTap
from benchmarks.environments import Tool, Tools
from benchmarks.export_files import save_files
from benchmarks.report import Figure, Measure, Sample, sample
from benchmarks.row_cases import START_DATE, RowCase
from benchmarks.runs import MeasuredTap, MeasurementError, Usage, execute, measured_tap
from benchmarks.settings import Settings
from tests.harness import account

SCALE = 120
# All look at their jobs as often here, so that none is charged for waiting.
POLL_SECONDS = 1
RUNS = 5
# The slower ones take up to a minute each time.
RUNS_OF_PEERS = 3


@dataclass
class _Runs:
    """The runs of each program against one sandbox."""

    usages: dict[str, list[Usage]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0
    bytes: int = 0

    def cpu(self, program: str) -> list[float]:
        """Return the CPU seconds of each run."""
        return [usage.cpu for usage in self.usages[program]]


def measure(case: RowCase, tools: Tools, settings: Settings) -> Figure:
    """Let each program read the file, and an empty one to know what starting up takes."""
    runs = settings.runs or RUNS
    empty, full = _alternate(case, tools, runs, 0), _alternate(case, tools, runs, case.rows)
    idle = {name: median(empty.cpu(name)) for name in full.usages}
    net = {name: sample(cpu - idle[name] for cpu in full.cpu(name)) for name in idle}
    speed = {name: _rows_per_second(full.rows, cpu) for name, cpu in net.items()}
    ratio = speed["ours"].over(speed["incumbent"])
    over_floor = net["ours"].over(net["floor"])
    figure = Figure(case.title)
    figure.measures = [
        Measure(
            "rows per CPU second",
            speed,
            ratio=ratio,
            expected=f"at least {case.times_incumbent:g} times the incumbent's",
            met=ratio.median >= case.times_incumbent,
        ),
        Measure(
            "CPU time, of the floor's",
            {name: cpu.over(net["floor"]) for name, cpu in net.items()},
            digits=2,
            expected=f"at most {case.times_floor:g} by ours" if case.times_floor else "",
            met=over_floor.median <= case.times_floor if case.times_floor else None,
        ),
        Measure("CPU time of the run", _seconds(full), "s", 2),
        Measure("  of a run that finds nothing", _seconds(empty), "s", 2),
    ]
    figure.notes = [f"{full.rows:,} rows in {full.bytes / 1_000_000:,.1f} MB."]
    figure.raw = {
        kind: {name: [asdict(usage) for usage in usages] for name, usages in runs.usages.items()}
        for kind, runs in (("full", full), ("empty", empty))
    }
    return figure


def _rows_per_second(rows: int, cpu: Sample) -> Sample:
    return sample(rows / seconds for seconds in cpu.values)


def _seconds(runs: _Runs) -> dict[str, Sample]:
    return {name: sample(runs.cpu(name)) for name in runs.usages}


def _alternate(case: RowCase, tools: Tools, rounds: int, rows: int) -> _Runs:
    """Run all programs in turn, so that what slows the machine for a while slows them all."""
    done = _Runs()
    with ExitStack() as stack:
        marketo = stack.enter_context(account("--scale", str(SCALE), *case.account_options(rows)))
        home = Path(stack.enter_context(TemporaryDirectory(prefix="tap-marketo-bench-")))

        def syncing(tool: Tool, kind: type[MeasuredTap] = MeasuredTap) -> Callable[[], Usage]:
            tap = stack.enter_context(measured_tap(tool, marketo, SCALE, kind))
            return _syncing(tap, case, done)

        programs: dict[str, Callable[[], Usage]] = {
            "ours": syncing(tools.ours),
            "floor": lambda: execute("floor", [*tools.floor, *files], home),
            "incumbent": syncing(tools.incumbent),
            "airbyte": syncing(tools.airbyte, AirbyteTap),
        }
        # One token for all: Airbyte's takes an hour of its life for an hour of real time.
        marketo.control("POST", "token", {"prolong_seconds": 86_400})
        # Those that ours was the first to read.
        files: list[str] = []
        for number in range(rounds):
            for name, run in programs.items():
                if name in ("ours", "floor") or number < RUNS_OF_PEERS:
                    print(f"{rows:,} rows with {name}, run {number + 1} ...", flush=True)
                    done.usages[name].append(run())
                if not files:
                    files += map(str, save_files(marketo, marketo.counters()["jobs"], home))
    return done


def _syncing(tap: MeasuredTap, case: RowCase, done: _Runs) -> Callable[[], Usage]:
    """Return what syncs once and makes sure that it was the same rows as with any other tap."""
    config = {**tap.settings(START_DATE), "poll_interval": POLL_SECONDS}
    catalog = tap.catalog(config, case.lead_columns, case.activity_types)

    def sync() -> Usage:
        tap.marketo.control("POST", "reset_counters")
        usage = tap.measure(config, catalog)
        jobs = tap.marketo.counters()["jobs"]
        rows = sum(job["rows"] for job in jobs)
        if not done.bytes:
            done.rows, done.bytes = rows, sum(job["bytes"] for job in jobs)
        columns = {column for job in jobs for column in job["fields"]}
        if case.lead_columns and columns != {*case.lead_columns}:
            raise MeasurementError(f"{tap.tool.name}: exported {len(columns)} columns, or others")
        if rows != done.rows or usage.lines < rows:
            raise MeasurementError(
                f"{tap.tool.name}: {rows:,} rows exported, not {done.rows:,}, and {usage.lines:,} "
                "messages written"
            )
        return usage

    return sync
