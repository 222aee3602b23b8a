"""What Marketo deletes: read first where days are too small, not asked for where it is gone."""

from __future__ import annotations

import itertools
import random
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import discovered, jobs, span
from tests.end_to_end.test_kill import CLOSED, cut_run
from tests.harness import SOAK, Account, Run, Tap, Target, account, select

# Two types that are kept for 90 days, and one that is for 25 months.
SENT, VISITS, OPENED = "activities_send_email", "activities_visit_webpage", "activities_open_email"
LEADS_MADE = "activities_new_lead"
NUMBERS = {VISITS: 1, SENT: 6, OPENED: 10, LEADS_MADE: 12}
START = "2025-10-01T00:00:00Z"
DAY = timedelta(days=1)
TODAY = datetime(2026, 6, 15, tzinfo=timezone.utc)
DATA = [
    "--leads", "100", "--activities", "2500", "--activity-types", "16", "--history-days", "280",
    "--late-share", "0", "--program-members", "0", "--list-memberships", "0",
    "--deleted-leads", "0",
]  # fmt: skip


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def days_ago(days: float) -> str:
    return (TODAY - days * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def chosen(tap_options: Sequence[str], streams: Sequence[str]) -> dict[str, Any]:
    return select(discovered(*tap_options), streams)


def of_stream(marketo: Account, stream: str, since: str) -> list[dict[str, Any]]:
    return [row for row in marketo.activities([NUMBERS[stream]]) if row["activityDate"] >= since]


@dataclass
class Promised(Target):
    """A target that takes each STATE at its word.

    Attributes:
        held: what Marketo has of each stream that is read.
        aheads: what each STATE that came said to be read ahead of a bookmark.
    """

    held: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    aheads: list[tuple[str, str]] = field(default_factory=list)

    def take(self, lines: Sequence[str]) -> None:
        for line in lines:
            super().take([line])
            if self.last["type"] == "STATE":
                self._check(self.last["value"].get("bookmarks", {}))

    def _check(self, bookmarks: Mapping[str, Any]) -> None:
        for stream, marks in bookmarks.items():
            spans = [(START, marks["activityDate"])] if "activityDate" in marks else []
            if ahead := marks.get("ahead"):
                assert ahead["start"] < ahead["end"]
                spans.append((ahead["start"], ahead["end"]))
                self.aheads.append(spans[-1])
            there = {key for (key,) in self.tables.get(stream, {})}
            for row in self.held[stream]:
                date = moment(row["activityDate"])
                for start, end in spans:
                    if moment(start) <= date < moment(end):
                        assert row["marketoGUID"] in there, f"{stream}: {spans} without {date}"


def promised(marketo: Account, streams: Sequence[str]) -> Promised:
    return Promised(held={stream: of_stream(marketo, stream, START) for stream in streams})


def windows(marketo: Account) -> list[tuple[datetime, datetime]]:
    """The windows of the exports of activities, in the order in which they were made."""
    made = sorted(jobs(marketo, "activities"), key=lambda job: job["created"])
    return [(moment(start), moment(end)) for start, end in map(span, made)]


def test_the_days_that_expire_next_come_first_where_a_day_is_too_small(tap: Tap) -> None:
    options = [*DATA, "--activities-kept-months", "25"]
    streams = [SENT, VISITS, OPENED]
    with account(*options) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=0.02)
        catalog, target = chosen(options, streams), Target()
        held = {stream: of_stream(marketo, stream, days_ago(88)) for stream in (SENT, VISITS)}
        ends: list[int] = []
        for _ in range(12):
            done = tap.run(config, catalog, target.state)
            target.take(done.lines)
            ends.append(len(windows(marketo)))
            if done.code == 0:
                break
            assert done.code == 3, done.stderr
            marketo.advance(days=1)
        else:
            raise AssertionError("it is never done")
        assert len(ends) > 3
        made = windows(marketo)
        # Until the first file is read nothing is known; then what expires comes, then now.
        first = next(place for place, (start, _) in enumerate(made) if start >= TODAY - 90 * DAY)
        assert first < ends[0]
        assert made[first][0] == TODAY - 90 * DAY
        newer = [window for window in made[first:] if window[0] >= TODAY - 90 * DAY]
        assert newer == sorted(newer)
        older = [window for window in made if window[0] < TODAY - 90 * DAY]
        assert older == sorted(older)
        reached_now = next(place for place, (_, end) in enumerate(made) if end > TODAY)
        assert all(window in newer for window in made[first : reached_now + 1])
        assert older[-1] in made[reached_now + 1 :]
        # Nothing that was there at first has expired before it was read.
        for stream, rows in held.items():
            assert len(rows) > 50
            there = {row["marketoGUID"] for row in target.rows(stream)}
            assert there >= {row["marketoGUID"] for row in rows}
        truth = expected.activities(marketo, catalog, START)
        for stream in streams:
            table = expected.table(target, stream)
            assert truth[stream].items() <= table.items()
        assert target.state
        assert all("ahead" in marks for marks in target.state["bookmarks"].values())
        assert not any(marks["ahead"] for marks in target.state["bookmarks"].values())


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("megabytes", "streams"), [(500, (SENT, OPENED)), (0.06, (OPENED, LEADS_MADE))]
)
def test_the_order_is_by_date_where_a_day_holds_all_or_nothing_expires(
    tap: Tap, megabytes: float, streams: tuple[str, str]
) -> None:
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=megabytes, on_quota="stop")
        target = promised(marketo, streams)
        for _ in range(6):
            done = tap.sync(config, chosen(DATA, streams), target)
            if "Left to do" not in done.stderr:
                break
            marketo.advance(days=1)
        made = windows(marketo)
        assert made == sorted(made)
        assert len(made) > 3
        assert not target.aheads
        assert all("ahead" not in marks for marks in (target.state or {})["bookmarks"].values())


