"""Addresses longer than 8 KB, and what Adobe says to do instead: POST with _method=GET."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client, Json, code

LONGEST = 8192
SINCE = {"sinceDatetime": "2026-05-01T00:00:00Z"}

READ: list[tuple[str, Json]] = [
    ("/rest/v1/leads/describe.json", {}),
    ("/rest/v1/activities/types.json", {}),
    ("/rest/v1/activities/pagingtoken.json", SINCE),
    ("/rest/v1/campaigns.json", {"batchSize": 7, "id": "2001,2002,2003"}),
    ("/rest/v1/lists.json", {"batchSize": 7, "name": "List 3001"}),
    ("/rest/v1/customobjects.json", {}),
    ("/rest/asset/v1/programs.json", {"maxReturn": 7, "offset": 21}),
    ("/bulk/v1/leads/export.json", {"status": "Completed"}),
    ("/bulk/v1/program/members/export.json", {"batchSize": 7}),
]
"""Calls by GET, with parameters that change what they answer."""


@pytest.fixture(name="long", scope="module")
def _long() -> Iterator[Client]:
    """A sandbox whose paging tokens do not fit into an address."""
    with Sandbox(Options(now=NOW, scale=0, no_rate_limits=True, token_bytes=9000)) as sandbox:
        yield Client(sandbox)


def posted(client: Client, path: str, query: Json) -> Json:
    """The answer to a query in the body of a POST."""
    address = client.sandbox.base + path + "?_method=GET"
    return dict(client.http.post(address, data=query, timeout=10).json())


def plain(answer: Json) -> Json:
    """An answer without what differs in every answer to the same call."""
    passing = ("requestId", "nextPageToken")
    return {name: value for name, value in answer.items() if name not in passing}


def test_414_from_the_first_byte_too_many(shared: Client) -> None:
    path = "/rest/v1/lists.json?name="
    fits = path + "x" * (LONGEST - len(path))
    assert shared.http.get(shared.sandbox.base + fits, timeout=5).json()["success"]
    for method in ("GET", "POST"):
        shared.control("reset_counters", {})
        before = shared.control("counters")["calls_today"]
        answer = shared.http.request(method, shared.sandbox.base + fits + "x", timeout=5)
        assert answer.status_code == 414
        assert answer.headers["Content-Type"].startswith("text/plain")
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
        seen = shared.control("counters")
        assert seen["http_statuses"] == {"414": 1}
        assert seen["calls_today"] == before
        last = shared.control("log")["log"][-1]
        assert (last["call"], last["status"]) == ("lists", 414)


@pytest.mark.parametrize(("path", "query"), READ)
def test_a_query_in_a_body_is_a_query(shared: Client, path: str, query: Json) -> None:
    got = shared.get(path, **query)
    filler = {"filler": "x" * 20_000}
    address = shared.sandbox.base + path
    assert shared.http.get(address, params={**query, **filler}, timeout=5).status_code == 414
    answer = posted(shared, path, {**query, **filler})
    assert got["success"]
    assert plain(answer) == plain(got)


def test_usage_and_jobs_are_read_by_post_as_well(shared: Client) -> None:
    usage = shared.get("/rest/v1/stats/usage.json")["result"][0]["total"]
    again = posted(shared, "/rest/v1/stats/usage.json", {})["result"][0]["total"]
    assert again == usage + 1
    job_id = shared.exported()
    path = f"/bulk/v1/leads/export/{job_id}"
    got = shared.bulk(f"{job_id}/status")
    assert plain(posted(shared, f"{path}/status.json", {})) == plain(got)
    address = f"{shared.sandbox.base}{path}/file.json?_method=GET"
    filler = {"filler": "x" * 20_000}
    assert shared.http.post(address, data=filler, timeout=5).content == shared.file(job_id).content


def test_method_belongs_in_the_address_and_the_form_is_a_form(shared: Client) -> None:
    address = shared.sandbox.base + "/rest/v1/lists.json"
    in_body = shared.http.post(address, data={"_method": "GET", "batchSize": 7}, timeout=5)
    assert code(in_body.json()) == "605"
    text = shared.http.post(address + "?_method=GET", data="batchSize=7", timeout=5)
    assert code(text.json()) == "612"
    empty = shared.http.post(address + "?_method=GET&batchSize=7", timeout=5)
    assert len(empty.json()["result"]) == 7


def paged(client: Client, path: str, **query: Any) -> tuple[list[Json], list[str]]:
    """All records behind a paged call, and the tokens met; each page asked for by POST."""
    found: list[Json] = []
    tokens: list[str] = []
    while True:
        page = posted(client, path, query)
        found.extend(page.get("result", []))
        token = page.get("nextPageToken")
        if token is not None:
            tokens.append(token)
        if token is None or page.get("moreResult") is False:
            return found, tokens
        query["nextPageToken"] = token


@pytest.mark.parametrize("name", ["campaigns", "lists"])
def test_long_tokens_page_through_a_table(long: Client, name: str) -> None:
    path = f"/rest/v1/{name}.json"
    found, tokens = paged(long, path)
    assert found == long.control(f"truth/{name}")["rows"]
    assert len(tokens) == 2
    assert all(len(token) >= 9000 for token in tokens)
    address = long.sandbox.base + path
    refused = long.http.get(address, params={"nextPageToken": tokens[0]}, timeout=5)
    assert refused.status_code == 414
    assert code(posted(long, path, {"nextPageToken": tokens[0][:8000]})) == "1003"


def test_long_tokens_of_deleted_leads(long: Client) -> None:
    start = long.get("/rest/v1/activities/pagingtoken.json", **SINCE)["nextPageToken"]
    path = "/rest/v1/activities/deletedleads.json"
    found, tokens = paged(long, path, nextPageToken=start, batchSize=10)
    assert len({row["marketoGUID"] for row in found}) == len(found) == 45
    assert all(len(token) >= 9000 for token in (start, *tokens))


def test_long_tokens_of_jobs_and_of_empty_pages(long: Client) -> None:
    made = [long.create()["result"][0]["exportId"] for _ in range(3)]
    found, tokens = paged(long, "/bulk/v1/leads/export.json", batchSize=1)
    assert [job["exportId"] for job in found] == made
    assert len(tokens) == 2
    long.control("faults", {"call": "lists", "kind": "empty_page", "page": 2})
    found, more = paged(long, "/rest/v1/lists.json")
    assert len(found) == 640
    assert len(more) == 3
    assert all(len(token) >= 9000 for token in (*tokens, *more))
