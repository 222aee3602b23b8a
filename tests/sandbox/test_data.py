"""The files of the sandbox hold what its tables hold, and change as they do."""

from __future__ import annotations

import json
from dataclasses import replace

import requests

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import MONTH, NOW, Client, code, rows_of
from tests.sandbox.clock import bulk_time, parse_time


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
            text, value = found[row["id"]][name], row[name]
            if value is None:
                assert text == "null"
            elif isinstance(value, bool):
                assert text == str(value).lower()
            elif isinstance(value, (int, float)):
                assert type(value)(text) == value
            else:
                assert text == value
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
    order = {"new_activity_type": kind, "new_activities": 3, "activity_type": 100050}
    client.control("change", order)
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
    answer = requests.post(client.sandbox.control + "/change", json={"nonsense": 1}, timeout=5)
    assert answer.status_code == 400
