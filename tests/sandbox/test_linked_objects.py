"""Custom objects that do not hang on leads: what describes them, and their rows by keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.assets.linked_types import (
    BY_NAME,
    CONTRACT,
    COURSE,
    ENROLLMENT,
    HOUSE,
    LONELY,
    STAY,
)
from tests.sandbox.client import DAY, NOW, Client, Json, code
from tests.sandbox.test_custom_objects import refusal, truth

USUAL = Options(
    now=NOW, scale=0, leads=60, activities=100, crm_objects=True, linked_objects=True,
    custom_objects=60,
)  # fmt: skip


@pytest.fixture(name="linked", scope="module")
def _linked() -> Iterator[Client]:
    with Sandbox(USUAL) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


def asked(client: Client, name: str, **request: Any) -> Json:
    """Ask by a POST that stands for a GET, with a form or a JSON body."""
    url = f"{client.sandbox.base}/rest/v1/customobjects/{name}.json?_method=GET"
    if "input" in request:
        return dict(client.http.post(url, json=request, timeout=60).json())
    return dict(client.http.post(url, data=request, timeout=60).json())


def relations(client: Client, name: str) -> set[tuple[str, str, str]]:
    (entry,) = client.get(f"/rest/v1/customobjects/{name}/describe.json")["result"]
    found = set()
    for each in entry["relationships"]:
        other = each.get("relatedTo") or each["object"]
        assert each["type"] in ("child", "parent")
        found.add((each["field"], other["name"], other["field"]))
    listed = client.get("/rest/v1/customobjects.json")["result"]
    (own,) = [each for each in listed if each["name"] == name]
    assert len(own["relationships"]) == len(found)
    assert own["dedupeFields"] == entry["dedupeFields"] == BY_NAME[name].keys
    return found


def test_bridges_tell_what_they_link(linked: Client) -> None:
    assert relations(linked, ENROLLMENT) == {
        ("leadID", "Lead", "Id"), ("courseID", COURSE, "courseID"),
    }  # fmt: skip
    assert relations(linked, COURSE) == relations(linked, LONELY) == set()
    assert relations(linked, CONTRACT) == {("companyID", "Company", "Id")}


def test_or_edges_do() -> None:
    with Sandbox(replace(USUAL, edges_tell=True)) as sandbox:
        client = Client(sandbox)
        assert relations(client, ENROLLMENT) == {("leadID", "Lead", "Id")}
        assert relations(client, COURSE) == {
            ("courseID", ENROLLMENT, "courseID"), ("courseID", STAY, "courseTaken"),
        }  # fmt: skip
        assert relations(client, LONELY) == set()


@pytest.mark.parametrize("told", ["list", "describe"])
def test_or_one_of_the_calls_alone(told: str) -> None:
    with Sandbox(replace(USUAL, links_told=told)) as sandbox:
        client = Client(sandbox)
        (described,) = client.get(f"/rest/v1/customobjects/{STAY}/describe.json")["result"]
        listed = client.get("/rest/v1/customobjects.json")["result"]
        (own,) = [each for each in listed if each["name"] == STAY]
        assert bool(described["relationships"]) == (told == "describe")
        assert bool(own["relationships"]) == (told == "list")


def test_rows_of_a_simple_key_are_the_truth(linked: Client) -> None:
    rows = truth(linked, COURSE)
    names = list(next(iter(rows.values())))
    keys = ",".join(row["courseID"] for row in rows.values())
    for by in ("courseID", "dedupeFields"):
        answer = asked(
            linked, COURSE, filterType=by, filterValues=keys, fields=",".join(names), batchSize=300
        )
        found = {row["marketoGUID"]: row for row in answer["result"]}
        assert found.keys() == rows.keys()
        for guid, row in rows.items():
            assert {name: found[guid].get(name) for name in names} == row
    # "If unset marketoGuid, dedupeFields, updatedAt, createdAt will be returned" (the Swagger).
    answer = asked(linked, COURSE, filterType="idField", filterValues=next(iter(rows)))
    assert {*answer["result"][0]} == {"seq", "marketoGUID", "courseID", "createdAt", "updatedAt"}


def test_rows_of_a_compound_key_come_page_by_page(linked: Client) -> None:
    rows = truth(linked, HOUSE)
    inputs = [{key: row[key] for key in BY_NAME[HOUSE].keys} for row in rows.values()]
    request: Json = {
        "filterType": "dedupeFields", "fields": ["marketoGuid", "mlsNum"], "input": inputs,
        "batchSize": 25,
    }  # fmt: skip
    found = []
    while True:
        answer = asked(linked, HOUSE, **request)
        assert answer["success"], answer
        found += [row["marketoGUID"] for row in answer["result"]]
        if not answer["moreResult"]:
            break
        request["nextPageToken"] = answer["nextPageToken"]
    assert sorted(found) == sorted(rows)
    assert len({each["mlsNum"] for each in inputs}) < len(inputs)
    halves = [{"mlsNum": each["mlsNum"]} for each in inputs]
    assert code(asked(linked, HOUSE, **{**request, "input": halves})) == "1003"
    assert code(asked(linked, HOUSE, **{**request, "input": inputs * 6})) == "1003"


def test_what_else_is_refused(linked: Client) -> None:
    assert code(asked(linked, COURSE, filterType="color", filterValues="red")) == "1003"
    assert code(asked(linked, "nothing_c", filterType="idField", filterValues="x")) == "1013"
    assert code(asked(linked, HOUSE, filterType="dedupeFields", filterValues="x")) == "1003"
    query = {"filterType": "idField", "filterValues": "x", "fields": "nope"}
    assert code(asked(linked, COURSE, **query)) == "1006"
    for name in (COURSE, HOUSE, CONTRACT):
        assert refusal(linked, {"updatedAt": DAY}, name, fields=["marketoGUID"]) == "1003"
    assert linked.create(
        f"customobjects/{ENROLLMENT}", fields=["courseID"], filter={"updatedAt": DAY}
    )["success"]


def test_links_lead_to_some_rows_and_not_to_others(linked: Client) -> None:
    courses = {row["courseID"] for row in truth(linked, COURSE).values()}
    links = {row["courseID"] for row in truth(linked, ENROLLMENT).values()}
    links |= {row["courseTaken"] for row in truth(linked, STAY).values()}
    assert None in links
    assert links - {None} < courses
    houses = {(row["mlsNum"], row["houseOwnerId"]) for row in truth(linked, HOUSE).values()}
    stays = {(row["mlsNum"], row["ownerId"]) for row in truth(linked, STAY).values()}
    assert len(houses) == 60
    assert stays - {(None, None)} < houses
    companies = {row["id"] for row in linked.control("truth/companies")["rows"]}
    assert {row["companyID"] for row in truth(linked, CONTRACT).values()} < companies


def test_a_new_row_is_linked_as_is_said() -> None:
    with Sandbox(USUAL) as sandbox:
        client = Client(sandbox)
        guid, course = list(truth(client, COURSE).items())[-1]
        request = {"new_custom_objects": 1, "custom_object_type": ENROLLMENT, "linked_to": guid}
        ((_, made),) = client.control("change", request)["new_custom_objects"]
        assert truth(client, ENROLLMENT)[made]["courseID"] == course["courseID"]


def test_without_permission() -> None:
    with Sandbox(replace(USUAL, lacks="Read-Only Custom Object")) as sandbox:
        query = {"filterType": "idField", "filterValues": "x"}
        assert code(asked(Client(sandbox), COURSE, **query)) == "603"
