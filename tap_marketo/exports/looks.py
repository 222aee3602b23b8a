"""When to look at export jobs: not before one of them can be done, and soon after it is.

Pure arithmetic on the seconds of a clock. Marketo renews a job's status every 60 seconds at most
(bulk-extract.md, Starting a Job), so more looks than one in a poll_interval would tell nothing
new, and those before a job can be done tell next to nothing: jobs take minutes even when small.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

WORKERS = 2
"""How many jobs Marketo processes at once (bulk-extract.md, Limits)."""

# The quickest of the last ten jobs says when the next one can be done; of fewer than five it does
# not: every second job is quicker than the one before.
_REMEMBERED = 10
_ENOUGH = 5
# No job is left alone for longer than so many intervals. It may be quicker than any before, or fail
# early: even then two intervals after its end it is known, as it would be if it were looked at
# in each interval but its status were renewed just after a look.
_LONGEST_INTERVALS = 2


@dataclass(frozen=True)
class Waiting:
    """A job that is waited for.

    Attributes:
        enqueued: when it was enqueued, or first seen if an earlier run did that.
        begun: it was not processed before this; None if that is not known.
    """

    enqueued: float
    begun: float | None


class RecentJobs:
    """How long Marketo took to process the last jobs of one kind, in seconds."""

    def __init__(self) -> None:
        """Start with no job known."""
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


def next_look(last: float, interval: float, jobs: Iterable[Waiting], quickest: float) -> float:
    """Return when the next look at some jobs is due.

    The first look at a job that may be done is taken whole intervals after it was enqueued: from
    then on its status is renewed, as far as Marketo tells anything of that.

    Args:
        last: when the last look was, or when the first of them was enqueued.
        interval: least seconds between two looks (poll_interval).
        jobs: those waited for, one at least.
        quickest: how long a job takes at least.
    """
    due = min(_first_look(job, interval, quickest) for job in jobs)
    return max(last + interval, min(due, last + _LONGEST_INTERVALS * interval))


def _first_look(job: Waiting, interval: float, quickest: float) -> float:
    if job.begun is None:
        return job.enqueued
    return job.enqueued + interval * ceil((job.begun + quickest - job.enqueued) / interval)
