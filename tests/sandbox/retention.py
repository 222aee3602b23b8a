"""What Marketo has deleted of its activities: each type is kept for a time.

Marketo's knowledge base, "Marketo Activities Data Retention Policy": 14 days, 90 days, 25 months or
for ever, by the type's name. activities.md: "Most activities will be purged after some period of
time."
"""

from __future__ import annotations

from datetime import datetime, timezone

from tests.sandbox.clock import DAY

FOR_DAYS = {
    **dict.fromkeys(("Delete Lead",), 14),
    **dict.fromkeys(
        (
            *("Add to List", "Change Score", "Change Data Value", "Visit Webpage", "Click Link"),
            *("Sync Lead to SFDC", "Sync Lead to Microsoft", "Sync Lead Updates to SFDC"),
            *("Update Opportunity", "Request Campaign", "Email Delivered", "Send Email"),
        ),
        90,
    ),
}
"""How many days activities of some types are kept, by name; others are kept for months."""
FOR_EVER = ("New Lead",)


def kept_since(name: str, moment: float, months: int) -> float:
    """The time before which there is no activity of a type any more.

    All others are kept for some months: 25, or 37 with the "premium option". With 0 nothing is ever
    deleted.
    """
    if not months or name in FOR_EVER:
        return float("-inf")
    if name in FOR_DAYS:
        return moment - FOR_DAYS[name] * DAY
    then = datetime.fromtimestamp(moment, timezone.utc)
    year, month = divmod(then.year * 12 + then.month - 1 - months, 12)
    # The days that are left of the last month count from its first: none is longer than that.
    first = then.replace(year=year, month=month + 1, day=1)
    return first.timestamp() + (then.day - 1) * DAY
