"""Daily allowances as budgets: what is used, what fits, what the orchestrator is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.end_to_end import expected
from tests.end_to_end.checks import jobs, log_of, span
from tests.end_to_end.runs import state_with_jobs
from tests.harness import Account, Run, Tap, Target, account, select

START = "2026-01-01T00:00:00Z"
# Of everything that is exported something, much of it lately.
MANY = [
    *("--leads", "600", "--activities", "7000", "--history-days", "166", "--late-share", "0"),
    *("--programs", "90", "--program-members", "1500", "--custom-objects", "600"),
    *("--export-minutes", "1"),
]
DATA = ["--leads", "200", "--activities", "6000", "--history-days", "166"]
# The types that are kept for 90 days, which tests/end_to_end/test_retention.py is about: of others
# the order is by date.
EXPIRING = {
    f"activities_{name}"
    for name in (
        *("add_to_list", "change_data_value", "change_score", "click_link", "email_delivered"),
        *("request_campaign", "send_email", "update_opportunity", "visit_webpage"),
    )
}


def exported(marketo: Account) -> int:
    return sum(job["bytes"] or 0 for job in marketo.counters()["jobs"])


def daily_runs(
    marketo: Account, tap: Tap, config: dict[str, Any], catalog: dict[str, Any], target: Target
) -> Iterator[Run]:
    """Run once a day until a run says it is done."""
    for _ in range(20):
        done = tap.run(config, catalog, target.state)
        target.take(done.lines)
        assert done.code in (0, 3), done.stderr
        yield done
        if done.code == 0:
            return
        marketo.advance(days=1)
    raise AssertionError("it is never done")


def sync_until_done(
    marketo: Account, tap: Tap, config: dict[str, Any], catalog: dict[str, Any], target: Target
) -> list[Run]:
    """Run once a day until a run says it is done; return all runs."""
    return list(daily_runs(marketo, tap, config, catalog, target))


def test_the_days_allowance_is_filled_and_not_passed(tap: Tap) -> None:
    # Without members of programs, what happens is spread evenly over the days.
    with account(*DATA, *"--leads 2000 --program-members 0".split()) as marketo:
        config = marketo.config(start_date=START)
        catalog = tap.discover(config)
        names = [stream["tap_stream_id"] for stream in catalog["streams"]]
        activities = {name for name in names if name.startswith("activities_")}
        chosen = select(catalog, ["leads", "campaigns", *activities - EXPIRING])
        target = Target()
        tap.sync(config, chosen, Target())
        whole = exported(marketo) / 1e6
        marketo.control("POST", "clock", {"advance_seconds": 86400})
        marketo.control("POST", "reset_counters")
        budget = round(whole / 3, 3)
        config = marketo.config(start_date=START, max_daily_export_mb=budget)
        first = tap.run(config, chosen)
        target.take(first.lines)
        assert first.code == 3
        (line,) = first.critical
        assert "Left to do" in line
        assert "The next run can continue at 2026-06-17T05:00:00Z" in line
        assert f"{exported(marketo) / 1e6:,.1f} MB today" in line
        # Most of the allowance is used, and no more than what two windows of unknown cost add.
        assert budget * 0.6 < exported(marketo) / 1e6 < budget * 1.6
        # The streams that cost no export bytes are complete, and the bookmarks are out.
        assert len(target.rows("campaigns")) > 300
        assert target.state
        assert target.state["bookmarks"]["leads"]["updatedAt"] > START
        marketo.advance(days=1)
        marketo.control("POST", "reset_counters")
        second = tap.run(config, chosen, target.state)
        target.take(second.lines)
        if second.code == 3:
            # By now the cost of a window is known: the budget holds.
            assert exported(marketo) / 1e6 <= budget * 1.2
            marketo.advance(days=1)
            sync_until_done(marketo, tap, config, chosen, target)
        leads = {x["id"] for x in marketo.truth("leads") if x["_changedAt"] >= START}
        assert set(expected.table(target, "leads")) == leads
        truth = expected.activities(marketo, chosen, START)
        for name in truth.keys() - EXPIRING:
            assert expected.table(target, name) == truth[name]


def test_who_is_ahead_waits_for_the_others_when_bytes_are_scarce(tap: Tap) -> None:
    with account(*DATA, "--leads", "2000") as marketo:
        config = marketo.config(start_date=START)
        streams = ["leads", "program_members", "custom_object_car_c"]
        chosen = select(tap.discover(config), streams)
        target = Target()
        tap.sync(config, chosen, target)
        assert target.state
        # Of the leads a quarter of the time has been read, of the programs nine in ten, and of the
        # custom objects nothing.
        programs = sorted(row["id"] for row in marketo.truth("programs"))
        reached = programs[len(programs) * 9 // 10]
        target.state["bookmarks"] = {
            "leads": {"updatedAt": "2026-02-12T00:00:00+00:00"},
            "program_members": {
                "parent": f"Program/{reached}",
                "scan_started": "2026-06-15T12:00:00+00:00",
            },
        }
        marketo.advance(days=1)
        marketo.control("POST", "reset_counters")
        # Some weeks of leads.
        config["max_daily_export_mb"] = 0.3
        stopped = tap.run(config, chosen, target.state)
        assert stopped.code == 3
        jobs = sorted(marketo.counters()["jobs"], key=lambda job: job["created"])
        # What cannot be cut to what others leave is among the first, once.
        objects = [job["object"] for job in jobs]
        assert "program/members" in objects[:2]
        assert objects.count("program/members") == 1
        assert set(objects) == {"program/members", "customobjects/car_c", "leads"}
        spans = [job["filter"]["updatedAt"] for job in jobs if "updatedAt" in job["filter"]]
        assert spans == sorted(spans, key=lambda span: str(span["startAt"]))
        assert "leads from 2026-0" in stopped.critical[0]
        last = max(jobs[objects.index("program/members")]["filter"]["programIds"])
        assert f"program_members from program {last + 1}" in stopped.critical[0]


# The families of exports by their objects in Marketo: the streams of each, as a message names them.
FAMILIES = {
    "leads": "leads",
    "activities": "activities_click_email, activities_fill_out_form, activities_open_email",
    "program/members": "program_members",
    "customobjects/car_c": "custom_object_car_c",
    "customobjects/visit_c": "custom_object_visit_c",
}


class Course:
    """How far the exports of each family have come, by the jobs that were made for them."""

    def __init__(self, programs: Sequence[int]) -> None:
        """Begin with nothing exported.

        Args:
            programs: all there are, ascending.
        """
        self._programs = programs
        self._exported = 0
        self._reached = dict.fromkeys(FAMILIES.keys() - {"program/members"}, START)

    def take(self, job: dict[str, Any]) -> None:
        """Go on by a job; it begins where that before it of its family ended."""
        if job["object"] == "program/members":
            batch = job["filter"]["programIds"]
            assert batch == self._programs[self._exported : self._exported + 10]
            self._exported += len(batch)
        else:
            begin, end = span(job)
            assert begin == self._reached[job["object"]]
            self._reached[job["object"]] = end

    def left(self, now: str) -> set[str]:
        """Return what is left of each family, in the words of a message."""
        left = {f"{FAMILIES[name]} from {end}" for name, end in self._reached.items() if end < now}
        if self._exported < len(self._programs):
            left.add(f"program_members from program {self._programs[self._exported]}")
        return left

    def orders(self, now: str) -> dict[str, datetime]:
        """Return the place in date order of what comes next of each family that is not done."""
        orders = {name: moment(end) for name, end in self._reached.items() if end < now}
        if self._exported < len(self._programs):
            # The programs have their places all over the time that the others export.
            part = self._exported / len(self._programs)
            orders["program/members"] = moment(START) + (moment(now) - moment(START)) * part
        return orders


def moment(text: str) -> datetime:
    return expected.as_time(text.replace("Z", "+00:00"))


def test_what_a_day_does_not_hold_of_all_families_is_exported_in_date_order_over_days(
    tap: Tap,
) -> None:
    limit = 250_000
    lookback = {"leads_lookback_hours": 0, "activities_lookback_hours": 0}
    with account(*MANY) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=limit / 1e6, **lookback)
        # Many calls between two polls, as there are with Marketo, also on a slow machine.
        config["poll_interval"] = 0.1
        streams = [stream for named in FAMILIES.values() for stream in named.split(", ")]
        chosen = select(tap.discover(config), streams)
        target, days = Target(), []
        now, known = clock(marketo), len(jobs(marketo))
        for done in daily_runs(marketo, tap, config, chosen, target):
            days.append((now, done, jobs(marketo)[known:]))
            # The next run begins a day later.
            begins = moment(clock(marketo)) + timedelta(days=1)
            now, known = begins.strftime("%Y-%m-%dT%H:%M:%SZ"), len(jobs(marketo))
        programs = sorted(row["id"] for row in marketo.truth("programs"))
        fetched: dict[str, float] = {}
        for entry in log_of(marketo, "file"):
            fetched.setdefault(entry["id"], entry["at"])
        truth = expected.tables(marketo, chosen, START)
    for stream in streams:
        assert truth[stream], "a test without rows would prove nothing"
        assert expected.table(target, stream) == truth[stream]
    assert len(days) > 3
    course = Course(programs)
    still = sum(job["bytes"] for _, _, made in days for job in made)
    for number, (now, done, made) in enumerate(days):
        # What things cost is not known on the first day, and may seem to fit at the end.
        is_scarce = number > 0 and still > 2 * limit
        if number == 0:
            assert {job["object"] for job in made} == FAMILIES.keys()
        # Before all families are known each may have a job, whatever its place.
        first = {job["object"]: job for job in reversed(made)}
        out_of_order = 0
        for job in made:
            if is_scarce and job != first[job["object"]]:
                orders = course.orders(now)
                is_in_order = orders[job["object"]] <= min(orders.values()) + timedelta(hours=1)
                out_of_order += 0 if is_in_order else job["bytes"]
            assert job["status"] == "Completed"
            course.take(job)
            still -= job["bytes"]
        # What is left of a family may be so little that it seems to fit beside all others.
        assert out_of_order < limit / 10
        assert exported_before_the_last(made, fetched) < limit
        left = course.left(now)
        assert done.code == (3 if left else 0)
        if left:
            told = done.critical[0].partition("Left to do: ")[2].partition(". The next run can")[0]
            assert set(told.split("; ")) == left


def exported_before_the_last(made: Sequence[dict[str, Any]], fetched: dict[str, float]) -> int:
    """Return the bytes of a day's jobs whose file had been asked for when the last was made."""
    last = max(job["created"] for job in made)
    return sum(job["bytes"] for job in made if fetched[job["exportId"]] < last)


