"""Syncs of this tap while Marketo's clock stands, and moves by what a call takes.

So a time is the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.environments import Tool
from benchmarks.runs import MeasuredTap, measured_tap
from tests.harness import Account, Target, account

# What a call takes at the default pace of 50 in 20 seconds, and a bit more.
CALL_SECONDS = 0.5
TIMES = (
    f"Times are Marketo's: a call takes {CALL_SECONDS:g} s, a look at jobs as long as the tap "
    "waits for it, and the tap's own CPU time is added."
)


@dataclass(frozen=True)
class SyncRun:
    """What one sync took.

    Attributes:
        seconds: in Marketo's time, with the tap's own CPU time.
        calls: all of them.
        jobs: how many were made.
        bytes: of their files, as far as they are written.
        rows: in these files.
    """

    seconds: float
    calls: int
    jobs: int
    bytes: int
    rows: int


@contextmanager
def standing_tap(
    tool: Tool, options: Sequence[str], scale: float
) -> Iterator[tuple[MeasuredTap, Account]]:
    """Run a sandbox whose clock stands, and this tap beside it.

    Args:
        tool: this tap.
        options: of the sandbox.
        scale: how much shorter the tap's waits are than Marketo's, which is none of the figures.
            Each look at jobs counts as a wait, so that it must be small where a run that waits for
            none is timed: the run has to be over before the tap looks.
    """
    clock = ["--scale", "0", "--poll-seconds", str(tool.poll_interval)]
    clock += ["--call-seconds", str(CALL_SECONDS)]
    with account(*clock, *options) as marketo, measured_tap(tool, marketo, scale) as tap:
        yield tap, marketo


def now_of(marketo: Account) -> float:
    """Return Marketo's time, in seconds since 1970."""
    return float(marketo.control("GET", "clock")["epoch"])


def sync(tap: MeasuredTap, marketo: Account, config: Any, catalog: Any, target: Target) -> SyncRun:
    """Sync from the target's state and into the target.

    The sandbox's counters are those of this sync then.

    Raises:
        MeasurementError: the tap failed.
    """
    marketo.control("POST", "reset_counters")
    begun = now_of(marketo)
    usage = tap.measure(config, catalog, target)
    counters = marketo.counters()
    return SyncRun(
        now_of(marketo) - begun + usage.cpu,
        counters["total_calls"],
        len(counters["jobs"]),
        sum(job["bytes"] or 0 for job in counters["jobs"]),
        sum(job["rows"] or 0 for job in counters["jobs"]),
    )
