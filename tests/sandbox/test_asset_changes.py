"""Assets come, change and go, at a moment of one's choice; every fault befalls their calls."""

from __future__ import annotations

import pytest

from tests.sandbox.assets.kinds import KINDS, USER_CALLS
from tests.sandbox.client import Client, Json, code
from tests.sandbox.clock import parse_time
from tests.sandbox.fault_kinds import FAULT_KINDS
from tests.sandbox.metadata.kinds import ROUTES as METADATA
from tests.sandbox.paging import DATED, Place, make_token

A = "/rest/asset/v1/"
TABLES = (
    "campaigns",
    "lists",
    "programs",
    "folders",
    "segments",
    "tokens",
    *(k.table for k in KINDS),
)


def rows(client: Client, table: str) -> list[Json]:
    return list(client.control(f"truth/{table}")["rows"])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("table", TABLES)
def test_rows_come_change_and_go(client: Client, table: str) -> None:
    client.advance(600)
    before = rows(client, table)
    client.control("change", {f"{table}_updated": 3})
    changed = rows(client, table)
    assert len(changed) == len(before)
    assert changed != before
    done = client.control("change", {f"new_{table}": 2})[f"new_{table}"]
    assert len(rows(client, table)) == len(before) + 2
    # Those very rows can be changed and deleted by their keys.
    assert client.control("change", {f"{table}_updated": done}) == {
        f"{table}_updated": sorted(done)
    }
    client.control("change", {f"{table}_deleted": done})
    assert rows(client, table) == changed
    assert len(client.control("change", {f"{table}_deleted": 1})[f"{table}_deleted"]) == 1
    assert "no such row" in client.control("change", {f"{table}_deleted": ["nothing"]})["error"]


def test_a_change_shows_its_time(client: Client) -> None:
    client.advance(600)
    at = "2026-06-15T12:05:00Z"
    ids = client.control("change", {"emails_updated": 20, "at": at})["emails_updated"]
    shown = {row["id"]: row.get("updatedAt") for row in rows(client, "emails")}
    for each in ids:
        assert parse_time(str(shown[each]).replace("Z+0000", "Z")) == parse_time(at)
    found = client.get(f"{A}emails.json", earliestUpdatedAt=at, maxReturn=200)["result"]
    assert [row["id"] for row in found] == ids


def test_static_lists_are_the_lists(client: Client) -> None:
    made = client.control("change", {"new_static_lists": 1})["new_static_lists"][0]
    assert rows(client, "lists")[-1]["id"] == rows(client, "static_lists")[-1]["id"] == made
    client.control("change", {"lists_deleted": [made]})
    assert made not in {row["id"] for row in rows(client, "static_lists")}


def test_what_hangs_on_a_deleted_parent_goes_too(client: Client) -> None:
    client.control("change", {"segmentations_deleted": [1001]})
    assert 1001 not in {row["_segmentationId"] for row in rows(client, "segments")}
    owner = next(t["folderId"] for t in rows(client, "tokens") if t["folderType"] == "Program")
    client.control("change", {"programs_deleted": [owner]})
    left = {(row["folderType"], row["folderId"]) for row in rows(client, "tokens")}
    assert ("Program", owner) not in left
    assert ("Folder", 61) not in left


def test_folders_that_hold_something_cannot_be_deleted(client: Client) -> None:
    held = next(row["parent"]["id"] for row in rows(client, "folders") if row["parent"])
    assert "it cannot go" in client.control("change", {"folders_deleted": [held]})["error"]


def test_a_change_between_two_pages(client: Client) -> None:
    path = f"{A}smartLists.json"
    request = {"call": "smart_lists", "nth": 2, "change": {"smart_lists_deleted": [1001, 1002]}}
    client.control("before_call", request)
    first = client.get(path, maxReturn=100)["result"]
    second = client.get(path, maxReturn=100, offset=100)["result"]
    assert {1001, 1002} <= {row["id"] for row in first}
    # Two rows have moved from the second page to the first, and are missed.
    assert second[0]["id"] - first[-1]["id"] == 3
    (entry,) = client.control("before_call")["before_call"]
    assert entry["done"] == {"smart_lists_deleted": [1001, 1002]}
    assert client.http.delete(client.sandbox.control + "/before_call").json() == {"before_call": []}
    for wrong in ({"call": "nothing", "change": {}}, {"call": "forms", "nth": 0, "change": {}}):
        assert "error" in client.control("before_call", wrong)


@pytest.mark.parametrize("table", ["campaigns", "lists"])
def test_a_page_token_stands_where_it_stood_whatever_goes_before_it(
    client: Client, table: str
) -> None:
    path = f"/rest/v1/{table}.json"
    first = client.get(path, batchSize=100)
    ids = [row["id"] for row in first["result"]]
    before = [row["id"] for row in rows(client, table)]
    client.control("change", {f"{table}_deleted": [ids[0], ids[50], ids[99]]})
    second = client.get(path, batchSize=100, nextPageToken=first["nextPageToken"])["result"]
    assert [row["id"] for row in second] == before[100:200]