def clock(marketo: Account) -> str:
    now: str = marketo.control("GET", "clock")["now"]
    return now


def test_exports_of_the_same_user_made_elsewhere_count(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=10)
        chosen = select(tap.discover(config), ["leads", "activity_types"])
        marketo.control("POST", "reset_counters")
        for bulk_object in ("program/members", "customobjects/car_c"):
            marketo.control(
                "POST",
                "finished_jobs",
                {"object": bulk_object, "bytes": 6_000_000, "minutes_ago": 5},
            )
        done = tap.run(config, chosen)
        assert done.code == 3
        assert "12.0 MB today" in done.critical[0]
        assert not [j for j in marketo.counters()["jobs"] if j["object"] == "leads"]
        assert len(done.records("activity_types")) == len(marketo.truth("activity_types"))
        # Yesterday's do not count: the day begins at midnight in Chicago.
        marketo.advance(days=1)
        target = Target()
        tap.sync(config, chosen, target)
        assert target.rows("leads")


def test_the_day_begins_at_midnight_in_chicago_also_in_winter(tap: Tap) -> None:
    with account(*DATA, "--now", "2026-01-15T06:30:00Z") as marketo:
        config = marketo.config(start_date="2025-12-01T00:00:00Z", max_daily_export_mb=10)
        chosen = select(tap.discover(config), ["leads"])
        midnight = datetime(2026, 1, 15, 6, tzinfo=timezone.utc).timestamp()
        today = (marketo.control("GET", "clock")["epoch"] - midnight) / 60
        # 00:20 in Chicago is today, 23:50 was yesterday.
        marketo.control(
            "POST",
            "finished_jobs",
            {"object": "leads", "bytes": 99_000_000, "minutes_ago": today + 10},
        )
        tap.sync(config, chosen, Target())
        marketo.control(
            "POST", "finished_jobs", {"object": "leads", "bytes": 99_000_000, "minutes_ago": 2}
        )
        done = tap.run(config, chosen)
        assert done.code == 3
        assert "The next run can continue at 2026-01-16T06:00:00Z" in done.critical[0]


