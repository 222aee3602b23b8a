"""A stream that fails for good is skipped: all others are read first, and then it is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import (
    SMALL,
    START,
    VISITS,
    assert_activities,
    assert_assets,
    assert_leads,
    discovered,
    jobs,
    log_of,
    not_read,
    stopped,
)
from tests.harness import Account, Tap, Target, account, select

DELETIONS = "activities_delete_lead"
STREAMS = ["leads", VISITS, DELETIONS, "activity_types", "campaigns", "lists", "programs"]
ASSETS = ("campaigns", "lists", "programs")
SERVER_ERROR = {"kind": "http", "status": 500}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "0.5") as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def assert_read(marketo: Account, catalog: dict[str, Any], target: Target, but: set[str]) -> None:
    """Every stream but some is as Marketo has it, and its bookmark says so."""
    if "leads" not in but:
        assert_leads(marketo, target)
    if VISITS not in but:
        assert_activities(marketo, catalog, target, [VISITS])
    for stream in set(ASSETS) - but:
        assert_assets(marketo, target, stream)
    if DELETIONS not in but:
        assert target.rows(DELETIONS)
    assert target.state
    read = {name for name, marks in target.state["bookmarks"].items() if set(marks) - {"settled"}}
    assert {*STREAMS} - but - {"activity_types"} <= read
    assert not but & read


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("call", "fault", "failed", "said"),
    [
        ("campaigns", SERVER_ERROR, {"campaigns"}, "HTTP 500"),
        ("lists", {"kind": "error", "code": "603", "message": "Access denied"}, {"lists"}, "603"),
        ("programs", {"kind": "half_json"}, {"programs"}, "not JSON"),
        ("deletedleads", {"kind": "error", "code": "610", "message": "Gone"}, {DELETIONS}, "610"),
        ("describe", SERVER_ERROR, {"leads"}, "HTTP 500"),
        (
            "create",
            {"kind": "error", "code": "1003", "message": "No", "object": "leads"},
            {"leads"},
            "1003",
        ),
        ("file", {"kind": "html_200", "object": "activities"}, {VISITS}, "HTML"),
        ("list", {**SERVER_ERROR, "object": "leads"}, {"leads"}, "HTTP 500"),
    ],
)
def test_the_others_are_read_to_their_ends_and_the_next_run_reads_it(
    marketo: Account,
    catalog: dict[str, Any],
    tap: Tap,
    call: str,
    fault: dict[str, Any],
    failed: set[str],
    said: str,
) -> None:
    chosen, target = select(catalog, STREAMS), Target()
    marketo.control("POST", "faults", {"call": call, "times": None, **fault})
    done = tap.run(config_of(marketo), chosen)
    line = stopped(done)
    assert said in line
    assert not_read(line) == failed
    assert sum("skipped in this run" in entry for entry in done.stderr.split("\n")) == 1
    target.take(done.lines)
    assert_read(marketo, catalog, target, failed)
    marketo.heal()
    tap.sync(config_of(marketo), chosen, target)
    assert_read(marketo, catalog, target, set())


def test_an_export_that_fails_again_and_again_is_skipped_and_named(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, ["leads", "lists"]), Target()
    marketo.control("POST", "next_jobs", [{"status": "Failed", "errorMsg": "no luck"}] * 4)
    done = tap.run(config_of(marketo), chosen)
    line = stopped(done)
    assert not_read(line) == {"leads"}
    assert "no luck" in line
    target.take(done.lines)
    assert_assets(marketo, target, "lists")
    tap.sync(config_of(marketo), chosen, target)
    assert_leads(marketo, target)


def test_several_failures_are_named_in_one_line(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    refused = {"kind": "error", "code": "603", "message": "Access denied", "times": None}
    for call in ASSETS:
        marketo.control("POST", "faults", {"call": call, **refused})
    done = tap.run(config_of(marketo), select(catalog, STREAMS))
    line = stopped(done)
    assert not_read(line) == {*ASSETS}
    target = Target()
    target.take(done.lines)
    assert_read(marketo, catalog, target, set(ASSETS))


def test_three_failures_in_a_row_without_any_success_mean_that_marketo_is_down(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    for call in ASSETS:
        marketo.control("POST", "faults", {"call": call, "times": None, **SERVER_ERROR})
    chosen = select(catalog, [*ASSETS, DELETIONS])
    done = tap.run(config_of(marketo), chosen)
    assert "programs.json: HTTP 500" in stopped(done)
    assert log_of(marketo, "deletedleads") == []
    # With a success between them they are failures of these streams alone.
    marketo.heal()
    for call in ("campaigns", "programs", "deletedleads"):
        marketo.control("POST", "faults", {"call": call, "times": None, **SERVER_ERROR})
    done = tap.run(config_of(marketo), chosen)
    assert not_read(stopped(done)) == {"campaigns", "programs", DELETIONS}
    assert len(log_of(marketo, "deletedleads")) > 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"call": "lists", "kind": "error", "code": "607", "message": "Quota reached"}, 3),
        ({"call": "lists", "kind": "error", "code": "601", "message": "Token invalid"}, 2),
    ],
)
def test_what_concerns_the_whole_run_ends_it_at_once(
    marketo: Account, catalog: dict[str, Any], tap: Tap, fault: dict[str, Any], code: int
) -> None:
    marketo.control("POST", "faults", {"times": None, **fault})
    stopped(tap.run(config_of(marketo), select(catalog, ["lists", "programs"])), code)
    assert log_of(marketo, "programs") == []


def test_jobs_of_a_stream_skipped_are_resumed_by_the_next_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, ["leads", VISITS]), Target()
    marketo.control(
        "POST", "faults", {"call": "file", "object": "leads", "times": None, **SERVER_ERROR}
    )
    done = tap.run(config_of(marketo), chosen)
    stopped(done)
    target.take(done.lines)
    marketo.heal()
    made = len(jobs(marketo, "leads"))
    tap.sync(config_of(marketo), chosen, target)
    assert_leads(marketo, target)
    # One more for the time since.
    assert len(jobs(marketo, "leads")) <= made + 1
