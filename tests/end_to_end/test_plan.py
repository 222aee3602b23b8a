"""--plan: what a sync would do now, compared with what it then does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import log2
from typing import Any

import pytest

from tap_marketo.times import parse_utc
from tests.end_to_end import crm_accounts
from tests.end_to_end.checks import SMALL, calls, not_read
from tests.end_to_end.runs import state_with_jobs
from tests.harness import BY_PAGES, Account, Run, Tap, Target, account, run, select
from tests.readme import code, table

START = "2026-04-01T00:00:00Z"
LEADS = "leads"
VISITS = "activities_visit_webpage"
CLICKS = "activities_click_link"
CARS = "custom_object_car_c"
DATA = ["--leads", "2000", "--activities", "6000", "--history-days", "166"]
# What a plan may ask for: the day's calls, what there is, the jobs of the last days,
ASKED = {
    "usage", "describe", "types", "customobjects", "list", "member_describe",
    "customobject_describe",
}  # fmt: skip
# and pages of lists, to see how long they are.
LISTED = {"programs", "folders", "folder_by_name", "lists", "segmentations"}
MEGABYTE = 1_000_000


def planned(
    marketo: Account, tap: Tap, config: Any, catalog: Any, state: Any = None, *, code: int = 0
) -> dict[str, Any]:
    """Return the plan as JSON, of a run that must have done nothing."""
    done = plan_only(marketo, tap, config, catalog, state, "--format", "json")
    assert done.code == code, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def plan_only(marketo: Account, tap: Tap, config: Any, catalog: Any, state: Any, *more: str) -> Run:
    """Plan; no job may be made by it, and no file written."""
    jobs = len(marketo.counters()["jobs"])
    command = tap.command(config, catalog, state, "--plan", *more)
    before = {path.name: path.read_bytes() for path in tap.directory.iterdir()}
    done = run(command)
    assert {path.name: path.read_bytes() for path in tap.directory.iterdir()} == before
    assert len(marketo.counters()["jobs"]) == jobs
    return done


def item(plan: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the line of a family or stream."""
    (found,) = [each for each in plan["items"] if each["name"] == name]
    return dict(found)


def spans(marketo: Account, bulk_object: str) -> list[tuple[datetime, datetime]]:
    """Return from when to when the jobs of an object that were made export."""
    found = []
    for job in marketo.counters()["jobs"]:
        if job["object"] == bulk_object:
            (span,) = [v for v in job["filter"].values() if isinstance(v, dict)]
            found.append((parse_utc(str(span["startAt"])), parse_utc(str(span["endAt"]))))
    return sorted(found)


def made(marketo: Account) -> tuple[int, float]:
    """Return how many jobs were made, and their MB."""
    jobs = marketo.counters()["jobs"]
    return len(jobs), sum(job["bytes"] or 0 for job in jobs) / MEGABYTE


def assert_near(planned: float, found: float, factor: float) -> None:
    """Fail if two figures differ by more than a factor."""
    assert found / factor <= planned <= found * factor, (planned, found)


def choose(tap: Tap, marketo: Account, config: Any, streams: Sequence[str]) -> dict[str, Any]:
    """Return the catalog with some streams selected; what discovery did is not counted."""
    chosen = select(tap.discover(config), streams)
    marketo.control("POST", "reset_counters")
    return chosen


