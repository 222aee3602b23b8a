"""Windows: no gap, no overlap, nothing past now, shared wherever streams stand together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tap_marketo.exports.cursors import DEEP_EVERY, Cursor
from tap_marketo.exports.windows import TOGETHER, Plan, cursors_after, expiring_first, plan_windows
from tap_marketo.times import Window, whole_seconds

NOW = datetime(2026, 6, 30, 12, 0, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
MONTH = timedelta(days=30)
STREAMS = ("a", "b", "c", "d")


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


def cursor(
    bookmark: datetime | None,
    settled: datetime | None = None,
    earliest: datetime | None = None,
    lookback: timedelta = timedelta(0),
) -> Cursor:
    return Cursor(bookmark, settled, earliest or ago(days=365), lookback)


def plan(
    cursors: dict[str, Cursor],
    adopted: list[Plan[str]] | None = None,
    longest: timedelta = MONTH,
) -> list[Plan[str]]:
    """Plan, with stretches cut into jobs, whose streams are in alphabetical order.

    The order of streams has no meaning.
    """
    plans = plan_windows(cursors, adopted or [], NOW)
    return [
        Plan(p.window, tuple(sorted(p.streams)), p.job)
        for whole in plans
        for p in cut(whole, longest)
    ]


def cut(whole: Plan[str], longest: timedelta) -> Iterator[Plan[str]]:
    """Cut a stretch into windows as a run does, where nothing is known of their costs."""
    rest: Window | None = whole.window
    while rest and whole.job is None:
        window = rest.first(longest)
        yield replace(whole, window=window)
        rest = rest.after(window)
    if whole.job is not None:
        yield whole


def moments(first_hours: int = -1500, last_hours: int = 48) -> st.SearchStrategy[datetime]:
    return st.integers(first_hours * 3600, last_hours * 3600).map(
        lambda seconds: NOW + timedelta(seconds=seconds)
    )


def durations(low: timedelta, high: timedelta) -> st.SearchStrategy[timedelta]:
    return st.integers(int(low.total_seconds()), int(high.total_seconds())).map(
        lambda seconds: timedelta(seconds=seconds)
    )


@st.composite
def situations(
    draw: st.DrawFn,
) -> tuple[dict[str, Cursor], list[Plan[str]], timedelta]:
    """Streams anywhere, and jobs left over that join on, leave gaps, or are out of date."""
    earliest = draw(moments(last_hours=0))
    streams = draw(st.lists(st.sampled_from(STREAMS), min_size=1, unique=True))
    near = draw(moments(last_hours=0))
    cursors = {
        stream: Cursor(
            draw(st.none() | moments() | st.just(near) | st.just(near + 3 * HOUR)),
            draw(st.none() | moments()),
            draw(st.just(earliest) | moments(last_hours=1)),
            draw(st.sampled_from((timedelta(0), DAY)) | durations(timedelta(0), 3 * DAY)),
        )
        for stream in streams
    }
    joints = [s.bookmark or s.earliest for s in cursors.values()]
    adopted: list[Plan[str]] = []
    for number in range(draw(st.integers(0, 4))):
        start = draw(st.sampled_from(joints) | moments(last_hours=0))
        end = start + draw(durations(timedelta(seconds=1), MONTH))
        served = draw(st.lists(st.sampled_from((*STREAMS, "gone")), min_size=1, unique=True))
        adopted.append(Plan(Window(start, end), tuple(served), f"job {number}"))
        joints.append(end)
    return cursors, draw(st.permutations(adopted)), draw(durations(12 * HOUR, 31 * DAY))


@given(situations())
def test_windows_of_each_stream_begin_at_its_bookmark_leave_no_gap_and_reach_now(
    situation: tuple[dict[str, Cursor], list[Plan[str]], timedelta],
) -> None:
    cursors, adopted, longest = situation
    plans = plan(cursors, adopted, longest)
    for stream, where in cursors.items():
        reached = where.bookmark or where.earliest
        for mine in (p for p in plans if stream in p.streams):
            assert mine.window.start <= reached
            reached = max(reached, mine.window.end)
        assert reached >= NOW


@given(situations())
def test_new_windows_are_never_too_long_nor_empty_nor_past_now_and_never_overlap(
    situation: tuple[dict[str, Cursor], list[Plan[str]], timedelta],
) -> None:
    cursors, adopted, longest = situation
    new = [p for p in plan(cursors, adopted, longest) if p.job is None]
    for p in new:
        assert timedelta(0) < p.window.end - p.window.start <= longest
        assert p.window.end <= NOW
        assert p.streams
    # Streams that stand together share windows: a moment is exported by one new job at most.
    for earlier, later in itertools.pairwise(new):
        assert earlier.window.end <= later.window.start


@given(situations())
def test_adopted_jobs_keep_window_and_job_come_first_and_in_date_order_per_stream(
    situation: tuple[dict[str, Cursor], list[Plan[str]], timedelta],
) -> None:
    cursors, adopted, longest = situation
    plans = plan(cursors, adopted, longest)
    kept = [p for p in plans if p.job is not None]
    assert plans[: len(kept)] == kept
    offered = {p.job: p for p in adopted}
    for p in kept:
        assert p.window == offered[p.job].window
        assert set(p.streams) <= set(offered[p.job].streams) & set(cursors)
    for stream in cursors:
        ends = [p.window.end for p in kept if stream in p.streams]
        assert ends == sorted(set(ends))


@given(situations())
def test_the_first_new_window_begins_where_its_stream_begins_to_read_or_less_than_a_day_before(
    situation: tuple[dict[str, Cursor], list[Plan[str]], timedelta],
) -> None:
    cursors, adopted, longest = situation
    plans = plan(cursors, adopted, longest)
    for stream, where in cursors.items():
        mine = [p for p in plans if stream in p.streams]
        reached = where
        for p in (p for p in mine if p.job):
            reached = reached.after(p.window, None)
        wanted = reached.start(NOW)
        new = [p.window.start for p in mine if p.job is None]
        if wanted < NOW:
            assert wanted - TOGETHER < new[0] <= wanted
        elif new:
            assert wanted - TOGETHER < new[0]


def test_streams_that_stand_together_share_one_stretch_up_to_now() -> None:
    assert plan_windows({"a": cursor(None), "b": cursor(None)}, [], NOW) == [
        Plan(Window(ago(days=365), NOW), ("a", "b"))
    ]


@given(durations(SECOND, 400 * DAY), st.lists(durations(SECOND, 40 * DAY), min_size=1))
def test_a_stretch_is_cut_without_a_gap_whatever_the_lengths(
    whole: timedelta, lengths: list[timedelta]
) -> None:
    rest: Window | None = Window(NOW - whole, NOW)
    reached = NOW - whole
    for length in lengths:
        if rest is None:
            break
        first = rest.first(length)
        assert first.start == reached
        assert timedelta(0) < first.length <= length
        reached, rest = first.end, rest.after(first)
    assert reached == NOW if rest is None else rest == Window(reached, NOW)


def test_a_year_is_cut_into_longest_windows_that_begin_where_the_one_before_ended() -> None:
    plans = plan({"a": cursor(None, earliest=ago(days=70))})
    assert [p.window for p in plans] == [
        Window(ago(days=70), ago(days=40)),
        Window(ago(days=40), ago(days=10)),
        Window(ago(days=10), NOW),
    ]


def test_streams_less_than_a_day_apart_share_every_window_from_the_earliest_of_them() -> None:
    plans = plan({"a": cursor(ago(days=2)), "b": cursor(ago(days=2) + DAY - timedelta(seconds=1))})
    assert plans == [Plan(Window(ago(days=2), NOW), ("a", "b"))]


def test_streams_a_day_apart_do_not_share_the_earlier_day() -> None:
    plans = plan({"a": cursor(ago(days=2)), "b": cursor(ago(days=1))})
    assert plans == [
        Plan(Window(ago(days=2), ago(days=1)), ("a",)),
        Plan(Window(ago(days=1), NOW), ("a", "b")),
    ]


def test_a_laggard_catches_up_alone_and_then_travels_with_the_others() -> None:
    plans = plan({"a": cursor(ago(days=3)), "late": cursor(ago(days=50)), "b": cursor(ago(days=3))})
    assert plans == [
        Plan(Window(ago(days=50), ago(days=20)), ("late",)),
        Plan(Window(ago(days=20), ago(days=3)), ("late",)),
        Plan(Window(ago(days=3), NOW), ("a", "b", "late")),
    ]


def test_streams_each_near_the_next_do_not_drag_the_last_back_more_than_a_day() -> None:
    cursors = {name: cursor(ago(hours=60 - 20 * n)) for n, name in enumerate("abc")}
    plans = plan(cursors)
    assert plans == [
        Plan(Window(ago(hours=60), ago(hours=20)), ("a", "b")),
        Plan(Window(ago(hours=20), NOW), ("a", "b", "c")),
    ]


def test_a_stream_never_synced_begins_at_start_date_without_lookback() -> None:
    plans = plan({"a": cursor(None, earliest=ago(days=4), lookback=DAY)})
    assert plans == [Plan(Window(ago(days=4), NOW), ("a",))]


def begin(where: Cursor) -> datetime:
    """Return where the plan of one stream begins."""
    return plan({"a": where})[0].window.start


def test_where_nothing_is_settled_a_run_begins_the_lookback_before_the_bookmark() -> None:
    assert begin(cursor(ago(days=5), lookback=26 * HOUR)) == ago(days=5, hours=26)
    assert begin(cursor(ago(minutes=1), lookback=26 * HOUR)) == ago(hours=26, minutes=1)


def test_a_deep_run_begins_at_the_settled_point() -> None:
    settled = ago(hours=26) - DEEP_EVERY
    assert DEEP_EVERY == 22 * HOUR + 45 * MINUTE
    assert begin(cursor(ago(hours=1), settled, lookback=26 * HOUR)) == settled
    assert begin(cursor(ago(hours=1), settled - DAY, lookback=26 * HOUR)) == settled - DAY


def test_in_between_a_run_looks_back_a_little() -> None:
    settled = ago(hours=24) - DEEP_EVERY + SECOND
    assert begin(cursor(ago(hours=1), settled, lookback=24 * HOUR)) == ago(hours=1, minutes=15)


def test_without_a_lookback_each_run_begins_at_its_bookmark() -> None:
    for settled in (None, ago(hours=1), ago(minutes=90)):
        assert begin(cursor(ago(hours=1), settled)) == ago(hours=1)


@pytest.mark.parametrize("settled", [None, ago(days=180)])
def test_lookback_stops_at_start_date(settled: datetime | None) -> None:
    where = cursor(
        ago(days=5),
        settled,
        earliest=ago(days=5, hours=2),
        lookback=DAY,
    )
    assert begin(where) == ago(days=5, hours=2)


@pytest.mark.parametrize("settled", [None, ago(days=180)])
def test_a_bookmark_before_start_date_is_not_looked_back_from_but_begun_at(
    settled: datetime | None,
) -> None:
    where = cursor(
        ago(days=5),
        settled,
        earliest=ago(days=1),
        lookback=DAY,
    )
    assert begin(where) == ago(days=5)


def test_a_bookmark_put_back_by_hand_is_begun_at_whatever_is_settled() -> None:
    assert begin(cursor(ago(days=5), ago(days=2), lookback=DAY)) == ago(days=5)


def test_a_run_begins_at_a_whole_second() -> None:
    odd = timedelta(microseconds=900)
    assert begin(cursor(ago(days=5) + odd, ago(days=6) + odd, lookback=DAY)) == ago(days=6)
    assert begin(cursor(ago(hours=1), ago(hours=30), lookback=24 * HOUR + SECOND)) == (
        ago(hours=1, minutes=15) - SECOND
    )


def test_reading_from_the_settled_point_on_settles_all_but_the_lookback() -> None:
    where = cursor(ago(hours=1), ago(hours=44), lookback=26 * HOUR)
    after = where.after(Window(ago(hours=44), NOW), NOW)
    assert after == replace(where, bookmark=NOW, settled=ago(hours=26))


@pytest.mark.parametrize("settled", [None, ago(days=9)])
def test_what_lies_before_start_date_keeps_nothing_from_being_settled(
    settled: datetime | None,
) -> None:
    # Looking back stops at start_date: what lies before it will never be read.
    where = cursor(ago(hours=1), settled, earliest=ago(hours=20), lookback=24 * HOUR)
    after = where.after(Window(begin(where), NOW), NOW)
    assert begin(where) == ago(hours=20)
    assert (after.bookmark, after.settled) == (NOW, ago(hours=24))


def test_an_old_window_that_joins_the_settled_point_is_settled_whole() -> None:
    where = cursor(ago(days=90), ago(days=90), lookback=DAY)
    after = where.after(Window(ago(days=91), ago(days=60)), NOW)
    assert (after.bookmark, after.settled) == (ago(days=60), ago(days=60))


def test_a_file_settles_only_what_was_written_when_it_was_made() -> None:
    where = cursor(ago(days=3), ago(days=4), lookback=DAY)
    after = where.after(Window(ago(days=4), ago(days=2)), ago(days=2))
    assert (after.bookmark, after.settled) == (ago(days=2), ago(days=3))


def test_reading_a_little_before_the_bookmark_settles_nothing() -> None:
    where = cursor(ago(hours=1), ago(hours=30), lookback=DAY)
    after = where.after(Window(ago(hours=2), NOW), NOW)
    assert (after.bookmark, after.settled) == (NOW, ago(hours=30))


def test_neither_bookmark_nor_settled_point_ever_moves_back() -> None:
    where = cursor(ago(hours=1), ago(hours=2), lookback=DAY)
    assert where.after(Window(ago(hours=30), ago(hours=20)), ago(hours=20)) == where


def test_a_first_read_settles_from_start_date_on() -> None:
    where = cursor(None, earliest=ago(days=70), lookback=DAY)
    first = where.after(Window(ago(days=70), ago(days=40)), NOW)
    assert (first.bookmark, first.settled) == (ago(days=40), ago(days=40))
    second = first.after(Window(ago(days=40), NOW), NOW)
    assert (second.bookmark, second.settled) == (NOW, ago(days=1))


def test_what_another_tap_left_is_settled_by_the_first_read_of_the_lookback() -> None:
    where = cursor(ago(hours=3), lookback=DAY)
    after = where.after(Window(where.start(NOW), NOW), NOW)
    assert (after.bookmark, after.settled) == (NOW, ago(days=1))


def test_what_lies_before_the_job_of_another_tap_is_taken_for_settled() -> None:
    where = cursor(ago(days=40), lookback=DAY)
    after = where.after(Window(ago(days=40), ago(days=10)), None)
    assert (after.bookmark, after.settled) == (ago(days=10), ago(days=11))


def test_what_lies_before_a_job_of_our_own_first_run_is_not_settled_by_it() -> None:
    # A run is stopped before it has read the first of its jobs, which ended at the bookmark.
    where = cursor(ago(days=2), lookback=DAY)
    job = Plan(Window(ago(days=2), ago(days=1)), ("a",), "job", ago(days=1))
    (taken_up, new) = plan({"a": where}, [job])
    assert (taken_up.job, new) == ("job", Plan(Window(ago(days=3), NOW), ("a",)))


def test_a_bookmark_at_or_past_now_needs_no_window() -> None:
    assert plan({"a": cursor(NOW), "b": cursor(NOW + HOUR)}) == []


def test_a_job_that_continues_the_bookmark_is_adopted_and_the_rest_begins_at_its_end() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": cursor(ago(days=9))}, [job]) == [
        job,
        Plan(Window(ago(days=6), NOW), ("a",)),
    ]


def test_a_job_that_begins_before_the_bookmark_is_adopted() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": cursor(ago(days=8))}, [job])[0] == job


def test_a_job_that_leaves_a_gap_after_the_bookmark_is_dropped() -> None:
    job = Plan(Window(ago(days=8), ago(days=6)), ("a",), "job")
    assert plan({"a": cursor(ago(days=9))}, [job]) == [Plan(Window(ago(days=9), NOW), ("a",))]


def test_a_job_that_leaves_a_gap_after_start_date_is_dropped_for_a_stream_never_synced() -> None:
    job = Plan(Window(ago(days=8), ago(days=6)), ("a",), "job")
    assert plan({"a": cursor(None, earliest=ago(days=9))}, [job]) == [
        Plan(Window(ago(days=9), NOW), ("a",))
    ]


@pytest.mark.parametrize("end", [ago(days=9), ago(days=10)])
def test_a_job_that_does_not_reach_past_start_date_is_dropped_for_a_stream_never_synced(
    end: datetime,
) -> None:
    job = Plan(Window(ago(days=9), end), ("a",), "job")
    where = cursor(None, earliest=ago(days=9))
    assert plan({"a": where}, [job]) == [Plan(Window(ago(days=9), NOW), ("a",))]


def test_a_job_whose_end_the_bookmark_has_reached_is_dropped() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": cursor(ago(days=6))}, [job]) == [Plan(Window(ago(days=6), NOW), ("a",))]


def test_jobs_that_continue_each_other_are_adopted_in_date_order_however_they_are_given() -> None:
    first = Plan(Window(ago(days=9), ago(days=6)), ("a",), "first")
    second = Plan(Window(ago(days=6), ago(days=3)), ("a",), "second")
    third = Plan(Window(ago(days=3), NOW), ("a",), "third")
    assert plan({"a": cursor(ago(days=9))}, [third, second, first]) == [first, second, third]


def test_a_shared_job_is_adopted_only_for_the_streams_it_continues() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a", "b", "c", "unselected"), "job")
    cursors = {
        "a": cursor(ago(days=9)),
        "b": cursor(ago(days=12)),  # a gap
        "c": cursor(ago(days=7)),
    }
    plans = plan(cursors, [job])
    assert plans[0] == Plan(job.window, ("a", "c"), "job")
    assert plans[1] == Plan(Window(ago(days=12), ago(days=6)), ("b",))
    assert plans[2] == Plan(Window(ago(days=6), NOW), ("a", "b", "c"))


def test_lookback_counts_from_the_end_of_an_adopted_job() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": cursor(ago(days=9), lookback=DAY)}, [job]) == [
        job,
        Plan(Window(ago(days=7), NOW), ("a",)),
    ]


# A whole schedule of runs, against rows that show late.


class Schedule:
    """Runs one after the other, each with the jobs that a stopped one left.

    Attributes:
        now: when the last run was.
        since: the date from which on a stream's rows have to be read. Nothing before start_date is
            looked back to.
        first: the date from which on nothing has been read of a stream before.
        cursors: where the streams stand.
        read: the windows that runs have read of each stream, each with the time at which its
            file was made.
        seconds: how long the windows were that have been read, together.
    """

    def __init__(self, cursors: dict[str, Cursor], begin: datetime, longest: timedelta) -> None:
        self.now = begin
        self.since = {s: max(cursor.start(begin), cursor.earliest) for s, cursor in cursors.items()}
        self.first = {s: cursor.bookmark or cursor.earliest for s, cursor in cursors.items()}
        self.cursors = dict(cursors)
        self.read: dict[str, list[tuple[Window, datetime]]] = {stream: [] for stream in cursors}
        self.seconds = 0.0
        self._longest = longest
        self._left: list[Plan[str]] = []

    def run(
        self,
        gap: timedelta,
        streams: Iterable[str] | None = None,
        reads: int | None = None,
        makes: int = 0,
        scarce_from: int | None = None,
    ) -> None:
        """Plan a run, and carry it out to its end or to where it is stopped.

        Args:
            gap: since the run before.
            streams: which are selected; None for all.
            reads: how many jobs are read before the run is stopped; None for all.
            makes: how many more it has made by then, for the next run to take up.
            scarce_from: after so many jobs it finds that the day does not hold all; None if not.
        """
        self.now += gap
        selected = {
            s: cursor for s, cursor in self.cursors.items() if streams is None or s in streams
        }
        since = self.now - KEPT
        stretches = plan_windows(selected, self._left, self.now, since)
        plans = [p for whole in stretches for p in cut(whole, self._longest)]
        if scarce_from is not None:
            adopted = sum(p.job is not None for p in plans)
            made, rest = plans[: adopted + scarce_from], plans[adopted + scarce_from :]
            reached = cursors_after(selected, made)
            rest = expiring_first(rest, reached, set(selected), since, self.now - SOON)
            plans = [*made, *(p for whole in rest for p in cut(whole, self._longest))]
        # At worst a file shows no more than what was there when its job was made.
        jobs = [p if p.job else replace(p, job="job", made=self.now) for p in plans]
        done = len(jobs) if reads is None else reads
        for job in jobs[:done]:
            assert job.made
            self.seconds += (job.window.end - job.window.start).total_seconds()
            for stream in job.streams:
                self.cursors[stream] = self.cursors[stream].after(job.window, job.made)
                self.read[stream].append((job.window, job.made))
        self._left = jobs[done : done + makes]

    def has_read(self, stream: str, date: datetime, written: datetime) -> bool:
        """Say whether a row of this date, written at this time, has been read."""
        return any(
            window.start <= date <= window.end and written <= made
            for window, made in self.read[stream]
        )

    def dates(self, stream: str) -> set[datetime]:
        """Return dates of rows that are easily lost, and some between."""
        edges = {self.since[stream], self.now, self.cursors[stream].settled or self.now}
        for window, made in self.read[stream]:
            lookback = self.cursors[stream].lookback
            edges.update((window.start, window.end, made, made - lookback, window.end - lookback))
        spread = (self.now - self.since[stream]) / 20
        edges.update(whole_seconds(self.since[stream] + spread * n) for n in range(20))
        near = {edge + shift for edge in edges for shift in (-SECOND, timedelta(0), SECOND)}
        return {date for date in near if self.since[stream] <= date <= self.now}


BEGIN = datetime(2026, 3, 1, tzinfo=timezone.utc)
# How long what expires is kept, and how long before it is read first.
KEPT, SOON = timedelta(days=8), timedelta(days=3)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Runs over two streams, each never synced or left by another tap.

    Any may be stopped, or find at any time that a day does not hold all.
    """
    lookback = draw(st.sampled_from((timedelta(0), HOUR, DAY)) | durations(timedelta(0), 3 * DAY))
    spans = durations(20 * DAY, 40 * DAY) | durations(timedelta(0), 40 * DAY)
    earliest = BEGIN - draw(spans)
    before = spans.map(lambda span: BEGIN - span)
    cursors = {
        stream: Cursor(draw(st.none() | st.just(BEGIN - HOUR) | before), None, earliest, lookback)
        for stream in ("a", "b")
    }
    schedule = Schedule(cursors, BEGIN, draw(st.sampled_from((DAY, 2 * DAY, MONTH))))
    gaps = st.sampled_from((15 * MINUTE, HOUR, 18 * HOUR, DAY)) | durations(15 * MINUTE, 3 * DAY)
    for _ in range(draw(st.integers(1, 12))):
        streams = draw(st.sampled_from(("a", "b", "ab", "ab", "ab")))
        stopped_after = draw(st.none() | st.integers(0, 3) | st.integers(0, 9))
        scarce_from = draw(st.none() | st.integers(0, 2))
        note(f"{schedule.now}: {schedule.cursors}")
        schedule.run(draw(gaps), streams, stopped_after, draw(st.integers(0, 4)), scarce_from)
    return schedule


