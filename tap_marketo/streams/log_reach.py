"""How far back the activities reach by which a table is kept up to date.

A table that is read once and then kept up to date by a log of changes lacks for good what the log
has lost. So where the log no longer reaches back to what the table holds, the table is read from
the beginning once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tap_marketo.marketo.retention import (
    HIGH_VOLUME,
    HIGH_VOLUME_KEPT,
    KEPT_MONTHS,
    kept_since,
    months_before,
)
from tap_marketo.times import before, to_marketo

# Nobody says at which time of the day Marketo deletes, nor how long a run takes until it asks: so
# much less than it keeps is counted on.
_SPARE_DAYS = timedelta(days=5)
_SPARE_MONTHS = 1


@dataclass(frozen=True)
class Gap:
    """A time of which the log of a table's changes may tell no more.

    Attributes:
        type: the activity type that Marketo deletes first of those that are followed.
        reached: up to when the table has been kept up to date, UTC.
        since: where the gap begins: the look-back before that.
        until: where it ends: since then Marketo has all activities.
    """

    type: str
    reached: datetime
    since: datetime
    until: datetime

    def __str__(self) -> str:
        """Say why the table is read from the beginning."""
        kept = f"{HIGH_VOLUME_KEPT.days} days"
        if self.type not in HIGH_VOLUME:
            kept = f"{KEPT_MONTHS} months"
        return (
            f"it was last read at {to_marketo(self.reached)}, and Marketo keeps the activities "
            f"{self.type}, which tell what has changed since, for {kept} only"
        )


def find_gap(
    activity_type: str, reached: datetime | None, lookback: timedelta, now: datetime
) -> Gap | None:
    """Return the gap between what a table holds and what its log tells; None if there is none.

    Args:
        activity_type: the name of the type that Marketo deletes first of those that are followed.
        reached: up to when the table has been kept up to date, UTC; None if it was never read.
        lookback: how long after its date an activity may show.
        now: the time of the run.
    """
    if reached is None:
        return None
    if activity_type in HIGH_VOLUME:
        reach = now - HIGH_VOLUME_KEPT + _SPARE_DAYS
    else:
        reach = months_before(now, KEPT_MONTHS - _SPARE_MONTHS)
    # With a look-back as long as the log, what has been read today would be read again tomorrow.
    since = before(reached, min(lookback, (now - reach) / 2))
    if since >= reach:
        return None
    return Gap(activity_type, reached, since, kept_since(activity_type, now) or reach)
