"""Members of chosen smart lists: one small export a list, at most once in child_refresh_hours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import SMALL, assert_all_fired, jobs, stopped
from tests.harness import Account, Tap, Target, account, select

STREAM = "smart_list_memberships"
LISTS = (1001, 1002, 1003)
START = "2026-01-01T00:00:00Z"


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--leads", "300", "--export-minutes", "0.5") as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(start_date=START, **{"smart_lists": list(LISTS), **settings})


def exports(marketo: Account) -> list[dict[str, Any]]:
    """Return the jobs of the stream; discovery probes another filter."""
    return [job for job in jobs(marketo) if "smartListId" in job["filter"]]


def chosen_of(tap: Tap, config: dict[str, Any], *others: str) -> dict[str, Any]:
    return select(tap.discover(config), [STREAM, *others])


def members(marketo: Account, number: int) -> set[int]:
    """Return the members of a smart list: of the sandbox's, a seventh of the leads."""
    first = 1001
    return {row["id"] for row in marketo.truth("leads") if (row["id"] - first) % 7 == number % 7}


def newest(target: Target, number: int) -> set[int]:
    """Return the members of a list as docs/streams.md says: the rows of its newest readAt."""
    rows = [row for row in target.rows(STREAM) if row["smartListId"] == number]
    last = max(row["readAt"] for row in rows)
    return {row["leadId"] for row in rows if row["readAt"] == last}


def test_members_are_those_of_the_newest_reading_of_each_list(marketo: Account, tap: Tap) -> None:
    config = config_of(marketo)
    chosen, target = chosen_of(tap, config), Target()
    tap.sync(config, chosen, target)
    assert [job["filter"] for job in exports(marketo)] == [{"smartListId": n} for n in LISTS]
    assert all(job["fields"] == ["id"] for job in exports(marketo))
    before = {number: members(marketo, number) for number in LISTS}
    assert all(before.values())
    assert {number: newest(target, number) for number in LISTS} == before

    # Soon after nothing is read; a day later all lists are.
    again = tap.sync(config, chosen, target)
    assert "0 of 3 smart lists are read now" in again.stderr
    assert len(exports(marketo)) == 3
    gone = sorted(before[1001])[:2]
    marketo.change(deleted_leads=gone)
    marketo.advance(days=1)
    tap.sync(config, chosen, target)
    assert len(exports(marketo)) == 6
    assert newest(target, 1001) == before[1001] - {*gone} == members(marketo, 1001)
    # Nothing says that a lead left but the age of its row.
    assert {row["leadId"] for row in target.rows(STREAM) if row["smartListId"] == 1001} >= {*gone}


def test_without_the_setting_there_is_no_such_stream(marketo: Account, tap: Tap) -> None:
    chosen = chosen_of(tap, config_of(marketo))
    config = marketo.config(start_date=START)
    assert STREAM not in [stream["tap_stream_id"] for stream in tap.discover(config)["streams"]]
    done = tap.run(config, chosen)
    assert "smart_lists names no list" in stopped(done, 2)


def test_a_list_that_is_gone_is_named_and_the_others_are_read(marketo: Account, tap: Tap) -> None:
    config = config_of(marketo, smart_lists="1001, 987654, 1003")
    target = Target()
    done = tap.run(config, chosen_of(tap, config))
    message = stopped(done)
    assert f"{STREAM} (smart list 987654)" in message
    assert "1003" in message
    target.take(done.lines)
    assert {row["smartListId"] for row in target.rows(STREAM)} == {1001, 1003}
    # The next run asks for the one alone.
    made = len(exports(marketo))
    stopped(tap.run(config, chosen_of(tap, config), target.state))
    assert len(exports(marketo)) == made


def test_a_subscription_without_the_filter_refuses_the_stream_alone(tap: Tap) -> None:
    with account(*SMALL, "--no-updated-at") as marketo:
        config = config_of(marketo)
        done = tap.run(config, chosen_of(tap, config, "campaigns"))
        assert "1035" in stopped(done)
        assert done.records("campaigns")
        skipped = tap.run({**config, "on_refused": "skip"}, chosen_of(tap, config, "campaigns"))
        assert skipped.code == 0


def test_the_job_of_a_stopped_run_is_read_by_the_next(marketo: Account, tap: Tap) -> None:
    config = config_of(marketo, smart_lists=[1002])
    chosen, target = chosen_of(tap, config), Target()
    marketo.fault("file", "error", object="leads", code="603")
    done = tap.run(config, chosen)
    stopped(done)
    assert_all_fired(marketo)
    target.take(done.lines)
    tap.sync(config, chosen, target)
    (job,) = exports(marketo)
    assert newest(target, 1002) == members(marketo, 1002)
    assert {row["readAt"] for row in target.rows(STREAM)} == {
        job["createdAt"].replace("Z", "+00:00")
    }
