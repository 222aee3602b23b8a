"""Syncs in Marketo's time, and what Marketo's own workers would have needed for their jobs."""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.runs import Usage
from tests.harness import Account
from tests.sandbox.exports import PLACES, WORKERS

CALLS, PERIOD_SECONDS = 50, 20.0
"""The default pace: as a config without the setting has it, and as it is counted (throttle.py)."""


def run_time(usage: Usage, marketo: Account) -> float:
    """Return what the run just finished took in Marketo's seconds, counted since its first call.

    Its start-up has nothing to do with Marketo's clock and is added in real seconds. The counters
    must have been reset before the run.
    """
    start_up = first_call(marketo) - usage.started
    scale = float(marketo.control("GET", "clock")["scale"])
    return start_up + (usage.wall - start_up) * scale


def first_call(marketo: Account, kind: str | None = None) -> float:
    """Return at which monotonic second of this machine a call first came in.

    The clock must not have been moved since.

    Args:
        marketo: its counters say since when calls are looked at.
        kind: as the sandbox's log names it; any call when None.
    """
    log = marketo.control("GET", "log")["log"]
    at = next(call["at"] for call in log if kind is None or call["call"] == kind)
    clock, now = marketo.control("GET", "clock"), time.monotonic()
    return now - float(clock["epoch"] - at) / float(clock["scale"])


def workers_time(jobs: Sequence[Mapping[str, Any]]) -> float:
    """Return the seconds Marketo's two workers need for these jobs, in the order they were queued.

    That is a replay in which the client never loses a second: the first ten jobs are in the queue
    at once, each further one as soon as a place is free. A job waits for its pickup time and then
    for a worker, and is processed for as long as it was in the run. Starting and reading the files
    take no time.

    Args:
        jobs: reports of finished jobs, as the sandbox's counters give them.
    """
    idle = [0.0] * WORKERS
    ends: list[float] = []
    started = 0.0
    for job in sorted(jobs, key=lambda job: job["queued"]):
        queued = heapq.heappop(ends) if len(ends) == PLACES else 0.0
        started = max(queued + job["pickup"], heapq.heappop(idle), started)
        end = started + job["finished"] - job["started"]
        heapq.heappush(idle, end)
        heapq.heappush(ends, end)
    return max(idle)


def slowest_job(jobs: Sequence[dict[str, Any]]) -> float:
    """Return the seconds of the job that took longest from the queue to its end; 0 for none."""
    return max((float(job["finished"] - job["queued"]) for job in jobs), default=0.0)