@given(schedules())
def test_every_row_is_read_after_it_was_written_once_a_deep_run_has_followed(
    schedule: Schedule,
) -> None:
    schedule.run(max(cursor.lookback for cursor in schedule.cursors.values()) + DEEP_EVERY)
    for stream, where in schedule.cursors.items():
        assert where.bookmark == schedule.now
        for date in schedule.dates(stream):
            last_written = min(date + where.lookback, schedule.now)
            assert schedule.has_read(stream, date, last_written), (stream, date, last_written)


@given(schedules())
def test_nothing_shows_any_more_before_the_settled_point(schedule: Schedule) -> None:
    for stream, where in schedule.cursors.items():
        for date in schedule.dates(stream):
            if where.settled is not None and date < where.settled:
                last_written = date + where.lookback
                assert schedule.has_read(stream, date, last_written), (stream, date)


@given(schedules())
def test_all_that_was_there_before_the_bookmark_has_been_read(schedule: Schedule) -> None:
    for stream, where in schedule.cursors.items():
        for date in schedule.dates(stream):
            if schedule.first[stream] <= date < (where.bookmark or where.earliest):
                assert schedule.has_read(stream, date, date), (stream, date)


@given(schedules())
def test_all_that_was_there_of_what_is_ahead_has_been_read(schedule: Schedule) -> None:
    for stream, where in schedule.cursors.items():
        if where.ahead is None:
            continue
        assert where.bookmark
        assert where.bookmark < where.ahead.earliest < where.ahead.reached <= schedule.now
        for date in schedule.dates(stream):
            last_written = date
            if where.ahead.settled and date < where.ahead.settled:
                last_written = date + where.lookback
            if where.ahead.earliest <= date < where.ahead.reached:
                assert schedule.has_read(stream, date, last_written), (stream, date)


@pytest.mark.parametrize("every", [HOUR, 2 * HOUR, 6 * HOUR, DAY])
def test_looking_back_makes_a_schedule_read_at_most_four_times_what_passes(
    every: timedelta,
) -> None:
    cursors = {"a": Cursor(BEGIN - every, None, BEGIN - 90 * DAY, DAY)}
    schedule = Schedule(cursors, BEGIN, MONTH)
    for _ in range(5 * DAY // every):
        schedule.run(every)
    passed = (schedule.now - BEGIN).total_seconds()
    # At least twice: a day of look-back is read each day.
    assert 1.8 * passed < schedule.seconds < 4 * passed
