"""Peak memory with a file of 10 MB and with one of 1,000 MB."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.environments import Tool, Tools
from benchmarks.lead_rows import OPTIONS, POLL_SECONDS, SCALE, START_DATE
from benchmarks.report import Figure, Measure
from benchmarks.runs import MeasurementError, Usage, measured_tap, select_exports
from benchmarks.settings import Settings
from tests.harness import account

# With some 5,000 bytes in each row.
TEXT_BYTES = 5000
SMALL, LARGE = 2_000, 200_000
MEGABYTE = 1_000_000
COLUMNS = ["id", "createdAt", "updatedAt", "email", "sandboxBody"]
# The file is a hundred times larger; so much more memory is still called flat.
FLAT = 1.1
SECONDS = 600


def measure(tools: Tools, settings: Settings) -> Figure:
    """Sync both files with both taps."""
    small = [_sync(tool, SMALL) for tool in tools.both]
    large = [_sync(tool, LARGE) for tool in tools.both]
    growth = [big.peak_bytes / little.peak_bytes for big, little in zip(large, small, strict=True)]
    figure = Figure("Peak memory")
    figure.measures = [
        Measure(what, ours, theirs, "MB", theirs / ours, digits=1)
        for what, (ours, theirs) in (
            ("with a file of 10 MB", [usage.peak_bytes / MEGABYTE for usage in small]),
            ("with a file of 1,000 MB", [usage.peak_bytes / MEGABYTE for usage in large]),
        )
    ]
    figure.measures.append(
        Measure(
            "  growth",
            growth[0],
            growth[1],
            expected=f"at most {FLAT:g} by ours",
            met=growth[0] <= FLAT,
            digits=2,
        )
    )
    figure.measures.append(
        Measure(
            "CPU time for 1,000 MB",
            large[0].cpu,
            large[1].cpu,
            "s",
            large[1].cpu / large[0].cpu,
            digits=1,
        )
    )
    figure.raw = {
        tool.name: {"small": asdict(little), "large": asdict(big)}
        for tool, little, big in zip(tools.both, small, large, strict=True)
    }
    return figure


def _sync(tool: Tool, leads: int) -> Usage:
    options = ["--scale", str(SCALE), "--leads", str(leads), "--text-bytes", str(TEXT_BYTES)]
    with (
        account(*options, *OPTIONS) as marketo,
        measured_tap(tool, marketo, SCALE) as tap,
    ):
        config = {**tap.settings(START_DATE), "poll_interval": POLL_SECONDS}
        catalog = select_exports(tap.discover(config), marketo, COLUMNS, activities=False)
        marketo.control("POST", "reset_counters")
        usage = tap.measure(config, catalog, seconds=SECONDS)
        size = sum(job["bytes"] or 0 for job in marketo.counters()["jobs"])
    print(f"A file of {size / MEGABYTE:,.0f} MB with {tool.name} ...", flush=True)
    expected = leads * TEXT_BYTES
    if not expected <= size <= expected * 1.1 or usage.lines < leads:
        raise MeasurementError(f"{tool.name}: the file has {size:,} bytes, not {expected:,}")
    return usage
