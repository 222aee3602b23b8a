"""Deleted leads: each is told, in time, by the one activity type that is no export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import assert_all_fired, discovered, log_of, stopped
from tests.harness import Account, Tap, Target, account, select

STREAM = "activities_delete_lead"
OPTIONS = ("--leads", "50", "--activities", "50", "--deleted-leads", "700", "--history-days", "60")
START = "2026-04-20T00:00:00Z"
DELETED = 37


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    return select(discovered(*OPTIONS), [STREAM])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*OPTIONS) as running:
        yield running


def assert_all_told(marketo: Account, target: Target) -> None:
    true = {
        (row["marketoGUID"],): row
        for row in marketo.activities([DELETED])
        if row["activityDate"] >= START
    }
    told = target.tables[STREAM]
    assert set(told) == set(true)
    for key, row in told.items():
        assert row["leadId"] == true[key]["leadId"]
        assert row["activityTypeId"] == DELETED
        assert row["activityDate"] == true[key]["activityDate"].replace("Z", "+00:00")


def test_deletions_come_at_first_and_from_then_on(
    marketo: Account, tap: Tap, chosen: dict[str, Any]
) -> None:
    config, target = marketo.config(start_date=START), Target()
    first = tap.sync(config, chosen, target)
    assert_all_told(marketo, target)
    assert len(first.records(STREAM)) > 600
    assert first.records(STREAM)[0]["primary_attribute_value"].startswith("Lead ")
    # No export is made for them.
    assert marketo.counters()["jobs"] == []
    marketo.advance(days=5)
    marketo.change(deleted_leads=3)
    marketo.advance(hours=1)
    second = tap.sync(config, chosen, target)
    assert_all_told(marketo, target)
    # Those of a day before the last run come again: an activity may be written late.
    assert 3 <= len(second.records(STREAM)) < 60
    assert "14 days" not in second.stderr


def test_pages_that_are_empty_or_tokens_that_are_refused_lose_nothing(
    marketo: Account, tap: Tap, chosen: dict[str, Any]
) -> None:
    config, target = marketo.config(start_date=START), Target()
    marketo.fault("deletedleads", "empty_page", 3, skip=1)
    tap.sync(config, chosen, target)
    assert_all_fired(marketo)
    assert_all_told(marketo, target)
    marks = {STREAM: {"activityDate": START, "next_page_token": "of another time"}}
    fresh = Target(state={"bookmarks": marks})
    done = tap.sync(config, chosen, fresh)
    assert "starting over" in done.stderr
    assert_all_told(marketo, fresh)


def test_a_run_cut_short_goes_on_from_its_last_page(
    marketo: Account, tap: Tap, chosen: dict[str, Any]
) -> None:
    config, target = marketo.config(start_date=START), Target()
    marketo.fault("deletedleads", "error", None, code="1003", skip=2)
    cut = tap.run(config, chosen)
    assert "1003" in stopped(cut)
    target.take(cut.lines)
    taken = len(cut.records(STREAM))
    assert taken > 0
    marketo.heal()
    rest = tap.sync(config, chosen, target)
    assert_all_told(marketo, target)
    assert len(rest.records(STREAM)) == len(target.rows(STREAM)) - taken


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["repeat_token", "empty_page"])
def test_pages_without_an_end_stop_the_run(
    marketo: Account, tap: Tap, chosen: dict[str, Any], kind: str
) -> None:
    marketo.fault("deletedleads", kind, None)
    done = tap.run(marketo.config(start_date=START), chosen)
    assert "never end" in stopped(done)


def test_a_pause_longer_than_marketo_keeps_deletions_is_said(
    marketo: Account, tap: Tap, chosen: dict[str, Any]
) -> None:
    config, target = marketo.config(start_date=START), Target()
    tap.sync(config, chosen, target)
    marketo.advance(days=15)
    done = tap.sync(config, chosen, target)
    (line,) = [line for line in done.stderr.split("\n") if STREAM in line and "WARNING" in line]
    assert line.startswith(f"WARNING {STREAM}: last read up to 2026-06-15T12:00:0")
    assert "Marketo keeps these activities for 14 days. Those dated from 2026-06-15T12" in line
    assert "to 2026-06-16T12:0" in line
    assert line.endswith("Compare the leads' ids with those of Marketo.")


def test_only_what_can_be_there_is_asked_for(
    marketo: Account, tap: Tap, chosen: dict[str, Any]
) -> None:
    target = Target()
    tap.sync(marketo.config(start_date="2015-01-01T00:00:00Z"), chosen, target)
    assert_all_told(marketo, target)
    assert len(log_of(marketo, "deletedleads")) <= 5
