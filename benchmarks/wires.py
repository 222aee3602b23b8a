"""How long a leads file takes over a slow and over a fast wire, against the wire's own time."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from benchmarks.environments import Tool, Tools
from benchmarks.marketo_time import first_call
from benchmarks.report import Figure, Measure, sample
from benchmarks.row_cases import LEADS, START_DATE
from benchmarks.row_path import POLL_SECONDS, SCALE
from benchmarks.runs import Usage, measured_tap
from benchmarks.settings import Settings
from tests.harness import Account, account

RUNS = 3
MEGABYTE = 1_000_000
WIRES = (5 * MEGABYTE, 100 * MEGABYTE)


@dataclass(frozen=True)
class _Download:
    """One run; seconds from the first request for the file to the end of the process."""

    seconds: float
    wire: float
    usage: Usage


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync the file over each wire."""
    runs = settings.runs or RUNS
    figure = Figure(f"{LEADS.title}, over a slow and a fast wire")
    for rate, downloads in _download(tools.ours, runs).items():
        seconds = sample(each.seconds for each in downloads)
        wire = sample(each.wire for each in downloads)
        name = f"{rate // MEGABYTE} MB/s"
        figure.measures += [
            Measure(f"{name}: from the request to the end", {"ours": seconds}, "s", 2),
            Measure("  bytes of the file by the rate", {"ours": wire.median}, "s", 2),
            Measure("  of the wire's time", {"ours": seconds.over(wire)}, digits=2),
        ]
        figure.raw[name] = [asdict(each) for each in downloads]
    return figure


def _download(tool: Tool, runs: int) -> dict[int, list[_Download]]:
    downloads: dict[int, list[_Download]] = {rate: [] for rate in WIRES}
    options = LEADS.account_options(LEADS.rows)
    with (
        account("--scale", str(SCALE), *options) as marketo,
        measured_tap(tool, marketo, SCALE) as tap,
    ):
        config = {**tap.settings(START_DATE), "poll_interval": POLL_SECONDS}
        catalog = tap.catalog(config, LEADS.lead_columns, ())
        for number in range(runs):
            for rate in WIRES:
                print(f"At {rate // MEGABYTE} MB/s, run {number + 1} ...", flush=True)
                marketo.heal()
                marketo.fault("file", "drip", times=None, bytes_per_second=rate)
                marketo.control("POST", "reset_counters")
                usage = tap.measure(config, catalog)
                downloads[rate].append(_timed(marketo, usage, rate))
    return downloads


def _timed(marketo: Account, usage: Usage, rate: int) -> _Download:
    seconds = usage.started + usage.wall - first_call(marketo, "file")
    size = sum(job["bytes"] for job in marketo.counters()["jobs"])
    return _Download(seconds, size / rate, usage)