NEEDED: Json = {"http": {"status": 502}, "error": {"code": "611"}}
TOKEN = make_token(Place(DATED, (1_781_000_000, -1)), 0)
ADDRESSES = {
    # Those of users have no envelope; those of the Email Designer have tests of their own.
    **{
        kind.name: kind.path
        for kind in KINDS
        if kind.name not in USER_CALLS and not kind.name.startswith("designer_")
    },
    "folders": f"{A}folders.json",
    "program": f"{A}program/1001.json",
    "smart_list": f"{A}smartList/1001.json",
    "form_fields": f"{A}form/1002/fields.json",
    "tag_type": f"{A}tagType/byName.json?name=Tag Type 05",
    "folder_by_name": f"{A}folder/byName.json?name=Design Studio",
    "segments": f"{A}segmentation/1001/segments.json",
    "tokens": f"{A}folder/1005/tokens.json?folderType=Program",
    "customobject_describe": "/rest/v1/customobjects/car_c/describe.json",
    "campaign_smart_list": f"{A}smartCampaign/2001/smartList.json",
    "email_content": f"{A}email/1001/content.json",
    "email_variables": f"{A}email/1001/variables.json",
    "email_template_content": f"{A}emailTemplate/1001/content",
    "email_template_used_by": f"{A}emailTemplates/1001/usedBy.json",
    "landing_page_content": f"{A}landingPage/1001/content.json",
    "landing_page_variables": f"{A}landingPage/1001/variables.json",
    "landing_page_template_content": f"{A}landingPageTemplate/1001/content.json",
    "snippet_content": f"{A}snippet/1001/content.json",
    "form_used_by": f"{A}form/1001/usedBy.json",
    **{call: path for path, call in METADATA.items()},
    "list_members": "/rest/v1/lists/3001/leads.json",
    "activities_page": f"/rest/v1/activities.json?activityTypeIds=1&nextPageToken={TOKEN}",
    "leads_by_filter": "/rest/v1/leads.json?filterType=id&filterValues=1001",
    "schema_fields": "/rest/v1/leads/schema/fields.json",
    "member_describe": "/rest/v1/programs/members/describe.json",
    "usage_week": "/rest/v1/stats/usage/last7days.json",
    "errors": "/rest/v1/stats/errors.json",
    "errors_week": "/rest/v1/stats/errors/last7days.json",
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("call", ADDRESSES)
def test_faults_counters_and_log_know_every_call(client: Client, call: str) -> None:
    path = ADDRESSES[call]
    assert client.get(path)["success"], path
    client.control("faults", {"call": call, "kind": "error", "code": "610"})
    assert code(client.get(path)) == "610"
    client.control("faults", {"call": call, "kind": "no_result"})
    assert "result" not in client.get(path)
    assert client.control("counters")["calls"][call] == 3
    log = client.control("log")["log"][-3:]
    assert [(each["call"], each["code"], each["fault"]) for each in log] == [
        (call, None, None),
        (call, "610", "error"),
        (call, None, "no_result"),
    ]
    for kind in FAULT_KINDS:
        if call in FAULT_KINDS[kind].fits:
            fault = {"call": call, "kind": kind, **NEEDED.get(kind, {})}
            assert "error" not in client.control("faults", fault)


def test_fault_on_a_page_of_assets(client: Client) -> None:
    client.control("faults", {"call": "emails", "kind": "error", "code": "611", "page": 3})
    for offset, right in ((0, True), (200, True), (400, False), (400, True)):
        assert client.get(f"{A}emails.json", maxReturn=200, offset=offset)["success"] is right
    log = client.control("log")["log"][-4:]
    assert [each["page"] for each in log] == [1, 2, 3, 3]


def test_log_tells_which_row_or_parent_was_asked_for(client: Client) -> None:
    for call in ("program", "tokens", "tag_type", "customobject_describe"):
        client.get(ADDRESSES[call])
    log = client.control("log")["log"][-4:]
    assert [each["id"] for each in log] == ["1001", "Program/1005", "Tag Type 05", "car_c"]


def test_page_faults_on_leads_and_activities(client: Client) -> None:
    """repeat_token and empty_page do to these calls what they say."""
    for call in ("list_members", "activities_page"):
        client.control("faults", {"call": call, "kind": "empty_page"})
        path = ADDRESSES[call]
        empty = client.get(path)
        assert (empty["result"], empty["moreResult"]) == ([], True)
        again = client.get(path.partition("&")[0], nextPageToken=empty["nextPageToken"])
        assert again["result"] == client.get(path)["result"]
        client.control("faults", {"call": call, "kind": "repeat_token", "page": 2})
        following = client.get(path, batchSize=20)["nextPageToken"]
        path = path.partition("&")[0]
        repeated = client.get(path, batchSize=20, nextPageToken=following)
        assert repeated["nextPageToken"] == following