def test_a_first_sync_and_the_next_are_as_planned(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [LEADS, VISITS, CLICKS])
        first = planned(marketo, tap, config, chosen)
        assert set(calls(marketo)) <= ASKED
        assert [each["name"] for each in first["items"]] == ["leads", "activities"]
        for each in first["items"]:
            assert each["from"] == START
            assert each["to"] == first["now"]
            # Nothing is known of the bytes, and the guess says so.
            assert each["mb"] is None
            assert "file sizes are unknown" in each["guess"]
        assert first["sum"]["mb_not_known"] == ["leads", "activities"]
        marketo.control("POST", "reset_counters")
        target = Target()
        tap.sync(config, chosen, target)
        jobs, _ = made(marketo)
        assert_near(first["sum"]["jobs"], jobs, 1.4)
        assert_near(first["sum"]["calls"], sum(calls(marketo).values()), 2)
        for each, bulk_object in zip(first["items"], ("leads", "activities"), strict=True):
            (start, _), *_, (_, end) = spans(marketo, bulk_object)
            assert start == parse_utc(each["from"])
            # The sync comes later, by some hours of this fast Marketo.
            assert timedelta() <= end - parse_utc(each["to"]) < timedelta(hours=12)

        marketo.advance(days=3)
        second = planned(marketo, tap, config, chosen, target.state)
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, target)
        jobs, size = made(marketo)
        assert second["sum"]["jobs"] == jobs == 2
        assert_near(second["sum"]["mb"], size, 2)
        assert_near(second["sum"]["calls"], sum(calls(marketo).values()), 2)
        for each, bulk_object in zip(second["items"], ("leads", "activities"), strict=True):
            ((start, end),) = spans(marketo, bulk_object)
            assert start == parse_utc(each["from"])
            assert timedelta() <= end - parse_utc(each["to"]) < timedelta(hours=12)
            assert "by its last files" in each["guess"]
            assert "by the last ones" in each["guess"]
            # Jobs take two to five minutes here.
            assert 2 <= each["minutes"] <= 10
        assert second["today"]["fits"] is True
        assert second["goes_on_at"] is None


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("families", "factor"),
    [
        # Visits and clicks are spread evenly over the days, so that the last ones tell of all.
        ({"activities": "activities"}, 1.4),
        # Records lie where they changed last, and the last days are dear: less is promised.
        ({"activities": "activities", CARS: "customobjects/car_c"}, 2.5),
    ],
)
def test_what_the_plan_says_does_not_fit_into_today_does_not(
    tap: Tap, families: dict[str, str], factor: float
) -> None:
    with account(*DATA, "--custom-objects", "3000") as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [VISITS, CLICKS, *(set(families) - {"activities"})])
        target = Target()
        tap.sync(config, chosen, target)
        _, size = made(marketo)
        assert target.state
        # Everything anew, by what a day has cost.
        state = {**target.state, "bookmarks": {}}
        marketo.advance(days=1)
        config["max_daily_export_mb"] = round(size / 3, 3)
        plan = planned(marketo, tap, config, chosen, state)
        assert not plan["today"]["fits"]
        assert plan["goes_on_at"] == plan["today"]["until"] == "2026-06-17T05:00:00Z"
        assert {left["name"] for left in plan["left"]} == set(families)
        for left in plan["left"]:
            # Nothing lies between what is done and what is left.
            assert left["from"] == (item(plan, left["name"])["to"] or START)
        marketo.control("POST", "reset_counters")
        stopped = tap.run(config, chosen, state)
        target.take(stopped.lines)
        assert stopped.code == 3
        jobs, exported = made(marketo)
        assert_near(plan["sum"]["jobs"], jobs, factor)
        assert_near(plan["sum"]["mb"], exported, factor)
        assert_near(plan["sum"]["calls"], sum(calls(marketo).values()), 2 * factor)
        assert f"The next run can continue at {plan['goes_on_at']}" in stopped.critical[0]
        for family, bulk_object in families.items():
            found = spans(marketo, bulk_object)
            assert item(plan, family)["from"] == START
            assert found[0][0] == parse_utc(START)
            # It ends elsewhere as far as bytes are not what was expected of them.
            length = parse_utc(item(plan, family)["to"]) - parse_utc(START)
            assert_near(length / timedelta(days=1), (found[-1][1] - found[0][0]).days, factor)
        days = 1
        while stopped.code == 3:
            marketo.advance(days=1)
            stopped = tap.run(config, chosen, target.state)
            target.take(stopped.lines)
            days += 1
        assert_near(plan["days"], days, factor)


