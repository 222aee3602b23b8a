"""When to poll export jobs, and how long to wait for them: arithmetic on the seconds of a clock.

Jobs are polled not before one of them can be done, and soon after it is. Marketo renews a job's
status every 60 seconds at most (bulk-extract.md, Starting a Job), so more than one poll in a
poll_interval shows nothing new. Those before a job can be done show next to nothing: jobs take
minutes even when small.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

WORKERS = 2
"""How many jobs Marketo processes at once (bulk-extract.md, Limits)."""

# The quickest of the last ten jobs says when the next one can be done; of fewer than five it does
# not: every second job is quicker than the one before.
_REMEMBERED = 10
_ENOUGH = 5
# No job goes without a poll for longer than so many intervals. It may be quicker than any before,
# or fail early: even then two intervals after its end it is known, as it would be if it were polled
# in each interval but its status were renewed just after a poll.
_LONGEST_INTERVALS = 2
# For how many job_timeouts Marketo may begin none of the jobs that wait, and for how many more the
# families without a slot in the queue until then may wait for one and in it.
_PATIENCE = 8
_LAST_CHANCE = 1


class Waiting(NamedTuple):
    """A job that is waited for: since when, and before when it was not processed, if known."""

    enqueued: float
    begun: float | None


class RecentJobs:
    """How long Marketo took to process the last jobs of one kind, in seconds."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def add(self, seconds: float) -> None:
        """Learn how long the next job took."""
        self._seconds.append(seconds)

    @property
    def quickest(self) -> float:
        """The shortest of them; 0 while few are known."""
        return max(0.0, min(self._seconds)) if len(self._seconds) >= _ENOUGH else 0.0

    @property
    def usual(self) -> float | None:
        """How long they took on average; None while none is known."""
        return sum(self._seconds) / len(self._seconds) if self._seconds else None


def next_poll(last: float, interval: float, jobs: Iterable[Waiting], quickest: float) -> float:
    """Return when the next poll of some jobs is due.

    The first poll of a job that may be done comes whole intervals after it was enqueued: from
    then on its status is renewed, as far as Marketo documents that.

    ``last`` is when the last poll was, or when the first of them was enqueued; polls are an
    ``interval`` (poll_interval) apart at least; a job takes as long as the ``quickest`` at least.
    """
    due = min(_first_poll(job, interval, quickest) for job in jobs)
    return max(last + interval, min(due, last + _LONGEST_INTERVALS * interval))


def _first_poll(job: Waiting, interval: float, quickest: float) -> float:
    if job.begun is None:
        return job.enqueued
    return job.enqueued + interval * ceil((job.begun + quickest - job.enqueued) / interval)


class Patience:
    """For how long Marketo may begin no job of a run while some of them wait.

    The clock restarts whenever Marketo begins a job, and when none waits. Once it has run out, it
    goes on for the families that have had no slot yet: a run in which Marketo begins nothing ends
    after nine job_timeouts, however many families it has. ``waited`` is for how many seconds none
    has been begun; ``has_run_out`` says whether that was too long for the first time already.
    """

    def __init__(self, timeout: float) -> None:
        """Begin with no job waiting (job_timeout, seconds)."""
        self._timeout = timeout
        self._since: float | None = None
        self.waited = 0.0
        self.has_run_out = False

    def restart(self) -> None:
        """Note that Marketo has begun a job."""
        self._since, self.has_run_out = None, False

    def is_over(self, waits: bool, now: float) -> bool:
        """Return whether Marketo has begun nothing for too long (now: monotonic seconds)."""
        if not waits and not self.has_run_out:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        self.waited = now - self._since
        return waits and self.waited > self.limit

    @property
    def limit(self) -> float:
        """Seconds for which Marketo may begin nothing."""
        return self._timeout * (_PATIENCE + (_LAST_CHANCE if self.has_run_out else 0))