@pytest.mark.parametrize("seed", range(20) if SOAK else range(1))
def test_whatever_cuts_a_sync_of_days_short_every_state_is_true(tap: Tap, seed: int) -> None:
    rng = random.Random(seed)
    streams = [SENT, VISITS, OPENED, LEADS_MADE]
    with account(*DATA, "--seed", str(seed)) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=0.08)
        target = promised(marketo, streams)
        some = chosen([*DATA, "--seed", str(seed)], streams[1:])
        everything = chosen([*DATA, "--seed", str(seed)], streams)
        for run in itertools.count():
            assert run < 60, "it is never done"
            # A stream is deselected now and then, and one is selected later than the others.
            catalog = everything if run > 3 and rng.random() < 0.8 else some
            how = rng.choice([signal.SIGKILL, signal.SIGTERM, CLOSED])
            command = tap.command(config, catalog, target.state)
            ending = cut_run(marketo, command, how, float("inf"), rng.randint(5, 15 + 3 * run))
            marketo.heal()
            assert "Traceback" not in ending.log
            target.take(ending.lines)
            if ending.is_whole and ending.code == 3:
                marketo.advance(days=1)
            elif ending.is_whole and ending.code == 0 and catalog is everything:
                break
        assert target.aheads
        truth = expected.activities(marketo, everything, START)
        for stream in streams:
            assert truth[stream]
            assert expected.table(target, stream) == truth[stream]


def test_jobs_ahead_of_the_bookmark_that_a_killed_run_left_are_read_by_the_next(tap: Tap) -> None:
    streams = [SENT, OPENED]
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=0.06)
        target, catalog = promised(marketo, streams), chosen(DATA, streams)
        for calls in range(12, 60, 2):
            command = tap.command(config, catalog, target.state)
            ending = cut_run(marketo, command, signal.SIGKILL, float("inf"), calls)
            marketo.heal()
            target.take(ending.lines)
            left = (target.state or {}).get("exports", {}).get("activities", [])
            ahead = [each for each in left if moment(each["start"]) >= TODAY - 90 * DAY]
            if ahead:
                break
        else:
            raise AssertionError("no run was killed with such a job under way")
        made = len(jobs(marketo))
        done = tap.run(config, catalog, target.state)
        target.take(done.lines)
        assert f"Resuming the activities export {ahead[0]['export_id']}" in done.stderr
        again = [
            job["exportId"] for job in jobs(marketo)[made:] if span(job)[0] == ahead[0]["start"]
        ]
        assert not again
        assert target.aheads