def test_the_one_job_that_fits_is_the_one_that_is_made(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=0.1)
        chosen = choose(tap, marketo, config, [LEADS])
        state = {"bookmarks": {}, "export_bytes_per_day": {"leads": 25_000}}
        plan = planned(marketo, tap, config, chosen, state)
        leads = item(plan, "leads")
        assert (leads["jobs"], leads["mb"]) == (1, 0.1)
        assert leads["to"] == "2026-04-05T00:00:00Z"
        page = plan_only(marketo, tap, config, chosen, state).stdout
        assert "leads  from 2026-04-05T00:00:00Z on" in page
        tap.run(config, chosen, state)
        assert spans(marketo, "leads")[0] == (parse_utc(START), parse_utc(leads["to"]))


def test_a_spent_allowance_leaves_nothing_for_today(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=10)
        chosen = choose(tap, marketo, config, [LEADS, "lists"])
        marketo.control(
            "POST", "finished_jobs", {"object": "leads", "bytes": 12_000_000, "minutes_ago": 5}
        )
        plan = planned(marketo, tap, config, chosen)
        assert plan["today"]["mb_exported"] == 12
        assert item(plan, "leads")["jobs"] == 0
        # 640 of them.
        assert item(plan, "lists")["calls"] == 3
        (left,) = plan["left"]
        assert (left["name"], left["from"], left["mb"]) == ("leads", START, None)
        page = plan_only(marketo, tap, config, chosen, None).stdout
        assert "12 of 10 MB have been exported by this API user, 0 MB are left." in page
        assert (
            "A run can continue at 2026-06-16T05:00:00Z. Everything takes about 2 days at least"
            in page
        )


@pytest.mark.parametrize("days", [0, 1])
def test_jobs_of_a_stopped_run_are_resumed(tap: Tap, days: int) -> None:
    with account(*DATA, "--export-minutes", "600") as marketo:
        config = marketo.config(start_date="2026-06-01T00:00:00Z")
        chosen = choose(tap, marketo, config, [LEADS, VISITS])
        state = state_with_jobs(tap.command(config, chosen))
        marketo.advance(days=days)
        plan = planned(marketo, tap, config, chosen, state)
        for family in ("leads", "activities"):
            each = item(plan, family)
            assert each["jobs_taken_up"] == 1
            # Done by now, only the time since is left to be exported; else Marketo works on it.
            assert each["jobs"] == 1
            assert each["from"] < state["exports"][family][0]["end"] < each["to"]
        page = plan_only(marketo, tap, config, chosen, state).stdout
        assert page.count("1 job of an earlier run resumed") == 2


def test_jobs_of_streams_that_fell_away_would_be_cancelled(tap: Tap) -> None:
    with account(*DATA, "--export-minutes", "600") as marketo:
        config = marketo.config(start_date="2026-06-01T00:00:00Z")
        chosen = choose(tap, marketo, config, [LEADS, VISITS])
        state = state_with_jobs(tap.command(config, chosen))
        only = select(chosen, ["activity_types"])
        plan = planned(marketo, tap, config, only, state)
        assert sorted(plan["notes"]) == [
            f"{family}: 1 job of an earlier run is no longer needed and would be cancelled"
            for family in ("activities", "leads")
        ]
        assert "Cancelled" not in {job["status"] for job in marketo.counters()["jobs"]}


# How streams of each kind are read: at first, and after a sync.
WAYS = {
    "activity_types": ("in full", "in full"),
    "lists": ("all pages, changed rows",) * 2,
    "programs": ("asked for by date",) * 2,
    "tokens": ("in full, parent by parent", "not before "),
    "list_memberships": ("in full, list by list", "changes by activities"),
    "program_members": ("in full, all programs", "programs that activities name"),
    "activities_delete_lead": ("asked for by date",) * 2,
}


