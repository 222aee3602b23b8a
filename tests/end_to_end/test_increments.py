"""What is new of leads and activities comes by pages, as long as it is little, and exports it is
once a day: the same rows, none lost, none behind newer ones."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    MAILS,
    ONLY_EXPORTED,
    VISITS,
    assert_activities,
    assert_leads_and_others,
    background,
    discovered,
    jobs,
    log_of,
    without_exported_columns,
)
from tests.harness import BY_PAGES, SOAK, Account, Run, Tap, Target, account, select

START = "2026-05-20T00:00:00Z"
SMALL = (
    "--leads", "60", "--activities", "500", "--history-days", "40", "--late-share", "0",
    "--export-minutes", "2",
)  # fmt: skip
STREAMS = ("leads", VISITS, MAILS)
PAGES = ("pagingtoken", "activities_page", "leads_by_filter")


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return without_exported_columns(select(discovered(*SMALL), STREAMS))


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **BY_PAGES, **settings})


def begun(marketo: Account, tap: Tap, catalog: Mapping[str, Any], **settings: Any) -> Target:
    """Return a target after a first sync."""
    target = Target()
    tap.sync(config_of(marketo, **settings), catalog, target)
    marketo.control("POST", "reset_counters")
    return target


def assert_same(marketo: Account, catalog: Mapping[str, Any], target: Target) -> None:
    """The target holds what Marketo holds, cell for cell."""
    if "leads" in target.tables:
        assert_leads_and_others(marketo, target, START)
    told = expected.activities(marketo, catalog, START).keys()
    assert_activities(marketo, catalog, target, list(told & target.tables.keys()), START)
    assert all(told >= {name} or name == "leads" for name, rows in target.tables.items() if rows)


def assert_no_export(marketo: Account) -> None:
    assert not jobs(marketo)
    assert log_of(marketo, "activities_page")


def said(done: Run, family: str) -> str:
    """Return what a run says of how a family is read."""
    (line,) = [x for x in done.stderr.split("\n") if x.startswith(f"INFO {family}: what is new is")]
    return line.partition("read ")[2]


# The same rows -----------------------------------------------------------------------------------


def lines_of(done: Run) -> dict[tuple[str, Any], set[str]]:
    """The RECORD lines of each row, without their times."""
    found: dict[tuple[str, Any], set[str]] = {}
    for line in done.lines:
        message = json.loads(line)
        if message["type"] == "RECORD":
            record, stamp, _ = line.rpartition(',"time_extracted":')
            assert stamp
            row = message["record"]
            key = row["id"] if "id" in row else row["marketoGUID"]
            found.setdefault((message["stream"], key), set()).add(record)
    return found


def test_pages_give_the_rows_of_an_export_to_the_byte(tap: Tap) -> None:
    options = ("--leads", "200", "--activities", "1500", "--history-days", "20", "--hostile")
    with account(*options, "--late-share", "0") as marketo:
        # What happened in the last twelve hours is new to this state.
        config = config_of(marketo)
        catalog = tap.discover(config)
        streams = [stream["tap_stream_id"] for stream in catalog["streams"]]
        activities = [name for name in streams if name.startswith("activities_")]
        activities.remove("activities_delete_lead")
        chosen = without_exported_columns(select(catalog, ["leads", *activities]))
        marketo.advance(hours=11)
        for _ in range(3):
            marketo.change(
                new_activities=500, updated_leads=30, custom_only_updates=20, new_leads=9,
                merged_leads=3, deleted_leads=2, list_members_added=9,
            )  # fmt: skip
        marketo.advance(hours=1)
        marks = {name: {"activityDate": "2026-06-15T13:00:00Z"} for name in activities}
        marks["leads"] = {"updatedAt": "2026-06-15T13:00:00Z"}
        settled = {"settled": "2026-06-14T13:00:00Z"}
        state = {"bookmarks": {name: mark | settled for name, mark in marks.items()}}
        by_export = tap.run({**config, "increments": "exports"}, chosen, state)
        by_pages = tap.run(config, chosen, state)
    assert by_pages.code == by_export.code == 0, by_pages.stderr
    assert jobs_of(by_export)
    assert not jobs_of(by_pages)
    exported, paged = lines_of(by_export), lines_of(by_pages)
    # An activity may tell of a lead in which nothing has changed.
    assert {stream for stream, _ in paged.keys() - exported.keys()} <= {"leads"}
    assert {key: paged.get(key) for key in exported} == exported
    assert len({stream for stream, _ in exported}) > len(activities) * 0.8
    assert len(exported) > 1500
    # Nothing else is said of the values of activities.
    assert warned_of_activities(by_pages) == warned_of_activities(by_export) != []


def warned_of_activities(done: Run) -> list[str]:
    return [x for x in done.stderr.split("\n") if x.startswith("WARNING activities_")]


def jobs_of(done: Run) -> list[str]:
    """The lines in which a run tells of jobs that it created."""
    return [line for line in done.stderr.split("\n") if line.startswith("INFO Created the ")]


# Which way, and why ------------------------------------------------------------------------------


def test_an_hour_comes_by_pages_and_the_log_says_so(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9, custom_only_updates=9, new_leads=4)
    before = target.state
    done = tap.sync(config_of(marketo), catalog, target)
    assert_no_export(marketo)
    assert_same(marketo, catalog, target)
    assert len(log_of(marketo, "leads_by_filter")) == 1
    for family in ("leads", "activities"):
        assert said(done, family).startswith("by pages, as the last export was 1.")
    assert before
    assert target.state
    for name in STREAMS:
        old, new = before["bookmarks"][name], target.state["bookmarks"][name]
        # Pages settle nothing.
        assert new.pop("settled") == old.pop("settled")
        assert all(new[key] > old[key] for key in old)


def test_a_first_sync_and_one_of_which_the_last_is_long_ago_export(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    first = tap.sync(config_of(marketo), catalog, target)
    assert "what is new is" not in first.stderr
    for hours, why in ((22.8, "the last export was 22."), (30, "the last run ended at")):
        marketo.advance(hours=hours)
        marketo.change(new_activities=30, updated_leads=9, silent_updates=5)
        marketo.control("POST", "reset_counters")
        done = tap.sync(config_of(marketo), catalog, target)
        assert len(jobs(marketo)) == 2
        for family in ("leads", "activities"):
            assert said(done, family).startswith(f"by exports, as {why}")
        for call in PAGES:
            assert not log_of(marketo, call)
        assert_same(marketo, catalog, target)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("column", ONLY_EXPORTED)
def test_what_only_exports_have_keeps_activities_on_exports(
    marketo: Account, tap: Tap, column: str
) -> None:
    chosen = without_exported_columns(select(discovered(*SMALL), STREAMS), f"{MAILS}.{column}")
    target = begun(marketo, tap, chosen)
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9)
    done = tap.sync(config_of(marketo), chosen, target)
    assert [job["object"] for job in jobs(marketo)] == ["activities"]
    assert said(done, "activities") == f"by exports, as only exports have {MAILS}.{column}."
    assert said(done, "leads").startswith("by pages")
    assert_same(marketo, chosen, target)


def test_a_lead_field_that_only_exports_have_keeps_leads_on_exports(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    marketo.advance(hours=1)
    marketo.change(updated_leads=9, export_only_fields=["fax"])
    done = tap.sync(config_of(marketo), catalog, target)
    assert [job["object"] for job in jobs(marketo)] == ["leads"]
    assert "WARNING leads: what is new is exported, as it cannot be read by pages. " in done.stderr
    assert "Field 'fax' not found" in done.stderr
    assert_same(marketo, catalog, target)


def test_without_the_permission_for_activities_leads_are_exported(
    marketo: Account, tap: Tap
) -> None:
    chosen = select(discovered(*SMALL), ["leads"])
    target = begun(marketo, tap, chosen)
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Activity"]})
    marketo.advance(hours=1)
    marketo.change(updated_leads=9)
    done = tap.sync(config_of(marketo), chosen, target)
    assert [job["object"] for job in jobs(marketo)] == ["leads"]
    assert said(done, "leads").startswith("by exports, as activities do not tell of changes: ")
    assert_leads_and_others(marketo, target)


def test_exports_are_what_the_setting_asks_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9)
    done = tap.sync(config_of(marketo, increments="exports"), catalog, target)
    assert len(jobs(marketo)) == 2
    for call in PAGES:
        assert not log_of(marketo, call)
    assert "what is new is" not in done.stderr
    assert_same(marketo, catalog, target)


# Much --------------------------------------------------------------------------------------------


def spend_calls_but(marketo: Account, left: int) -> None:
    """Let others make so many calls today that pages may take that many more."""
    used = marketo.control("POST", "usage", {"foreign_calls": 0})["calls_today"]
    # The call for the token is none, that for the day's calls is one.
    marketo.control("POST", "usage", {"foreign_calls": 30_000 - used - left - 1})


@pytest.mark.sampled(3)
@pytest.mark.parametrize("left", [1, 2, 3])
def test_more_than_the_calls_that_are_left_is_exported_in_mid_run(
    marketo: Account, tap: Tap, left: int
) -> None:
    names = [s["tap_stream_id"] for s in discovered(*SMALL)["streams"]]
    activities = [name for name in names if name.startswith("activities_")]
    activities.remove("activities_delete_lead")
    chosen = without_exported_columns(select(discovered(*SMALL), activities))
    target = begun(marketo, tap, chosen)
    marketo.advance(hours=1)
    marketo.change(new_activities=400, updated_leads=50)
    # One is for the types, one for the day's calls.
    spend_calls_but(marketo, left + 2)
    done = tap.sync(config_of(marketo), chosen, target)
    assert f"activities: what is new is exported, as {left} calls do not bring it." in done.stderr
    assert len(log_of(marketo, "activities_page")) == left + 1
    assert len(jobs(marketo)) == 1
    assert_same(marketo, chosen, target)
    # Those whose pages have been read to the end were not exported for nothing.
    marketo.advance(hours=1)
    marketo.change(new_activities=20)
    tap.sync(config_of(marketo, max_daily_calls=50_000), chosen, target)
    assert len(jobs(marketo)) == 1
    assert_same(marketo, chosen, target)


def test_where_today_has_few_calls_left_pages_take_none(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9)
    spend_calls_but(marketo, 0)
    done = tap.sync(config_of(marketo), catalog, target)
    assert len(jobs(marketo)) == 2
    for family in ("leads", "activities"):
        assert (
            said(done, family) == "by exports, as today's calls have passed 75% of max_daily_calls."
        )
    assert_same(marketo, catalog, target)


def test_what_days_have_held_says_beforehand_that_it_is_much(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    assert target.state
    target.state["export_rows_per_day"] |= {"leads": 10**6}
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9)
    done = tap.sync(config_of(marketo), catalog, target)
    assert [job["object"] for job in jobs(marketo)] == ["leads"]
    assert "rows are expected, more than 100 calls bring." in said(done, "leads")
    assert target.state["export_rows_per_day"]["leads"] < 10**4
    assert_same(marketo, catalog, target)


# The daily export --------------------------------------------------------------------------------


def test_no_run_of_a_close_schedule_waits_for_the_daily_export(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    made: list[int] = []
    for hour in range(1, 27):
        marketo.advance(hours=1)
        change = {"silent_updates": 3, "late_activities": 5} if hour == 12 else {}
        marketo.change(new_activities=20, updated_leads=4, **change)
        marketo.control("POST", "next_jobs", [{"minutes": 90}, {"minutes": 90}])
        done = tap.sync(config_of(marketo), catalog, target)
        marketo.control("DELETE", "next_jobs")
        made += [hour] * len(jobs_of(done))
        for family in ("leads", "activities"):
            assert said(done, family).startswith("by pages")
    # Made by the run that finds that it is time, read by the first that finds it done.
    assert made == [23, 23]
    assert [job["downloads"] for job in jobs(marketo)] == [1, 1]
    assert "exports" not in (target.state or {})
    assert_same(marketo, catalog, target)


def test_an_older_file_does_not_win_over_what_pages_have_brought(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = config_of(marketo)
    target = begun(marketo, tap, catalog)
    for _ in range(11):
        marketo.advance(hours=2)
        tap.sync(config, catalog, target)
    marketo.change(updated_leads=60)
    marketo.advance(hours=1)
    # Its file has the leads as they are now.
    marketo.control("POST", "next_jobs", [{"minutes": 30}, {"minutes": 30}])
    tap.sync(config, catalog, target)
    assert len(jobs(marketo)) == 2
    for minutes in (50, 50):
        # They change, and pages bring that, while the file waits.
        marketo.change(updated_leads=60)
        marketo.advance(seconds=60 * minutes)
        tap.sync(config, catalog, target)
        assert_same(marketo, catalog, target)
    assert [job["downloads"] for job in jobs(marketo)] == [1, 1]


def test_a_run_killed_behind_an_older_file_is_made_good_by_the_next(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = config_of(marketo)
    target = begun(marketo, tap, catalog)
    for _ in range(11):
        marketo.advance(hours=2)
        tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    marketo.control("POST", "next_jobs", [{"minutes": 60}, {"minutes": 60}])
    tap.sync(config, catalog, target)
    marketo.change(updated_leads=60)
    marketo.advance(seconds=3000)
    tap.sync(config, catalog, target)
    assert_same(marketo, catalog, target)
    marketo.advance(seconds=3000)
    marketo.fault("activities_page", "timeout", None, seconds=100)
    with background(tap, config, catalog, target.state) as run:
        run.until(lambda: has_begun(marketo))
        target.take(run.kill().lines)
    marketo.heal()
    assert [job["downloads"] for job in jobs(marketo, "leads")] == [1]
    leads = expected.leads(marketo)
    stale = [key for key, row in expected.table(target, "leads").items() if row != leads[key]]
    assert stale, "the old file was not read before the changes"
    tap.sync(config, catalog, target)
    assert_same(marketo, catalog, target)


# Faults and kills --------------------------------------------------------------------------------


def has_begun(marketo: Account) -> bool:
    """Say whether a fault has begun."""
    return any(fault["fired"] for fault in marketo.control("GET", "faults")["faults"])


def test_a_run_killed_at_any_page_is_made_good_by_the_next(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = config_of(marketo)
    target = begun(marketo, tap, catalog)
    for call, skip in (("activities_page", 0), ("leads_by_filter", 0), ("activities_page", 1)):
        marketo.advance(hours=1)
        marketo.change(new_activities=40, updated_leads=9, new_leads=2)
        marketo.fault(call, "timeout", None, skip=skip, seconds=100)
        with background(tap, config, catalog, target.state) as run:
            run.until(lambda: has_begun(marketo))
            target.take(run.kill().lines)
        marketo.heal()
    tap.sync(config, catalog, target)
    assert not jobs(marketo)
    assert_same(marketo, catalog, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("call", PAGES)
@pytest.mark.parametrize("kind", ["error", "empty_200"])
def test_where_pages_fail_what_is_new_is_exported(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, kind: str
) -> None:
    target = begun(marketo, tap, catalog)
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9)
    more = {"code": "1003", "message": "It is not as it should be"} if kind == "error" else {}
    marketo.fault(call, kind, None, **more)
    done = tap.sync(config_of(marketo), catalog, target)
    said = "what is new is exported, as it cannot be read by pages. (GET|POST) /rest/v1/"
    assert re.search(said, done.stderr)
    assert jobs(marketo)
    assert_same(marketo, catalog, target)


def test_a_spent_export_allowance_stops_nothing_that_pages_can_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config = config_of(marketo)
    target = begun(marketo, tap, catalog)
    # A run that would export.
    marketo.advance(hours=23)
    marketo.change(new_activities=60, updated_leads=9, silent_updates=3, late_activities=5)
    marketo.control("POST", "usage", {"foreign_bytes": 10**9})
    before = target.state
    done = tap.sync(config, catalog, target)
    assert not [job for job in jobs(marketo) if job["status"] == "Completed"]
    for family in ("leads", "activities"):
        assert f"WARNING {family}: today's export bytes are spent. What is new is re" in done.stderr
    assert before
    assert target.state
    for name in STREAMS:
        old, new = before["bookmarks"][name], target.state["bookmarks"][name]
        assert new.pop("settled") == old.pop("settled")
        assert all(new[key] > old[key] for key in old)
    # The next day's bytes bring what showed late and what no activity told of.
    marketo.advance(hours=20)
    tap.sync(config, catalog, target)
    assert_same(marketo, catalog, target)


# Beforehand --------------------------------------------------------------------------------------


def test_a_plan_says_which_way_each_family_goes_and_why(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(marketo, tap, catalog)
    marketo.advance(hours=1)
    marketo.change(new_activities=60, updated_leads=9)
    short, long = planned_ways(marketo, tap, catalog, target), {}
    for name, line in short.items():
        assert line["how"].startswith("by pages, as the last export was 1."), name
        assert (line["jobs"], line["mb"]) == (0, 0)
    assert not jobs(marketo)
    marketo.control("POST", "reset_counters")
    tap.sync(config_of(marketo), catalog, target)
    pages = len(log_of(marketo, "activities_page")) + len(log_of(marketo, "leads_by_filter"))
    assert sum(line["calls"] for line in short.values()) >= pages
    marketo.advance(hours=23)
    long = planned_ways(marketo, tap, catalog, target)
    for name, key in (("leads", "updatedAt"), ("activities", "activityDate")):
        assert long[name]["how"].startswith(f"exported by {key}")
        assert ", as the last export was 24." in long[name]["how"]
        assert long[name]["jobs"] == 1


def planned_ways(
    marketo: Account, tap: Tap, catalog: Any, target: Target
) -> dict[str, dict[str, Any]]:
    """Return the lines of the plan of a sync by their names."""
    config = config_of(marketo)
    told = tap.run(config, catalog, target.state, "--plan", "--format", "json")
    assert told.code == 0, told.stderr
    return {line["name"]: line for line in json.loads(told.stdout)["items"]}


# All of it together ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100) if SOAK else range(1))
def test_whatever_comes_between_the_runs_of_a_schedule_nothing_is_lost(
    marketo: Account, catalog: dict[str, Any], tap: Tap, seed: int
) -> None:
    rng = random.Random(seed)
    target = begun(marketo, tap, catalog)
    for _ in range(16 if SOAK else 8):
        marketo.change(
            new_activities=rng.randint(0, 30), updated_leads=rng.randint(0, 9), new_leads=1,
            silent_updates=rng.choice([0, 0, 3]), late_activities=rng.choice([0, 0, 4]),
        )  # fmt: skip
        marketo.advance(hours=rng.choice([0.1, 0.5, 1, 1.5, 6, 12, 25]))
        marketo.control("POST", "next_jobs", [{"minutes": rng.choice([1, 20, 200])}] * 4)
        if rng.random() < 0.3:
            call = rng.choice([*PAGES, "create", "list", "file"])
            skip = rng.randint(0, 1)
            if rng.random() < 0.5:
                marketo.fault(call, "http", rng.choice([1, None]), skip=skip, status=500)
            else:
                marketo.fault(call, "timeout", None, skip=skip, seconds=100)
            settings = config_of(marketo)
            with background(tap, settings, catalog, target.state) as run:
                run.until_or_ended(partial(has_begun, marketo))
                target.take(run.kill().lines)
            marketo.heal()
        else:
            spend = rng.choice([0, 0, 0, 10**9])
            marketo.control("POST", "usage", {"foreign_bytes": spend})
            done = tap.run(config_of(marketo), catalog, target.state)
            assert done.code in (0, 3), done.stderr
            target.take(done.lines)
        marketo.control("DELETE", "next_jobs")
    for hours in (25, 1, 25, 1):
        # The next day's bytes are unused.
        marketo.advance(hours=hours)
        tap.sync(config_of(marketo), catalog, target)
    assert_same(marketo, catalog, target)
