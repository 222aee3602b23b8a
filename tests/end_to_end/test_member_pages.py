"""Program members by pages: what has changed comes by lead, the same rows as an export's.

The contract is docs/members.md; what is asked for is what the sandbox saw.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.end_to_end.checks import background, discovered, log_of, release, stopped
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
from tests.harness import BY_PAGES, HANG, SOAK, Account, Run, Tap, Target, account, select

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


def test_pages_give_the_rows_of_an_export_to_the_byte(tap: Tap) -> None:
    with account(*SMALL, "--hostile") as marketo:
        marketo.advance(hours=1)
        config = config_of(marketo, names="plain")
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
        assert lines(done, "INFO program_members: pages have read what has changed in")
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
    assert len(lines(done, f"WARNING program_members: program {bad} is exported")) == 1
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
    assert lines(done, "INFO program_members: members are exported, as today's calls")
    assert not pages_of(marketo)
    assert_members(marketo, catalog, read)


# All programs ------------------------------------------------------------------------------------

VERDICT = "program_members_pages"


def verdict(target: Target) -> dict[str, Any]:
    """What the state says of passes by pages."""
    assert target.state
    return {key: value for key, value in target.state["bookmarks"][VERDICT].items() if value}


def test_the_first_sync_reads_each_program_by_pages_and_compares_ten_with_an_export(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    done = sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    programs = [row["id"] for row in marketo.truth("programs")]
    assert pages_of(marketo) == sorted(programs)
    (compared,) = asked(marketo)
    filled = sorted({program for program, _ in members_of(marketo)})
    assert compared == filled[:10]
    assert not lines(done, "WARNING program_members: ")
    assert verdict(target).keys() == {"compared"}
    marks = target.state["bookmarks"] if target.state else {}
    assert marks["program_members_sweep"]["refreshed"] == marks[MEMBERS]["updatedAt"]
    # The same rows come from an older version, and are compared no more.
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, target)
    assert not made(marketo)
    assert not pages_of(marketo)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["fewer", "other"])
def test_where_pages_differ_from_an_export_all_is_exported_for_good(
    catalog: dict[str, Any], tap: Tap, kind: str
) -> None:
    with account(*SMALL, "--member-pages", kind) as marketo:
        marketo.advance(hours=1)
        target = Target()
        done = sync(marketo, tap, catalog, target)
        (warning,) = lines(done, "WARNING program_members: pages do not give what an export does")
        named = "pages lack the row of lead" if kind == "fewer" else "statusReason differs of lead"
        assert named in warning
        assert_members(marketo, catalog, target)
        programs = sorted(row["id"] for row in marketo.truth("programs"))
        _, *batches = asked(marketo)
        assert [number for ids in batches for number in ids] == programs
        assert verdict(target).keys() == {"differ"}
        marketo.advance(hours=1)
        marketo.change(program_members_changed=20, new_programs=1, new_program_members=5)
        done = sync(marketo, tap, catalog, target)
        assert not pages_of(marketo)
        assert lines(done, "INFO program_members: members are exported, as pages were found to")
        assert_members(marketo, catalog, target)


def test_large_programs_are_handed_over_to_exports_of_ten(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL, "--most-members", "12") as marketo:
        marketo.advance(hours=1)
        target = Target()
        sync(marketo, tap, catalog, target)
        assert_members(marketo, catalog, target)
        sizes = Counter(program for program, _ in members_of(marketo))
        large = sorted(program for program, size in sizes.items() if size > 12)
        assert large
        compared, *handed = sorted(asked(marketo), key=lambda ids: ids[0] in large)
        assert sorted(number for ids in handed for number in ids) == large
        assert not {*compared} & {*large}
        assert verdict(target).keys() == {"compared"}
        # Of a large program that has changed those who have are read.
        marketo.advance(hours=1)
        marketo.change(program_members_changed=20, programs=large)
        sync(marketo, tap, catalog, target)
        assert not made(marketo)
        assert_members(marketo, catalog, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("skip", [0, 5, 34])
def test_a_killed_first_sync_goes_on_at_its_program(
    marketo: Account, catalog: dict[str, Any], tap: Tap, skip: int
) -> None:
    target = Target()
    marketo.fault(PAGES, "timeout", None, skip=skip, seconds=HANG)
    with background(tap, config_of(marketo, request_timeout=HANG), catalog) as run:
        run.until(lambda: len(log_of(marketo, PAGES)) > skip)
        target.take(run.kill().lines)
    marketo.heal()
    marketo.change(program_members_changed=30, new_program_members=10, new_programs=1)
    sync(marketo, tap, catalog, target)
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    assert verdict(target).keys() == {"compared"}


def kill_with_jobs(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, jobs_made: int
) -> None:
    """Kill a run that has read all programs by pages, and waits for jobs."""
    marketo.control("POST", "next_jobs", [{"stick": "Queued"}] * 10)
    with background(tap, config_of(marketo), catalog, target.state) as run:
        run.until(lambda: len(run.state().get("exports", {}).get(MEMBERS, ())) == jobs_made)
        run.until(lambda: len(pages_of(marketo)) >= len(marketo.truth("programs")))
        target.take(run.kill().lines)
    marketo.control("DELETE", "next_jobs")
    release(marketo)


def test_what_a_killed_run_left_to_exports_is_resumed_and_ten_are_compared_again(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL, "--most-members", "12") as marketo:
        marketo.advance(hours=1)
        target = Target()
        kill_with_jobs(marketo, tap, catalog, target, 2)
        assert target.state
        own = target.state["bookmarks"]
        assert MEMBERS not in own or not own[MEMBERS].get("updatedAt")
        large = own[VERDICT]["to_export"]
        last = max(row["id"] for row in marketo.truth("programs"))
        assert own[VERDICT]["parent"] == f"Program/{last}"
        # The members of these come to pages in a third way.
        marketo.change(program_members_changed=20, new_program_members=10)
        done = sync(marketo, tap, catalog, target)
        assert len(lines(done, "Resuming the program_members export")) == 1
        assert [ids for ids in asked(marketo) if ids != large] == asked(marketo)
        assert len(made(marketo)) == 1
        assert 10 <= len(pages_of(marketo)) < 35
        marketo.advance(hours=1)
        sync(marketo, tap, catalog, target)
        assert_members(marketo, catalog, target)
        assert verdict(target).keys() == {"compared"}


def test_an_older_version_or_exports_begin_a_pass_anew_that_pages_have_begun(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    kill_with_jobs(marketo, tap, catalog, target, 1)
    # The job of those that were to be compared does as well.
    before = asked(marketo)
    sync(marketo, tap, catalog, target, increments="exports")
    asked_for = [number for ids in (*before, *asked(marketo)) for number in ids]
    assert sorted(asked_for) == sorted(row["id"] for row in marketo.truth("programs"))
    assert_members(marketo, catalog, target)


def test_without_bytes_for_the_comparison_the_next_run_makes_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    spent = {"code": "1029", "message": "Export daily quota exceeded"}
    marketo.fault("create", "error", None, object="program/members", **spent)
    done = tap.run(config_of(marketo), catalog)
    assert "program_members" in stopped(done, 3)
    target.take(done.lines)
    assert_members(marketo, catalog, target)
    marketo.heal()
    sync(marketo, tap, catalog, target)
    assert len(made(marketo)) == 1
    assert 10 <= len(pages_of(marketo)) < 35
    assert verdict(target).keys() == {"compared"}


def test_where_the_export_fails_pages_are_compared_with_the_next_pass(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    marketo.control("POST", "next_jobs", [{"status": "Failed"}] * 4)
    done = sync(marketo, tap, catalog, target)
    assert len(lines(done, "WARNING program_members: pages could not be compared")) == 1
    assert_members(marketo, catalog, target)
    assert not verdict(target)
    marketo.change(silent_program_member_changes=30)
    marketo.advance(days=8)
    done = sync(marketo, tap, catalog, target)
    assert len(made(marketo)) == 1
    assert verdict(target).keys() == {"compared"}
    assert_members(marketo, catalog, target)
    # Once that is known, the pass brings what has changed and nothing else.
    told = marketo.change(silent_program_member_changes=30)
    marketo.advance(days=8)
    done = sync(marketo, tap, catalog, target)
    assert not made(marketo)
    rows = {(row["programId"], row["leadId"]) for row in done.records(MEMBERS)}
    assert rows == keys_of(told["silent_program_member_changes"])
    assert_members(marketo, catalog, target)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["", "other"])
def test_a_pass_of_a_state_that_knows_no_pages_compares_them(
    catalog: dict[str, Any], tap: Tap, kind: str
) -> None:
    # Without the filter by updatedAt, too.
    options = ["--member-pages", kind] if kind else []
    with account(*SMALL, "--no-updated-at", *options) as marketo:
        marketo.advance(hours=1)
        target = Target()
        sync(marketo, tap, catalog, target, increments="exports")
        marketo.advance(days=8)
        marketo.change(silent_program_member_changes=30)
        sync(marketo, tap, catalog, target)
        assert verdict(target).keys() == ({"differ"} if kind else {"compared"})
        if not kind:
            assert_members(marketo, catalog, target)


def test_a_program_that_goes_while_others_are_read_stops_nothing(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    gone = max(row["id"] for row in marketo.truth("programs"))
    marketo.control(
        "POST", "before_call", {"call": PAGES, "nth": 5, "change": {"programs_deleted": [gone]}}
    )
    done = sync(marketo, tap, catalog, target)
    assert lines(done, f"INFO program_members: program {gone} is gone by now")
    assert_members(marketo, catalog, target)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_plan_says_which_way_members_come(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, is_first: bool
) -> None:
    state = None if is_first else read.state
    marketo.advance(days=8)
    for settings, how in (({}, "by pages"), ({"increments": "exports"}, "")):
        config = config_of(marketo, **settings)
        told = tap.run(config, catalog, state, "--plan", "--format", "json")
        (line,) = json.loads(told.stdout)["items"]
        assert ("by pages" in line["how"]) == bool(how), line
        if how:
            marketo.control("POST", "reset_counters")
            target = Target()
            target.state = state
            tap.sync(config, catalog, target)
            assert line["jobs"] == len(made(marketo)) == 1
            assert pages_of(marketo)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("times", [1, None])
def test_pages_that_fail_now_or_for_ever_lose_nothing(
    marketo: Account, catalog: dict[str, Any], tap: Tap, times: int | None
) -> None:
    target = Target()
    marketo.fault(PAGES, "http", times, skip=3, status=500)
    done = sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    assert len(lines(done, "WARNING program_members: members are exported")) == (times is None)
    read_by_pages = {*pages_of(marketo)[:3]}
    if times is None:
        exported = {number for ids in asked(marketo) for number in ids}
        programs = {row["id"] for row in marketo.truth("programs")}
        assert exported >= programs - read_by_pages
    marketo.advance(hours=1)
    change_everywhere(marketo)
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)


def test_what_pages_have_read_is_not_exported_when_no_more_calls_are_left(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    marketo.fault(PAGES, "timeout", None, skip=20, seconds=HANG)
    with background(tap, config_of(marketo, request_timeout=HANG), catalog) as run:
        run.until(lambda: len(log_of(marketo, PAGES)) > 20)
        run.until(lambda: bool(run.state().get("bookmarks", {}).get(VERDICT, {}).get("parent")))
        target.take(run.kill().lines)
    marketo.heal()
    assert target.state
    reached = int(target.state["bookmarks"][VERDICT]["parent"].removeprefix("Program/"))
    used = marketo.control("POST", "usage", {"foreign_calls": 0})["calls_today"]
    marketo.control("POST", "usage", {"foreign_calls": 30_000 - used})
    sync(marketo, tap, catalog, target)
    assert not pages_of(marketo)
    exported = sorted(number for ids in asked(marketo) for number in ids)
    assert exported == [row["id"] for row in marketo.truth("programs") if row["id"] > reached]
    assert_members(marketo, catalog, target)


def test_where_all_members_cannot_be_asked_for_passes_are_exported_and_changes_are_not(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL, "--member-filters", "leadId,myCustomField,statusName") as marketo:
        marketo.advance(hours=1)
        target = Target()
        sync(marketo, tap, catalog, target)
        assert not pages_of(marketo)
        assert_members(marketo, catalog, target)
        marketo.change(program_members_changed=20)
        marketo.advance(hours=1)
        sync(marketo, tap, catalog, target)
        assert pages_of(marketo)
        assert not made(marketo)
        assert_members(marketo, catalog, target)


def test_exports_of_others_hold_more_than_a_slot_each_while_pages_are_read(tap: Tap) -> None:
    with account(*SMALL, "--crm-objects") as marketo:
        chosen = select(discovered(*SMALL, "--crm-objects"), ["leads", "companies", MEMBERS])
        # A job a day of leads, and none gets done before all programs have been read.
        config = config_of(marketo, max_export_days=1)
        marketo.control("POST", "next_jobs", [{"stick": "Queued"}] * 10)
        with background(tap, config, chosen) as run:
            run.until(lambda: len(pages_of(marketo)) >= len(marketo.truth("programs")))
            run.kill()
        log = marketo.control("GET", "log")["log"]
        calls = [(entry["call"], entry["object"]) for entry in log]
        last = max(place for place, (call, _) in enumerate(calls) if call == PAGES)
        assert calls[:last].count(("create", "leads")) > 1


# All of it together ------------------------------------------------------------------------------


def has_asked(marketo: Account) -> bool:
    """Whether a call has come that is never answered."""
    return any(entry["fault"] == "timeout" for entry in marketo.control("GET", "log")["log"])


@pytest.mark.parametrize("seed", range(60 if SOAK else 1))
def test_whatever_comes_between_the_runs_of_a_schedule_nothing_is_lost(
    catalog: dict[str, Any], tap: Tap, seed: int
) -> None:
    rng = random.Random(seed)
    with account(*SMALL, "--most-members", str(rng.choice([12, 20, 100_000]))) as marketo:
        marketo.advance(hours=1)
        target = Target()
        left: set[tuple[int, int]] = set()
        for _ in range(10 if SOAK else 4):
            late = {"late_hours": rng.choice([0, 0, 8])}
            marketo.change(program_members_changed=rng.randint(0, 30), new_programs=1, **late)
            marketo.change(new_program_members=rng.randint(0, 9), silent_program_member_changes=5)
            told = marketo.change(program_members_left=4, **late)["program_members_left"]
            left = (left | keys_of(told)) - members_of(marketo)
            marketo.control("POST", "reset_counters")
            if rng.random() < 0.5:
                call = rng.choice([PAGES, PAGES, "activities_page", "create", "file"])
                skip = rng.randint(0, 20) if call == PAGES else 0
                marketo.fault(call, "timeout", None, skip=skip, seconds=HANG)
                config = config_of(marketo, request_timeout=HANG, program_members_sweep_days=2)
                with background(tap, config, catalog, target.state) as run:
                    run.until_or_ended(partial(has_asked, marketo))
                    target.take(run.kill().lines)
                marketo.heal()
            else:
                sync(marketo, tap, catalog, target, program_members_sweep_days=2)
            marketo.advance(hours=rng.choice([0.2, 1, 5, 25, 60]))
        for hours in (30, 1, 50):
            marketo.advance(hours=hours)
            sync(marketo, tap, catalog, target, program_members_sweep_days=2)
        # Who left before being read was never there.
        assert_members(marketo, catalog, target, left & target.tables[MEMBERS].keys())
        assert verdict(target).keys() == {"compared"}