def test_each_way_to_read_is_planned_at_first_and_later(tap: Tap) -> None:
    small = ["--programs", "40", "--lists", "40", "--folders", "30", "--leads", "300"]
    with account(*DATA, *small) as marketo:
        config = marketo.config(start_date=START, child_refresh_hours=1000)
        chosen = choose(tap, marketo, config, list(WAYS))
        chosen = select(chosen, list(WAYS), programs=["name", "tags"])
        target = Target()
        for time in range(2):
            marketo.control("POST", "reset_counters")
            plan = planned(marketo, tap, config, chosen, target.state)
            asked = calls(marketo)
            assert set(asked) <= ASKED | LISTED
            assert plan["calls_of_plan"] == sum(asked.values())
            assert {each["name"] for each in plan["items"]} == set(WAYS)
            for name, ways in WAYS.items():
                assert item(plan, name)["how"].startswith(ways[time])
            if time:
                lists = item(plan, "lists")["from"]
                bookmark = parse_utc(target.state["bookmarks"]["lists"]["updatedAt"])  # type: ignore[index]
                assert parse_utc(lists) == bookmark - timedelta(minutes=15)
            marketo.control("POST", "reset_counters")
            tap.sync(config, chosen, target)
            found = sum(calls(marketo).values())
            # At first all parents and programs are counted; later much hangs on the activities.
            assert plan["sum"]["calls"] * (1 if time else 0.8) <= found
            if not time:
                assert_near(plan["sum"]["calls"], found, 1.2)
                assert plan["sum"]["jobs"] == item(plan, "program_members")["jobs"] == 4
                assert made(marketo)[0] == 4
        assert item(plan, "program_members")["jobs"] is None
        assert "a job by the last ones" in item(plan, "program_members")["guess"]
        assert "4 jobs at most" in item(plan, "program_members")["more_calls"]
        assert made(marketo)[0] <= 4


@pytest.fixture(scope="module")
def usual() -> Iterator[Account]:
    with account("--leads", "1", "--activities", "1", "--late-share", "0") as running:
        yield running


# Where a guess is more than it takes: segmentations without segments take one call less.
AT_MOST = {"segments": 5}
# A sync looks at the day's calls after 250 calls each.
LOOKS = {"tokens": 2, "list_memberships": 2}


def test_the_calls_of_each_list_are_as_planned(usual: Account, tap: Tap) -> None:
    config = usual.config(start_date="2020-01-01T00:00:00Z", **crm_accounts.SETTINGS)
    documented = {
        row[0].strip("`"): int(row[2]) - LOOKS.get(row[0].strip("`"), 0) for row in table("Calls")
    }
    # Two read along with others, and cost less then; nobody asks how many members lists have.
    for shared in ("assets_seen", "object_fields", "named_accounts", "named_account_list_members"):
        del documented[shared]
    catalog = choose(tap, usual, config, list(documented))
    plan = planned(usual, tap, config, catalog)
    told = {each["name"]: each["calls"] for each in plan["items"]}
    assert set(told) == set(documented)
    for name, calls_found in documented.items():
        if name in AT_MOST:
            assert 0 < told[name] - calls_found <= AT_MOST[name]
            assert item(plan, name)["guess"]
        else:
            assert told[name] == calls_found, name
    # That took the plan a few calls for each of them.
    assert plan["calls_of_plan"] < 3 * len(documented)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("programs", [0, 201, 1201])
