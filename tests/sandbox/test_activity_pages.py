"""Activities page by page, as activities.md and paging-tokens.md say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json, code
from tests.sandbox.clock import parse_time

ACTIVITIES = "/rest/v1/activities.json"
KINDS = "1,6,100001"
# The second before the clock's first.
JUST_BEFORE = "2026-06-15T11:59:59Z"


def token(client: Client, since: str) -> str:
    """A token that stands for a datetime."""
    answer = client.get("/rest/v1/activities/pagingtoken.json", sinceDatetime=since)
    return str(answer["nextPageToken"])


def pages(client: Client, start: str, **query: Any) -> list[Json]:
    """All pages from a token on."""
    found = []
    while True:
        found.append(client.get(ACTIVITIES, nextPageToken=start, **query))
        start = found[-1]["nextPageToken"]
        if not found[-1]["moreResult"]:
            return found


def rows(found: list[Json]) -> list[Json]:
    return [row for page in found for row in page.get("result", [])]


def truth(client: Client, since: str, kinds: str = KINDS) -> dict[str, Json]:
    """Activities as the sandbox holds them, by marketoGUID."""
    wanted = [int(kind) for kind in kinds.split(",")]
    return {
        row["marketoGUID"]: row
        for row in client.control("truth/activities")["rows"]
        if row["activityTypeId"] in wanted and row["activityDate"] >= since
    }


def test_pages_hold_the_truth(client: Client) -> None:
    since = "2026-01-10T00:00:00Z"
    expected = truth(client, since)
    found = pages(client, token(client, since), activityTypeIds=KINDS, batchSize=20)
    shown = rows(found)
    assert len(expected) > 250
    assert [row["marketoGUID"] for row in shown] == [
        guid for _, guid in sorted((row["activityDate"], guid) for guid, row in expected.items())
    ]
    sizes = [len(page.get("result", [])) for page in found[:-1]]
    assert max(sizes) > 10
    assert min(sizes) < 20
    for row in shown:
        held = expected[row["marketoGUID"]]
        assert row.get("id", int(row["marketoGUID"])) == int(row["marketoGUID"])
        for name in ("leadId", "activityDate", "activityTypeId"):
            assert row[name] == held[name]
        for name in ("campaignId", "primaryAttributeValueId", "primaryAttributeValue"):
            assert row.get(name) == held[name]
            assert row.get(name, "") is not None
        filled = [each["name"] for each in row["attributes"] if each["value"] != ""]
        assert filled == list(held["attributes"])
        named = all("apiName" in each for each in row["attributes"])
        assert named == (row["activityTypeId"] > 100_000) or not row["attributes"]
    # As nothing promises either.
    assert {"id" in row for row in shown} == {True, False}
    assert any(each["value"] == "" for row in shown for each in row["attributes"])


def test_values_of_attributes(client: Client) -> None:
    found = pages(client, token(client, "2026-01-01T00:00:00Z"), activityTypeIds="6")
    held = truth(client, "2026-01-01T00:00:00Z", "6")
    for row in rows(found):
        for each in row["attributes"]:
            if each["value"] == "":
                continue
            typed = held[row["marketoGUID"]]["attributes"][each["name"]]
            if isinstance(typed, bool):
                assert each["value"] in (typed, str(typed).lower(), str(int(typed)))
            else:
                assert str(each["value"]) == str(typed)


def test_a_token_for_a_datetime_is_for_what_comes_after_that_second(client: Client) -> None:
    held = truth(client, "2026-01-10T00:00:00Z")
    second = sorted(row["activityDate"] for row in held.values())[len(held) // 2]
    shown = rows(pages(client, token(client, second), activityTypeIds=KINDS))
    later = {guid for guid, row in held.items() if row["activityDate"] > second}
    assert {row["marketoGUID"] for row in shown} == later
    assert len(later) > 100


def test_empty_stretches_and_the_last_token(client: Client) -> None:
    start = token(client, "2026-04-01T00:00:00Z")
    found = pages(client, start, activityTypeIds="9999")
    assert len(found) == 11
    assert all("result" not in page for page in found)
    last = found[-1]["nextPageToken"]
    client.advance(3600)
    done = client.control("change", {"new_activities": 2, "activity_type": 1})["new_activities"]
    again = client.get(ACTIVITIES, nextPageToken=last, activityTypeIds="1")
    assert not again["moreResult"]
    assert {row["marketoGUID"] for row in again["result"]} >= set(done)


def test_the_last_token_goes_on_where_nothing_is_late(client: Client) -> None:
    last = pages(client, token(client, JUST_BEFORE), activityTypeIds="1")[-1]["nextPageToken"]
    request = {"new_activities": 3, "late_activities": 2, "activity_type": 1}
    # Two in one second, the second of them after the page.
    client.control("change", {"new_activities": 1, "activity_type": 1})
    first = client.get(ACTIVITIES, nextPageToken=last, activityTypeIds="1")
    done = client.control("change", request)
    second = client.get(ACTIVITIES, nextPageToken=first["nextPageToken"], activityTypeIds="1")
    assert len(first["result"]) == 1
    # What is dated before the token is behind it, whenever it is written.
    assert [row["marketoGUID"] for row in second["result"]] == done["new_activities"]
    since = token(client, "2026-06-14T00:00:00Z")
    guids = {row["marketoGUID"] for row in rows(pages(client, since, activityTypeIds="1"))}
    assert guids >= {*done["late_activities"], *done["new_activities"]}


def test_what_is_written_late_shows_then() -> None:
    with Sandbox(Options(now=NOW, scale=0, activities=20_000, late_share=1)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        start = token(client, "2026-06-15T00:00:00Z")
        before = rows(pages(client, start, activityTypeIds=KINDS))
        client.advance(86_400)
        after = rows(pages(client, start, activityTypeIds=KINDS))
        assert len(after) > len(before)
        assert {row["marketoGUID"] for row in after} == set(truth(client, "2026-06-15T00:00:00Z"))


def test_narrowed_to_leads_and_to_a_list(client: Client) -> None:
    start = token(client, "2026-01-01T00:00:00Z")
    everything = rows(pages(client, start, activityTypeIds=KINDS))
    some = [1001, 1002, 1003]
    chosen = rows(pages(client, start, activityTypeIds=KINDS, leadIds="1001,1002,1003"))
    assert chosen == [row for row in everything if row["leadId"] in some]
    assert chosen
    held = client.control("truth/list_memberships")["rows"]
    members = {row["leadId"] for row in held if row["listId"] == 3001}
    listed = rows(pages(client, start, activityTypeIds=KINDS, listId=3001))
    assert listed == [row for row in everything if row["leadId"] in members]


def test_deleted_leads_are_activities(client: Client) -> None:
    start = token(client, "2026-06-01T00:00:00Z")
    query = {"nextPageToken": start, "batchSize": 10}
    shown = client.get(ACTIVITIES, activityTypeIds=37, **query)["result"]
    own = client.get("/rest/v1/activities/deletedleads.json", **query)["result"]
    assert len(shown) == 10
    # The two examples spell UTC in different ways.
    assert all(row["activityDate"].endswith("Z") for row in shown)
    assert [{**row, "activityDate": row["activityDate"].replace("+0000", "Z")} for row in own] == (
        shown
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"nextPageToken": None}, "1002"),
        ({"nextPageToken": "rubbish"}, "1003"),
        ({"activityTypeIds": None}, "1002"),
        ({"activityTypeIds": "1,x"}, "1001"),
        ({"activityTypeIds": "1,2,3,4,5,6,7,8,9,10,11"}, "1003"),
        ({"leadIds": ",".join("7" * 31)}, "1003"),
        ({"leadIds": "x"}, "1001"),
        ({"leadIds": "1001", "listId": "3001"}, "1003"),
        ({"listId": "99"}, "1013"),
        ({"batchSize": "0"}, "1003"),
        ({"assetIds": "1"}, "1003"),
    ],
)
def test_refused_queries(shared: Client, query: Json, expected: str) -> None:
    usual = {"nextPageToken": token(shared, NOW), "activityTypeIds": "1"}
    assert code(shared.get(ACTIVITIES, **{**usual, **query})) == expected


def test_tokens_of_pages_are_of_their_call(shared: Client) -> None:
    start = token(shared, "2026-05-01T00:00:00Z")
    page = shared.get(ACTIVITIES, nextPageToken=start, activityTypeIds=1)
    deleted = "/rest/v1/activities/deletedleads.json"
    assert code(shared.get(deleted, nextPageToken=page["nextPageToken"])) == "1003"
    assert shared.get(deleted, nextPageToken=start)["success"]
    assert code(shared.get("/rest/v1/lists.json", nextPageToken=start)) == "1003"


def test_repeated_ids_and_post(shared: Client) -> None:
    start = token(shared, "2026-06-01T00:00:00Z")
    once = shared.get(ACTIVITIES, nextPageToken=start, activityTypeIds="1,6")["result"]
    twice = shared.get(ACTIVITIES, nextPageToken=start, activityTypeIds=[1, 6])["result"]
    form = {"nextPageToken": start, "activityTypeIds": "1,6"}
    url = shared.sandbox.base + ACTIVITIES + "?_method=GET"
    assert shared.http.post(url, data=form, timeout=5).json()["result"] == once == twice


def test_lists_of_ten_thousand_leads_are_refused_from_2026_12_30() -> None:
    options = Options(
        now="2026-12-29T23:00:00Z", scale=0, leads=12_000, activities=0, list_memberships=21_000
    )
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        client.live_long()
        query = {"nextPageToken": token(client, NOW), "activityTypeIds": 1}
        assert client.get(ACTIVITIES, listId=3001, **query)["success"]
        assert parse_time("2026-12-30T00:00:00Z") == sandbox.clock.now() + 3600
        client.advance(3600)
        assert code(client.get(ACTIVITIES, listId=3001, **query)) == "1003"
        assert client.get(ACTIVITIES, listId=3002, **query)["success"]
