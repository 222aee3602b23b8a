"""Program members: right tables at first and from activities on, and exports of what has changed.

The contract is docs/members.md; what is asked for is what the sandbox saw.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    background,
    discovered,
    jobs,
    log_of,
    not_read,
    release,
    span,
    stopped,
)
from tests.end_to_end.expected import MEMBERS
from tests.end_to_end.test_quota import sync_until_done
from tests.harness import Account, Run, Tap, Target, account, select

SWEEP = "program_members_sweep"
OBJECT = "program/members"
LEFT = "Not in Program"
# Nothing becomes visible by itself while a test looks.
SMALL = (
    *("--leads", "60", "--activities", "900", "--history-days", "60", "--late-share", "0"),
    *("--programs", "35", "--program-members", "300", "--export-minutes", "0.5"),
)
# Of members no other date counts than that of the activities.
CONFIG: dict[str, Any] = {"start_date": "2026-06-10T00:00:00Z"}

Key = tuple[int, int]


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*SMALL), [MEMBERS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        # No run looks back as far as to what happened before.
        running.advance(hours=1)
        yield running


@pytest.fixture
def read(marketo: Account, catalog: dict[str, Any], tap: Tap) -> Target:
    """A target after the first sync, and an account in which nothing has changed since."""
    target = Target()
    sync(marketo, tap, catalog, target)
    return target


def sync(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, **settings: Any
) -> Run:
    """Sync, with the counters set back before."""
    marketo.control("POST", "reset_counters")
    return tap.sync(marketo.config(**CONFIG, **settings), catalog, target)


def members_of(marketo: Account) -> set[Key]:
    return {(row["programId"], row["leadId"]) for row in marketo.truth(MEMBERS)}


def program_ids(marketo: Account) -> list[int]:
    return sorted(row["id"] for row in marketo.truth("programs"))


def keys_of(told: Sequence[Sequence[int]]) -> set[Key]:
    """Return the memberships of which the answer to a change tells."""
    return {(program, lead) for program, lead in told}


def made(marketo: Account) -> list[dict[str, Any]]:
    """Return the export jobs of members since the counters were set back."""
    return jobs(marketo, OBJECT)


def asked(marketo: Account) -> list[list[int]]:
    """Return the programs of each of these jobs."""
    return [job["filter"]["programIds"] for job in made(marketo)]


def assert_members(
    marketo: Account,
    catalog: dict[str, Any],
    target: Target,
    left: Collection[Key] = (),
    gone: Collection[int] = (),
) -> None:
    """The table holds all members, some who left, and nobody else, in every cell.

    Args:
        marketo: the sandbox.
        catalog: names the columns.
        target: holds the table.
        left: those of whom it is to say that they left; it may say so of others who did.
        gone: programs that are no more, of which anything may be held.
    """
    truth = expected.members(marketo, catalog)
    assert truth, "a test without rows would prove nothing"
    leavers = expected.leavers(marketo, catalog)
    assert set(left) <= leavers.keys() - truth.keys()
    held = {key: row for key, row in expected.table(target, MEMBERS).items() if key[0] not in gone}
    assert truth.keys() | set(left) <= held.keys()
    for key, row in held.items():
        assert row == (truth.get(key) or leavers[key]), key


def lines(done: Run, *texts: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if all(text in line for text in texts)]


# Discovery ---------------------------------------------------------------------------------------


def test_discovery_finds_the_fields_of_members_with_their_types_and_keys(
    marketo: Account, tap: Tap
) -> None:
    found = tap.discover(marketo.config())
    (stream,) = (s for s in found["streams"] if s["tap_stream_id"] == MEMBERS)
    fields = {field["name"]: field["dataType"] for field in marketo.truth("program_member_fields")}
    own = expected.metadata(stream)
    assert own[()]["table-key-properties"] == stream["key_properties"] == ["programId", "leadId"]
    assert own[()]["valid-replication-keys"] == ["updatedAt"]
    assert own[()]["forced-replication-method"] == "INCREMENTAL"
    automatic = {"programId", "leadId", "createdAt", "updatedAt"}
    properties = stream["schema"]["properties"]
    assert properties.keys() == fields.keys()
    assert {"acquiredBy", "nurtureCadence", "trackName", "reachedSuccess"} < fields.keys()
    for name, kind in fields.items():
        assert own["properties", name] == {
            "inclusion": "automatic" if name in automatic else "available"
        }
        types = properties[name]["type"]
        # Of who has left everything but the key and updatedAt is null.
        assert ("null" in types) == (name not in ("programId", "leadId"))
        assert (properties[name].get("format") == "date-time") == (kind in ("datetime", "date"))
    assert len(log_of(marketo, "member_describe")) == 1


# The first sync ----------------------------------------------------------------------------------


def test_the_first_sync_exports_all_members_ten_programs_a_job_in_order(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    # No date is asked for: those who have not changed since start_date are members too.
    assert {tuple(job["filter"]) for job in made(marketo)} == {("programIds",)}
    batches = asked(marketo)
    assert [len(batch) for batch in batches] == [10, 10, 10, 5]
    assert list(itertools.chain(*batches)) == program_ids(marketo)
    assert not log_of(marketo, "activities_page")
    assert target.state
    marks = target.state["bookmarks"]
    assert marks[SWEEP]["refreshed"] == marks[MEMBERS]["updatedAt"]
    assert marks[MEMBERS]["parent"] is None
    assert "exports" not in target.state


def test_an_account_without_programs_or_members_is_read_too(tap: Tap) -> None:
    with account(*SMALL, "--programs", "0") as marketo:
        chosen = select(tap.discover(marketo.config()), [MEMBERS])
        target = Target()
        done = sync(marketo, tap, chosen, target)
        assert not made(marketo)
        assert done.messages[0]["type"] == "SCHEMA"
        marketo.change(new_programs=2)
        marketo.change(new_program_members=5)
        sync(marketo, tap, chosen, target)
        assert_members(marketo, chosen, target)


# What has changed --------------------------------------------------------------------------------


def test_where_nothing_has_changed_nothing_is_exported(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    for hours in (1, 10):
        marketo.advance(hours=hours)
        done = sync(marketo, tap, catalog, read)
        assert not made(marketo)
        assert not done.records(MEMBERS)
        assert done.messages[-1]["type"] == "STATE"
    assert_members(marketo, catalog, read)


@pytest.mark.parametrize("what", ["new_program_members", "program_members_changed"])
def test_only_programs_in_which_something_changed_are_exported_and_by_date(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, what: str
) -> None:
    assert read.state
    bookmark = expected.as_time(read.state["bookmarks"][MEMBERS]["updatedAt"])
    marketo.advance(hours=2)
    busy = Counter(program for program, _ in members_of(marketo)).most_common(12)
    programs = sorted(program for program, _ in busy)[::4]
    told = marketo.change(**{what: 9, "programs": programs})[what]
    done = sync(marketo, tap, catalog, read)
    (job,) = made(marketo)
    assert set(job["filter"]["programIds"]) == {program for program, _ in told}
    start, end = span(job)
    assert 0 < (bookmark - expected.as_time(start.replace("Z", "+00:00"))).total_seconds() <= 900
    assert end <= job["createdAt"]
    # Members of these programs who did not change do not come again.
    assert {(row["programId"], row["leadId"]) for row in done.records(MEMBERS)} == keys_of(told)
    assert_members(marketo, catalog, read)


def test_every_kind_of_change_is_seen(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    before = expected.members(marketo, catalog)
    marketo.advance(hours=1)
    began = marketo.control("GET", "clock")["now"]
    for _ in range(4):
        marketo.change(program_members_changed=80, new_program_members=10)
    after = expected.members(marketo, catalog)
    columns = ("statusName", "reachedSuccess", "trackName", "nurtureCadence", "mealChoice")
    for column in columns:
        assert any(row[column] != after[key][column] for key, row in before.items()), column
    kinds = {
        row["activityTypeId"] for row in marketo.truth("activities") if row["activityDate"] >= began
    }
    assert len(kinds) == 5
    sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read)


def test_day_after_day_the_table_is_what_marketo_holds(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    left: set[Key] = set()
    for day in range(4):
        marketo.advance(hours=23 + 2 * day)
        marketo.change(new_program_members=12, program_members_changed=25, new_programs=1)
        left |= keys_of(marketo.change(program_members_left=8)["program_members_left"])
        left -= members_of(marketo)
        sync(marketo, tap, catalog, read)
        assert_members(marketo, catalog, read, left)


# Who left ----------------------------------------------------------------------------------------


def test_who_has_left_comes_as_a_row_that_says_so_and_nothing_else(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    now = marketo.control("GET", "clock")["now"]
    left = keys_of(marketo.change(program_members_left=9)["program_members_left"])
    done = sync(marketo, tap, catalog, read)
    rows = {(row["programId"], row["leadId"]): row for row in done.records(MEMBERS)}
    assert rows.keys() == left
    columns = set(catalog_columns(catalog))
    for row in rows.values():
        assert row.keys() == columns
        assert row["statusName"] == LEFT
        assert (
            abs(
                (
                    expected.as_time(row["updatedAt"])
                    - expected.as_time(now.replace("Z", "+00:00"))
                ).total_seconds()
            )
            < 3600
        )
        others = columns - {"programId", "leadId", "statusName", "updatedAt"}
        assert {row[column] for column in others} == {None}
    assert_members(marketo, catalog, read, left)


def catalog_columns(catalog: dict[str, Any]) -> list[str]:
    (stream,) = (s for s in catalog["streams"] if s["tap_stream_id"] == MEMBERS)
    return list(stream["schema"]["properties"])


def bring_back(marketo: Account, program: int, **more: Any) -> None:
    """Let all who have left a program come back."""
    marketo.change(program_members_back=1000, programs=[program], **more)


def most_members(marketo: Account) -> int:
    ((program, _),) = Counter(program for program, _ in members_of(marketo)).most_common(1)
    return program


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("late_hours", [0, 2])
def test_who_left_and_came_back_is_a_member(
    marketo: Account,
    catalog: dict[str, Any],
    tap: Tap,
    read: Target,
    is_known: bool,
    late_hours: int,
) -> None:
    marketo.advance(hours=1)
    program = most_members(marketo)
    told = marketo.change(program_members_left=5, programs=[program])["program_members_left"]
    if is_known:
        sync(marketo, tap, catalog, read)
        assert_members(marketo, catalog, read, keys_of(told))
    # That they came back may be told later than that they left.
    bring_back(marketo, program, late_hours=late_hours)
    assert keys_of(told) <= members_of(marketo)
    sync(marketo, tap, catalog, read)
    if late_hours:
        marketo.advance(hours=24)
        sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read)


def test_of_one_second_the_last_word_counts(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    at = marketo.control("GET", "clock")["now"]
    program = most_members(marketo)
    back = marketo.change(program_members_left=5, programs=[program], at=at)
    bring_back(marketo, program, at=at)
    left = marketo.change(program_members_left=4, programs=[program], at=at)
    gone = keys_of(left["program_members_left"])
    sync(marketo, tap, catalog, read)
    assert keys_of(back["program_members_left"]) - gone
    assert_members(marketo, catalog, read, gone)


# Programs come and go ----------------------------------------------------------------------------


def test_programs_created_since_are_exported_though_no_activity_tells_of_their_members(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    (new,) = marketo.change(new_programs=1)["new_programs"]
    marketo.change(new_program_members=6, programs=[new], late_hours=200)
    sync(marketo, tap, catalog, read)
    assert asked(marketo) == [[new]]
    assert_members(marketo, catalog, read)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("count", [3, 14])
def test_programs_deleted_meanwhile_stop_nothing(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, count: int
) -> None:
    marketo.advance(hours=1)
    marketo.change(program_members_changed=200)
    changed = sorted(
        {
            row["primaryAttributeValueId"]
            for row in marketo.activities([104, 123])
            if row["activityDate"] > "2026-06-15T13"
        }
    )
    gone = changed[:count]
    marketo.change(programs_deleted=gone)
    sync(marketo, tap, catalog, read)
    assert set(itertools.chain(*asked(marketo))) == set(changed) - set(gone)
    assert_members(marketo, catalog, read, gone=gone)


def test_where_only_deleted_programs_changed_nothing_is_exported(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    programs = program_ids(marketo)[:4]
    told = marketo.change(program_members_left=300, programs=programs)["program_members_left"]
    marketo.change(programs_deleted=programs)
    done = sync(marketo, tap, catalog, read)
    assert not made(marketo)
    # What the activities told is said all the same.
    rows = done.records(MEMBERS)
    assert {(row["programId"], row["leadId"]) for row in rows} == keys_of(told)
    assert read.state
    assert read.state["bookmarks"][MEMBERS]["updatedAt"] > "2026-06-15T14"


# Late activities ---------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("what", ["program_members_changed", "program_members_left"])
def test_what_shows_late_is_found_when_it_can_be(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, what: str
) -> None:
    marketo.advance(hours=1)
    told = marketo.change(**{what: 12, "late_hours": 20})[what]
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, read)
    # Neither is told of yet; a run that looked back little sees nothing.
    assert not made(marketo)
    marketo.advance(hours=23)
    done = sync(marketo, tap, catalog, read)
    assert {(row["programId"], row["leadId"]) for row in done.records(MEMBERS)} >= keys_of(told)
    assert_members(marketo, catalog, read, keys_of(told) if what.endswith("left") else ())


def test_an_hourly_schedule_misses_nothing_that_shows_late(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    left: set[Key] = set()
    for hour in range(1, 16):
        marketo.advance(hours=5)
        if hour < 6:
            late = {"late_hours": 4 * hour}
            marketo.change(program_members_changed=6, new_program_members=3, **late)
            told = marketo.change(program_members_left=2, **late)["program_members_left"]
            left |= keys_of(told)
            left -= members_of(marketo)
        sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read, left)


# Stopped runs ------------------------------------------------------------------------------------


def settings_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**CONFIG, **settings)


def kill(
    marketo: Account,
    tap: Tap,
    catalog: dict[str, Any],
    target: Target,
    read: int,
    ahead: int,
    *,
    stuck: bool = False,
    **settings: Any,
) -> None:
    """Kill a run when it has read some jobs of members, and made some more, perhaps stuck ones."""
    outcomes: list[dict[str, str]] = [{}] * read + [{"stick": "Queued"}] * 10
    marketo.control("POST", "next_jobs", outcomes)
    marketo.control("POST", "reset_counters")
    config = settings_of(marketo, max_queued_exports=ahead, **settings)
    with background(tap, config, catalog, target.state) as run:

        def reached() -> bool:
            # The state after the jobs: when a file is read, all that are made ahead are in it,
            # and until it has been read that job is as well.
            own = made(marketo)
            done = sum(job["status"] == "Completed" and job["downloads"] > 0 for job in own)
            pending = run.state().get("exports", {}).get(MEMBERS, ())
            if any(job["status"] == "Created" for job in own):
                return False
            return done == read and len(own) == read + ahead and len(pending) == ahead

        run.until(reached)
        killed = run.kill()
    target.take(killed.lines)
    marketo.control("DELETE", "next_jobs")
    if not stuck:
        release(marketo)


def stop(marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target) -> None:
    """Stop a run when it has read one job of members: others have spent the day's bytes."""
    marketo.control("POST", "reset_counters")
    spent = {"code": "1029", "message": "Export daily quota exceeded"}
    marketo.fault("create", "error", None, skip=1, object=OBJECT, **spent)
    config = settings_of(marketo, max_queued_exports=1, program_members_sweep_days=0)
    done = tap.run(config, catalog, target.state)
    assert "program_members" in stopped(done, 3)
    target.take(done.lines)
    marketo.heal()


