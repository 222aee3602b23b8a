"""How long Marketo keeps activities, by the names of their types.

Marketo's knowledge base, "Marketo Activities Data Retention Policy": after its time an activity is
deleted for good, and no call has it any more. developer.en, activities.md, says as much: "Most
activities will be purged after some period of time."
"""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

from tap_marketo.times import EVER

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
KEPT_MONTHS = 25
"""How long all others are kept, New Lead left out: that is kept for ever."""
PREMIUM_MONTHS = 37
"""How long these are kept where the premium option was bought; no call says whether it was."""


def kept_since(name: str, now: datetime, months: int = KEPT_MONTHS) -> datetime | None:
    """Return the time before which Marketo has deleted all activities of a type.

    Args:
        name: of the type, as types.json has it; of two that differ in letter case only, one is
            a custom type, and kept as such.
        now: the time.
        months: how long what is neither frequent nor for ever is kept.

    Returns:
        None if they are kept for ever.
    """
    if name == NEW_LEAD:
        return None
    if name == DELETE_LEAD:
        return now - DELETIONS_KEPT
    if name in HIGH_VOLUME:
        return now - HIGH_VOLUME_KEPT
    return months_before(now, months)


def kept_for(name: str) -> str:
    """Say how long the activities of a type are kept."""
    if name == NEW_LEAD:
        return "ever"
    if name == DELETE_LEAD:
        return f"{DELETIONS_KEPT.days} days"
    if name in HIGH_VOLUME:
        return f"{HIGH_VOLUME_KEPT.days} days"
    return f"{KEPT_MONTHS} months, or {PREMIUM_MONTHS} with the premium option"


def asked_since(name: str, now: datetime, months: int) -> datetime:
    """Return the time before which a type's activities are not asked for: a midnight (UTC).

    Args:
        name: of the type.
        now: the time.
        months: how long a type may be kept that is not kept for ever; 0 to ask for everything.
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
