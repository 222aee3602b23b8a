"""Custom objects that bulk extract does not give: exports of links find their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import calls, discovered, jobs, log_of
from tests.harness import Account, Run, Tap, Target, account, select
from tests.sandbox.assets.linked_types import COURSE, ENROLLMENT, HOUSE, STAY

SMALL = (
    *("--leads", "60", "--activities", "60", "--history-days", "25", "--late-share", "0"),
    *("--crm-objects", "--linked-objects", "--custom-objects", "60", "--export-minutes", "0.5"),
    *("--custom-object-types", "0"),
)
PREFIX = "custom_object_"
COURSES, HOUSES, CONTRACTS, SERVICES = LINKED = tuple(
    f"{PREFIX}{name}_c" for name in ("course", "house", "contract", "service")
)
LEADS = "leads"
BRIDGES = (f"customobjects/{ENROLLMENT}", f"customobjects/{STAY}")
START = "2026-01-01T00:00:00Z"


def begun(*streams: str) -> Target:
    """Return a target whose state says where the rows begin: no year of it is exported."""
    begins = dict.fromkeys((LEADS, *BRIDGES), "2026-05-18T00:00:00+00:00")
    return Target(state={"bookmarks": {name: {"begins_by": begins} for name in streams or LINKED}})


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*SMALL)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


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
        COURSES: [row for row in table(COURSE) if row["courseID"] in courses],
        HOUSES: [r for r in table(HOUSE) if (r["mlsNum"], r["houseOwnerId"]) in houses],
        CONTRACTS: [row for row in table("contract_c") if row["companyID"] in numbers],
        SERVICES: [row for row in table("service_c") if row["enrollment"] in keys],
    }
    return {name: {row["marketoGUID"] for row in rows} for name, rows in found.items()}


def tables(marketo: Account, catalog: dict[str, Any], since: str = START, **more: str) -> Any:
    """Return what the tables should hold, of all that can be found, changed since then."""
    there = linked_rows(marketo, **more)
    whole = expected.custom_objects(marketo, catalog, since)
    return {
        name: {key: row for key, row in whole[name].items() if key in keys}
        for name, keys in there.items()
    }


def held(target: Target, *streams: str) -> Any:
    return {name: expected.table(target, name) for name in streams or LINKED}


def sync(
    marketo: Account, tap: Tap, chosen: dict[str, Any], target: Target, **settings: Any
) -> Run:
    marketo.control("POST", "reset_counters")
    return tap.sync(marketo.config(start_date=START, **settings), chosen, target)


def test_rows_that_links_lead_to_are_what_marketo_holds(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun()
    done = sync(marketo, tap, select(catalog, LINKED), target)
    true = tables(marketo, catalog)
    assert all(true.values())
    assert held(target) == true
    # One export of each bridge serves all: what their rows name, and when they changed.
    made = {job["object"]: {*job["fields"]} for job in jobs(marketo)}
    assert made == {
        LEADS: {"updatedAt", "contactCompany", "externalCompanyId"},
        BRIDGES[0]: {"updatedAt", "courseID", "enrollmentID"},
        BRIDGES[1]: {"updatedAt", "courseTaken", "mlsNum", "ownerId"},
    }
    # All keys of a file by one call.
    asked = [entry["id"] for entry in log_of(marketo, "custom_object_rows")]
    assert sorted(asked) == ["contract_c", "course_c", "course_c", "house_c", "service_c"]
    assert calls(marketo)["customobject_describe"] == len(LINKED)
    for name in LINKED:
        schemas = [m for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == name]
        assert [m["key_properties"] for m in schemas] == [["marketoGUID"]]
        assert target.state
        own = target.state["bookmarks"][name]
        assert own["updatedAt"] == own["read_at"] == "2026-06-15T12:00:00+00:00"
