"""Memberships and the activities that tell of them change together, or as the control API says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.activity_types import ABOUT_MEMBERS
from tests.sandbox.client import NOW, Client, Json, code
from tests.sandbox.test_members import KIND, USUAL, Key, exported, programs_of, truth

STATUS, NURTURE, TRACK, CADENCE, DATA = 104, 113, 114, 115, 123


def told(client: Client) -> list[Json]:
    """All activities about memberships, in order of time."""
    rows = client.control("truth/activities")["rows"]
    found = [row for row in rows if row["activityTypeId"] in ABOUT_MEMBERS]
    return sorted(found, key=lambda row: (row["activityDate"], int(row["marketoGUID"])))


def key_of(row: Json) -> Key:
    """The membership that an activity is about."""
    return row["primaryAttributeValueId"], row["leadId"]


def assert_told(client: Client) -> None:
    """The activities, one after the other, lead to the memberships as they are."""
    status: dict[Key, str] = {}
    nurture: dict[Key, dict[str, Any]] = {}
    data: dict[tuple[Key, str], str | None] = {}
    names = {row["id"]: row["name"] for row in client.control("truth/programs")["rows"]}
    last: dict[Key, Json] = {}
    for row in told(client):
        key, shown, kind = key_of(row), row["attributes"], row["activityTypeId"]
        last[key] = row
        assert row["primaryAttributeValue"] == names.get(key[0], row["primaryAttributeValue"])
        if kind == STATUS:
            assert shown["Old Status"] == status.get(key, "Not in Program")
            status[key] = shown["New Status"]
        elif kind == DATA:
            data[key, shown["Attribute Name"]] = shown.get("New Value")
        elif kind == NURTURE:
            nurture[key] = {"trackName": shown["Track Name"]}
        elif kind == TRACK:
            assert shown["Previous Track Name"] == nurture[key]["trackName"]
            nurture[key]["trackName"] = shown["New Track Name"]
        else:
            nurture[key]["nurtureCadence"] = shown["New Nurture Cadence"]
    rows = truth(client)
    for key, row in rows.items():
        assert row["statusName"] == status[key]
        assert all(row[name] == value for name, value in nurture.get(key, {}).items())
        assert (key in nurture) == (row["trackName"] is not None)
    leads = {row["id"] for row in client.control("truth/leads")["rows"]}
    for key, name in status.items():
        here = key[0] in names and key[1] in leads and name != "Not in Program"
        assert (key in rows) == here, key
    displays = {
        field["displayName"]: field["name"]
        for field in client.control("truth/program_member_fields")["rows"]
        if field["dataType"] in ("string", "email", "url", "phone", "text")
    }
    checked = 0
    for (key, display), text in data.items():
        if key in rows and display in displays and last[key]["activityTypeId"] == DATA:
            assert rows[key][displays[display]] == text
            checked += 1
    assert checked


@pytest.mark.soak
def test_the_history_leads_to_the_memberships(timely: Client) -> None:
    assert_told(timely)
    kinds = {row["activityTypeId"] for row in told(timely)}
    assert kinds == set(ABOUT_MEMBERS)
    assert len(timely.control("truth/activities")["rows"]) == 5000 + USUAL.deleted_leads
    left = [row for row in told(timely) if row["attributes"].get("New Status") == "Not in Program"]
    assert len(left) > 20
    again = [key_of(row) for row in left if key_of(row) in truth(timely)]
    assert again, "some have come back"
    successes = [row["attributes"].get("Success") for row in told(timely)]
    assert successes.count(True) > 20


def test_control_changes_lead_to_the_memberships(timely: Client) -> None:
    for number in range(1, 4):
        timely.advance(3600)
        request = {"new_program_members": 20 * number, "program_members_changed": 60}
        timely.control("change", {**request, "program_members_left": 15})
    timely.control("change", {"deleted_leads": 5, "programs_deleted": programs_of(timely)[1:3]})
    assert_told(timely)


def new_since(client: Client, before: list[Json]) -> list[Json]:
    """Activities about memberships that were not there before."""
    known = {row["marketoGUID"] for row in before}
    return [row for row in told(client) if row["marketoGUID"] not in known]


def test_members_come_change_and_leave(client: Client) -> None:
    client.advance(3600)
    now = client.control("clock")["now"]
    before, rows = told(client), truth(client)
    made = client.control("change", {"new_program_members": 5})["new_program_members"]
    keys = {(program, lead) for program, lead in made}
    assert truth(client).keys() - rows.keys() == keys
    assert len(keys) == 5
    joined = [row for row in new_since(client, before) if row["activityTypeId"] == STATUS]
    assert {key_of(row) for row in joined} == keys
    assert all(truth(client)[key]["membershipDate"] == now for key in keys)

    before, rows = told(client), truth(client)
    changed = client.control("change", {"program_members_changed": 40})["program_members_changed"]
    assert sorted([list(key_of(row)) for row in new_since(client, before)]) == changed
    assert {row["activityTypeId"] for row in new_since(client, before)} >= {STATUS, DATA}
    later = truth(client)
    assert sorted(list(k) for k in rows if later[k] != rows[k]) == changed
    assert all(later[program, lead]["updatedAt"] == now for program, lead in changed)

    before = told(client)
    left = client.control("change", {"program_members_left": 7})["program_members_left"]
    assert sorted(list(key) for key in later.keys() - truth(client).keys()) == left
    ends = new_since(client, before)
    assert {row["attributes"]["New Status"] for row in ends} == {"Not in Program"}
    assert sorted(list(key_of(row)) for row in ends) == left

    (program,) = client.control("change", {"new_programs": 1})["new_programs"]
    own = {"programs": [program]}
    client.control("change", {"new_program_members": 3, **own})
    left = client.control("change", {"program_members_left": 2, **own})["program_members_left"]
    rows, before = truth(client), told(client)
    back = client.control("change", {"program_members_back": 5, **own})["program_members_back"]
    assert back == left
    assert sorted(list(key) for key in truth(client).keys() - rows.keys()) == left
    joined = [row for row in new_since(client, before) if row["activityTypeId"] == STATUS]
    assert sorted(list(key_of(row)) for row in joined) == left


def test_changes_that_nothing_tells_of(client: Client) -> None:
    client.advance(3600)
    rows = truth(client)
    request = {"silent_program_member_changes": 30}
    changed = client.control("change", request)["silent_program_member_changes"]
    later = truth(client)
    assert sorted(list(key) for key in rows if later[key] != rows[key]) == changed
    now = client.control("clock")["now"]
    names = {name for key in rows for name in rows[key] if later[key][name] != rows[key][name]}
    assert {"updatedAt"} < names
    assert not names & {"statusName", "trackName", "nurtureCadence"}
    assert {later[program, lead]["updatedAt"] for program, lead in changed} == {now}
    activities = client.control("truth/activities")["rows"]
    assert max(row["activityDate"] for row in activities) < now


def test_changes_within_programs(client: Client) -> None:
    (program,) = client.control("change", {"new_programs": 1})["new_programs"]
    for name in ("new_program_members", "program_members_changed", "program_members_left"):
        done = client.control("change", {name: 3, "programs": [program]})[name]
        assert {each[0] for each in done} == {program}
        assert len(done) == 3
    request = {"silent_program_member_changes": 3, "programs": [program]}
    assert client.control("change", request) == {"silent_program_member_changes": []}
    everybody = {"new_program_members": 10_000, "programs": [program]}
    assert len(client.control("change", everybody)["new_program_members"]) == 500
    assert len(exported(client, ["leadId"], programId=program)) == 500
    wrong = client.control("change", {"program_members_left": 1, "programs": [999_999]})
    assert "no such programs" in wrong["error"]


def test_activities_that_are_seen_late(client: Client) -> None:
    client.advance(86_400)
    before = told(client)
    now = client.control("clock")["now"]
    request = {"program_members_changed": 5, "late_hours": 2.5}
    changed = client.control("change", request)["program_members_changed"]
    assert all(truth(client)[program, lead]["updatedAt"] == now for program, lead in changed)
    assert not new_since(client, before)
    client.advance(2.5 * 3600 - 1)
    assert not new_since(client, before)
    client.advance(1)
    late = new_since(client, before)
    assert sorted(list(key_of(row)) for row in late) == changed
    assert {row["activityDate"] for row in late} == {now}


def test_members_go_with_leads_and_programs(client: Client) -> None:
    before, rows = told(client), truth(client)
    leads = set(client.control("change", {"deleted_leads": 100})["deleted_leads"])
    largest = programs_of(client)[0]
    client.control("change", {"programs_deleted": [largest]})
    gone = {key for key in rows if key[1] in leads or key[0] == largest}
    assert truth(client).keys() == rows.keys() - gone
    assert len(gone) > 100
    assert not new_since(client, before)
    left = programs_of(client)[:10]
    found = exported(client, ["leadId"], programIds=left)
    assert sorted((int(row["programId"]), int(row["leadId"])) for row in found) == sorted(
        key for key in truth(client) if key[0] in left
    )


def test_members_pass_to_the_winners_of_merges(client: Client) -> None:
    before, rows = told(client), truth(client)
    programs: dict[int, set[int]] = {}
    for program, lead in rows:
        programs.setdefault(lead, set()).add(program)
    pairs = [(one, other) for one in programs for other in programs if one < other]
    # One is in a program of the other's, and each in one of its own.
    winner, loser = next(
        (one, other)
        for one, other in pairs
        if programs[one] & programs[other]
        and programs[one] - programs[other]
        and programs[other] - programs[one]
    )
    both = programs[winner] | programs[loser]
    last = next(lead for lead in programs if not programs[lead] & both)
    client.control("change", {"merged_leads": [[winner, loser], [last, winner]]})
    kept = {key: row for key, row in rows.items() if key[1] not in (winner, loser)}
    moved = {
        (program, last): {**rows[program, lead], "leadId": last}
        # Where both were members, the winner stays what it was.
        for lead in (loser, winner)
        for program in programs[lead]
    }
    assert truth(client) == {**moved, **kept}
    # Nothing tells of it.
    assert not new_since(client, before)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ABOUT_MEMBERS)
@pytest.mark.parametrize("name", ["new_activities", "late_activities"])
def test_activities_asked_for_by_their_type(timely: Client, kind: int, name: str) -> None:
    guids = timely.control("change", {name: 6, "activity_type": kind})[name]
    found = {row["marketoGUID"]: row for row in told(timely)}
    assert len(set(guids)) == 6
    assert {found[guid]["activityTypeId"] for guid in guids} == {kind}
    assert {key_of(found[guid]) for guid in guids} <= truth(timely).keys()
    assert_told(timely)


def test_where_nothing_is_left_to_tell_of() -> None:
    with Sandbox(Options(now=NOW, scale=0, leads=5, programs=0)) as sandbox:
        client = Client(sandbox)
        assert truth(client) == {}
        request = {"new_activities": 1, "activity_type": STATUS}
        assert "could tell of nothing" in client.control("change", request)["error"]
        assert client.control("change", {"new_program_members": 3})["new_program_members"] == []


def test_no_activity_of_members_without_a_member(client: Client) -> None:
    client.advance(86_400)
    before = told(client)
    client.control("change", {"new_activities": 600, "late_activities": 100})
    assert not new_since(client, before)


def test_a_type_that_is_no_longer_defined_tells_nothing(client: Client) -> None:
    client.advance(86_400)
    before = told(client)
    client.control("change", {"remove_activity_type": STATUS, "new_program_members": 4})
    assert {row["activityTypeId"] for row in new_since(client, before)} <= {NURTURE}


def test_without_permission(client: Client) -> None:
    job_id = client.queued(KIND, fields=["leadId"], filter={"programId": 1001})
    client.control("permissions", {"lacks": ["Read-Only Lead"]})
    request = {"fields": ["leadId"], "filter": {"programId": 1001}}
    assert code(client.create(KIND, **request)) == "603"
    for verb in ("status", "enqueue", "cancel"):
        assert code(client.bulk(f"{job_id}/{verb}", KIND)) == "603"
    assert code(client.file(job_id, KIND).json()) == "603"
    client.control("permissions", {"lacks": ["Read-Only Activity", "Read-Only Asset"]})
    assert client.create(KIND, **request)["success"]