def test_a_quota_spent_by_others_ends_the_same_way(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, on_quota="stop")
        chosen = select(tap.discover(config), ["leads", "lists"])
        marketo.control("POST", "usage", {"foreign_bytes": 500_000_000})
        target = Target()
        done = tap.sync(config, chosen, target)
        assert "Export daily quota exceeded" in done.stderr
        assert "The next run can continue at 2026-06-16T05:00:00Z" in done.stderr
        assert not done.critical
        assert len(target.rows("lists")) > 300
        assert not target.rows("leads")
        marketo.advance(days=1)
        tap.sync(config, chosen, target)
        assert target.rows("leads")


def test_spent_calls_are_no_errors(tap: Tap) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(max_daily_calls=500)
        chosen = select(tap.discover(config))
        marketo.control("POST", "usage", {"foreign_calls": 600})
        assert tap.run(config, chosen).code == 3
        config["on_quota"] = "stop"
        stopped = tap.run(config, chosen)
        assert stopped.code == 0
        assert "max_daily_calls" in stopped.stderr
        marketo.heal()
        marketo.fault("campaigns", "error", None, code="607", message="Daily quota reached")
        config["max_daily_calls"] = 40000
        assert tap.run(config, chosen).code == 0
        config["on_quota"] = "fail"
        refused = tap.run(config, chosen)
        assert refused.code == 3
        assert "607" in refused.critical[0]