def test_lists_of_any_length_are_measured_by_few_calls(tap: Tap, programs: int) -> None:
    with account(*SMALL, "--programs", str(programs)) as marketo:
        config = marketo.config(start_date="2020-01-01T00:00:00Z")
        chosen = choose(tap, marketo, config, ["programs"])
        plan = planned(marketo, tap, config, chosen)
        asked = calls(marketo)["programs"]
        assert asked <= 2 + 2 * log2(max(1, programs / 200))
        assert plan["calls_of_plan"] == asked + 1
        assert not item(plan, "programs")["more_calls"]
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, Target())
        assert item(plan, "programs")["calls"] == calls(marketo)["programs"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("stream", ["tokens", "list_memberships", "program_members", "segments"])
def test_what_a_stopped_run_has_read_is_not_planned_again(tap: Tap, stream: str) -> None:
    options = ["--lists", "90", "--programs", "90", "--folders", "10"]
    options += ["--segmentations", "90", "--segments", "500", "--export-minutes", "0.5"]
    with account(*SMALL, *options) as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [stream])
        whole = planned(marketo, tap, config, chosen)
        target = Target()
        # So many calls are left today that it stops on the way.
        used = sum(calls(marketo).values())
        stopped = tap.run({**config, "max_daily_calls": used + 50}, chosen)
        target.take(stopped.lines)
        assert stopped.code == 3
        plan = planned(marketo, tap, config, chosen, target.state)
        assert "behind " in item(plan, stream)["how"]
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, target)
        left = sum(calls(marketo).values())
        assert_near(plan["sum"]["calls"], left, 1.2)
        assert plan["sum"]["calls"] < whole["sum"]["calls"]
        assert plan["sum"]["jobs"] == made(marketo)[0]


def test_a_pass_over_all_programs_is_planned(tap: Tap) -> None:
    with account(*SMALL, "--programs", "250", "--leads", "300") as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, ["program_members"])
        target = Target()
        tap.sync(config, chosen, target)
        marketo.advance(days=8)
        plan = planned(marketo, tap, config, chosen, target.state)
        assert item(plan, "program_members")["jobs"] == 25
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, target)
        # And some for the programs of which activities tell.
        assert 25 <= made(marketo)[0] < 30


def test_everything_fits_only_where_everything_is_known(tap: Tap) -> None:
    with account(*SMALL) as marketo:
        config = marketo.config(start_date=START)
        known = ["programs", "tokens", "campaigns"]
        chosen = choose(tap, marketo, config, known)
        assert "Everything fits into today." in plan_only(marketo, tap, config, chosen, None).stdout
        for name in (LEADS, "list_memberships", "activities_delete_lead", "bulk_exports"):
            more = select(chosen, [*known, name])
            page = plan_only(marketo, tap, config, more, None).stdout
            assert "Everything fits" not in page
            assert f"These lines may take more than they show: {name}." in page


def test_streams_begin_no_earlier_than_marketo(tap: Tap) -> None:
    with account(*SMALL) as marketo:
        config = marketo.config(start_date="0001-01-01T00:00:00Z")
        chosen = choose(tap, marketo, config, [LEADS, "lists"])
        done = plan_only(marketo, tap, config, chosen, None)
        line = "start_date 0001-01-01T00:00:00Z is before there was a Marketo"
        assert done.stderr.count(line) == 1
        plan = planned(marketo, tap, config, chosen)
        assert [each["from"] for each in plan["items"]] == ["2006-01-01T00:00:00Z"] * 2
        marketo.control("POST", "reset_counters")
        # Enough calls for some of the jobs.
        synced = tap.run({**config, "max_daily_calls": 100}, chosen)
        assert synced.code == 3
        assert synced.stderr.count(line) == 1
        assert spans(marketo, "leads")[0][0] == parse_utc("2006-01-01T00:00:00Z")


def test_leads_without_the_filter_are_found_by_their_activities(tap: Tap) -> None:
    with account(*DATA, "--no-updated-at") as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [LEADS])
        plan = planned(marketo, tap, config, chosen)
        assert item(plan, "leads")["how"] == "exported by createdAt"
        assert item(plan, "lead_changes")["from"] == START
        target = Target()
        tap.sync(config, chosen, target)
        plan = planned(marketo, tap, config, chosen, target.state)
        (leads, changes) = plan["items"]
        assert (leads["how"], leads["exported"]) == ("exported by createdAt", True)
        assert changes["how"].startswith("changed leads by activities")
        assert not changes["exported"]