def test_a_version_that_knows_nothing_of_it_goes_on_from_the_bookmark(tap: Tap) -> None:
    """And what it has read since is not read again for lying behind what was ahead."""
    streams = [SENT, OPENED]
    with account(*DATA) as marketo:
        config = marketo.config(start_date=START, max_daily_export_mb=0.06)
        target, catalog = promised(marketo, streams), chosen(DATA, streams)
        target.take(tap.run(config, catalog).lines)
        assert target.aheads
        assert target.state
        for marks in target.state["bookmarks"].values():
            # As such a version leaves it: it moves the bookmark, and keeps what it does not know.
            ahead = moment(marks["ahead"]["start"])
            marks["activityDate"] = marks["settled"] = (ahead + 3 * DAY).isoformat()
            for stream in streams:
                target.tables[stream].update(
                    {
                        (row["marketoGUID"],): row
                        for row in target.held[stream]
                        if moment(row["activityDate"]) < ahead
                    }
                )
        config["max_daily_export_mb"] = 500
        made = len(jobs(marketo))
        marketo.advance(days=1)
        tap.sync(config, catalog, target)
        assert min(windows(marketo)[made:])[0] > TODAY - 90 * DAY
        for stream in streams:
            assert len(target.rows(stream)) == len(of_stream(marketo, stream, START))


def test_nothing_is_asked_for_that_cannot_be_there(tap: Tap) -> None:
    data = [
        "--leads", "200", "--activities", "1500", "--activity-types", "16", "--history-days",
        "1260", "--late-share", "0", "--program-members", "0", "--list-memberships", "0",
        "--activities-kept-months", "37",
    ]  # fmt: skip
    begin, horizon = "2023-01-10T00:00:00Z", "2023-04-15T00:00:00Z"
    with account(*data) as marketo:
        streams = [OPENED, SENT, LEADS_MADE]
        config, target = marketo.config(start_date=begin), Target()
        tap.sync(config, chosen(data, streams), target)
        made = jobs(marketo, "activities")
        early = [job for job in made if span(job)[1] <= horizon]
        assert min(span(job)[0] for job in made) == begin
        assert {tuple(job["filter"]["activityTypeIds"]) for job in early} == {
            (NUMBERS[LEADS_MADE],)
        }
        late = [job for job in made if job not in early]
        assert min(span(job)[0] for job in late) == horizon
        assert {len(job["filter"]["activityTypeIds"]) for job in late} == {3}
        truth = expected.activities(marketo, chosen(data, streams), begin)
        for stream in streams:
            assert truth[stream]
            assert expected.table(target, stream) == truth[stream]
        # Where New Lead is not selected nothing is asked for, not of an old bookmark either.
        marketo.control("POST", "reset_counters")
        again = Target(state={"bookmarks": {SENT: {"activityDate": "2023-02-01T00:00:00+00:00"}}})
        tap.sync(config, chosen(data, [OPENED, SENT]), again)
        assert min(span(job)[0] for job in jobs(marketo, "activities")) == horizon
        assert expected.table(again, SENT) == truth[SENT]
        marketo.control("POST", "reset_counters")
        config["activities_kept_months"] = 0
        tap.sync(config, chosen(data, [OPENED]), Target())
        assert min(span(job)[0] for job in jobs(marketo, "activities")) == begin