def test_jobs_of_streams_that_fell_away_are_cancelled(tap: Tap) -> None:
    with account(*DATA, "--export-minutes", "600") as marketo:
        config = marketo.config(start_date="2026-06-01T00:00:00Z")
        catalog = tap.discover(config)
        chosen = select(catalog, ["leads", "activities_visit_webpage"])
        command = tap.command(config, chosen)
        state = state_with_jobs(command)
        assert set(state["exports"]) == {"leads", "activities"}
        only = select(catalog, ["activity_types"])
        target = Target(state=state)
        tap.sync(config, only, target)
        statuses = [j["status"] for j in marketo.counters()["jobs"] if j["filter"]]
        assert statuses.count("Cancelled") == 3  # the trial of discovery and these two
        assert target.state is not None
        assert "exports" not in target.state


def test_each_family_has_a_place_before_any_has_two(tap: Tap) -> None:
    streams = ["leads", "program_members", "activities_visit_webpage", "custom_object_car_c"]
    with account(*DATA, "--export-minutes", "600") as marketo:
        config = marketo.config(start_date=START)
        chosen = select(tap.discover(config), streams)
        marketo.control("POST", "reset_counters")
        state = state_with_jobs(tap.command(config, chosen), len(streams))
        assert {name: len(jobs) for name, jobs in state["exports"].items()} == dict.fromkeys(
            ["leads", "activities", "program_members", "custom_object_car_c"], 1
        )
