"""Lists that come page by page, and what happens while they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    SMALL,
    assert_all_fired,
    assert_assets,
    between_calls,
    discovered,
    log_of,
    stopped,
)
from tests.end_to_end.servers import Reply, Request, in_front_of, server
from tests.harness import Account, Tap, Target, account, select

# Before everything there is.
START = "2020-01-01T00:00:00Z"
# How long before the bookmark rows come again (docs/streams.md).
LOOKBACK = timedelta(minutes=15)


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with account(*SMALL, "--campaigns", "650", "--lists", "601", "--programs", "450") as marketo:
        yield marketo


@pytest.fixture
def marketo(running: Account) -> Account:
    running.heal()
    running.control("POST", "reset_counters")
    return running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def pages_read(marketo: Account, stream: str) -> list[int]:
    """Return which pages of a stream were asked for."""
    return [entry["page"] for entry in log_of(marketo, stream)]


def marks_of(target: Target, stream: str) -> dict[str, Any]:
    """Return what the state says of a stream."""
    assert target.state
    marks: dict[str, Any] = target.state["bookmarks"][stream]
    return marks


def test_lists_of_several_pages_are_read_to_the_end(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # What other tests have changed lies further back than the second run looks.
    marketo.advance(hours=1)
    target = Target()
    streams = ["campaigns", "lists", "programs"]
    done = tap.sync(config_of(marketo), select(catalog, streams), target)
    for stream in streams:
        assert_assets(marketo, target, stream, START)
        assert len(done.records(stream)) == len(target.rows(stream))
    assert pages_read(marketo, "campaigns") == pages_read(marketo, "lists") == [1, 2, 3]
    # A row without updatedAt could have changed at any time: it comes every time.
    undated = {row["id"] for row in marketo.truth("lists") if row["updatedAt"] is None}
    assert undated
    again = tap.sync(config_of(marketo), select(catalog, streams), target)
    assert {row["id"] for row in again.records("lists")} == undated


@pytest.mark.parametrize("stream", ["campaigns", "lists"])
def test_a_stopped_scan_goes_on_at_its_page_and_misses_no_change(
    marketo: Account, catalog: dict[str, Any], tap: Tap, stream: str
) -> None:
    config, chosen = config_of(marketo), select(catalog, [stream])
    target = Target()
    marketo.fault(stream, "error", page=3, code="603")
    done = tap.run(config, chosen)
    stopped(done)
    assert_all_fired(marketo)
    target.take(done.lines)
    marks = marks_of(target, stream)
    assert marks["next_page_token"]
    assert "updatedAt" not in marks

    # Rows of the first two pages change before the scan goes on.
    changed = marketo.change(**{f"{stream}_updated": 200})[f"{stream}_updated"]
    rows = [row["id"] for row in marketo.truth(stream)]
    assert set(changed) & set(rows[:600])
    began = marks["scan_started"]
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    assert pages_read(marketo, stream) == [3]
    assert set(expected.table(target, stream)) == set(rows)
    marks = marks_of(target, stream)
    assert marks["next_page_token"] is None
    assert marks["updatedAt"] == began
    # The run after that gets them.
    tap.sync(config, chosen, target)
    assert_assets(marketo, target, stream, START)


@pytest.mark.parametrize("token", ["NONSENSE", "GIYDAOBNGEYS2MBWKQYDAORQGA5DAMBOGAYDAKZQGAYDALBQ"])
def test_a_page_token_that_marketo_refuses_begins_the_scan_anew(
    marketo: Account, catalog: dict[str, Any], tap: Tap, token: str
) -> None:
    began = "2026-06-01T00:00:00+00:00"
    marks = {"updatedAt": START, "next_page_token": token, "scan_started": began}
    target = Target(state={"bookmarks": {"lists": marks}})
    done = tap.sync(config_of(marketo), select(catalog, ["lists"]), target)
    assert "page token" in done.stderr
    assert pages_read(marketo, "lists")[1:] == [1, 2, 3]
    assert_assets(marketo, target, "lists", START)
    assert marks_of(target, "lists")["next_page_token"] is None
    assert marks_of(target, "lists")["updatedAt"] > "2026-06-15"


@pytest.mark.parametrize("code", ["1001", "1003"])
def test_what_error_codes_say_of_wrong_values_begins_the_scan_anew(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    marketo.fault("lists", "error", code=code)
    marks = {"next_page_token": "ATOKEN", "scan_started": "2026-06-01T00:00:00+00:00"}
    target = Target(state={"bookmarks": {"lists": marks}})
    done = tap.sync(config_of(marketo), select(catalog, ["lists"]), target)
    assert_all_fired(marketo)
    assert "starting over" in done.stderr
    assert_assets(marketo, target, "lists", START)


@pytest.mark.parametrize(
    "fault",
    [
        *({"kind": "error", "code": code} for code in ("603", "609", "610", "702", "703", "1013")),
        *({"kind": "http", "status": status} for status in (400, 403, 404, 414)),
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_refusal_that_has_nothing_to_do_with_the_token_keeps_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap, fault: dict[str, Any]
) -> None:
    marketo.fault("lists", times=None, **fault)
    marks = {"next_page_token": "ATOKEN", "scan_started": "2026-06-01T00:00:00+00:00"}
    done = tap.run(config_of(marketo), select(catalog, ["lists"]), {"bookmarks": {"lists": marks}})
    assert str(fault.get("code") or fault.get("status")) in stopped(done)
    assert len(pages_read(marketo, "lists")) == 1
    states = [m["value"]["bookmarks"]["lists"] for m in done.messages if m["type"] == "STATE"]
    assert all(state["next_page_token"] == "ATOKEN" for state in states)


# Page tokens that fit into no address ------------------------------------------------------------

LONG = ("--token-bytes", "9000", "--deleted-leads", "700")
DELETED = "activities_delete_lead"


@pytest.fixture
def long_tokens() -> Iterator[Account]:
    with account(*SMALL, "--campaigns", "310", "--lists", "310", *LONG) as running:
        yield running


@pytest.mark.soak
def test_queries_too_long_for_an_address_travel_in_a_body(
    long_tokens: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo, target = long_tokens, Target()
    chosen = select(catalog, ["campaigns", "lists", "leads", DELETED])
    with server(in_front_of(marketo.endpoint.removesuffix("/rest"))) as seen:
        done = tap.sync(config_of(marketo, endpoint=f"{seen.url}/rest"), chosen, target)
    for stream in ("campaigns", "lists"):
        assert pages_read(marketo, stream) == [1, 2]
        assert_assets(marketo, target, stream, START)
    assert len(target.rows(DELETED)) == 700
    # Before Marketo says that an address is too long.
    assert "414" not in marketo.counters()["http_statuses"]
    # Those that fit stay as they were.
    posted = {r.target for r in seen.requests if r.method == "POST" and "_method" in r.target}
    assert posted == {
        f"/rest/v1/{path}.json?_method=GET"
        for path in ("campaigns", "lists", "activities/deletedleads")
    }
    for request in seen.requests:
        if request.target in posted:
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"
            assert request.headers["authorization"].startswith("Bearer ")
    assert "_method" not in done.stderr


@pytest.mark.parametrize("token", ["half \ud83d", "two\nlines", "\u00fc", {"a": 1}])
def test_a_page_token_that_no_address_can_carry_ends_the_stream(
    marketo: Account, catalog: dict[str, Any], tap: Tap, token: Any
) -> None:
    sandbox = in_front_of(marketo.endpoint.removesuffix("/rest"))

    def answer(request: Request) -> Reply:
        reply = sandbox(request)
        if "/v1/lists.json" not in request.target:
            return reply
        envelope = {**json.loads(reply.body), "nextPageToken": token}
        return Reply(reply.status, json.dumps(envelope).encode(), reply.headers)

    with server(answer) as between:
        config = config_of(marketo, endpoint=f"{between.url}/rest")
        done = tap.run(config, select(catalog, ["lists", "campaigns"]))
    assert done.code == 1
    assert "Traceback" not in done.stderr
    assert "the page token is not printable text" in done.critical[0]
    assert done.records("campaigns")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"kind": "http", "status": 502},
        {"kind": "half_json"},
        {"kind": "error", "code": "606"},
        {"kind": "expire_token"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_query_in_a_body_is_counted_named_and_tried_again_as_any(
    long_tokens: Account, catalog: dict[str, Any], tap: Tap, fault: dict[str, Any]
) -> None:
    marketo, target = long_tokens, Target()
    marketo.fault("lists", page=2, **fault)
    done = tap.sync(config_of(marketo), select(catalog, ["lists"]), target)
    assert_all_fired(marketo)
    assert_assets(marketo, target, "lists", START)
    assert "POST /rest/v1/lists.json" not in done.stderr
    if fault["kind"] != "expire_token":
        assert done.stderr.count("WARNING GET /rest/v1/lists.json: ") == 1


def test_a_stopped_scan_goes_on_at_a_page_whose_token_is_long(
    long_tokens: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo, target = long_tokens, Target()
    chosen = select(catalog, ["lists"])
    marketo.fault("lists", "error", page=2, code="603")
    done = tap.run(config_of(marketo), chosen)
    message = stopped(done)
    assert "error 603" in message
    assert "GET /rest/v1/lists.json" in message
    target.take(done.lines)
    marketo.control("POST", "reset_counters")
    tap.sync(config_of(marketo), chosen, target)
    assert pages_read(marketo, "lists") == [2]
    assert_assets(marketo, target, "lists", START)


@pytest.mark.parametrize("page", [1, 2])
def test_an_address_that_is_too_long_all_the_same_is_named_as_that(
    marketo: Account, catalog: dict[str, Any], tap: Tap, page: int
) -> None:
    marketo.fault("lists", "http", None, status=414, page=page)
    message = stopped(tap.run(config_of(marketo), select(catalog, ["lists"])))
    for part in ("GET /rest/v1/lists.json", "HTTP 414", "address is too long", "report it"):
        assert part in message
    assert pages_read(marketo, "lists") == [1, 2][:page]


@pytest.mark.parametrize("stream", ["campaigns", "lists"])
def test_a_page_token_that_comes_twice_stops_the_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap, stream: str
) -> None:
    marketo.fault(stream, "repeat_token", None)
    target = Target()
    done = tap.run(config_of(marketo), select(catalog, [stream]))
    message = stopped(done)
    assert "page token" in message
    assert f"{stream}.json" in message
    assert len(pages_read(marketo, stream)) <= 4
    target.take(done.lines)
    assert "updatedAt" not in marks_of(target, stream)
    marketo.heal()
    tap.sync(config_of(marketo), select(catalog, [stream]), target)
    assert_assets(marketo, target, stream, START)


@pytest.mark.parametrize("page", [1, 2, 3])
def test_an_empty_page_with_a_token_is_not_the_end(
    marketo: Account, catalog: dict[str, Any], tap: Tap, page: int
) -> None:
    marketo.fault("campaigns", "empty_page", page=page)
    target = Target()
    tap.sync(config_of(marketo), select(catalog, ["campaigns"]), target)
    assert_all_fired(marketo)
    assert_assets(marketo, target, "campaigns", START)


@pytest.mark.parametrize("stream", ["campaigns", "lists", "programs"])
def test_rows_before_the_bookmark_are_left_out_whatever_offset_it_is_written_with(
    marketo: Account, catalog: dict[str, Any], tap: Tap, stream: str
) -> None:
    dated = sorted(
        datetime.fromisoformat(row["updatedAt"][:19]).replace(tzinfo=timezone.utc)
        for row in marketo.truth(stream)
        if row["updatedAt"]
    )
    # A row's own time, with others less than five hours before it: as texts they would be later.
    west = timezone(timedelta(hours=-5))
    at, _ = next(
        (later, earlier)
        for earlier, later in pairwise(dated[100:])
        if timedelta(0) < later - earlier < timedelta(hours=5)
    )
    bookmark = (at + LOOKBACK).astimezone(west).isoformat()
    assert bookmark.endswith("-05:00")
    target = Target(state={"bookmarks": {stream: {"updatedAt": bookmark}}})
    tap.sync(config_of(marketo), select(catalog, [stream]), target)
    since = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert_assets(marketo, target, stream, since)
    assert any(
        row["updatedAt"] and row["updatedAt"][:19] == since[:19] for row in target.rows(stream)
    )


# Lists that change while they are read ------------------------------------------------------------

CHANGES = {
    "created": {"new_{}": 1},
    "changed": {"{}_updated": 3},
    "removed": {"{}_deleted": 1},
    "all": {"new_{}": 1, "{}_updated": 2, "{}_deleted": 1},
}


@pytest.fixture(scope="module")
def long_lists() -> Iterator[Account]:
    options = ("--programs", "900", "--folders", "1300", "--emails", "900", "--lists", "10")
    with account("--leads", "1", "--activities", "1", *options) as running:
        yield running


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("stream", "change"),
    [*(("programs", change) for change in CHANGES), ("emails", "all"), ("folders", "all")],
)
def test_what_stands_in_a_list_throughout_comes_while_each_page_finds_it_changed(
    long_lists: Account, catalog: dict[str, Any], tap: Tap, stream: str, change: str
) -> None:
    marketo = long_lists
    order = {name.format(stream): number for name, number in CHANGES[change].items()}
    before = key_set(stream, marketo.truth(stream))
    pages: list[str] = []

    def change_before_each_page(path: str) -> None:
        if f"/{stream}.json" in path:
            pages.append(path)
            marketo.change(**order)

    target = Target()
    with between_calls(marketo, change_before_each_page) as endpoint:
        tap.sync(config_of(marketo, endpoint=endpoint), select(catalog, [stream]), target)
    stayed = before & key_set(stream, marketo.truth(stream))
    assert len(stayed) > 600
    assert stayed <= key_set(stream, target.rows(stream))
    # Some pages are asked for once more, the list is not.
    assert len(pages) <= 4 * (len(before) // 200 + 3)
    assert not any("latestUpdatedAt" in path for path in pages)
    # What was created or changed meanwhile comes with the next run, if not with this one.
    tap.sync(config_of(marketo), select(catalog, [stream]), target)
    assert key_set(stream, marketo.truth(stream)) <= key_set(stream, target.rows(stream))


def key_set(stream: str, rows: Iterable[Mapping[str, Any]]) -> set[Any]:
    """Return the ids of rows; a folder's with its type, as a program may share it."""
    if stream != "folders":
        return {row["id"] for row in rows}
    return {(row["id"], row["folderId"]["type"].capitalize()) for row in rows}
