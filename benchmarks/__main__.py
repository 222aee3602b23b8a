"""Measures this tap side by side with singer-io's: ``python -m benchmarks [figure ...]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks import (
    changed_leads,
    crm,
    daily_syncs,
    everything,
    first_sync,
    hours,
    increments,
    members,
    memberships,
    memory,
    parents,
    plans,
    row_cases,
    row_path,
    scarce_bytes,
    start_up,
    sync_time,
    wires,
)
from benchmarks.bars import RESULTS
from benchmarks.environments import HOME, Tools
from benchmarks.report import Figure, save
from benchmarks.results import write_results
from benchmarks.runs import MeasurementError
from benchmarks.settings import Settings
from tests.harness import ROOT

ATTEMPTS = 2

_Measure = Callable[[Tools, Settings], Figure]

_FIGURES: dict[str, _Measure] = {
    "first-sync": first_sync.measure,
    "daily-syncs": daily_syncs.measure,
    "increments": increments.measure,
    "hours": hours.measure,
    "sync-time": sync_time.measure,
    "lead-rows": partial(row_path.measure, row_cases.LEADS),
    "wide-lead-rows": partial(row_path.measure, row_cases.WIDE_LEADS),
    "activity-rows": partial(row_path.measure, row_cases.ACTIVITIES),
    "hard-lead-rows": partial(row_path.measure, row_cases.HARD_LEADS),
    "hard-activity-rows": partial(row_path.measure, row_cases.HARD_ACTIVITIES),
    "wires": wires.measure,
    "memory": memory.measure,
    "parents": parents.measure,
    "members": members.measure,
    "memberships": memberships.measure,
    "changed-leads": changed_leads.measure,
    "objects-by-keys": crm.measure,
    "everything": everything.measure,
    "scarce-bytes": scarce_bytes.measure,
    "plans": plans.measure,
    "start-up": start_up.measure,
}


def main() -> int:
    """Measure, print, save; the exit code is 1 when a figure could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "figure", nargs="*", help=f"which to measure, all unless given: {', '.join(_FIGURES)}"
    )
    parser.add_argument(
        "--scale",
        type=float,
        help="of figures that are about waiting: how much faster Marketo's clock runs",
    )
    parser.add_argument("--runs", type=int, help="how many runs a median is taken of")
    options = parser.parse_args()
    unknown = set(options.figure) - set(_FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    tools, settings = Tools(), Settings(options.scale, options.runs)
    started = time.monotonic()
    measured: dict[str, Figure] = {}
    failed = False
    for name in options.figure or _FIGURES:
        figure = _attempt(name, tools, settings)
        if figure is None:
            failed = True
            continue
        measured[name] = figure
        print(f"\n{figure.table()}", flush=True)
    numbers = HOME / "results.json"
    save(measured, numbers)
    print(f"All numbers are in {numbers.relative_to(ROOT)}.")
    if set(measured) == set(_FIGURES) and not options.runs and not options.scale:
        write_results(measured.values(), (time.monotonic() - started) / 60)
        print(f"The tables are in {RESULTS.relative_to(ROOT)}.")
    return int(failed)


def _attempt(name: str, tools: Tools, settings: Settings) -> Figure | None:
    """Measure a figure; once more if a stall of this machine, minutes to the sandbox, broke it."""
    for _ in range(ATTEMPTS):
        try:
            return _FIGURES[name](tools, settings)
        except (MeasurementError, AssertionError, OSError) as error:
            print(f"{name} could not be measured: {error}", file=sys.stderr)
    return None


if __name__ == "__main__":
    sys.exit(main())
