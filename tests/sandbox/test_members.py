"""Bulk extract of program members (bulk-program-member-extract.md, program-members.md)."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import DAY, MONTH, NOW, Client, Json, code, rows_of, same
from tests.sandbox.member_fields import MOST_CUSTOM

KIND = "program/members"
KEY = ["programId", "leadId"]
USUAL = Options(now=NOW, scale=0)

Key = tuple[int, int]


@pytest.fixture(name="hostile", scope="module")
def _hostile() -> Iterator[Client]:
    """A sandbox with a hostile account."""
    with Sandbox(replace(USUAL, hostile=True)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


def truth(client: Client) -> dict[Key, Json]:
    """All memberships by key."""
    rows = client.control("truth/program_members")["rows"]
    found = {(row["programId"], row["leadId"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def programs_of(client: Client) -> list[int]:
    """Programs by their number of members, the largest first."""
    return [each for each, _ in Counter(program for program, _ in truth(client)).most_common()]


def exported(client: Client, fields: list[str], **chosen: Any) -> list[dict[str, str]]:
    """The rows of an export."""
    job_id = client.exported(KIND, fields=fields, filter=chosen)
    return rows_of(client.file(job_id, KIND).content.decode())


def refusal(client: Client, fields: list[str] | None = None, **chosen: Any) -> str:
    """The code with which a request is refused."""
    return code(client.create(KIND, fields=KEY if fields is None else fields, filter=chosen))


def names_of(client: Client) -> list[str]:
    """The fields that describe has."""
    (described,) = client.get("/rest/v1/programs/members/describe.json")["result"]
    assert described["fields"] == client.control("truth/program_member_fields")["rows"]
    return [field["name"] for field in described["fields"]]


def test_describe(client: Client, hostile: Client) -> None:
    (described,) = client.get("/rest/v1/programs/members/describe.json")["result"]
    assert described["dedupeFields"] == ["leadId", "programId"]
    fields = {field["name"]: field for field in described["fields"]}
    assert list(fields) == names_of(client)
    assert fields["nurtureCadence"] == {
        "name": "nurtureCadence",
        "displayName": "nurtureCadence",
        "dataType": "string",
        "length": 4,
        "updateable": False,
        "crmManaged": False,
    }
    custom = [name for name in names_of(hostile)[17:] if name[:3] not in ("reg", "web")]
    assert len(custom) <= MOST_CUSTOM
    assert set(fields) < set(names_of(hostile))
    assert {"updatedat", "MyCustomField"} <= set(custom)


@pytest.mark.parametrize("account", ["client", "hostile"])
def test_files_hold_the_truth(account: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(account)
    rows, names, programs = truth(client), names_of(client), programs_of(client)
    found: dict[Key, dict[str, str]] = {}
    for first in range(0, len(programs), 10):
        fields = [name for name in names if name != "programId"]
        some = exported(client, fields, programIds=programs[first : first + 10])
        found |= {(int(row["programId"]), int(row["leadId"])): row for row in some}
    assert found.keys() == rows.keys()
    assert len(rows) > 600
    for key, row in rows.items():
        assert all(same(found[key][name], row[name]) for name in names), key
    values = [value for row in rows.values() for value in row.values()]
    assert "null" not in values
    assert any(isinstance(value, str) and "\x00" in value for value in values)
    if account == "hostile":
        assert 10**40 in values
        assert "9999-12-31T23:59:59-05:00" in values


def test_members_are_spread_unevenly(client: Client) -> None:
    sizes = Counter(program for program, _ in truth(client))
    programs = client.control("truth/programs")["rows"]
    assert len(sizes) < 0.7 * len(programs)
    assert max(sizes.values()) > 150
    assert min(sizes.values()) == 1
    made = {row["id"]: row["createdAt"] for row in programs}
    types = {row["id"]: row["type"] for row in programs}
    for row in truth(client).values():
        assert made[row["programId"]][:19] <= row["membershipDate"][:19] <= row["updatedAt"][:19]
        assert (row["trackName"] is not None) == (types[row["programId"]] == "Engagement")
        assert (row["nurtureCadence"] is not None) == (row["trackName"] is not None)
        assert row["reachedSuccess"] == (row["reachedSuccessDate"] is not None)


def test_as_many_members_as_leads_and_programs_allow() -> None:
    few = replace(USUAL, leads=3, programs=2, program_members=50, activities=4)
    with Sandbox(few) as sandbox:
        client = Client(sandbox)
        assert 1 <= len(truth(client)) <= 6
        assert len(client.control("truth/activities")["rows"]) == 4 + few.deleted_leads


def test_column_that_program_ids_bring(client: Client) -> None:
    largest, other, *_ = programs_of(client)

    def header(fields: list[str], **more: Any) -> list[str]:
        job_id = client.exported(KIND, fields=fields, **more)
        return next(csv.reader(io.StringIO(client.file(job_id, KIND).content.decode())))

    many, one = {"programIds": [largest, other]}, {"programId": largest}
    assert header(["leadId"], filter=one) == ["leadId"]
    assert header(["leadId", "programId"], filter=one) == ["leadId", "programId"]
    assert header(["leadId"], filter=many) == ["programId", "leadId"]
    assert header(["leadId", "programId"], filter=many) == ["programId", "leadId", "programId"]
    renamed = {"programId": "Program", "leadId": "Lead"}
    assert header(KEY, filter=many, columnHeaderNames=renamed) == ["programId", "Program", "Lead"]
    assert {row["programId"] for row in exported(client, ["leadId"], **many)} == {
        str(largest),
        str(other),
    }


def test_fields_of_leads(client: Client) -> None:
    largest = programs_of(client)[0]
    fields = ["leadId", "email", "externalNumber", "createdAt"]
    leads = {row["id"]: row for row in client.control("truth/leads")["rows"]}
    rows = exported(client, fields, programId=largest)
    assert len(rows) > 100
    members = truth(client)
    for row in rows:
        lead = leads[int(row["leadId"])]
        assert same(row["email"], lead["email"])
        assert same(row["externalNumber"], lead["externalNumber"])
        # Both have this one.
        assert row["createdAt"] == members[largest, lead["id"]]["createdAt"]


def test_filters(client: Client) -> None:
    rows, programs = truth(client), programs_of(client)
    types = {row["id"]: row["type"] for row in client.control("truth/programs")["rows"]}
    chosen = [each for each in programs if types[each] == "Engagement"][:5]
    chosen += [each for each in programs if types[each] == "Event"][:5]

    def right(**wanted: Any) -> None:
        found = exported(client, KEY, programIds=chosen, **wanted)
        assert {(int(row["programId"]), int(row["leadId"])) for row in found} == {
            key
            for key, row in rows.items()
            if key[0] in chosen
            and row["isExhausted"] == wanted.get("isExhausted", row["isExhausted"])
            and row["nurtureCadence"] == wanted.get("nurtureCadence", row["nurtureCadence"])
            and row["statusName"] in wanted.get("statusNames", [row["statusName"]])
        }

    assert len({key for key in rows if key[0] in chosen}) > 20
    right()
    for flag in (True, False):
        right(isExhausted=flag)
    for cadence in ("norm", "paus"):
        right(nurtureCadence=cadence)
    right(statusNames=["Member", "Invited"], isExhausted=False)
    right(statusNames=["Not in Program"])
    assert exported(client, KEY, programIds=chosen, nurtureCadence="pause") == exported(
        client, KEY, programIds=chosen, nurtureCadence="paus"
    )
    low, high = MONTH["startAt"], MONTH["endAt"]
    found = exported(client, [*KEY, "updatedAt"], programId=programs[0], updatedAt=MONTH)
    assert {(int(row["programId"]), int(row["leadId"])) for row in found} == {
        key for key, row in rows.items() if key[0] == programs[0] and low <= row["updatedAt"] < high
    }


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"updatedAt": DAY}, "1002"),
        ({"programId": 1001, "programIds": [1001]}, "1003"),
        ({"programIds": []}, "1003"),
        ({"programIds": list(range(1001, 1012))}, "1003"),
        ({"programIds": 1001}, "1001"),
        ({"programId": "1001"}, "1001"),
        ({"programId": True}, "1001"),
        ({"programId": 999_999}, "1003"),
        ({"programIds": [1001, 999_999]}, "1003"),
        ({"programId": 1001, "isExhausted": "true"}, "1001"),
        ({"programId": 1001, "nurtureCadence": "slow"}, "1003"),
        ({"programId": 1001, "statusNames": "Member"}, "1001"),
        ({"programId": 1001, "statusNames": []}, "1003"),
        ({"programId": 1001, "statusNames": ["Not in Program", "Nowhere"]}, "1003"),
        ({"programId": 1001, "createdAt": DAY}, "1003"),
        ({"programId": 1001, "updatedAt": {**DAY, "startAt": "2026-05-14T23:59:59Z"}}, "1003"),
        ({"programId": 1001, "updatedAt": {**DAY, "endAt": "2026-06-15"}}, "704"),
    ],
)
def test_refused_filters(shared: Client, chosen: Json, expected: str) -> None:
    assert refusal(shared, **chosen) == expected


def test_refused_fields(shared: Client) -> None:
    assert refusal(shared, [], programId=1001) == "1002"
    assert refusal(shared, ["leadId", "nope"], programId=1001) == "1006"
    assert refusal(shared, ["leadId", "fullGreeting"], programId=1001) == "1003"
    ten = list(range(1001, 1011))
    assert shared.create(KIND, fields=KEY, filter={"programIds": ten})["success"]


def test_subscription_without_updated_at() -> None:
    with Sandbox(replace(USUAL, no_updated_at=True, leads=5)) as sandbox:
        client = Client(sandbox)
        assert refusal(client, programId=1001, updatedAt=DAY) == "1035"
        assert client.create(KIND, fields=KEY, filter={"programId": 1001})["success"]


def test_one_queue_for_all_objects(client: Client) -> None:
    members = {"fields": KEY, "filter": {"programId": programs_of(client)[0]}}
    cars = {"fields": ["vIN"], "filter": {"updatedAt": MONTH}}
    requested: dict[str, Json] = {KIND: members, "customobjects/car_c": cars, "leads": {}}
    kinds = [KIND, "customobjects/car_c"] * 5
    client.control("next_jobs", [{"status": "Failed", "errorMsg": "No luck"}])
    jobs = [client.queued(kind, **requested[kind]) for kind in kinds]
    extra = str(client.create()["result"][0]["exportId"])
    assert code(client.bulk(f"{extra}/enqueue")) == "1029"
    assert client.bulk(f"{jobs[-1]}/cancel", kinds[-1])["result"][0]["status"] == "Cancelled"
    assert client.bulk(f"{extra}/enqueue")["success"]
    # A job is known under its own object only.
    assert code(client.bulk(f"{jobs[1]}/status", KIND)) == "1013"
    client.advance(7200)
    assert client.status(jobs[0], KIND)["errorMsg"] == "No luck"
    shown = client.status(jobs[2], KIND)
    assert shown["status"] == "Completed"
    content = client.file(jobs[2], KIND).content
    assert shown["fileSize"] == len(content)
    assert shown["numberOfRecords"] == len(rows_of(content.decode())) > 100
    sizes = [job["bytes"] for job in client.control("counters")["jobs"]]
    assert client.control("counters")["bytes_exported_today"] == sum(sizes[1:-2]) + sizes[-1]
    listed = client.get("/bulk/v1/program/members/export.json")["result"]
    assert [row["exportId"] for row in listed] == jobs[::2]
    client.control("faults", {"call": "file", "kind": "file_404", "object": KIND})
    assert client.file(jobs[2], KIND).status_code == 404
    assert client.file(jobs[2], KIND).status_code == 200


def test_jobs_of_one_program_fail_while_others_do_not(client: Client) -> None:
    bad, other = programs_of(client)[:2]
    client.control("next_jobs", [{"program": bad, "status": "Failed", "errorMsg": "No luck"}])
    jobs = [
        client.queued(KIND, fields=KEY, filter={"programIds": ids})
        for ids in ([bad], [bad, other], [other])
    ]
    client.advance(3600)
    assert [client.status(job, KIND)["status"] for job in jobs] == ["Failed", "Failed", "Completed"]
    assert client.control("next_jobs", [])["waiting"] == 0
    # So do their calls.
    client.control("faults", [{"call": "create", "kind": "error", "code": "611", "id": str(bad)}])
    assert client.create(KIND, fields=KEY, filter={"programIds": [other]})["success"]
    assert refusal(client, KEY, programIds=[other, bad]) == "611"
    job = client.create(KIND, fields=KEY, filter={"programIds": [other, bad]})
    client.control("faults", [{"call": "enqueue", "kind": "error", "code": "611", "id": str(bad)}])
    assert code(client.bulk(f"{job['result'][0]['exportId']}/enqueue", KIND)) == "611"


def test_a_job_of_a_deleted_program_finds_nobody(client: Client) -> None:
    largest = programs_of(client)[0]
    job_id = client.queued(KIND, fields=KEY, filter={"programId": largest})
    client.control("change", {"programs_deleted": [largest]})
    client.advance(3600)
    assert client.status(job_id, KIND)["numberOfRecords"] == 0
    assert refusal(client, programId=largest) == "1003"
    assert largest not in programs_of(client)
