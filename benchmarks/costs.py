"""What a sync cost: Marketo's time, export jobs, calls, bytes, memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.marketo_time import run_time, slowest_job, workers_time
from benchmarks.report import Measure
from benchmarks.runs import MeasuredTap
from tests.harness import Account, Target


@dataclass(frozen=True)
class Cost:
    """What one sync cost; seconds in Marketo's time.

    Attributes:
        seconds: from its first call to its end, start-up added.
        workers: what Marketo's two workers need for its jobs.
        slowest: of its jobs.
        jobs: those made, by bulk object.
        bytes: of their files.
        served: bytes of all answers, files among them.
        calls: all, those for tokens of access left out.
        polls: of them those about the jobs' status.
        kinds: calls of each kind that was made.
        peak_bytes: the most memory it held at once.
    """

    seconds: float
    workers: float
    slowest: float
    jobs: Mapping[str, int]
    bytes: int
    served: int
    calls: int
    polls: int
    kinds: Mapping[str, int]
    peak_bytes: int

    @property
    def job_count(self) -> int:
        """All jobs."""
        return sum(self.jobs.values())


def measure_sync(
    tap: MeasuredTap,
    marketo: Account,
    config: Any,
    catalog: dict[str, Any],
    target: Target | None = None,
    seconds: float = 1800,
) -> Cost:
    """Sync from the target's state and into the target.

    Args:
        tap: runs it.
        marketo: its counters are reset.
        config: from the tap's settings.
        catalog: with what to sync selected.
        target: takes the messages; None to throw them away, and to sync as if for the first time.
        seconds: a run that takes longer hangs.

    Raises:
        MeasurementError: the tap failed.
    """
    marketo.control("POST", "reset_counters")
    usage = tap.measure(config, catalog, target, seconds)
    took = run_time(usage, marketo)
    counters = marketo.counters()
    jobs = counters["jobs"]
    made: dict[str, int] = {}
    for job in jobs:
        made[job["object"]] = made.get(job["object"], 0) + 1
    exported = sum(job["bytes"] for job in jobs)
    return Cost(
        seconds=took,
        workers=workers_time(jobs),
        slowest=slowest_job(jobs),
        jobs=made,
        bytes=exported,
        served=counters["bytes_served"],
        calls=counters["total_calls"],
        polls=counters["polls"],
        kinds=_kinds(counters["calls"]),
        peak_bytes=usage.peak_bytes,
    )


def _kinds(calls: Mapping[str, Any]) -> dict[str, int]:
    """Return how many calls of each kind were made; those about jobs count for all objects."""
    summed = {
        kind: sum(count.values()) if isinstance(count, dict) else int(count)
        for kind, count in calls.items()
    }
    return {
        kind: count for kind, count in summed.items() if count and not kind.startswith("token_")
    }


def minutes(what: str, seconds: float) -> Measure:
    """Return a line about seconds of Marketo's time."""
    return Measure(what, {"ours": seconds / 60}, "min", 1)


def calls_by_kind(kinds: Mapping[str, int]) -> str:
    """Name the calls of a sync, the most frequent kinds first."""
    named = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {kind}" for kind, count in named)
