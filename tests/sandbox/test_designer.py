"""The Email Designer: asset calls of version 2, in either form of their answers (emails-new.md)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json

EMAILS = "/rest/asset/v2/email/filter"
ALL = {"workspaceId": "1", "includeArchived": "true", "pageSize": 50}


def answer(client: Client, path: str, **query: Any) -> tuple[int, Json]:
    """Status and content of an answer to a call with its header."""
    client.http.headers["x-app-type"] = "marketo"
    got = client.http.get(client.sandbox.base + path, params=query, timeout=60)
    return got.status_code, got.json()


def ids_of(client: Client, **query: Any) -> list[str]:
    """The ids of one page."""
    return [row["id"] for row in answer(client, EMAILS, **{**ALL, **query})[1]["result"]["items"]]


def test_a_workspace_is_read_by_the_numbers_of_its_pages(client: Client) -> None:
    truth = [
        row["id"]
        for row in client.control("truth/designer_emails")["rows"]
        if row["appData"]["workspaceId"] == "1"
    ]
    _, whole = answer(client, EMAILS, **ALL)
    pages = [ids_of(client, pageSize=10, pageIndex=index) for index in range(6)]
    assert [each for page in pages for each in page] == truth == ids_of(client)
    # Variants of A/B tests are counted, and leave gaps.
    assert whole["result"]["totalItems"] > len(truth)
    assert any(0 < len(page) < 10 for page in pages[:3])
    assert ids_of(client, pageIndex=9) == []


def test_archived_assets_and_others_are_filtered(client: Client) -> None:
    everything = {row["id"]: row for row in client.control("truth/designer_emails")["rows"]}
    assert {everything[each]["status"] for each in ids_of(client)} > {"archived"}
    assert "archived" not in {
        everything[each]["status"] for each in ids_of(client, includeArchived="false")
    }
    changed = client.control("change", {"designer_emails_updated": 5})["designer_emails_updated"]
    late = ids_of(client, modifiedAtStart="2026-06-15T12:00:00Z")
    assert {*late} <= {*map(str, changed)}
    assert late
    assert ids_of(client, modifiedAtEnd="2001-01-01T00:00:00Z") == []


@pytest.mark.parametrize("as_array", [True, False])
def test_either_form_of_answers(as_array: bool) -> None:
    options = Options(seed=7, leads=2, activities=2, now=NOW, designer_arrays=as_array)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        _, listed = answer(client, EMAILS, **ALL)
        rows = listed["result"] if as_array else listed["result"]["items"]
        _, one = answer(client, f"/rest/asset/v2/email/{rows[0]['id']}")
        assert [{**rows[0], "data": one["result"][0]["data"]}] == one["result"]
        status, failed = answer(client, EMAILS)
        assert failed["success"] is False
        assert status == (200 if as_array else 400)
        assert [error["code"] for error in failed["errors"] if "code" in error] == ["1003"]
        assert len(failed["errors"]) == (1 if as_array else 2)
        del client.http.headers["x-app-type"]
        assert "x-app-type" in str(client.get(EMAILS, **ALL)["errors"])


def test_each_kind_takes_three_permissions(client: Client) -> None:
    for lacking in ("Read-Only Asset", "Access Design Studio", "Access Email"):
        client.control("permissions", {"lacks": [lacking]})
        status, failed = answer(client, EMAILS, **ALL)
        assert (status, failed["errors"][-1]["code"]) == (403, "603")
    client.control("permissions", {"lacks": ["Access Snippet"]})
    assert answer(client, EMAILS, **ALL)[0] == 200
    assert answer(client, "/rest/asset/v2/fragment/filter", **ALL)[0] == 403
