"""The option `hostile`: names and values that are hard to take, beside the usual account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import MONTH, NOW, Client, rows_of
from tests.sandbox.clock import parse_time
from tests.sandbox.database import Database

USUAL = Options(now=NOW, scale=0, leads=300, activities=1000)
CASES = ("createdAt", "createdat", "Company_Size__c", "company_size__c")
START = parse_time(NOW) or 0.0


@pytest.fixture(name="hostile", scope="module")
def _hostile() -> Iterator[Client]:
    """A sandbox with a hostile account."""
    with Sandbox(replace(USUAL, hostile=True)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


def types_of(client: Client) -> dict[str, dict[str, Any]]:
    """The hostile types by name."""
    usual = {kind["id"] for kind in Database(USUAL, START).truth("activity_types", START)}
    found = client.get("/rest/v1/activities/types.json")["result"]
    assert client.control("truth/activity_types")["rows"] == found
    ids = [kind["id"] for kind in found]
    assert len(set(ids)) == len(ids)
    return {kind["name"]: kind for kind in found if kind["id"] not in usual}


GROWING = (
    "activities",
    "activity_types",
    "custom_activity_types",
    "custom_activity_types_details",
    "lead_fields",
    "lead_schema_fields",
    "program_member_fields",
    "custom_object_types",
    "custom_object_types_details",
    "form_fields",
    "object_fields",
)
# More come in between.
BETWEEN = ("lead_schema_fields", "custom_activity_types", "form_fields")


def test_the_usual_account_is_within_the_hostile_one() -> None:
    usual, hostile = Database(USUAL, START), Database(replace(USUAL, hostile=True), START)
    for table in {*usual.tables()} - {"lead_describe2", "object_schemas"}:
        fewer, all_ = list(usual.truth(table, START)), list(hostile.truth(table, START))
        if table in BETWEEN:
            assert [row for row in all_ if row in fewer] == fewer
        else:
            for row, other in zip(fewer, all_, strict=False):
                assert row == {name: other[name] for name in row}, table
        assert (len(all_) > len(fewer)) == (table in GROWING), table


def test_lead_fields_that_differ_in_case_only_hold_values_of_their_own(hostile: Client) -> None:
    described = {
        field["rest"]["name"]: field["dataType"]
        for field in hostile.get("/rest/v1/leads/describe.json")["result"]
        if "rest" in field
    }
    assert [described[name] for name in CASES] == ["datetime", "string", "string", "string"]
    fields = ["id", *CASES]
    file = hostile.file(hostile.exported(fields=fields)).content.decode()
    assert file.splitlines()[0] == ",".join(fields)
    truth = {row["id"]: row for row in hostile.control("truth/leads")["rows"]}
    for row in truth.values():
        assert len({row[name] for name in CASES} - {None}) == len(CASES)
    rows = rows_of(file)
    assert len(rows) > 10
    for row in rows:
        assert [row[name] for name in CASES] == [truth[int(row["id"])][name] for name in CASES]


def test_values_of_leads_that_no_common_type_holds(hostile: Client) -> None:
    rows = hostile.control("truth/leads")["rows"]
    for name in ("hugeNumber", "hugeScore"):
        numbers = [row[name] for row in rows if row[name] is not None]
        assert 123456789012345678901 in numbers
        assert any(-(2**63) <= number < 2**63 for number in numbers)
        assert any(number < -(2**63) for number in numbers)
    moments = {row["seenAt"] for row in rows}
    assert {"2026-01-02T03:04:05+05:30", "2026-01-02T03:04:05-08:00"} <= moments
    assert {"0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00"} <= moments
    texts = {row["wordsOnThePhone"] or "" for row in rows}
    assert any("\U0001f389" in text and '"' in text and "\n" in text for text in texts)
    names = ["id", "hugeNumber", "seenAt", "wordsOnThePhone"]
    file = hostile.file(hostile.exported(fields=names)).content.decode()
    truth = {row["id"]: row for row in rows}
    for row in rows_of(file):
        for name in names[1:]:
            value = truth[int(row["id"])][name]
            assert row[name] == ("null" if value is None else str(value))


def test_names_of_activity_types(hostile: Client) -> None:
    types = types_of(hostile)
    assert all(kind["id"] > 100_000 for kind in types.values())
    names = list(types)
    wanted = {'Web/Form "Contact"', "Follow-up Call", "Téléchargement", "製品ページ閲覧"}
    assert wanted | {"3rd Party Event", "Ask: Demo", "Ask Demo"} <= set(names)
    assert len({name.lower() for name in names}) < len(names)
    long = [name for name in names if len(name) > 80]
    assert len(long) == 2
    assert len({name[:80] for name in long}) == 1


def test_names_of_attributes(hostile: Client) -> None:
    types = types_of(hostile)
    names = [each["name"] for each in types["Answer Survey"]["attributes"]]
    assert len(names) <= 20  # the most there may be (activities.md)
    for mark in ("/", "-", '"', "ページ", "é"):
        assert any(mark in name for name in names), mark
    assert sum(len(name.encode()) > 63 for name in names) == 2
    assert {"Colour", "colour", "a-b", "a b", "Id"} <= set(names)
    api_names = [each["apiName"] for each in types["Answer Survey"]["attributes"]]
    assert len({name.lower() for name in api_names}) == len(names)
    assert all(name.isascii() and name.isalnum() for name in api_names)


def test_there_are_activities_of_every_hostile_type(hostile: Client) -> None:
    types = types_of(hostile)
    truth: dict[int, list[dict[str, Any]]] = {}
    for row in hostile.control("truth/activities")["rows"]:
        truth.setdefault(row["activityTypeId"], []).append(row)
    assert all(len(truth[kind["id"]]) >= 20 for kind in types.values())
    survey = types["Answer Survey"]
    shown = [row["attributes"] for row in truth[survey["id"]]]
    for attribute in survey["attributes"]:
        assert any(attribute["name"] in each for each in shown), attribute
    moments = {each.get("Answered At") or "" for each in shown}
    assert any(moment[-6:-5] in ("+", "-") for moment in moments)
    assert any(abs(each.get("Huge Number") or 0) > 2**64 for each in shown)
    chosen = {"createdAt": MONTH, "activityTypeIds": [kind["id"] for kind in types.values()]}
    file = hostile.file(hostile.exported("activities", filter=chosen), "activities")
    rows = rows_of(file.content.decode())
    expected = {
        row["marketoGUID"]: row
        for kind in types.values()
        for row in truth[kind["id"]]
        if MONTH["startAt"] <= row["activityDate"] <= MONTH["endAt"]
    }
    assert {row["marketoGUID"] for row in rows} == set(expected)
    for row in rows:
        kept = expected[row["marketoGUID"]]["attributes"]
        assert len(json.loads(row["attributes"])) == len(kept)
