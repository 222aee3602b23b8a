"""Exports beside pages: whatever shows late is read, and no older row stays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from hypothesis import given, note
from hypothesis import strategies as st

from tap_marketo.exports.cursors import DEEP_EVERY, Cursor
from tap_marketo.exports.windows import Plan, plan_rereading, plan_windows
from tap_marketo.times import Window

BEGIN = datetime(2026, 6, 30, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LOOKBACKS = (timedelta(0), HOUR, DAY, 3 * DAY)
JOB = "the job"


@dataclass
class Schedule:
    """Runs of one stream by pages and by exports, whose jobs may be taken up by later runs."""

    cursor: Cursor
    now: datetime
    left: list[Plan[str]] = field(default_factory=list)
    """The jobs of earlier runs that have not been read."""
    read: list[tuple[Window, datetime]] = field(default_factory=list)
    """What has been read, and of which time the rows were."""

    def run(self, gap: timedelta, *, by_pages: bool, is_ready: bool, is_killed: bool) -> None:
        """Let time pass, and read: by pages beside what is exported, or by exports alone."""
        self.now += gap
        lay_out = plan_rereading if by_pages else plan_windows
        plans = lay_out({"a": self.cursor}, self.left, self.now)
        self.left = []
        for place, plan in enumerate(plans):
            if by_pages and not (plan.job and is_ready):
                # Made by this run for a later one, or not done yet.
                self.left.append(plan if plan.job else replace(plan, job=JOB, made=self.now))
                continue
            made = plan.made or self.now
            self.read.append((plan.window, made))
            self.cursor = self.cursor.after(plan.window, made)
            if is_killed:
                self.left += [each for each in plans[place + 1 :] if each.job]
                return
        if by_pages:
            waiting = [plan.made - self.cursor.lookback for plan in self.left if plan.made]
            start = min([self.cursor.recent_start, *waiting])
            self.read.append((Window(start, self.now), self.now))
            self.cursor = replace(self.cursor, bookmark=self.now)

    def has_read(self, date: datetime, written: datetime) -> bool:
        """Say whether what has a date was read at a time or later."""
        return any(w.start <= date <= w.end and made >= written for w, made in self.read)


@st.composite
def schedules(draw: st.DrawFn, rows_change: bool = False) -> Schedule:
    """Runs after a first sync, more or less close to each other."""
    lookback = draw(st.sampled_from(LOOKBACKS))
    settled = BEGIN - lookback
    cursor = Cursor(BEGIN, settled, BEGIN - 40 * DAY, lookback, rows_change=rows_change)
    schedule = Schedule(cursor, BEGIN)
    schedule.read.append((Window(cursor.earliest, BEGIN), BEGIN))
    gaps = st.sampled_from((5 * MINUTE, HOUR, 6 * HOUR, DAY))
    for _ in range(draw(st.integers(1, 40))):
        note(f"{schedule.now}: {schedule.cursor}, {schedule.left}")
        schedule.run(
            draw(gaps),
            by_pages=draw(st.integers(0, 4)) > 0,
            is_ready=draw(st.booleans()),
            is_killed=draw(st.integers(0, 4)) == 0,
        )
    return schedule


def dates(schedule: Schedule) -> list[datetime]:
    """Times at which something may have happened: edges of what was read, and between."""
    edges = {edge for window, _ in schedule.read for edge in (window.start, window.end)}
    shifted = {edge + shift for edge in edges for shift in (-MINUTE, timedelta(0), MINUTE)}
    return [date for date in shifted if schedule.cursor.earliest <= date < schedule.now]


@given(schedules())
def test_whatever_shows_late_is_read_once_an_export_has_followed(schedule: Schedule) -> None:
    lookback = schedule.cursor.lookback
    for gap in (lookback + DEEP_EVERY, HOUR):
        schedule.run(gap, by_pages=True, is_ready=True, is_killed=False)
    for date in dates(schedule):
        assert schedule.has_read(date, min(date + lookback, schedule.now - 2 * HOUR)), date


@given(schedules())
def test_nothing_shows_any_more_before_the_settled_point(schedule: Schedule) -> None:
    settled = schedule.cursor.settled
    assert settled
    for date in dates(schedule):
        if date < settled:
            assert schedule.has_read(date, date + schedule.cursor.lookback), date


@given(schedules())
def test_all_that_was_there_before_the_bookmark_has_been_read(schedule: Schedule) -> None:
    assert schedule.cursor.bookmark
    for date in dates(schedule):
        if date < schedule.cursor.bookmark:
            assert schedule.has_read(date, date), date


@given(schedules(rows_change=True))
def test_what_has_changed_since_an_older_file_was_made_is_read_behind_it(
    schedule: Schedule,
) -> None:
    for place, (_, made) in enumerate(schedule.read):
        behind = schedule.read[place + 1 :]
        again = min((window.start for window, _ in behind), default=schedule.now)
        bookmark = schedule.cursor.bookmark
        assert bookmark
        # It has been read again, or the next run begins there.
        assert made >= min(again, bookmark) or made >= schedule.now


def test_a_job_that_waits_is_the_only_one() -> None:
    cursor = Cursor(BEGIN, BEGIN - 3 * DAY, BEGIN - 40 * DAY, DAY)
    none: list[Plan[str]] = []
    (plan,) = plan_rereading({"a": cursor, "b": cursor}, none, BEGIN)
    assert plan == Plan(Window(BEGIN - 3 * DAY, BEGIN), ("a", "b"))
    made = replace(plan, job=JOB, made=BEGIN)
    assert plan_rereading({"a": cursor, "b": cursor}, [made], BEGIN + HOUR) == [made]


def test_between_two_exports_there_is_nothing_to_export() -> None:
    cursor = Cursor(BEGIN, BEGIN - DAY - DEEP_EVERY + MINUTE, BEGIN - 40 * DAY, DAY)
    assert plan_rereading({"a": cursor}, [], BEGIN) == []
    left = Plan(Window(BEGIN - 5 * DAY, BEGIN - 4 * DAY), ("a",), JOB, BEGIN - 4 * DAY)
    assert plan_rereading({"a": cursor}, [left], BEGIN) == []
