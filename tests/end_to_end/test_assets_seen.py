"""assets_seen: what a complete listing has shown, and so what has gone since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests import readme
from tests.end_to_end import expected, expected_assets
from tests.end_to_end.checks import calls, discovered, log_of, not_read, stopped
from tests.end_to_end.expected_assets import BY_DATE, LISTED, SEEN
from tests.harness import Account, Run, Tap, Target, account, select

SIZES = (
    "--leads 1 --activities 1 --late-share 0 --campaigns 320 --lists 310 --programs 30 "
    "--smart-lists 8 --emails 220 --email-templates 6 --landing-pages 210 "
    "--landing-page-templates 6 --landing-page-redirect-rules 6 --forms 6 --snippets 6 --files 6 "
    "--folders 8 --channels 6 --segmentations 6"
).split()
WHOLE = (*(name for name in LISTED if name not in BY_DATE),)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*SIZES)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SIZES) as running:
        yield running


def sync(
    marketo: Account, tap: Tap, chosen: dict[str, Any], target: Target, **settings: Any
) -> Run:
    return tap.sync(marketo.config(**settings), chosen, target)


def rows(done: Run) -> dict[tuple[str, str], Row]:
    return {(row["assetType"], row["id"]): row for row in done.records(SEEN)}


def kinds(done: Run) -> set[str]:
    return {kind for kind, _ in rows(done)}


def named(seen: dict[Any, Row]) -> dict[Any, Any]:
    return {key: row["name"] for key, row in seen.items()}


def lines(done: Run, *texts: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if all(text in line for text in texts)]


def gone(target: Target) -> set[tuple[str, str]]:
    """Return what has gone, by the SQL of the page."""
    sql = readme.code("Deleted assets", "sql")
    with sqlite3.connect(":memory:") as database:
        database.execute('create table assets_seen ("assetType", "id", "name", "seenAt")')
        database.executemany(
            "insert into assets_seen values (:assetType, :id, :name, :seenAt)", target.rows(SEEN)
        )
        return {(row[0], row[1]) for row in database.execute(sql)}


# What there is, and what has gone ----------------------------------------------------------------


def test_what_has_gone_has_an_older_row_than_the_newest_of_its_kind(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, [SEEN]), Target()
    began = marketo.control("GET", "clock")["now"]
    first = sync(marketo, tap, chosen, target)
    assert expected.table(target, SEEN) == expected_assets.seen(marketo)
    assert {row["assetType"] for row in target.rows(SEEN)} == {*LISTED}
    assert {key for key in rows(first) if key[1].startswith("Program/")}
    times = {row["seenAt"] for row in target.rows(SEEN)}
    ended = marketo.control("GET", "clock")["now"]
    assert all(began <= time.replace("+00:00", "Z") <= ended for time in times)
    assert not gone(target)

    deleted = {
        "lists": 2, "campaigns": 1, "programs": 2, "emails": 1, "landing_pages": 3,
        "landing_page_redirect_rules": 1, "files": 1, "segmentations": 1, "smart_lists": 1,
    }  # fmt: skip
    was = set(target.tables[SEEN])
    marketo.change(
        **{f"{name}_deleted": number for name, number in deleted.items()},
        new_forms=2,
        new_emails=1,
        snippets_updated=2,
    )
    marketo.advance(days=7)
    again = sync(marketo, tap, chosen, target)
    assert expected.table(target, SEEN) == expected_assets.seen(marketo)
    left = was - expected_assets.seen(marketo).keys()
    assert len(left) >= sum(deleted.values())
    assert gone(target) == left
    assert named(rows(again)) == named(expected_assets.seen(marketo))


def test_selected_streams_that_read_their_lists_whole_are_asked_no_further(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    beside, target = select(catalog, [*LISTED, SEEN]), Target()
    alone = select(catalog, LISTED)
    config = {"start_date": "2020-01-01T00:00:00Z"}
    costs = []
    for chosen, state in ((alone, Target()), (beside, target)):
        marketo.control("POST", "reset_counters")
        sync(marketo, tap, chosen, state, **config)
        costs.append(calls(marketo))
    # The lists that are asked for by date are listed whole besides.
    assert {name: costs[1][name] for name in WHOLE} == {name: costs[0][name] for name in WHOLE}
    assert {name: costs[1][name] for name in BY_DATE} == {
        name: 2 * costs[0][name] for name in BY_DATE
    }
    assert expected.table(target, SEEN) == expected_assets.seen(marketo)

    marketo.advance(days=6)
    marketo.change(landing_pages_deleted=2, emails_deleted=2)
    marketo.control("POST", "reset_counters")
    later = sync(marketo, tap, beside, target, **config)
    assert {name: len(log_of(marketo, name)) for name in BY_DATE} == dict.fromkeys(BY_DATE, 1)
    assert kinds(later) == {*WHOLE}
    assert {kind for kind, _ in gone(target)} == {"landing_pages"}

    marketo.advance(days=1)
    sync(marketo, tap, beside, target, **config)
    assert {kind for kind, _ in gone(target)} == {"landing_pages", "emails"}


def test_without_sweeps_nothing_is_listed_that_is_asked_for_by_date(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    done = sync(marketo, tap, select(catalog, [SEEN]), Target(), assets_sweep_days=0)
    assert kinds(done) == {*WHOLE}
    assert not calls(marketo).keys() & {*BY_DATE}


def test_the_plan_says_what_it_costs(marketo: Account, catalog: dict[str, Any], tap: Tap) -> None:
    chosen, target = select(catalog, [SEEN]), Target()
    for _ in range(2):
        done = tap.run(marketo.config(), chosen, target.state, "--plan", "--format", "json")
        (line,) = (each for each in json.loads(done.stdout)["items"] if each["name"] == SEEN)
        marketo.control("POST", "reset_counters")
        sync(marketo, tap, chosen, target)
        # Today's calls are the start of the run.
        assert line["calls"] == sum(calls(marketo).values()) - 1


# Listings that do not count ----------------------------------------------------------------------


@pytest.mark.parametrize("others", [(), ("landing_pages", "emails")])
def test_a_list_that_moves_under_the_reader_is_listed_by_the_next_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap, others: tuple[str, ...]
) -> None:
    chosen, target = select(catalog, [SEEN, *others]), Target()
    moving = ("landing_pages", "emails")
    # Before them come the three pages of the emails that have changed.
    changes = [
        {"call": name, "nth": nth, "change": {f"{name}_deleted": [1001]}}
        for name, nth in zip(moving, (2, 5 if others else 2), strict=True)
    ]
    marketo.control("POST", "before_call", changes)
    config = {"start_date": "2020-01-01T00:00:00Z"}
    done = sync(marketo, tap, chosen, target, **config)
    assert all(each["done"] for each in marketo.control("GET", "before_call")["before_call"])
    assert kinds(done) == {*LISTED} - {*moving}
    (line,) = lines(done, SEEN, "changed while they were read")
    assert line.startswith("INFO")
    assert all(name in line for name in moving)
    sync(marketo, tap, chosen, target, **config)
    assert expected.table(target, SEEN) == expected_assets.seen(marketo)


def test_fewer_than_half_of_what_was_there_are_not_believed(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, [SEEN]), Target()
    sync(marketo, tap, chosen, target)
    marketo.change(snippets_deleted=4, forms_deleted=3)
    for _ in range(2):
        done = sync(marketo, tap, chosen, target)
        (line,) = lines(done, SEEN, "snippets")
        assert line.startswith("WARNING")
        assert "shows 2 now, and showed 6" in line
        assert kinds(done) == {*WHOLE} - {"snippets"}
    assert target.state
    assert target.state["bookmarks"][SEEN]["shown"]["snippets"] == 6
    # As the line says.
    del target.state["bookmarks"][SEEN]["shown"]["snippets"]
    sync(marketo, tap, chosen, target)
    assert len([key for key in gone(target) if key[0] == "snippets"]) == 4


def test_what_the_role_may_not_read_is_named_and_the_others_are_listed(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [SEEN])
    lacks = ["Read-Only Redirect Rules", "Read-Only Campaigns"]
    marketo.control("POST", "permissions", {"lacks": lacks})
    done = sync(marketo, tap, chosen, Target())
    assert kinds(done) == {*LISTED} - {"landing_page_redirect_rules", "campaigns"}
    (line,) = lines(done, "WARNING", SEEN, "603")
    for told in ("landing_page_redirect_rules", "campaigns", *lacks):
        assert told in line
    # Without the permission of most there is no such stream.
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Asset"]})
    refused = tap.run(marketo.config(), chosen)
    assert not_read(stopped(refused)) == {SEEN}
    assert kinds(refused) == {"campaigns", "lists", "landing_page_redirect_rules"}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("code", ["603", "611"])
def test_a_stream_that_fails_has_no_rows_though_its_list_could_be_had(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    chosen = select(catalog, [SEEN, "emails", "landing_pages", "lists"])
    for call in ("emails", "landing_pages"):
        # The last of its pages, as often as the tap tries.
        marketo.fault(call, "error", 1 if code == "603" else 8, skip=1, code=code, message="No")
    target = Target()
    done = tap.run(marketo.config(start_date="2020-01-01T00:00:00Z"), chosen)
    assert not_read(stopped(done)) == {"emails", "landing_pages"}
    assert kinds(done) == {*LISTED} - {"emails", "landing_pages"}
    (line,) = lines(done, SEEN, "not read to their ends")
    assert "emails, landing_pages" in line
    target.take(done.lines)
    sync(marketo, tap, chosen, target)
    assert expected.table(target, SEEN) == expected_assets.seen(marketo)


def test_a_list_that_cannot_be_read_hinders_no_other(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, [SEEN]), Target()
    marketo.fault("programs", "http", None, status=500)
    done = tap.run(marketo.config(), chosen)
    line = stopped(done)
    assert not_read(line) == {f"{SEEN} (programs)"}
    assert "programs.json" in line
    assert kinds(done) == {*LISTED} - {"programs"}
    target.take(done.lines)
    marketo.heal()
    marketo.control("POST", "reset_counters")
    sync(marketo, tap, chosen, target)
    # What has been listed by date is not listed again.
    assert calls(marketo).keys() & {*BY_DATE} == {"programs"}
    assert expected.table(target, SEEN) == expected_assets.seen(marketo)
    # Where Marketo is down, not every list is tried.
    marketo.fault("any", "http", None, status=500, skip=1)
    marketo.control("POST", "reset_counters")
    stopped(tap.run(marketo.config(), chosen, target.state))
    assert len(calls(marketo)) == 1 + 5


def test_a_list_that_a_stopped_run_has_begun_is_listed_from_its_beginning(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, ["lists", SEEN]), Target()
    config = marketo.config(start_date="2020-01-01T00:00:00Z")
    marketo.fault("lists", "error", code="603", message="Access denied", page=2)
    done = tap.run(config, chosen)
    stopped(done)
    assert "lists" not in kinds(done)
    target.take(done.lines)
    assert target.state
    assert target.state["bookmarks"]["lists"]["next_page_token"]
    marketo.change(lists_deleted=2, new_lists=1)
    marketo.control("POST", "reset_counters")
    sync(marketo, tap, chosen, target)
    # The stream goes on at its second page.
    assert calls(marketo)["lists"] == 1 + 2
    held = expected.table(target, SEEN)
    assert {key for key in held if key[0] == "lists"} == expected_assets.seen(
        marketo, ["lists"]
    ).keys()
