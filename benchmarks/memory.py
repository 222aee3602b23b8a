"""Peak memory with a file of 10 MB, with one of 1,000 MB, and with 300 columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from benchmarks.environments import Tool, Tools
from benchmarks.report import Figure, Measure, at_most
from benchmarks.row_cases import START_DATE, WIDE_LEADS, RowCase
from benchmarks.row_path import POLL_SECONDS, SCALE
from benchmarks.runs import MeasurementError, Usage, measured_tap
from benchmarks.settings import Settings
from tests.harness import account

MEGABYTE = 1_000_000
# Some 5,000 bytes in each row.
_COLUMNS = ("id", "createdAt", "updatedAt", "email", "sandboxBody")
_LONG_TEXTS = RowCase("Leads with a long text", 0, ("--text-bytes", "5000"), _COLUMNS)
SMALL, LARGE, WIDE = 2_000, 200_000, 50_000
# The file is a hundred times larger; so much more memory is still called flat.
FLAT = 1.1
MOST_MEGABYTES = 100
SECONDS = 600


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync the files, the largest of them with ours alone: the incumbent takes minutes for it."""
    del settings  # A peak is a peak: it differs by little from run to run.
    small, wide = (
        {tool.name: _sync(tool, case, rows) for tool in tools.both}
        for case, rows in ((_LONG_TEXTS, SMALL), (WIDE_LEADS, WIDE))
    )
    large = {"ours": _sync(tools.ours, _LONG_TEXTS, LARGE)}
    figure = Figure("Peak memory, with a leads file of")
    figure.measures = [
        _line("10 MB", small),
        _line("1,000 MB", large),
        at_most("  growth", _peak(large["ours"]) / _peak(small["ours"]), FLAT),
        _line(f"{len(WIDE_LEADS.lead_columns)} columns and {WIDE:,} rows", wide),
    ]
    figure.raw = {
        name: {tool: asdict(usage) for tool, usage in usages.items()}
        for name, usages in (("small", small), ("large", large), ("wide", wide))
    }
    return figure


def _peak(usage: Usage) -> float:
    return usage.peak_bytes / MEGABYTE


def _line(what: str, usages: Mapping[str, Usage]) -> Measure:
    peaks = {name: _peak(usage) for name, usage in usages.items()}
    return at_most(what, peaks.pop("ours"), MOST_MEGABYTES, "MB", 1, **peaks)


def _sync(tool: Tool, case: RowCase, rows: int) -> Usage:
    with (
        account("--scale", str(SCALE), *case.account_options(rows)) as marketo,
        measured_tap(tool, marketo, SCALE) as tap,
    ):
        config = {**tap.settings(START_DATE), "poll_interval": POLL_SECONDS}
        catalog = tap.catalog(config, case.lead_columns, ())
        marketo.control("POST", "reset_counters")
        print(f"{rows:,} rows of {len(case.lead_columns)} columns with {tool.name} ...", flush=True)
        usage = tap.measure(config, catalog, seconds=SECONDS)
        exported = sum(job["rows"] for job in marketo.counters()["jobs"])
    if exported != rows or usage.lines < rows:
        raise MeasurementError(f"{tool.name}: {exported:,} rows exported and {usage.lines:,} lines")
    return usage
