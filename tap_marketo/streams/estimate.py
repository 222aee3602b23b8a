"""What can be said of the reading of a stream before it begins, with a few calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.plan_line import Calls, PlanLine


@dataclass(kw_only=True)
class ReadEstimate(PlanLine):
    """What can be said of a reading.

    Attributes:
        families: what it will have exported; its line is theirs then.
        found: what it may have exported, where that depends on what it finds.
    """

    families: Sequence[BulkFamily] = ()
    found: Sequence[BulkFamily] = ()


BY_DATE = "asked for by date"
CHANGED_ROWS = "all pages, changed rows"
IN_FULL = "in full"

# Of the pages of activities (activities.md, Query): a token, and one page.
ACTIVITY_CALLS = Calls(2, "one for 300 activities or a stretch of time")
