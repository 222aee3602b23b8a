"""The files of the sandbox hold what its tables hold, and change as they do."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import MONTH, NOW, Client, Json, code, rows_of, same
from tests.sandbox.clock import bulk_time, parse_time
from tests.sandbox.database import Database


def test_lead_files_hold_the_truth(client: Client) -> None:
    truth = client.control("truth/leads")["rows"]
    names = [name for name in truth[0] if not name.startswith("_")]
    found: dict[int, dict[str, str]] = {}
    for back in range(13):
        high = (parse_time(NOW) or 0) - back * 31 * 86400
        window = {"startAt": bulk_time(high - 31 * 86400), "endAt": bulk_time(high)}
        job_id = client.exported(fields=names, filter={"createdAt": window})
        found |= {int(row["id"]): row for row in rows_of(client.file(job_id).content.decode())}
    assert len(found) == len(truth) == 500
    for row in truth:
        for name in names:
            assert same(found[row["id"]][name], row[name])
    texts = [row["shortNotes"] or "" for row in truth]
    for hard in ("\n", "\r\n", "\x00", "\u2028", '"', "\U0001f600", "lone\rcarriage"):
        assert any(hard in text for text in texts), hard
    assert any((row["externalNumber"] or 0) > 2**53 for row in truth)
    assert any(isinstance(row["discountPercent"], float) for row in truth)
    assert any(len(row["longNotes"] or "") == 30_000 for row in truth)
    assert not any(value == "null" for row in truth for value in row.values())


def test_activity_files_hold_the_truth(client: Client) -> None:
    truth = {row["marketoGUID"]: row for row in client.control("truth/activities")["rows"]}
    job_id = client.exported("activities", fields=["marketoGUID", "activityTypeId", "attributes"])
    rows = rows_of(client.file(job_id, "activities").content.decode())
    low, high = MONTH["startAt"], MONTH["endAt"]
    expected = {
        guid
        for guid, row in truth.items()
        if low <= row["activityDate"] <= high and row["activityTypeId"] != 37
    }
    assert {row["marketoGUID"] for row in rows} >= expected
    assert len(rows) == len({row["marketoGUID"] for row in rows}) > 100
    for row in rows:
        if row["marketoGUID"] in truth:
            shown = json.loads(row["attributes"])
            assert len(shown) == len(truth[row["marketoGUID"]]["attributes"])
    some = client.exported("activities", filter={"createdAt": MONTH, "activityTypeIds": [1, 9999]})
    kinds = {row["activityTypeId"] for row in rows_of(client.file(some, "activities").text)}
    assert kinds == {"1"}


@pytest.mark.soak
def test_sparse_strings_and_variety() -> None:
    options = Options(now=NOW, scale=0, leads=3000, activities=3000, activity_types=13)
    with Sandbox(replace(options, sparse_strings=4, variety=997)) as sandbox:
        client = Client(sandbox)
        rows = client.control("truth/leads")["rows"]
        sparse = [row[f"sparse{number:04d}"] for row in rows for number in range(1, 5)]
        assert 0.05 < sum(value is not None for value in sparse) / len(sparse) < 0.15
        assert len({row["lastName"] for row in rows}) > 200
        texts = {
            json.dumps(row["attributes"])
            for row in client.control("truth/activities")["rows"]
            if row["activityTypeId"] == 1
        }
        assert len(texts) > 300


def test_changes(client: Client) -> None:
    client.advance(3600)
    done = client.control("change", {"new_leads": 2, "updated_leads": 3, "custom_only_updates": 4})
    moment = client.control("clock")["now"]
    window = {"startAt": moment, "endAt": moment}
    job_id = client.exported(filter={"updatedAt": window})
    rows = {int(row["id"]): row for row in rows_of(client.file(job_id).content.decode())}
    assert sorted(rows) == sorted({each for ids in done.values() for each in ids})
    assert all(rows[lead_id]["updatedAt"] == moment for lead_id in done["updated_leads"])
    only = set(done["custom_only_updates"]) - set(done["updated_leads"])
    assert all(rows[lead_id]["updatedAt"] < moment for lead_id in only)
    truth = {row["id"]: row for row in client.control("truth/leads")["rows"]}
    assert all(truth[lead_id]["_changedAt"] == moment for lead_id in rows)


def test_late_activities(client: Client) -> None:
    before = client.exported("activities")
    late = client.control("change", {"late_activities": 5, "new_activities": 1})["late_activities"]
    after = client.exported("activities")
    names = [
        {row["marketoGUID"] for row in rows_of(client.file(each, "activities").content.decode())}
        for each in (before, after)
    ]
    assert not names[0] & set(late)
    assert names[1] >= set(late)


def test_schema_and_asset_changes(client: Client) -> None:
    kind = {"id": 100050, "name": "New Kind", "attributes": [{"name": "A", "dataType": "string"}]}
    request = {"new_activity_type": kind, "new_activities": 3, "activity_type": 100050}
    client.control("change", request)
    types = [each["id"] for each in client.get("/rest/v1/activities/types.json")["result"]]
    assert 100050 in types
    client.control("change", {"remove_lead_field": "city", "remove_activity_type": 1})
    assert code(client.create(fields=["city"])) == "1006"
    assert len(client.get("/rest/v1/activities/types.json")["result"]) == len(types) - 1
    client.advance(60)
    changed = client.control("change", {"programs_updated": 3, "new_lists": 1})
    moment = client.control("clock")["now"]
    found = client.get("/rest/asset/v1/programs.json", earliestUpdatedAt=moment)["result"]
    assert [row["id"] for row in found] == changed["programs_updated"]
    assert refused(client, {"nonsense": 1})


def refused(client: Client, request: Json) -> bool:
    """Whether a change is refused."""
    answer = requests.post(client.sandbox.control + "/change", json=request, timeout=5)
    return answer.status_code == 400


@pytest.mark.parametrize("number", [4, 99_999, 100_900, 2**40])
def test_types_of_any_id_may_come_later(client: Client, number: int) -> None:
    kind = {
        "id": number,
        "name": "Late Comer",
        "apiName": "lateComer",
        "primaryAttribute": {"name": "Where", "dataType": "string", "apiName": "where"},
        "attributes": [{"name": "Why", "dataType": "text", "apiName": "why"}],
    }
    request = {"new_activity_type": kind, "new_activities": 9, "activity_type": number}
    made = client.control("change", request)["new_activities"]
    types = {each["id"]: each for each in client.get("/rest/v1/activities/types.json")["result"]}
    assert types[number] == {**kind, "description": ""}
    job_id = client.exported("activities", filter={"createdAt": MONTH, "activityTypeIds": [number]})
    rows = rows_of(client.file(job_id, "activities").content.decode())
    assert sorted(row["marketoGUID"] for row in rows) == sorted(made)
    assert any(json.loads(row["attributes"]) for row in rows)
    assert refused(client, {"new_activity_type": kind})


def test_a_new_attribute_is_in_later_activities_only(client: Client) -> None:
    def truth() -> dict[str, Json]:
        rows = client.control("truth/activities")["rows"]
        return {row["marketoGUID"]: row for row in rows if row["activityTypeId"] == 100_001}

    before = truth()
    attribute = {"activity_type": 100_001, "name": "Seat", "dataType": "integer", "apiName": "seat"}
    request = {"new_attribute": attribute, "new_activities": 30, "activity_type": 100_001}
    done = client.control("change", request)
    assert done["new_attribute"] == "Seat"
    types = {each["id"]: each for each in client.get("/rest/v1/activities/types.json")["result"]}
    last = {"name": "Seat", "dataType": "integer", "apiName": "seat"}
    assert types[100_001]["attributes"][-1] == last
    after = truth()
    assert {guid: after[guid] for guid in before} == before
    seats = [after[guid]["attributes"].get("Seat") for guid in done["new_activities"]]
    assert any(isinstance(seat, int) for seat in seats)
    chosen = {"createdAt": MONTH, "activityTypeIds": [100_001]}
    file = client.file(client.exported("activities", filter=chosen), "activities")
    shown = {row["marketoGUID"]: row["attributes"] for row in rows_of(file.content.decode())}
    assert any("seat" in shown[guid].lower() for guid in done["new_activities"])
    assert not any("seat" in shown[guid].lower() for guid in shown if guid in before)
    assert refused(client, {"new_attribute": attribute})
    assert refused(client, {"new_attribute": {**attribute, "activity_type": 9999}})


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seed", range(6))
def test_files_written_at_the_same_time_hold_what_one_written_alone_does(seed: int) -> None:
    usual = sys.getswitchinterval()
    # Threads take turns so often that they meet where the contents are made.
    sys.setswitchinterval(1e-5)
    try:
        options = Options(seed=seed, activities=1500, leads=50, hostile=True)
        table = Database(options, parse_time(NOW) or 0).activities
        places = range(len(table.kind))

        def written(_: object = None) -> list[list[str | None]]:
            names = ("marketoGUID", "primaryAttributeValue", "attributes")
            return list(table.rows(places, names, lambda value: value.text))

        with ThreadPoolExecutor(3) as threads:
            files = list(threads.map(written, range(3)))
    finally:
        sys.setswitchinterval(usual)
    alone = written()
    assert all(file == alone for file in files)


def test_custom_types_have_names_for_the_api(client: Client) -> None:
    for kind in client.get("/rest/v1/activities/types.json")["result"]:
        named = [kind, *kind["attributes"], *filter(None, [kind.get("primaryAttribute")])]
        custom = kind["id"] > 100_000
        assert all(("apiName" in each) == custom for each in named), kind
    assert client.control("truth/activity_types")["rows"][-1]["apiName"]


def test_fields_that_no_export_may_name(client: Client) -> None:
    client.control("change", {"unexportable_fields": ["fax", "website", "leadRole"]})
    answer = client.create(fields=["id", "leadRole", "city", "fax"])
    assert code(answer) == "1003"
    assert answer["errors"][0]["message"].startswith("Invalid fields [leadRole, fax]")
    described = client.get("/rest/v1/leads/describe.json")["result"]
    assert {"fax", "website"} <= {each["rest"]["name"] for each in described if "rest" in each}
    assert client.create(fields=["id", "city"])["success"]
    assert refused(client, {"unexportable_fields": ["nope"]})
    client.control("change", {"unexportable_fields": []})
    assert client.create(fields=["fax"])["success"]
