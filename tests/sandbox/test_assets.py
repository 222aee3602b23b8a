"""Assets are answered as Adobe's pages say: pages, filters, empty answers, details, children."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.assets.kinds import KINDS, Kind
from tests.sandbox.client import NOW, Client, Json, code
from tests.sandbox.clock import parse_time

A = "/rest/asset/v1/"
NO_ASSETS = ["No assets found for the given search criteria."]
ASSETS = [kind for kind in KINDS if kind.is_asset]
PAGED = [kind for kind in ASSETS if kind.paged]
FILTERED = [kind for kind in ASSETS if kind.filter]
UNFILTERED = [kind for kind in ASSETS if kind.dated and not kind.filter]
AWKWARD = [kind for kind in KINDS if kind.optional and kind.table != "custom_object_types"]


def name_of(kind: Kind) -> str:
    return kind.table


@pytest.fixture(name="account", scope="module")
def _account() -> Iterator[Client]:
    options = Options(now=NOW, scale=0, leads=5, activities=5, no_rate_limits=True)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


def scan(client: Client, path: str, size: int = 200, **query: Any) -> list[Json]:
    """All pages by offset, to the one without a result."""
    found: list[Json] = []
    while True:
        page = client.get(path, offset=len(found), maxReturn=size, **query)
        assert page["success"], page
        if "result" not in page:
            assert page["warnings"] == NO_ASSETS
            return found
        assert 0 < len(page["result"]) <= size
        found.extend(page["result"])


def moment(text: str) -> float:
    found = parse_time(text.replace("Z+0000", "Z"))
    assert found is not None, text
    return found


@pytest.mark.parametrize("kind", PAGED, ids=name_of)
def test_pages_hold_the_truth(account: Client, kind: Kind) -> None:
    truth = account.control(f"truth/{kind.table}")["rows"]
    assert scan(account, kind.path, 97) == truth
    assert len(account.get(kind.path)["result"]) == 20
    assert len(account.get(kind.path, maxReturn=1000)["result"]) == min(200, len(truth))
    keys = [row[kind.key] for row in truth]
    assert len(set(keys)) == len(keys) >= 25
    if kind.by_name:
        assert keys != sorted(keys)


def test_some_tables_need_several_pages_of_the_largest_size(account: Client) -> None:
    large = [k.table for k in PAGED if len(account.control(f"truth/{k.table}")["rows"]) > 200]
    assert len(large) >= 7


def test_segmentations_are_not_paged(account: Client) -> None:
    rows = account.get(f"{A}segmentation.json", maxReturn=1, offset=3)["result"]
    assert rows == account.control("truth/segmentations")["rows"]


@pytest.mark.parametrize("kind", FILTERED, ids=name_of)
def test_filter_takes_what_was_created_or_updated_within(account: Client, kind: Kind) -> None:
    low, high = "2026-03-01T00:00:00-05:00", "2026-04-01T00:00:00Z"
    found = scan(account, kind.path, earliestUpdatedAt=low, latestUpdatedAt=high)
    assert isinstance(account.sandbox, Sandbox)
    table = account.sandbox.database.assets[kind.table]
    within = {
        row.id
        for row in table.rows
        if any(moment(low) <= each <= moment(high) for each in (row.created, row.updated))
    }
    assert {row["id"] for row in found} == within
    assert 0 < len(within) < len(table.rows)
    milliseconds = account.get(kind.path, earliestUpdatedAt="2026-03-01T00:00:00.000Z")
    if kind.filter == "any":
        assert milliseconds["success"]
    else:
        assert code(milliseconds) == "704"
    assert code(account.get(kind.path, latestUpdatedAt="March")) == "704"
    wrong = account.get(kind.path, earliestUpdatedAt=high, latestUpdatedAt=low)
    assert code(wrong) == "1003"


@pytest.mark.parametrize("kind", UNFILTERED, ids=name_of)
def test_others_have_no_filter(account: Client, kind: Kind) -> None:
    whole = account.get(kind.path)
    assert account.get(kind.path, earliestUpdatedAt=NOW)["result"] == whole["result"]


@pytest.mark.parametrize("kind", AWKWARD, ids=name_of)
def test_rows_are_as_awkward_as_the_pages_allow(account: Client, kind: Kind) -> None:
    rows = account.control(f"truth/{kind.table}")["rows"]
    assert any(name not in row for row in rows for name in kind.optional)
    assert any(name in row and row[name] is None for row in rows for name in kind.optional)
    if len(rows) > 17:
        assert any("sandboxExtra" in row for row in rows)


def test_times_have_several_spellings(account: Client) -> None:
    rows = account.control("truth/emails")["rows"]
    ends = {row["createdAt"][19:] for row in rows}
    assert ends == {"Z+0000", "Z", "+0000", "-05:00"}
    programs = account.control("truth/programs")["rows"]
    assert {row["createdAt"][19:] for row in programs} == {"Z+0000"}


def test_texts_are_long_and_awkward(account: Client) -> None:
    rows = account.control("truth/emails")["rows"]
    assert max(len((row.get("description") or "").encode()) for row in rows) > 29_900
    names = "".join(row["name"] for row in rows)
    assert all(mark in names for mark in ("\U0001f600", '"', ",", "\u2028", "\t"))


DETAILS = {
    "programs": ("program/{}.json", "id", ["tags", "costs", "startDate", "endDate"]),
    "smart_lists": ("smartList/{}.json?includeRules=true", "id", ["rules"]),
}


@pytest.mark.parametrize("table", DETAILS)
def test_details_of_one_row(account: Client, table: str) -> None:
    path, key, columns = DETAILS[table]
    shown = {row[key]: row for row in account.control(f"truth/{table}")["rows"]}
    details = account.control(f"truth/{table}_details")["rows"]
    assert {name for row in details for name in row} - {"smartList"} == {key, *columns}
    for row in details[:30]:
        # It takes a call of its own.
        row.pop("smartList", None)
        (found,) = account.get(A + path.format(row[key]))["result"]
        assert found == {**shown[row[key]], **row}
    missing = account.get(A + path.format(999_999))
    assert missing["success"]
    assert "result" not in missing


# What calls about one row give, by the column of the details that it is.
PARTS = {
    "emails": {"content": "email/{}/content.json", "variables": "email/{}/variables.json"},
    "email_templates": {
        "content": "emailTemplate/{}/content",
        "usedBy": "emailTemplates/{}/usedBy.json?maxReturn=200",
    },
    "landing_pages": {
        "content": "landingPage/{}/content.json",
        "variables": "landingPage/{}/variables.json",
    },
    "landing_page_templates": {"content": "landingPageTemplate/{}/content.json"},
    "snippets": {"content": "snippet/{}/content.json"},
    "forms": {"usedBy": "form/{}/usedBy.json"},
    "smart_campaigns": {"rules": "smartCampaign/{}/smartList.json?includeRules=true"},
    "programs": {"smartList": "program/{}/smartList.json?includeRules=true"},
}


@pytest.mark.parametrize("table", PARTS)
def test_what_an_asset_says_takes_a_call_for_each_part(account: Client, table: str) -> None:
    for row in account.control(f"truth/{table}_details")["rows"][:12]:
        for column, path in PARTS[table].items():
            answer, told = account.get(A + path.format(row["id"])), row[column]
            if told is None and column != "rules":
                # error-codes.md, 709: pages with social content; programs that send no email.
                assert code(answer) == "709"
            elif isinstance(told, list):
                # The first template has more than a page of emails.
                assert answer.get("result", []) == told[:200]
            else:
                (found,) = answer["result"]
                assert (found if column == "smartList" else found[column]) == told
    missing = account.get(A + next(iter(PARTS[table].values())).format(999_999))
    assert missing["warnings"] == NO_ASSETS


def test_rules_come_only_where_asked_for(account: Client) -> None:
    (row,) = account.get(f"{A}smartList/1001.json")["result"]
    assert "rules" not in row


def test_fields_of_a_form(account: Client) -> None:
    for row in account.control("truth/forms_details")["rows"]:
        page = account.get(f"{A}form/{row['id']}/fields.json")
        assert page.get("result", []) == row["fields"]
    assert account.get(f"{A}form/1/fields.json")["warnings"] == NO_ASSETS


def test_values_of_a_tag_type_by_name(account: Client) -> None:
    with_commas = 0
    for row in account.control("truth/tag_types_details")["rows"]:
        page = account.get(f"{A}tagType/byName.json", name=row["tagType"])
        if "," in row["tagType"]:
            # "Asset APIs cannot search for asset names that contain commas" (assets.md).
            assert "result" not in page
            with_commas += 1
        else:
            assert page["result"][0]["allowableValues"] == row["allowableValues"]
    assert with_commas


def test_segments_of_a_segmentation(account: Client) -> None:
    truth = account.control("truth/segments")["rows"]
    counts = []
    for parent in account.control("truth/segmentations")["rows"]:
        found = scan(account, f"{A}segmentation/{parent['id']}/segments.json")
        own = [row for row in truth if row["_segmentationId"] == parent["id"]]
        own = [{k: v for k, v in row.items() if not k.startswith("_")} for row in own]
        assert found == own
        counts.append(len(found))
    assert counts[0] > 200
    assert counts[-1] == 0
    assert any("segmentationId" not in row for row in truth)


def test_tokens_of_folders_and_programs(account: Client) -> None:
    truth = account.control("truth/tokens")["rows"]
    found: list[Json] = []
    for folder in account.control("truth/folders")["rows"]:
        number, kind = folder["folderId"]["id"], folder["folderId"]["type"].title()
        page = account.get(f"{A}folder/{number}/tokens.json", folderType=kind)
        for entry in page.get("result", []):
            assert entry["folder"] == {"type": kind, "value": number}
            parent = {"folderType": kind, "folderId": number}
            found.extend({**parent, **token} for token in entry["tokens"])
    assert sorted(found, key=json.dumps) == sorted(truth, key=json.dumps)
    assert {row["folderType"] for row in truth} == {"Folder", "Program"}


def tree(account: Client, depth: int | None = None) -> list[Json]:
    """The folders of all three areas."""
    found: list[Json] = []
    for name in ("Marketing Activities", "Design Studio", "Lead Database"):
        (root,) = account.get(f"{A}folder/byName.json", name=name)["result"]
        assert root["folderId"]["type"] == "FOLDER"
        query = {} if depth is None else {"maxDepth": depth}
        text = json.dumps({"id": root["id"], "type": "Folder"})
        found.extend(scan(account, f"{A}folders.json", root=text, **query))
    return found


def test_tree_of_folders(account: Client) -> None:
    whole = tree(account, 10_000)
    assert whole == account.control("truth/folders")["rows"]
    keys = [(row["folderId"]["type"].title(), row["folderId"]["id"]) for row in whole]
    assert len(set(keys)) == len(keys)
    assert len({number for _, number in keys}) < len(keys)
    assert {row["folderId"]["type"] for row in whole} == {"Folder", "Program", "FOLDER"}
    assert any(row["parent"] and row["parent"]["type"].title() == "Program" for row in whole)
    depths = [row["path"].count("/") - 1 for row in whole]
    assert max(depths) > 6
    for limit in (None, 0, 1):
        shown = tree(account, limit)
        most = 2 if limit is None else limit
        assert len(shown) == sum(depth <= most for depth in depths)


def test_folder_below_a_folder(account: Client) -> None:
    whole = account.control("truth/folders")["rows"]
    parent = next(row["parent"] for row in whole if row["path"].count("/") == 5)
    root = json.dumps(parent).replace("FOLDER", "Folder")
    shown = scan(account, f"{A}folders.json", root=root)
    assert shown[0]["folderId"]["id"] == parent["id"]
    assert all(row["path"].startswith(shown[0]["path"]) for row in shown)
    unknown = account.get(f"{A}folders.json", root='{"id": 999999, "type": "Folder"}')
    assert unknown["warnings"] == NO_ASSETS
    assert account.get(f"{A}folders.json", workSpace="Other")["warnings"] == NO_ASSETS


@pytest.mark.soak
def test_thousands_of_folders() -> None:
    options = Options(now=NOW, scale=0, leads=1, activities=0, folders=5000, no_rate_limits=True)
    with Sandbox(options) as sandbox:
        assert len(tree(Client(sandbox), 10_000)) == 5000 + 450 + 6


def test_filters_that_the_sandbox_does_not_do_are_refused(account: Client) -> None:
    assert code(account.get(f"{A}emails.json", status="approved")) == "1003"
