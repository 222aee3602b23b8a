"""Bulk extract of custom objects (bulk-custom-object-extract.md, custom-objects.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.assets.subscription import CRM_TYPE, ROUGH_TYPE
from tests.sandbox.client import DAY, MONTH, NOW, Client, Json, code, rows_of, same
from tests.sandbox.clock import bulk_time, parse_time

USUAL = Options(now=NOW, scale=0, leads=300, activities=100)
FIELDS = ["marketoGUID", "leadID"]


@pytest.fixture(name="hostile", scope="module")
def _hostile() -> Iterator[Client]:
    """A sandbox with a hostile account that has a native CRM sync as well."""
    with Sandbox(replace(USUAL, hostile=True, crm_sync=True)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


def truth(client: Client, name: str = "car_c") -> dict[str, Json]:
    """All rows of a type by marketoGUID."""
    rows = client.control(f"truth/custom_object_{name}")["rows"]
    found = {row["marketoGUID"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def exported(
    client: Client, fields: list[str], chosen: Json, name: str = "car_c"
) -> list[dict[str, str]]:
    """The rows of an export."""
    kind = f"customobjects/{name}"
    job_id = client.exported(kind, fields=fields, filter=chosen)
    return rows_of(client.file(job_id, kind).content.decode())


def refusal(client: Client, chosen: Json, name: str = "car_c", **more: Any) -> str:
    """The code with which a request is refused."""
    request = {"fields": FIELDS, **more}
    return code(client.create(f"customobjects/{name}", filter=chosen, **request))


@pytest.mark.parametrize("name", ["car_c", "visit_c", ROUGH_TYPE])
def test_files_hold_the_truth(hostile: Client, name: str) -> None:
    (described,) = hostile.get(f"/rest/v1/customobjects/{name}/describe.json")["result"]
    names = [field["name"] for field in described["fields"]]
    rows = truth(hostile, name)
    found: dict[str, dict[str, str]] = {}
    for back in range(13):
        high = (parse_time(NOW) or 0) - back * 31 * 86400
        window = {"startAt": bulk_time(high - 31 * 86400), "endAt": bulk_time(high)}
        some = exported(hostile, names, {"updatedAt": window}, name)
        found |= {row["marketoGUID"]: row for row in some}
    assert found.keys() == rows.keys()
    assert len(rows) == 120
    for guid, row in rows.items():
        assert list(row) == names
        assert all(same(found[guid][field], row[field]) for field in names), guid
        assert row["createdAt"] <= row["updatedAt"]
    values = [value for row in rows.values() for value in row.values()]
    assert (10**40 in values) == (name == ROUGH_TYPE)


def test_only_what_was_updated_in_the_range(shared: Client) -> None:
    rows = truth(shared)
    found = {row["marketoGUID"] for row in exported(shared, FIELDS, {"updatedAt": MONTH})}
    low, high = MONTH["startAt"], MONTH["endAt"]
    assert found == {guid for guid, row in rows.items() if low <= row["updatedAt"] <= high}
    assert 0 < len(found) < len(rows)


@pytest.mark.parametrize(("kind", "number"), [("staticListId", 3003), ("smartListId", 1003)])
def test_rows_of_the_members_of_a_list(shared: Client, kind: str, number: int) -> None:
    job_id = shared.exported(fields=["id"], filter={kind: number})
    members = {row["id"] for row in rows_of(shared.file(job_id).content.decode())}
    found = exported(shared, FIELDS, {kind: number})
    rows = truth(shared)
    assert {row["marketoGUID"] for row in found} == {
        guid for guid, row in rows.items() if str(row["leadID"]) in members
    }
    assert 0 < len(found) < len(rows)


def test_names_of_fields_in_another_case(hostile: Client) -> None:
    # The example of the page asks for leadId and describes leadID.
    chosen = {"updatedAt": MONTH}
    found = exported(hostile, ["leadId", "vIN"], chosen)
    assert found == [
        {"leadId": row["leadID"], "vIN": row["vIN"]}
        for row in exported(hostile, ["leadID", "vIN"], chosen)
    ]
    colours = exported(hostile, ["Colour", "colour"], chosen, ROUGH_TYPE)
    assert all(row["Colour"][:3] == "RAL" and row["colour"][:5] == "shade" for row in colours)
    assert refusal(hostile, chosen, ROUGH_TYPE, fields=["COLOUR"]) == "1006"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "1002"),
        ({"createdAt": DAY}, "1003"),
        ({"updatedAt": DAY, "staticListId": 3003}, "1003"),
        ({"staticListId": "3003"}, "1001"),
        ({"updatedAt": {**DAY, "startAt": "2026-05-14T23:59:59Z"}}, "1003"),
        ({"updatedAt": {**DAY, "endAt": "2026-06-15"}}, "704"),
    ],
)
def test_refused_filters(shared: Client, chosen: Json, expected: str) -> None:
    assert refusal(shared, chosen) == expected


def test_refused_fields_and_types(hostile: Client) -> None:
    assert refusal(hostile, {"updatedAt": DAY}, fields=[]) == "1002"
    assert refusal(hostile, {"updatedAt": DAY}, fields=["nope"]) == "1006"
    assert refusal(hostile, {"updatedAt": DAY}, "nothing_c") == "1013"
    assert refusal(hostile, {"updatedAt": DAY}, CRM_TYPE) == "1018"
    assert "error" in hostile.control(f"truth/custom_object_{CRM_TYPE}")


def test_subscription_without_smart_lists() -> None:
    with Sandbox(replace(USUAL, no_updated_at=True)) as sandbox:
        client = Client(sandbox)
        for name, value in (("smartListId", 1001), ("smartListName", "Anybody")):
            assert refusal(client, {name: value}) == "1035"
        for chosen in ({"updatedAt": DAY}, {"staticListId": 3003}, {"staticListName": "List 3003"}):
            answer = client.create("customobjects/car_c", fields=FIELDS, filter=chosen)
            assert answer["success"], answer


def test_without_permission(client: Client) -> None:
    client.control("permissions", {"lacks": ["Read-Only Custom Object"]})
    assert refusal(client, {"updatedAt": DAY}) == "603"
    client.control("permissions", {"lacks": ["Read-Only Lead"]})
    answer = client.create("customobjects/car_c", fields=FIELDS, filter={"updatedAt": DAY})
    assert answer["success"]


def test_rows_come_change_and_go(client: Client) -> None:
    client.advance(3600)
    now = client.control("clock")["now"]
    before = truth(client)
    only = {"custom_object_type": "car_c"}
    made = client.control("change", {"new_custom_objects": 4, **only})["new_custom_objects"]
    new = {guid for name, guid in made if name == "car_c"}
    assert len(new) == 4
    assert truth(client).keys() - before.keys() == new
    assert {truth(client)[guid]["createdAt"] for guid in new} == {now}

    before = truth(client)
    done = client.control("change", {"custom_objects_changed": 30, **only})
    changed = {guid for _, guid in done["custom_objects_changed"]}
    later = truth(client)
    assert {guid for guid in before if later[guid] != before[guid]} == changed
    assert all(later[guid]["updatedAt"] == now for guid in changed)
    kept = ("marketoGUID", "createdAt", "leadID", "vIN")
    assert all(later[guid][name] == before[guid][name] for guid in changed for name in kept)
    assert any(later[guid]["color"] != before[guid]["color"] for guid in changed)

    done = client.control("change", {"custom_objects_deleted": 10, **only})
    gone = {guid for _, guid in done["custom_objects_deleted"]}
    assert later.keys() - truth(client).keys() == gone
    window = {"startAt": now, "endAt": now}
    found = {row["marketoGUID"] for row in exported(client, FIELDS, {"updatedAt": window})}
    assert found == (changed | new) - gone
    # No activity tells of any of this.
    activities = client.control("truth/activities")["rows"]
    assert max(row["activityDate"] for row in activities) < now


def test_changes_of_all_types_and_of_a_new_one(client: Client) -> None:
    for name in ("new_custom_objects", "custom_objects_changed", "custom_objects_deleted"):
        done = client.control("change", {name: 40})[name]
        assert {each[0] for each in done} == {"car_c", "visit_c"}
    (name,) = client.control("change", {"new_custom_object_types": 1})["new_custom_object_types"]
    assert truth(client, name) == {}
    client.control("change", {"new_custom_objects": 3, "custom_object_type": name})
    assert len(exported(client, FIELDS, {"updatedAt": {"startAt": NOW, "endAt": NOW}}, name)) == 3
    client.control("change", {"custom_object_types_deleted": [name]})
    assert refusal(client, {"updatedAt": DAY}, name) == "1013"
    request = {"new_custom_objects": 1, "custom_object_type": name}
    assert "no such custom object" in client.control("change", request)["error"]