def test_the_page_is_all_that_is_written_and_has_the_facts_of_the_json(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START)
        catalog = select(tap.discover(config))
        marketo.control("POST", "reset_counters")
        plan = planned(marketo, tap, config, catalog)
        done = plan_only(marketo, tap, config, catalog, None)
        assert done.code == 0
        assert not done.critical
        page = done.stdout
        assert page.startswith("What a sync would do now, 2026-06-1")
        # The log goes elsewhere.
        assert "INFO" not in page
        assert page.endswith(".\n")
        table = page.split("\n\n")[1].splitlines()
        # All types of activities are one line.
        assert len(table) == len(plan["items"]) + 3
        start = table[0].index("from")
        for each, line in zip(plan["items"], table[2:-1], strict=True):
            assert line.startswith(f"{each['name']} ")
            assert line.endswith(each["how"])
            assert line[start:].startswith((each["from"] or "")[:13])
            mark = "~" if each["guess"] else ""
            calls = f"{mark}{each['calls']}{'+' if each['more_calls'] else ''}"
            # The clock has moved between the two, and with it the looks.
            assert each["exported"] or f" {calls} " in line
            assert (each["more_calls"] or "") in page
            assert (each["guess"] or "") in page
        activities = item(plan, "activities")
        assert len(activities["streams"]) > 30


def masked(page: str) -> str:
    """Return a page without what differs from day to day: numbers, and the widths of columns."""
    return re.sub(r"[ \d,.]+", " ", page)


def test_the_docs_show_what_is_written(tap: Tap) -> None:
    streams = [LEADS, VISITS, CLICKS, "program_members", "lists", "programs", "tokens"]
    with account() as marketo:
        config = marketo.config(start_date=START, **BY_PAGES)
        chosen = choose(tap, marketo, config, streams)
        page = plan_only(marketo, tap, config, chosen, None).stdout
    assert masked(code("What a sync would do", "text")) == masked(page)


def test_nothing_to_sync_yet(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [LEADS])
        config["start_date"] = "2099-01-01T00:00:00Z"
        plan = planned(marketo, tap, config, chosen)
        assert plan["items"] == []
        assert "lies in the future" in plan["notes"][0]
        assert set(calls(marketo)) == {"usage"}


def test_streams_that_fail_are_named_as_in_a_sync(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [LEADS, "campaigns"])
        marketo.control("POST", "permissions", {"lacks": ["Read-Only Lead"]})
        done = plan_only(marketo, tap, config, chosen, None)
        assert done.code == 1
        assert not_read(done.critical[0]) == {"leads"}
        assert "All other streams are in the plan." in done.critical[0]
        assert "Not read: leads." in " ".join(done.stdout.split())
        assert "campaigns  " in done.stdout
        config["on_refused"] = "skip"
        assert plan_only(marketo, tap, config, chosen, None).code == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_marketo_says_is_quoted_even_if_no_encoding_can_hold_it(tap: Tap, form: str) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START)
        chosen = choose(tap, marketo, config, [LEADS, "campaigns"])
        marketo.fault("describe", "error", None, code="603", message="half \ud83d of a pair")
        done = plan_only(marketo, tap, config, chosen, None, "--format", form)
        assert done.code == 1
        assert "Traceback" not in done.stderr
        assert "error 603: half " in done.stdout


def test_spent_calls_and_wrong_files_end_as_a_sync_does(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_calls=500)
        chosen = choose(tap, marketo, config, [LEADS, "campaigns"])
        marketo.control("POST", "usage", {"foreign_calls": 465})
        told = plan_only(marketo, tap, config, chosen, None)
        assert told.code == 0
        assert "The calls do not fit into today" in told.stdout
        assert "A run can continue at 2026-06-16T05:00:00Z" in told.stdout
        marketo.control("POST", "usage", {"foreign_calls": 100})
        spent = plan_only(marketo, tap, config, chosen, None)
        assert (spent.code, spent.stdout) == (3, "")
        config["on_quota"] = "stop"
        assert plan_only(marketo, tap, config, chosen, None).code == 0
        wrong = plan_only(marketo, tap, config, None, None)
        assert (wrong.code, wrong.stdout) == (2, "")
        assert "A sync needs a catalog" in wrong.critical[0]
        assert plan_only(marketo, tap, config, chosen, None, "--format", "markdown").code == 2
