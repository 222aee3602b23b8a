"""One line of a plan: what is known of an export or of the reading of a stream before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ANEW = "from the beginning once more"
"""How something is read that had been read before, and kept up to date since."""


@dataclass(frozen=True)
class Calls:
    """How many calls something takes at least; ``each`` says what takes how many more of them."""

    least: int = 0
    each: str = ""

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.least + other.least, "; ".join(filter(None, (self.each, other.each))))


@dataclass(frozen=True, kw_only=True)
class Left:
    """What of a family is not exported today: since when (UTC), its jobs, their bytes if known."""

    since: datetime
    jobs: int
    size: float | None


@dataclass(kw_only=True)
class PlanLine:
    """A family that is exported, or a stream that is read by calls.

    Attributes:
        streams: those that it is about.
        how: how they are read, in a few words.
        since: the changes from this time on are read today, UTC; None where everything is read.
        until: up to this time; None where everything is read.
        is_exported: whether export jobs are made, or may be.
        jobs: how many are made today; None if unknown.
        resumed: how many jobs of an earlier run it resumes.
        calls: what it takes.
        size: bytes of the jobs that are made; None if unknown.
        time: until its last file has been read; None if unknown.
        guess: what the numbers are based on, where they are guesses; empty where they are certain.
        left: what does not fit into today; None if everything does.
        why_anew: why it is read from the beginning once more; empty where it is not.
    """

    name: str = ""
    streams: Sequence[str] = ()
    how: str = ""
    since: datetime | None = None
    until: datetime | None = None
    is_exported: bool = False
    jobs: int | None = 0
    resumed: int = 0
    calls: Calls = Calls()
    size: float | None = 0.0
    time: timedelta | None = timedelta()
    guess: str = ""
    left: Left | None = None
    why_anew: str = ""

    @property
    def is_uncertain(self) -> bool:
        """Whether its jobs, bytes or calls are not known, or known only to be so many at least."""
        return self.jobs is None or self.size is None or bool(self.calls.each)
