"""Program members by pages: what has changed comes by lead, the same rows as an export's.

The contract is docs/members.md; what is asked for is what the sandbox saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import background, discovered, log_of
from tests.end_to_end.expected import MEMBERS
from tests.end_to_end.test_program_members import (
    CONFIG,
    SMALL,
    asked,
    assert_members,
    bring_back,
    change_everywhere,
    keys_of,
    lines,
    made,
    members_of,
    most_members,
)
from tests.harness import BY_PAGES, HANG, Account, Run, Tap, Target, account, select

PAGES = "members_of_program"


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*SMALL), [MEMBERS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        # No run looks back as far as to what happened before.
        running.advance(hours=1)
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{**CONFIG, **BY_PAGES, **settings})


def sync(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, **settings: Any
) -> Run:
    """Sync by pages, with the counters set back before."""
    marketo.control("POST", "reset_counters")
    return tap.sync(config_of(marketo, **settings), catalog, target)


@pytest.fixture
def read(marketo: Account, catalog: dict[str, Any], tap: Tap) -> Target:
    """A target after a first sync by exports, and an account in which nothing has changed since."""
    target = Target()
    sync(marketo, tap, catalog, target, increments="exports")
    return target


def pages_of(marketo: Account) -> list[int]:
    """The programs that were read by pages, in order, once for each call."""
    return [int(entry["id"]) for entry in log_of(marketo, PAGES)]


# What has changed --------------------------------------------------------------------------------


def rows_by_line(done: Run) -> dict[tuple[int, int], str]:
    """The RECORD line of each member, without its time."""
    found = {}
    for line in done.lines:
        if json.loads(line)["type"] == "RECORD":
            record, _, _ = line.rpartition(',"time_extracted":')
            row = json.loads(line)["record"]
            found[row["programId"], row["leadId"]] = record
    return found


@pytest.mark.parametrize("names", ["as_marketo", "plain"])
def test_pages_give_the_rows_of_an_export_to_the_byte(tap: Tap, names: str) -> None:
    with account(*SMALL, "--hostile") as marketo:
        marketo.advance(hours=1)
        config = config_of(marketo, names=names)
        chosen = select(tap.discover(config), [MEMBERS])
        target = Target()
        tap.sync({**config, "increments": "exports"}, chosen, target)
        marketo.advance(hours=1)
        marketo.change(program_members_changed=120, new_program_members=20)
        left = keys_of(marketo.change(program_members_left=9)["program_members_left"])
        by_export = tap.run({**config, "increments": "exports"}, chosen, target.state)
        marketo.control("POST", "reset_counters")
        by_pages = tap.run(config, chosen, target.state)
        assert not made(marketo)
        assert by_pages.code == by_export.code == 0, by_pages.stderr
        assert rows_by_line(by_pages) == rows_by_line(by_export)
        # The same is said of values that do not fit.
        assert lines(by_pages, "WARNING program_members.hugeNumber", "beyond 64 bits")
        target.take(by_pages.lines)
        assert_members(marketo, chosen, target, left)
        assert target.state


def test_day_after_day_the_table_is_what_marketo_holds_without_an_export(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    left: set[tuple[int, int]] = set()
    for day in range(4):
        marketo.advance(hours=5 + 10 * day)
        late = {"late_hours": 5 * day}
        marketo.change(new_program_members=12, program_members_changed=25, **late)
        marketo.change(deleted_leads=1)
        left |= keys_of(marketo.change(program_members_left=8, **late)["program_members_left"])
        bring_back(marketo, most_members(marketo), **late)
        left -= members_of(marketo)
        done = sync(marketo, tap, catalog, read)
        assert not made(marketo)
        assert lines(done, "INFO program_members: read what has changed in", "by pages")
    # Nothing shows late any more.
    marketo.advance(hours=30)
    sync(marketo, tap, catalog, read)
    assert not made(marketo)
    left = {key for key in left if key[1] in {row["id"] for row in marketo.truth("leads")}}
    gone_or_there = members_of(marketo) | left
    for key in [*read.tables[MEMBERS]]:
        # Who left, and was deleted then, is told of no more.
        if key not in gone_or_there:
            del read.tables[MEMBERS][key]
    assert_members(marketo, catalog, read, left)


def test_a_call_asks_for_all_changed_members_of_a_program_and_for_no_others(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    told = keys_of(marketo.change(program_members_changed=40)["program_members_changed"])
    marketo.advance(hours=1)
    done = sync(marketo, tap, catalog, read)
    assert pages_of(marketo) == sorted({program for program, _ in told})
    rows = {(row["programId"], row["leadId"]) for row in done.records(MEMBERS)}
    assert rows == told
    marketo.advance(hours=1)
    done = sync(marketo, tap, catalog, read)
    assert not pages_of(marketo)
    assert not done.records(MEMBERS)
    assert_members(marketo, catalog, read)


def test_a_killed_run_resumes_at_the_program_that_pages_had_reached(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=25)
    programs = change_everywhere(marketo)
    skip = len(programs) // 2
    marketo.fault(PAGES, "timeout", None, skip=skip, seconds=HANG)
    config = config_of(marketo, request_timeout=HANG)
    with background(tap, config, catalog, read.state) as run:
        run.until(lambda: len(log_of(marketo, PAGES)) > skip)
        read.take(run.kill().lines)
    marketo.heal()
    assert read.state
    reached = read.state["bookmarks"][MEMBERS].get("parent")
    # What an activity dated in the look-back tells of the first programs is asked for again.
    marketo.change(program_members_changed=30)
    sync(marketo, tap, catalog, read)
    assert reached is None or reached in {f"Program/{number}" for number in programs[:skip]}
    assert not made(marketo)
    assert_members(marketo, catalog, read)


# What exports read -------------------------------------------------------------------------------


def test_a_program_whose_pages_fail_is_exported_and_the_others_are_not(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    programs = change_everywhere(marketo)
    bad = programs[3]
    marketo.fault(PAGES, "error", None, id=bad, code="1003", message="No members for you")
    done = sync(marketo, tap, catalog, read)
    assert asked(marketo) == [[bad]]
    assert len(lines(done, f"INFO program_members: program {bad} is exported")) == 1
    assert_members(marketo, catalog, read)


def test_a_field_that_only_exports_have_keeps_members_on_exports(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    programs = change_everywhere(marketo)
    marketo.fault(PAGES, "error", None, code="1006", message="Field 'mealChoice' not found")
    done = sync(marketo, tap, catalog, read)
    assert len(pages_of(marketo)) == 1
    assert sum(map(len, asked(marketo))) == len(programs)
    assert len(lines(done, "WARNING program_members: members are exported", "mealChoice")) == 1
    assert_members(marketo, catalog, read)


def test_where_the_days_calls_are_scarce_members_are_exported(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    programs = change_everywhere(marketo)
    used = marketo.control("POST", "usage", {"foreign_calls": 0})["calls_today"]
    # The calls before the pages are some ten.
    marketo.control("POST", "usage", {"foreign_calls": 30_000 - used - 12})
    sync(marketo, tap, catalog, read)
    read_by_pages = pages_of(marketo)
    assert 0 < len(read_by_pages) < 12
    exported = {number for ids in asked(marketo) for number in ids}
    assert exported == {*programs} - {*read_by_pages}
    marketo.advance(hours=1)
    change_everywhere(marketo)
    done = sync(marketo, tap, catalog, read)
    assert lines(done, "INFO program_members: what has changed is exported, as today's calls")
    assert not pages_of(marketo)
    assert_members(marketo, catalog, read)
