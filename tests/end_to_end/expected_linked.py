"""What the tables of custom objects that no export gives should hold.

Written from docs/companies.md: whatever leads and bridges lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.end_to_end import expected
from tests.harness import Account, Target
from tests.sandbox.assets.linked_types import ENROLLMENT, STAY

PREFIX = "custom_object_"
COURSES, HOUSES, CONTRACTS, SERVICES = LINKED = tuple(
    f"{PREFIX}{name}_c" for name in ("course", "house", "contract", "service")
)
LEADS = "leads"
BRIDGES = (f"customobjects/{ENROLLMENT}", f"customobjects/{STAY}")
Tables = dict[str, dict[Any, dict[str, Any]]]


def state_of(time: str, *streams: str) -> dict[str, Any]:
    """Return the state of streams whose rows begin at a time: no year before it is exported."""
    begins = dict.fromkeys((LEADS, f"{LEADS} by createdAt", *BRIDGES), time)
    return {"bookmarks": {name: {"begins_by": begins} for name in streams or LINKED}}


def linked_rows(marketo: Account, companies: str = "linked") -> dict[str, set[str]]:
    """Return the marketoGUIDs of the rows that can be found, by stream."""

    def table(name: str) -> list[dict[str, Any]]:
        return marketo.truth(PREFIX + name)

    leads = marketo.truth("leads")
    enrollments, stays = table(ENROLLMENT), table(STAY)
    courses = {row["courseID"] for row in enrollments} | {row["courseTaken"] for row in stays}
    houses = {(row["mlsNum"], row["ownerId"]) for row in stays}
    numbers = {
        int(lead["contactCompany"])
        for lead in leads
        if companies == "all" or lead["externalCompanyId"]
    }
    keys = {row["enrollmentID"] for row in enrollments}
    found = {
        COURSES: [row for row in table("course_c") if row["courseID"] in courses],
        HOUSES: [r for r in table("house_c") if (r["mlsNum"], r["houseOwnerId"]) in houses],
        CONTRACTS: [row for row in table("contract_c") if row["companyID"] in numbers],
        SERVICES: [row for row in table("service_c") if row["enrollment"] in keys],
    }
    return {name: {row["marketoGUID"] for row in rows} for name, rows in found.items()}


def tables(
    marketo: Account, catalog: Mapping[str, Any], since: str, companies: str = "linked"
) -> Tables:
    """Return what the tables should hold: what can be found and has changed since a time."""
    there = linked_rows(marketo, companies)
    whole = expected.custom_objects(marketo, catalog, since)
    return {
        name: {key: row for key, row in whole[name].items() if key in keys}
        for name, keys in there.items()
    }


def assert_right(marketo: Account, catalog: Mapping[str, Any], target: Target, since: str) -> None:
    """The target's tables hold what has changed, and what else news lead to, as it is now."""
    true = tables(marketo, catalog, since)
    whole = tables(marketo, catalog, "")
    for name in target.tables.keys() & true.keys():
        assert true[name], "a test without rows would prove nothing"
        held = expected.table(target, name)
        assert held.keys() >= true[name].keys(), name
        assert held == {key: whole[name][key] for key in held}, name
