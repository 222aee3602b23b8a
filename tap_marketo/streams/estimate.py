"""What can be said of the reading of a stream before it begins, with a few calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tap_marketo.exports.family import BulkFamily


@dataclass(frozen=True)
class Calls:
    """What a reading costs in calls.

    Attributes:
        least: how many it takes at least.
        each: what takes more of them, and how many; empty if that is all.
    """

    least: int = 0
    each: str = ""

    def __add__(self, other: Calls) -> Calls:
        """Return what two readings cost."""
        return Calls(self.least + other.least, "; ".join(filter(None, (self.each, other.each))))


@dataclass(frozen=True)
class ReadEstimate:
    """What can be said of a reading.

    Attributes:
        how: how the stream is read, in a few words.
        since: from when on what has changed is read, UTC; None where all is read.
        calls: what it costs, beside exports.
        guess: what that rests on, where it is a guess; empty where it is none.
        families: what it will have exported.
        found: what it may have exported: how much hangs on what it finds.
    """

    how: str
    since: datetime | None = None
    calls: Calls = Calls()
    guess: str = ""
    families: Sequence[BulkFamily] = ()
    found: Sequence[BulkFamily] = ()


BY_DATE = "asked for by date"
CHANGED_ROWS = "all pages, changed rows"
IN_FULL = "in full"

# Of the pages of activities (activities.md, Query): a token, and one page.
ACTIVITY_CALLS = Calls(2, "one for 300 activities or a stretch of time")
