"""How long Marketo keeps activities, by the names of their types, and what tables lose by that.

Marketo's knowledge base, "Marketo Activities Data Retention Policy": after its time an activity is
deleted for good, and no call has it any more. developer.en, activities.md, says as much: "Most
activities will be purged after some period of time."

A table that is read once and then kept up to date by a log of changes lacks for good what the log
has lost. So where the log no longer reaches back to what the table holds, the table is read from
the beginning once more.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta

from tap_marketo.times import EVER, before, to_marketo

ADD_TO_LIST = "Add to List"
CHANGE_DATA_VALUE = "Change Data Value"
DELETE_LEAD = "Delete Lead"
NEW_LEAD = "New Lead"

DELETIONS_KEPT = timedelta(days=14)
HIGH_VOLUME_KEPT = timedelta(days=90)
HIGH_VOLUME = frozenset(
    {
        ADD_TO_LIST,
        "Change Score",
        CHANGE_DATA_VALUE,
        "Visit Webpage",
        # types.json has the first name, the policy the second.
        "Click Link",
        "Click Link on Webpage",
        "Sync Lead to SFDC",
        "Sync Lead to Microsoft",
        "Sync Lead Updates to SFDC",
        "Update Opportunity",
        "Request Campaign",
        "Email Delivered",
        "Send Email",
    }
)
"""The types that are kept for 90 days."""
_KEPT = {DELETE_LEAD: DELETIONS_KEPT, **dict.fromkeys(HIGH_VOLUME, HIGH_VOLUME_KEPT)}
# How many months all others are kept, New Lead left out: that is kept for ever. More where the
# premium option was bought; no call says whether it was.
_KEPT_MONTHS = 25
_PREMIUM_MONTHS = 37

# Nobody says at which time of the day Marketo deletes, nor how long a run takes until it asks: so
# much less than it keeps is counted on.
_SPARE_DAYS = timedelta(days=5)
_SPARE_MONTHS = 1


def kept_since(name: str, now: datetime) -> datetime | None:
    """Return the time before which Marketo has deleted all activities of a type; None for never.

    The name is as types.json has it. Of two that differ in letter case only, one is a custom type,
    and kept as such.
    """
    if name == NEW_LEAD:
        return None
    kept = _KEPT.get(name)
    return now - kept if kept else months_before(now, _KEPT_MONTHS)


def kept_for(name: str) -> str:
    """Say how long the activities of a type are kept, New Lead left out."""
    premium = "" if name in _KEPT else f", or {_PREMIUM_MONTHS} with the premium option"
    return f"{_days_or_months(name)}{premium}"


def _days_or_months(name: str) -> str:
    kept = _KEPT.get(name)
    return f"{kept.days} days" if kept else f"{_KEPT_MONTHS} months"


def asked_since(name: str, now: datetime, months: int) -> datetime:
    """Return the time before which a type's activities are not asked for: a midnight (UTC).

    ``months`` is how long a type may be kept that is not kept for ever; 0 to ask for everything.
    """
    if name == NEW_LEAD or not months:
        return EVER
    return midnight(months_before(now, months))


def midnight(moment: datetime) -> datetime:
    """Return where a moment's day began, UTC."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def months_before(moment: datetime, months: int) -> datetime:
    """Return the same time of the day some months before, on the month's last day at most."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


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
        return (
            f"it was last read at {to_marketo(self.reached)}, and Marketo keeps the activities "
            f"{self.type}, which tell what has changed since, for {_days_or_months(self.type)} only"
        )


def find_gap(
    activity_type: str, reached: datetime | None, lookback: timedelta, now: datetime
) -> Gap | None:
    """Return the gap between what a table holds and what activities still tell; None for none.

    ``reached`` is None for a table that was never read; ``lookback`` is how long after its date an
    activity may show.
    """
    if reached is None:
        return None
    if kept := _KEPT.get(activity_type):
        reach = now - kept + _SPARE_DAYS
    else:
        reach = months_before(now, _KEPT_MONTHS - _SPARE_MONTHS)
    # With a look-back as long as the log, what has been read today would be read again tomorrow.
    since = before(reached, min(lookback, (now - reach) / 2))
    if since >= reach:
        return None
    return Gap(activity_type, reached, since, kept_since(activity_type, now) or reach)
