"""Leads by a filter and the members of lists are answered as Adobe's pages say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json, code, rows_of
from tests.sandbox.clock import bulk_time, parse_time

LEADS = "/rest/v1/leads.json"


def members(client: Client, list_id: int, **query: Any) -> list[Json]:
    """All members of a list, page by page, by the tokens alone."""
    found: list[Json] = []
    while True:
        page = client.get(f"/rest/v1/lists/{list_id}/leads.json", **query)
        found.extend(page["result"])
        if "nextPageToken" not in page:
            return found
        query["nextPageToken"] = page["nextPageToken"]


def test_leads_by_id_are_those_of_the_files(client: Client) -> None:
    truth = client.control("truth/leads")["rows"]
    names = [name for name in truth[0] if not name.startswith("_")]
    found: dict[int, Json] = {}
    for start in range(0, len(truth), 300):
        ids = ",".join(str(row["id"]) for row in truth[start : start + 300])
        form = {"filterType": "id", "filterValues": ids, "fields": ",".join(names)}
        answer = client.http.post(client.sandbox.base + LEADS + "?_method=GET", data=form).json()
        found |= {row["id"]: row for row in answer["result"]}
    window = {"startAt": bulk_time((parse_time(NOW) or 0) - 30 * 86_400), "endAt": NOW}
    job_id = client.exported(fields=names, filter={"createdAt": window})
    file = {int(row["id"]): row for row in rows_of(client.file(job_id).content.decode())}
    assert len(file) > 20
    for row in truth:
        shown = found.pop(row["id"])
        # What is not returned is implied to be null.
        assert all(shown.get(name) == row[name] for name in names)
        assert all(type(shown.get(name)) is type(row[name]) for name in names)
        for name, text in file.get(row["id"], {}).items():
            value = shown.get(name)
            if value is None or isinstance(value, bool):
                assert text == {None: "null", True: "true", False: "false"}[value]
            else:
                assert type(value)(text) == value
    assert not found


def test_leads_by_filter(client: Client) -> None:
    truth = client.control("truth/leads")["rows"]
    found = client.get(LEADS, filterType="id", filterValues="1002,77,1001,1002")["result"]
    assert [row["id"] for row in found] == [1001, 1002]
    usual = {"id", "email", "updatedAt", "createdAt", "firstName", "lastName"}
    assert set(found[0]) == usual
    chosen = [row for row in truth if row["email"]][:2]
    values = ",".join(row["email"] for row in chosen)
    answer = client.get(LEADS, filterType="email", filterValues=values, fields="sandboxUnique")
    expected = [{name: row[name] for name in ("id", "sandboxUnique")} for row in chosen]
    assert answer["result"] == expected
    assert "moreResult" not in answer
    own = client.get(LEADS, filterType="sandboxUnique", filterValues=chosen[1]["sandboxUnique"])
    assert [row["id"] for row in own["result"]] == [chosen[1]["id"]]
    (gone,) = client.control("change", {"deleted_leads": 1})["deleted_leads"]
    assert client.get(LEADS, filterType="id", filterValues=gone)["result"] == []


def test_a_field_that_only_exports_have(client: Client) -> None:
    client.control("change", {"export_only_fields": ["fax"]})
    asked = {"filterType": "id", "filterValues": "1001", "fields": "id,fax"}
    assert code(client.get(LEADS, **asked)) == "1006"
    assert client.create(fields=["id", "fax"])["success"]
    client.control("change", {"export_only_fields": []})
    assert client.get(LEADS, **asked)["success"]


def test_calls_for_one_lead_among_others_can_fail(client: Client) -> None:
    client.control(
        "faults", [{"call": "leads_by_filter", "kind": "error", "code": "611", "id": 1002}]
    )
    ask = {"filterType": "id", "fields": "id"}
    assert client.get("/rest/v1/leads.json", **ask, filterValues="1001,1003")["success"]
    refused = client.get("/rest/v1/leads.json", **ask, filterValues="1001,1002,1003")
    assert refused["errors"][0]["code"] == "611"


def test_leads_by_filter_in_pages(client: Client) -> None:
    ids = ",".join(str(number) for number in range(1001, 1008))
    query = {"filterType": "id", "filterValues": ids, "batchSize": "3", "fields": "id"}
    sizes: list[int] = []
    found: list[int] = []
    while True:
        page = client.get(LEADS, **query)
        sizes.append(len(page["result"]))
        found.extend(row["id"] for row in page["result"])
        assert page.get("moreResult", False) == ("nextPageToken" in page)
        if not page.get("moreResult"):
            break
        query["nextPageToken"] = page["nextPageToken"]
    assert (sizes, found) == ([3, 3, 1], list(range(1001, 1008)))
    log = client.control("log")["log"]
    assert [each["page"] for each in log if each["call"] == "leads_by_filter"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filterValues": "1"}, "1002"),
        ({"filterType": "id"}, "1002"),
        ({"filterType": "id", "filterValues": ",".join("1" * 301)}, "1003"),
        ({"filterType": "id", "filterValues": "1001,x"}, "1001"),
        ({"filterType": "nope", "filterValues": "1"}, "1006"),
        ({"filterType": "firstName", "filterValues": "A"}, "1011"),
        ({"filterType": "isSubscriber", "filterValues": "true"}, "1011"),
        ({"filterType": "id", "filterValues": "1001", "fields": "id,nope"}, "1006"),
        ({"filterType": "id", "filterValues": "1001", "nextPageToken": "rubbish"}, "1003"),
    ],
)
def test_refused_filters(shared: Client, query: Json, expected: str) -> None:
    assert code(shared.get(LEADS, **query)) == expected


@pytest.mark.soak
def test_too_many_matches() -> None:
    with Sandbox(Options(now=NOW, scale=0, leads=60_000, activities=0)) as sandbox:
        client = Client(sandbox)
        rows = sandbox.database.truth("leads", sandbox.clock.now())
        common = Counter(row["externalNumber"] for row in rows).most_common()
        value = next(number for number, _ in common if number is not None)
        answer = client.get(LEADS, filterType="externalNumber", filterValues=value)
        assert (code(answer), answer["errors"][0]["message"]) == (
            "1003",
            "Too many results match the filter",
        )


def test_leads_cannot_be_written(shared: Client) -> None:
    for path in (LEADS, "/rest/v1/lists/3001/leads.json"):
        assert code(shared.http.post(shared.sandbox.base + path, json={"input": []}).json()) == (
            "605"
        )


def test_members_of_lists(client: Client) -> None:
    truth = client.control("truth/list_memberships")["rows"]
    sizes = Counter(row["listId"] for row in truth)
    lists = [row["id"] for row in client.control("truth/lists")["rows"]]
    assert 800 < len(truth) < 1000
    assert sizes.keys() < set(lists)
    (large, most), *_ = sizes.most_common(1)
    assert 300 < most < 500
    for list_id in (large, lists[1], min(set(lists) - sizes.keys())):
        expected = [row["leadId"] for row in truth if row["listId"] == list_id]
        assert [row["id"] for row in members(client, list_id, fields="id")] == expected
    usual = members(client, large)[0]
    assert usual["createdAt"].endswith("Z")
    assert len(members(client, large, batchSize=7, fields="email")) == most
    page = client.get(f"/rest/v1/list/{large}/leads.json", batchSize=1)
    assert page["result"] == [usual]
    other = client.get(f"/rest/v1/lists/{lists[1]}/leads.json", nextPageToken=page["nextPageToken"])
    assert code(other) == "1003"
    assert code(client.get("/rest/v1/lists/99/leads.json")) == "1013"
    assert code(client.get(f"/rest/v1/lists/{large}/leads.json", fields="nope")) == "1006"


def test_many_memberships() -> None:
    options = Options(now=NOW, scale=0, leads=8000, lists=500, list_memberships=400_000)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        assert 380_000 < len(sandbox.database.memberships) < 410_000
        assert len(client.get("/rest/v1/lists/3002/leads.json")["result"]) <= 300