def warnings(run: Run) -> list[str]:
    """The WARNING lines about streams."""
    lines = [line for line in run.stderr.split("\n") if line.startswith("WARNING activities_")]
    return [line.removeprefix("WARNING ") for line in lines]


def test_a_pause_longer_than_a_type_is_kept_is_said_once_for_all_streams_of_a_gap(
    tap: Tap,
) -> None:
    streams = ["activities_email_delivered", SENT, VISITS, OPENED, LEADS_MADE]
    # By the earlier clock of the two the time is told: this machine's must not be that.
    some = [*DATA, "--activities", "300", "--now", "2022-06-15T12:00:00Z"]
    with account(*some) as marketo:
        config, target = marketo.config(start_date="2022-06-01T00:00:00Z"), Target()
        catalog = chosen(some, streams)
        assert not warnings(tap.sync(config, catalog, target))
        # In time, all of them.
        marketo.advance(days=89)
        assert not warnings(tap.sync(config, catalog, target))
        marketo.advance(days=120)
        (line,) = warnings(tap.sync(config, catalog, target))
        assert line.startswith(
            "activities_visit_webpage, activities_send_email, activities_email_delivered: last "
            "read up to 2022-09-12T12:"
        )
        assert "Marketo keeps these activities for 90 days. Those dated from 2022-09-12T12" in line
        assert "to 2022-10-12T1" in line
        assert "may be missing" in line
        assert not warnings(tap.sync(config, catalog, target))
        marketo.advance(days=800)
        frequent, others = warnings(tap.sync(config, catalog, target))
        assert "for 90 days" in frequent
        assert others.startswith("activities_open_email: last read up to 2023-01-10T1")
        assert "for 25 months, or 37 with the premium option" in others


def test_a_first_sync_of_days_is_no_pause(tap: Tap) -> None:
    options = [*DATA, "--activities-kept-months", "25"]
    with account(*options) as marketo:
        config = marketo.config(start_date="2015-01-01T00:00:00Z", max_daily_export_mb=0.02)
        target, catalog = Target(), chosen(options, [SENT, OPENED])
        for _ in range(10):
            done = tap.run(config, catalog, target.state)
            target.take(done.lines)
            assert not warnings(done)
            if done.code == 0:
                break
            marketo.advance(days=1)
        assert done.code == 0


def test_plan_and_check_name_how_far_back_marketo_goes(tap: Tap) -> None:
    streams = [SENT, VISITS, OPENED, LEADS_MADE, "activities_delete_lead"]
    with account(*DATA) as marketo:
        config, catalog = marketo.config(start_date="2015-01-01"), chosen(DATA, streams)
        plan = tap.run(config, catalog, None, "--plan").stdout
        check = tap.run(config, catalog, None, "--test").stdout
        for line in (
            "activities of activities_visit_webpage, activities_send_email for 90 days: nothing",
            "activities of activities_delete_lead for 14 days: nothing from before 2026-06-01T12:0",
            "activities of activities_open_email for 25 months, or 37 with the premium option: no",
        ):
            assert line in plan
            assert line in " ".join(check.split())
        assert (
            "activities: nothing from before 2023-04-15T00:00:00Z is asked for, but of "
            "activities_new_lead, as Marketo no longer has it (activities_kept_months: 38)." in plan
        )
        # The bookmark counts where there is one.
        marks = {
            stream: {"activityDate": "2026-06-14T00:00:00+00:00"} for stream in (VISITS, OPENED)
        }
        marks[SENT] = {"activityDate": "2026-01-14T00:00:00+00:00"}
        later = tap.run(config, catalog, {"bookmarks": marks}, "--plan").stdout
        assert "90 days: nothing" not in later
        assert "25 months" not in later
        assert "activities_send_email: last read up to 2026-01-14T00:00:00Z, and Marketo" in later
        # What lies within is not worth a word.
        config["start_date"] = "2026-06-10"
        for command in ("--plan", "--test"):
            assert "for 90 days" not in tap.run(config, catalog, None, command).stdout