def assert_exported_once(*several: Sequence[dict[str, Any]]) -> None:
    """No program was exported twice for the same time."""
    programs = Counter(
        (str(job["filter"].get("updatedAt")), number)
        for job in itertools.chain(*several)
        for number in job["filter"]["programIds"]
    )
    assert set(programs.values()) == {1}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("done", "ahead"), [(0, 1), (0, 3), (1, 1), (1, 3), (2, 1)])
def test_a_killed_first_sync_goes_on_at_its_program_and_resumes_its_jobs(
    marketo: Account, catalog: dict[str, Any], tap: Tap, done: int, ahead: int
) -> None:
    target = Target()
    kill(marketo, tap, catalog, target, done, ahead)
    before = made(marketo)
    assert len(before) == done + ahead
    assert target.state
    reached = f"Program/{asked(marketo)[done - 1][-1]}" if done else None
    assert target.state["bookmarks"].get(MEMBERS, {}).get("parent") == reached
    # Members come and change while nobody looks, also in what was read.
    marketo.change(program_members_changed=30, new_program_members=10, new_programs=1)
    last = sync(marketo, tap, catalog, target)
    assert_exported_once(before, made(marketo))
    assert len(lines(last, "Resuming the program_members export")) == ahead
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)


def test_a_first_sync_that_the_days_bytes_do_not_hold_goes_on_for_days(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    config = settings_of(marketo, max_daily_export_mb=0.02, max_queued_exports=1)
    marketo.control("POST", "reset_counters")
    *runs, _ = sync_until_done(marketo, tap, config, catalog, target)
    assert len(runs) > 1
    assert all("program_members from program 10" in stopped(done, 3) for done in runs)
    assert list(itertools.chain(*asked(marketo))) == program_ids(marketo)
    assert_exported_once(made(marketo))
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("done", "ahead"), [(0, 2), (1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("hours", [1, 30])
def test_a_killed_increment_resumes_its_jobs_and_exports_the_rest(
    marketo: Account,
    catalog: dict[str, Any],
    tap: Tap,
    read: Target,
    done: int,
    ahead: int,
    hours: int,
) -> None:
    marketo.advance(hours=hours)
    change_everywhere(marketo)
    marketo.advance(hours=1)
    kill(marketo, tap, catalog, read, done, ahead)
    before = made(marketo)
    assert len(before) == done + ahead
    last = sync(marketo, tap, catalog, read)
    assert len(lines(last, "Resuming the program_members export")) == ahead
    assert_exported_once(before, made(marketo))
    assert_members(marketo, catalog, read)


def test_an_increment_that_the_days_bytes_do_not_hold_goes_on_for_days(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    settle(marketo, tap, catalog, read)
    for _ in range(3):
        change_everywhere(marketo, 5)
    marketo.advance(days=3)
    config = settings_of(
        marketo, max_daily_export_mb=0.008, max_queued_exports=1, program_members_sweep_days=0
    )
    *runs, _ = sync_until_done(marketo, tap, config, catalog, read)
    assert len(runs) > 1
    assert_members(marketo, catalog, read)


def change_everywhere(marketo: Account, count: int = 1) -> list[int]:
    """Let something change in every program that has members."""
    programs = sorted({program for program, _ in members_of(marketo)})
    for program in programs:
        marketo.change(program_members_changed=count, programs=[program])
    return programs


def test_a_change_that_shows_late_of_a_program_behind_the_mark_is_not_lost(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    settle(marketo, tap, catalog, read)
    # So late that the run looks back for a day.
    marketo.advance(hours=23)
    first = change_behind(marketo)
    # Something changed in the first program as well, of which nobody is told yet.
    marketo.change(program_members_changed=5, programs=[first], late_hours=15)
    marketo.advance(hours=1)
    stop(marketo, tap, catalog, read)
    assert first not in itertools.chain(*asked(marketo))
    for _ in range(2):
        marketo.advance(hours=30)
        # The pass would find it.
        sync(marketo, tap, catalog, read, program_members_sweep_days=0)
    assert_members(marketo, catalog, read)


def change_behind(marketo: Account) -> int:
    """Let something change in every program that has members but the first; return that."""
    first, *others = sorted({program for program, _ in members_of(marketo)})
    for program in others:
        marketo.change(program_members_changed=1, programs=[program])
    return first


def test_a_run_that_looks_further_back_than_the_one_that_was_stopped_loses_nothing(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    first, *_ = sorted({program for program, _ in members_of(marketo)})
    marketo.change(program_members_changed=5, programs=[first], late_hours=7)
    marketo.advance(hours=5)
    sync(marketo, tap, catalog, read)
    marketo.advance(hours=4)
    change_behind(marketo)
    # It looks back for minutes, and the one after it for a day.
    stop(marketo, tap, catalog, read)
    assert first not in itertools.chain(*asked(marketo))
    marketo.advance(hours=23)
    for _ in range(3):
        sync(marketo, tap, catalog, read)
        marketo.advance(hours=23)
    assert_members(marketo, catalog, read)


def test_who_left_and_came_back_before_a_run_was_stopped_stays_a_member(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.advance(hours=1)
    first, *_ = change_everywhere(marketo)
    told = marketo.change(program_members_left=300, programs=[first])["program_members_left"]
    bring_back(marketo, first)
    assert keys_of(told) <= members_of(marketo)
    marketo.advance(hours=1)
    stop(marketo, tap, catalog, read)
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read)


@pytest.mark.parametrize("hours", [1, 40])
def test_who_left_since_an_export_was_made_is_not_brought_back_by_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, hours: int
) -> None:
    marketo.advance(hours=1)
    change_everywhere(marketo, 3)
    kill(marketo, tap, catalog, read, 0, 2)
    # The file is of that time.
    marketo.advance(hours=1)
    assert {job["status"] for job in made(marketo)} == {"Completed"}
    left = keys_of(marketo.change(program_members_left=60)["program_members_left"])
    marketo.advance(hours=hours)
    sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read, left)


# The weekly pass ---------------------------------------------------------------------------------


def swept(marketo: Account) -> list[dict[str, Any]]:
    """Return the jobs that go further back than any run looks back for activities."""
    return [job for job in made(marketo) if days_of(job) > 5]


def days_of(job: dict[str, Any]) -> float:
    start, end = (expected.as_time(text.replace("Z", "+00:00")) for text in span(job))
    return (end - start).total_seconds() / 86400


def test_changes_that_no_activity_tells_of_are_found_once_a_week(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    told = marketo.change(silent_program_member_changes=30)["silent_program_member_changes"]
    assert keys_of(told)
    for day in range(1, 8):
        marketo.advance(hours=23)
        done = sync(marketo, tap, catalog, read)
        assert not swept(marketo), day
    assert expected.table(read, MEMBERS) != expected.members(marketo, catalog)
    marketo.advance(hours=23)
    done = sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read)
    found = {(row["programId"], row["leadId"]) for row in done.records(MEMBERS)}
    assert keys_of(told) <= found
    batches = [job["filter"]["programIds"] for job in swept(marketo)]
    assert [len(batch) for batch in batches] == [10, 10, 10, 5]
    assert list(itertools.chain(*batches)) == program_ids(marketo)
    # The next one is a week from then.
    marketo.change(silent_program_member_changes=30)
    for hours in (24, 24 * 5, 26):
        assert not swept(marketo) or hours == 24
        marketo.advance(hours=hours)
        sync(marketo, tap, catalog, read)
    assert len(swept(marketo)) == 4
    assert_members(marketo, catalog, read)


def test_the_pass_can_be_turned_off_and_have_another_interval(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    settle(marketo, tap, catalog, read)
    marketo.change(silent_program_member_changes=30)
    for days, sweep_days in ((20, 0), (0.1, 30)):
        marketo.advance(days=days)
        sync(marketo, tap, catalog, read, program_members_sweep_days=sweep_days)
        assert not made(marketo)
    assert expected.table(read, MEMBERS) != expected.members(marketo, catalog)
    sync(marketo, tap, catalog, read, program_members_sweep_days=1)
    assert len(made(marketo)) == 4
    assert_members(marketo, catalog, read)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("done", "ahead"), [(0, 1), (0, 3), (1, 2), (2, 1)])
def test_a_killed_pass_goes_on_at_its_program_and_resumes_its_jobs(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, done: int, ahead: int
) -> None:
    settle(marketo, tap, catalog, read)
    marketo.change(silent_program_member_changes=60)
    marketo.advance(days=2)
    kill(marketo, tap, catalog, read, done, ahead)
    before = made(marketo)
    assert len(before) == done + ahead
    marketo.advance(hours=3)
    last = sync(marketo, tap, catalog, read)
    assert len(lines(last, "Resuming the program_members export")) == ahead
    assert_exported_once(before, made(marketo))
    programs = [job["filter"]["programIds"] for job in (*before, *made(marketo))]
    assert sorted(itertools.chain(*programs)) == program_ids(marketo)
    assert_members(marketo, catalog, read)
    assert read.state
    assert "exports" not in read.state


def settle(marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target) -> None:
    """Let days pass, so that no run looks back to the past any more, and the pass comes soon."""
    for _ in range(3):
        marketo.advance(days=2)
        sync(marketo, tap, catalog, target)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_from_activity", [True, False])
def test_a_job_of_a_killed_pass_undoes_nothing_that_has_happened_since(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, is_from_activity: bool
) -> None:
    settle(marketo, tap, catalog, read)
    silent = marketo.change(silent_program_member_changes=60)["silent_program_member_changes"]
    marketo.advance(days=2)
    kill(marketo, tap, catalog, read, 0, 3)
    marketo.advance(hours=1)
    assert {job["status"] for job in made(marketo)} == {"Completed"}
    marketo.change(program_members_changed=60)
    left = keys_of(marketo.change(program_members_left=60)["program_members_left"])
    assert left & keys_of(silent)
    if is_from_activity:
        # A run that read all that, and was stopped before it came to the pass.
        marketo.advance(hours=1)
        marketo.fault("programs", "error", None, skip=1, code="603", message="Access denied")
        done = tap.run(settings_of(marketo), catalog, read.state)
        read.take(done.lines)
        marketo.heal()
        marketo.advance(hours=40)
    sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read, left)


def test_a_pass_that_the_days_bytes_do_not_hold_goes_on_for_days(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    settle(marketo, tap, catalog, read)
    marketo.change(silent_program_member_changes=300)
    marketo.advance(days=2)
    config = settings_of(marketo, max_daily_export_mb=0.02, max_queued_exports=1)
    marketo.control("POST", "reset_counters")
    *runs, _ = sync_until_done(marketo, tap, config, catalog, read)
    assert len(runs) > 1
    assert all("program_members from program 10" in stopped(done, 3) for done in runs)
    assert list(itertools.chain(*asked(marketo))) == program_ids(marketo)
    assert_members(marketo, catalog, read)


def test_after_a_long_pause_no_job_is_longer_than_allowed(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    for _ in range(5):
        marketo.advance(days=14)
        marketo.change(program_members_changed=12, silent_program_member_changes=12)
    kill(marketo, tap, catalog, read, 1, 2, program_members_sweep_days=0)
    sync(marketo, tap, catalog, read)
    assert 30 < max(map(days_of, made(marketo))) <= 31
    assert_members(marketo, catalog, read)
    marketo.advance(days=90)
    marketo.change(program_members_changed=30)
    sync(marketo, tap, catalog, read, max_export_days=20)
    assert 19 < max(map(days_of, made(marketo))) <= 20
    assert_members(marketo, catalog, read)


def test_changes_and_the_pass_give_one_schema_and_right_counts(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    marketo.change(silent_program_member_changes=30)
    marketo.advance(days=8)
    marketo.change(program_members_changed=20, program_members_left=5)
    done = sync(marketo, tap, catalog, read)
    assert {job["filter"]["updatedAt"]["startAt"] for job in made(marketo)}
    assert len(lines(done, "INFO Read the program_members export")) > 4
    schemas = [m for m in done.messages if m["type"] == "SCHEMA"]
    assert [message["stream"] for message in schemas] == [MEMBERS]
    (line,) = lines(done, "record_count", f'"endpoint": "{MEMBERS}"')
    assert json.loads(line.partition("METRIC: ")[2])["value"] == len(done.records(MEMBERS))
    assert_members(marketo, catalog, read)


# A subscription without the filter ---------------------------------------------------------------


@pytest.fixture
def old_marketo() -> Iterator[Account]:
    with account(*SMALL, "--no-updated-at") as running:
        running.advance(hours=1)
        yield running


def test_without_the_filter_changed_programs_are_exported_whole(
    old_marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    sync(old_marketo, tap, catalog, target)
    assert not old_marketo.counters()["errors"]
    assert_members(old_marketo, catalog, target)
    old_marketo.advance(hours=1)
    sync(old_marketo, tap, catalog, target)
    assert not made(old_marketo)
    for _ in range(2):
        old_marketo.advance(hours=1)
        told = old_marketo.change(program_members_changed=30)["program_members_changed"]
        old_marketo.advance(hours=1)
        done = sync(old_marketo, tap, catalog, target)
        assert old_marketo.counters()["errors"] == {"1035": 1}
        assert {tuple(job["filter"]) for job in made(old_marketo)} == {("programIds",)}
        assert set(itertools.chain(*asked(old_marketo))) == {program for program, _ in told}
        assert_members(old_marketo, catalog, target)
        assert len(lines(done, "INFO", "exported whole")) == 1


@pytest.mark.sampled(2)
@pytest.mark.parametrize("changed", [0, 30])
@pytest.mark.parametrize("places", [1, 4])
def test_without_the_filter_there_is_no_pass(
    old_marketo: Account, catalog: dict[str, Any], tap: Tap, changed: int, places: int
) -> None:
    target = Target()
    settle(old_marketo, tap, catalog, target)
    old_marketo.change(silent_program_member_changes=30)
    old_marketo.advance(days=9)
    told = old_marketo.change(program_members_changed=changed)["program_members_changed"]
    # Others hold the queue while both are planned.
    both = select(catalog, [MEMBERS, "leads", "activities_visit_webpage"])
    sync(old_marketo, tap, both, target, max_queued_exports=places, lead_changes=False)
    asked_for = itertools.chain(*asked(old_marketo))
    assert set(asked_for) == {program for program, _ in told}
    assert old_marketo.counters()["errors"]["1035"] <= 3


# Permissions -------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("lacks", ["Read-Only Activity", "Read-Only Asset", "Read-Only Lead"])
@pytest.mark.parametrize("is_first", [True, False])
def test_without_a_permission_the_stream_is_refused_and_nothing_is_lost(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacks: str, is_first: bool
) -> None:
    target = Target()
    if not is_first:
        sync(marketo, tap, catalog, target)
    marketo.advance(days=8)
    marketo.change(program_members_changed=20, silent_program_member_changes=20)
    marketo.control("POST", "permissions", {"lacks": [lacks]})
    both = select(catalog, [MEMBERS, "daily_usage"])
    done = tap.run(marketo.config(**CONFIG), both, target.state)
    message = stopped(done)
    assert not_read(message) == {MEMBERS}
    assert message.count(MEMBERS) == 1
    assert "603" in message
    assert "Read-Only Lead, Read-Only Activity, Read-Only Asset" in message
    (line,) = lines(done, "WARNING program_members")
    assert "603" in line
    assert done.records("daily_usage")
    target.take(done.lines)
    marketo.control("POST", "permissions", {"lacks": []})
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)


# Catalogs and names ------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_sweep", [False, True])
def test_jobs_of_a_stream_that_is_no_longer_selected_are_cancelled(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, is_sweep: bool
) -> None:
    stop_with_jobs(marketo, tap, catalog, read, is_sweep)
    tap.sync(settings_of(marketo), select(catalog, ["daily_usage"]), read)
    assert {job["status"] for job in made(marketo)} == {"Cancelled"}
    assert read.state
    assert "exports" not in read.state
    # Selected again it goes on where it was.
    sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read)


def test_jobs_that_a_state_has_under_an_older_name_are_cancelled(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    stop_with_jobs(marketo, tap, catalog, read, is_sweep=True)
    assert read.state
    exports = read.state["exports"]
    exports[SWEEP] = exports.pop(MEMBERS)
    tap.sync(settings_of(marketo), catalog, read)
    assert len(log_of(marketo, "cancel")) == 3
    assert "exports" not in read.state
    assert_members(marketo, catalog, read)


def stop_with_jobs(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, is_sweep: bool
) -> list[int]:
    """Kill a run that has made jobs; return the programs that changed before it."""
    settle(marketo, tap, catalog, target)
    marketo.advance(days=2 if is_sweep else 1)
    changed = [] if is_sweep else change_everywhere(marketo)
    # The sweep would share the places.
    settings = {} if is_sweep else {"program_members_sweep_days": 0}
    kill(marketo, tap, catalog, target, 0, 3, stuck=True, **settings)
    return changed


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_sweep", [False, True])
def test_jobs_that_are_of_no_use_any_more_are_cancelled_once(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target, is_sweep: bool
) -> None:
    changed = stop_with_jobs(marketo, tap, catalog, read, is_sweep)
    if changed:
        marketo.change(programs_deleted=changed)
    config = settings_of(marketo, program_members_sweep_days=0)
    for _ in range(2):
        tap.sync(config, catalog, read)
    calls = [entry["id"] for entry in log_of(marketo, "cancel")]
    assert len(calls) == len(set(calls)) == 3
    assert read.state
    assert "exports" not in read.state


def test_a_field_that_vanished_since_the_catalog_is_named_once_and_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    old = json.loads(json.dumps(catalog))
    (stream,) = (s for s in old["streams"] if s["tap_stream_id"] == MEMBERS)
    stream["schema"]["properties"]["shoeSize"] = {"type": ["string", "null"]}
    own = {"inclusion": "available", "selected": True}
    stream["metadata"].append({"breadcrumb": ["properties", "shoeSize"], "metadata": own})
    target = Target()
    done = sync(marketo, tap, old, target)
    assert len(lines(done, "WARNING program_members.shoeSize cannot be exported")) == 1
    assert all("shoeSize" not in line for line in done.lines)
    assert_members(marketo, catalog, target)


def test_a_field_that_only_the_export_misses_is_left_out_of_changes_and_the_pass(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    settle(marketo, tap, catalog, read)
    marketo.change(silent_program_member_changes=30)
    marketo.advance(days=2)
    marketo.change(program_members_changed=20)
    marketo.fault("create", "error", code="1006", message="Field 'mealChoice' not found")
    done = sync(marketo, tap, catalog, read)
    assert len(made(marketo)) > 4
    assert len(lines(done, "WARNING program_members.mealChoice cannot be exported")) == 1
    assert marketo.counters()["errors"] == {"1006": 1}
    schemas = [m["schema"]["properties"] for m in done.messages if m["type"] == "SCHEMA"]
    assert ["mealChoice" in columns for columns in schemas] == [True, False]
    for message in done.messages:
        if message["type"] == "SCHEMA":
            columns = [*message["schema"]["properties"]]
        elif message["type"] == "RECORD":
            assert [*message["record"]] == columns
    held = expected.table(read, MEMBERS)
    for key, row in expected.members(marketo, catalog).items():
        assert {**row, "mealChoice": None} == {**held[key], "mealChoice": None}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("names", ["as_marketo", "plain"])
def test_hard_values_and_names_come_unchanged(tap: Tap, names: str) -> None:
    with account(*SMALL, "--hostile") as marketo:
        marketo.advance(hours=1)
        found = tap.discover(marketo.config(names=names))
        chosen = select(found, [MEMBERS])
        columns = expected.columns_of_fields(chosen, MEMBERS)
        assert {"updatedat", "MyCustomField", "hugeNumber"} < columns.keys()
        if names == "plain":
            lower = [column.lower() for column in columns.values()]
            assert len(lower) == len(set(lower))
            assert all(re.fullmatch(r"[A-Za-z_]\w{0,62}", column) for column in columns.values())
        target = Target()
        done = sync(marketo, tap, chosen, target)
        assert lines(done, "WARNING program_members.hugeNumber", "beyond 64 bits")
        assert_members(marketo, chosen, target)
        marketo.advance(hours=1)
        marketo.change(program_members_changed=60)
        left = keys_of(marketo.change(program_members_left=9)["program_members_left"])
        sync(marketo, tap, chosen, target)
        assert_members(marketo, chosen, target, left)


def test_only_some_columns_may_be_selected(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [MEMBERS], program_members=["trackName"])
    columns = ("programId", "leadId", "createdAt", "updatedAt", "trackName")
    target = Target()
    sync(marketo, tap, chosen, target)
    marketo.advance(hours=1)
    left = keys_of(marketo.change(program_members_left=5)["program_members_left"])
    sync(marketo, tap, chosen, target)
    rows = {**expected.leavers(marketo, catalog), **expected.members(marketo, catalog)}
    held = expected.table(target, MEMBERS)
    assert left <= held.keys()
    for key, row in held.items():
        assert row == {column: rows[key][column] for column in columns}


def test_an_account_without_such_activities_is_named(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    for number in (104, 113, 114, 115, 123):
        marketo.change(remove_activity_type=number)
    marketo.advance(days=8)
    marketo.change(silent_program_member_changes=30)
    done = sync(marketo, tap, catalog, read)
    assert len(lines(done, "WARNING", "Change Status in Progression")) == 1
    # The pass finds what they would tell of.
    assert expected.table(read, MEMBERS) == expected.members(marketo, catalog)


def test_a_bookmark_that_got_lost_has_all_programs_read_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    settle(marketo, tap, catalog, read)
    marketo.advance(days=1)
    change_everywhere(marketo)
    kill(marketo, tap, catalog, read, 1, 1, program_members_sweep_days=0)
    assert read.state
    own = read.state["bookmarks"][MEMBERS]
    assert own["parent"]
    del own["updatedAt"]
    sync(marketo, tap, catalog, read)
    assert_members(marketo, catalog, read)
    assert sorted(itertools.chain(*asked(marketo))) == program_ids(marketo)


def test_a_bookmark_in_the_future_stops_the_run_with_its_name(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    assert read.state
    read.state["bookmarks"][MEMBERS]["updatedAt"] = "2036-01-01T00:00:00+00:00"
    done = tap.run(marketo.config(**CONFIG), catalog, read.state)
    assert done.code == 2
    assert "bookmarks.program_members.updatedAt lies in the future" in done.critical[0]
    assert not done.records(MEMBERS)


def test_clocks_that_differ_by_days_are_named_and_not_the_state(
    marketo: Account, catalog: dict[str, Any], tap: Tap, read: Target
) -> None:
    # The sandbox's present is long past for this machine, so that Marketo's is the earlier clock.
    marketo.fault("any", "wrong_date", None, seconds=-2 * 24 * 3600)
    done = tap.run(marketo.config(**CONFIG), catalog, read.state)
    assert done.code == 2
    assert "This machine's clock and Marketo's differ by" in done.critical[0]
    assert "leave the state file as it is" in done.critical[0]
