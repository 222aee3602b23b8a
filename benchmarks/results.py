"""RESULTS.md: the figures of one whole run, how they were measured, and the main ones as bars."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.bars import BARS, RESULTS, svg, with_bars
from benchmarks.environments import versions
from benchmarks.report import Figure
from tests.harness import ROOT

_HEAD = """\
# Results

Written by `make bench`, which measures everything again; `python3 -m benchmarks NAME` measures one
figure. [README.md](README.md) says what each number means and how it is come by,
[PROFILE.md](PROFILE.md) where the CPU time of the row path goes.

Numbers are medians, with the least and the most of the runs in brackets. A ratio is the median of
the ratios of runs made one after the other.
"""


def write_results(figures: Iterable[Figure], minutes: float) -> None:
    """Write all figures of a run that took so many minutes, and the main ones as bars."""
    parts = [_HEAD, _machine(minutes), *(figure.table() for figure in figures)]
    results = with_bars("\n".join(parts))
    RESULTS.write_text(results, encoding="utf-8")
    BARS.write_text(svg(results), encoding="utf-8")


def _machine(minutes: float) -> str:
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    facts = {
        "measured": f"{date}, in {minutes:.0f} minutes",
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.platform(terse=True)}",
        "Python": platform.python_version(),
        **versions(),
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    return "\n".join(["| | |", "| --- | --- |", *rows]) + "\n"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """Return the commit measured, marked where the tree was changed since."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"
