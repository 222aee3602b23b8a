"""Accounts of few people, and what the tables of them should hold.

For streams of people beside leads, and for leads of a subscription without the updatedAt filter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.end_to_end import expected
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.harness import Account, Target

OBJECTS = ("custom_object_car_c", "custom_object_visit_c")
STREAMS = (MEMBERS, MEMBERSHIPS, *OBJECTS)

# docs/members.md, leads without the updatedAt filter; New Lead is one of them.
_TELLING = (
    "New Lead", "Change Data Value", "Change Score", "Change Owner", "Change Revenue Stage",
    "Change Lead Partition", "Merge Leads",
)  # fmt: skip
_TELLING_OF_MEMBERS = (
    "Change Status in Progression", "Change Program Member Data", "Add to Nurture",
    "Change Nurture Track", "Change Nurture Cadence",
)  # fmt: skip
_LEFT = "Not in Program"

Tables = dict[str, dict[Any, dict[str, Any]]]


def table(target: Target, stream: str) -> dict[Any, dict[str, Any]]:
    """Return a target's table, of members and memberships those that last now."""
    rows = expected.table(target, stream)
    if stream == MEMBERS:
        return {key: row for key, row in rows.items() if row["statusName"] != _LEFT}
    return rows


def tables(account: Account, catalog: Mapping[str, Any], since: str) -> Tables:
    """Return what :func:`table` should make of each table, with what changed ``since`` or later."""
    found = expected.tables(account, catalog, since)
    (leads,) = (each for each in catalog["streams"] if each["tap_stream_id"] == "leads")
    if expected.metadata(leads)[()]["valid-replication-keys"] == ["createdAt"]:
        changed = told_of(account, since)
        names = expected.columns_of_fields(catalog, "leads")
        found["leads"] = {
            key: {names[field]: cell for field, cell in row.items()}
            for key, row in expected.leads(account).items()
            if key in changed or row["createdAt"] >= expected.value(since, "datetime")
        }
    return found


def told_of(account: Account, since: str) -> set[int]:
    """Return the leads of whose change an activity tells, dated ``since`` or later."""
    return {lead for lead, date in last_told(account).items() if date >= since}


def last_told(account: Account) -> dict[int, str]:
    """Return when an activity told last of each lead that it changed."""
    dates: dict[int, str] = {}
    for row in _activities(account, _TELLING):
        dates[row["leadId"]] = max(dates.get(row["leadId"], ""), row["activityDate"])
    return dates


def told_of_members(account: Account) -> list[tuple[int, int, str]]:
    """Return whenever a member came or changed: the program, the lead and the date."""
    return [
        (row["primaryAttributeValueId"], row["leadId"], row["activityDate"])
        for row in _activities(account, _TELLING_OF_MEMBERS)
        if row["attributes"].get("New Status") != _LEFT
    ]


def _activities(account: Account, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the activities of the types of some names."""
    types = {each["id"] for each in account.truth("activity_types") if each["name"] in names}
    return account.activities(types)


def assert_who_left_is_right(account: Account, catalog: Mapping[str, Any], target: Target) -> None:
    """Whoever is a member no longer has a row as the last activity tells it."""
    if MEMBERS in target.tables:
        true = expected.leavers(account, catalog)
        for key, row in expected.table(target, MEMBERS).items():
            assert row["statusName"] != _LEFT or row == true[key]
    if MEMBERSHIPS in target.tables:
        gone = expected.off_lists(account)
        for key, row in target.tables[MEMBERSHIPS].items():
            assert row["isMember"] or row == {**gone[key], "readAt": row["readAt"]}
