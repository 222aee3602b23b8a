"""Lists whose members Marketo never gives: all others are read, and those are asked for again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import background, discovered, log_of
from tests.end_to_end.expected import MEMBERSHIPS
from tests.end_to_end.test_children import as_before, failing, marks, refuse
from tests.harness import Account, Tap, Target, account, select

# Ten lists, the first has two pages and the fifth none, as the tenth.
OPTIONS = (
    *("--leads", "400", "--activities", "100", "--late-share", "0"),
    *("--lists", "10", "--list-memberships", "700"),
)
FIRST, SECOND, THIRD = 3001, 3002, 3003
CALL = "list_members"


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*OPTIONS), [MEMBERSHIPS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*OPTIONS) as running:
        yield running


def named(*lists: int) -> set[str]:
    return {f"{MEMBERSHIPS} ({', '.join(f'List/{number}' for number in lists)})"}


def lists_asked(marketo: Account) -> list[int]:
    """The lists whose members were asked for, each once."""
    return [*dict.fromkeys(int(entry["id"]) for entry in log_of(marketo, CALL))]


def assert_all_but(marketo: Account, target: Target, *failed: int) -> None:
    """The table says who is on all lists but some."""
    truth = expected.memberships(marketo)
    rest = {pair: row for pair, row in truth.items() if pair[0] not in failed}
    assert bool(failed) == (rest != truth)
    held = expected.table(target, MEMBERSHIPS)
    assert {pair: row for pair, row in held.items() if pair[0] not in failed} == rest


@pytest.mark.sampled(2)
@pytest.mark.parametrize("page", [1, 2])
def test_all_others_are_read_and_the_next_run_asks_for_that_list_alone(
    marketo: Account, catalog: dict[str, Any], tap: Tap, page: int
) -> None:
    target = Target()
    marketo.fault(CALL, "error", None, id=str(FIRST), page=page, code="611")
    refuse(marketo, CALL, str(THIRD), code="1003")
    assert failing(marketo, tap, catalog, target) == named(FIRST) | named(THIRD)
    assert_all_but(marketo, target, FIRST, THIRD)
    assert marks(target, MEMBERSHIPS)["failed"].keys() == {"List/3001", "List/3003"}

    # What activities tell comes meanwhile.
    marketo.advance(hours=3)
    marketo.change(list_members_added=20, list_members_removed=20)
    before = target.state
    marketo.heal()
    refuse(marketo, CALL, str(THIRD))
    assert failing(marketo, tap, catalog, target) == named(THIRD)
    assert lists_asked(marketo) == [FIRST, THIRD]
    assert_all_but(marketo, target, THIRD)

    # The version before goes on where the first of them failed.
    old = Target(state=as_before(before))
    failing(marketo, tap, catalog, old)
    assert lists_asked(marketo)[0] == FIRST
    assert len(lists_asked(marketo)) == len(marketo.truth("lists"))

    marketo.heal()
    marketo.advance(hours=3)
    marketo.change(list_members_added=20, list_members_removed=20)
    tap.sync(marketo.config(), catalog, target)
    assert_all_but(marketo, target)
    assert not {"failed", "others"} & marks(target, MEMBERSHIPS).keys()
    assert len({row["readAt"] for row in target.rows(MEMBERSHIPS)}) == 1
    marketo.control("POST", "reset_counters")
    tap.sync(marketo.config(), catalog, target)
    assert not lists_asked(marketo)


def test_after_five_in_a_row_the_stream_fails_and_the_next_run_goes_on_behind_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, lists = Target(), [row["id"] for row in marketo.truth("lists")]
    refuse(marketo, CALL, *map(str, lists[1:6]))
    assert MEMBERSHIPS in failing(marketo, tap, catalog, target)
    assert lists_asked(marketo) == lists[:6]
    assert MEMBERSHIPS not in failing(marketo, tap, catalog, target)
    assert lists_asked(marketo) == [*lists[6:], *lists[1:6]]
    assert_all_but(marketo, target, *lists[1:6])
    # One that is gone by then is forgotten.
    marketo.heal()
    refuse(marketo, CALL, str(SECOND))
    marketo.change(lists_deleted=[THIRD])
    assert failing(marketo, tap, catalog, target) == named(SECOND)
    assert marks(target, MEMBERSHIPS)["failed"].keys() == {"List/3002"}
    assert THIRD not in lists_asked(marketo)
    assert_all_but(marketo, target, SECOND)


def test_a_new_list_that_fails_keeps_back_neither_others_nor_what_activities_tell(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    tap.sync(marketo.config(), catalog, target)
    marketo.advance(hours=2)
    bad, *_ = marketo.change(new_lists=3, members=5, late_hours=1000)["new_lists"]
    marketo.change(list_members_added=20, list_members_removed=20)
    refuse(marketo, CALL, str(bad))
    reached = marks(target, MEMBERSHIPS)["updatedAt"]
    assert failing(marketo, tap, catalog, target) == named(bad)
    assert_all_but(marketo, target, bad)
    assert marks(target, MEMBERSHIPS)["others"]["updatedAt"] > reached
    # It is asked for again when it is no longer new.
    marketo.advance(days=5)
    marketo.heal()
    marketo.control("POST", "reset_counters")
    tap.sync(marketo.config(), catalog, target)
    assert lists_asked(marketo)[-1] == bad
    assert FIRST not in lists_asked(marketo)
    assert_all_but(marketo, target)


def test_a_run_killed_after_a_list_failed_remembers_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    refuse(marketo, CALL, str(SECOND))
    # Nothing waits between two calls: hold the run where it can be seen.
    marketo.fault(CALL, "timeout", None, id="3006", seconds=100)
    config = marketo.config(request_timeout=100, poll_interval=0.0001)
    with background(tap, config, catalog) as run:
        run.until(lambda: '"failed": {"List/3002"' in json.dumps(run.state()))
        run.until(lambda: lists_asked(marketo)[-1] == 3006)
        target.take(run.kill().lines)
    marketo.heal()
    marketo.control("POST", "reset_counters")
    tap.sync(marketo.config(), catalog, target)
    assert lists_asked(marketo) == [*range(3006, 3011), SECOND]
    assert_all_but(marketo, target)


def test_a_list_that_failed_while_all_were_read_anew_comes_with_the_time_of_that_reading(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    tap.sync(marketo.config(), catalog, target)
    marketo.advance(days=100)
    refuse(marketo, CALL, str(SECOND))
    assert failing(marketo, tap, catalog, target) == named(SECOND)
    assert_all_but(marketo, target, SECOND)
    read_at = marks(target, MEMBERSHIPS)["read_at"]
    marketo.heal()
    marketo.advance(hours=5)
    done = tap.sync(marketo.config(), catalog, target)
    assert {row["readAt"] for row in done.records(MEMBERSHIPS)} == {read_at}
    assert_all_but(marketo, target)
