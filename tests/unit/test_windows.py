"""Windows: no gap, no overlap, nothing past now, shared wherever streams stand together."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.windows import TOGETHER, Plan, Stand, Window, plan_windows

NOW = datetime(2026, 6, 30, 12, 0, 0, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
STREAMS = ("a", "b", "c", "d")


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


def stand(
    bookmark: datetime | None, earliest: datetime | None = None, lookback: timedelta = timedelta(0)
) -> Stand:
    return Stand(bookmark, earliest or ago(days=365), lookback)


def plan(
    stands: dict[str, Stand],
    adopted: list[Plan[str]] | None = None,
    longest: timedelta = MONTH,
) -> list[Plan[str]]:
    """Plan, with each job's streams in alphabetical order: their order has no meaning."""
    plans = plan_windows(stands, adopted or [], NOW, longest)
    return [Plan(p.window, tuple(sorted(p.streams)), p.job) for p in plans]


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
) -> tuple[dict[str, Stand], list[Plan[str]], timedelta]:
    """Streams anywhere, and jobs left over that join on, leave gaps, or are out of date."""
    earliest = draw(moments(last_hours=0))
    streams = draw(st.lists(st.sampled_from(STREAMS), min_size=1, unique=True))
    near = draw(moments(last_hours=0))
    stands = {
        stream: Stand(
            draw(st.none() | moments() | st.just(near) | st.just(near + 3 * HOUR)),
            draw(st.just(earliest) | moments(last_hours=1)),
            draw(st.sampled_from((timedelta(0), DAY)) | durations(timedelta(0), 3 * DAY)),
        )
        for stream in streams
    }
    joints = [s.bookmark or s.earliest for s in stands.values()]
    adopted: list[Plan[str]] = []
    for number in range(draw(st.integers(0, 4))):
        start = draw(st.sampled_from(joints) | moments(last_hours=0))
        end = start + draw(durations(timedelta(seconds=1), MONTH))
        served = draw(st.lists(st.sampled_from((*STREAMS, "gone")), min_size=1, unique=True))
        adopted.append(Plan(Window(start, end), tuple(served), f"job {number}"))
        joints.append(end)
    return stands, draw(st.permutations(adopted)), draw(durations(12 * HOUR, 31 * DAY))


@given(situations())
def test_windows_of_each_stream_begin_at_its_bookmark_leave_no_gap_and_reach_now(
    situation: tuple[dict[str, Stand], list[Plan[str]], timedelta],
) -> None:
    stands, adopted, longest = situation
    plans = plan(stands, adopted, longest)
    for stream, where in stands.items():
        reached = where.bookmark or where.earliest
        for mine in (p for p in plans if stream in p.streams):
            assert mine.window.start <= reached
            reached = max(reached, mine.window.end)
        assert reached >= NOW


@given(situations())
def test_new_windows_are_never_too_long_nor_empty_nor_past_now_and_never_overlap(
    situation: tuple[dict[str, Stand], list[Plan[str]], timedelta],
) -> None:
    stands, adopted, longest = situation
    new = [p for p in plan(stands, adopted, longest) if p.job is None]
    for p in new:
        assert timedelta(0) < p.window.end - p.window.start <= longest
        assert p.window.end <= NOW
        assert p.streams
    # Streams that stand together share windows: a moment is exported by one new job at most.
    for earlier, later in itertools.pairwise(new):
        assert earlier.window.end <= later.window.start


@given(situations())
def test_adopted_jobs_keep_window_and_job_come_first_and_in_date_order_per_stream(
    situation: tuple[dict[str, Stand], list[Plan[str]], timedelta],
) -> None:
    stands, adopted, longest = situation
    plans = plan(stands, adopted, longest)
    kept = [p for p in plans if p.job is not None]
    assert plans[: len(kept)] == kept
    offered = {p.job: p for p in adopted}
    for p in kept:
        assert p.window == offered[p.job].window
        assert set(p.streams) <= set(offered[p.job].streams) & set(stands)
    for stream in stands:
        ends = [p.window.end for p in kept if stream in p.streams]
        assert ends == sorted(set(ends))


@given(situations())
def test_first_new_window_looks_back_as_told_and_less_than_a_day_more(
    situation: tuple[dict[str, Stand], list[Plan[str]], timedelta],
) -> None:
    stands, adopted, longest = situation
    plans = plan(stands, adopted, longest)
    for stream, where in stands.items():
        mine = [p for p in plans if stream in p.streams]
        reached = max((p.window.end for p in mine if p.job), default=where.bookmark)
        new = [p.window.start for p in mine if p.job is None]
        if reached is None:
            wanted = where.earliest
        else:
            wanted = min(reached, max(where.earliest, reached - where.lookback))
        if wanted < NOW:
            assert wanted - TOGETHER < new[0] <= wanted
        elif new:
            assert wanted - TOGETHER < new[0]


def test_a_year_is_cut_into_longest_windows_that_begin_where_the_one_before_ended() -> None:
    plans = plan({"a": stand(None, ago(days=70))})
    assert [p.window for p in plans] == [
        Window(ago(days=70), ago(days=40)),
        Window(ago(days=40), ago(days=10)),
        Window(ago(days=10), NOW),
    ]


def test_streams_less_than_a_day_apart_share_every_window_from_the_earliest_of_them() -> None:
    plans = plan({"a": stand(ago(days=2)), "b": stand(ago(days=2) + DAY - timedelta(seconds=1))})
    assert plans == [Plan(Window(ago(days=2), NOW), ("a", "b"))]


def test_streams_a_day_apart_do_not_share_the_earlier_day() -> None:
    plans = plan({"a": stand(ago(days=2)), "b": stand(ago(days=1))})
    assert plans == [
        Plan(Window(ago(days=2), ago(days=1)), ("a",)),
        Plan(Window(ago(days=1), NOW), ("a", "b")),
    ]


def test_a_laggard_catches_up_alone_and_then_travels_with_the_others() -> None:
    plans = plan({"a": stand(ago(days=3)), "late": stand(ago(days=50)), "b": stand(ago(days=3))})
    assert plans == [
        Plan(Window(ago(days=50), ago(days=20)), ("late",)),
        Plan(Window(ago(days=20), ago(days=3)), ("late",)),
        Plan(Window(ago(days=3), NOW), ("a", "b", "late")),
    ]


def test_streams_each_near_the_next_do_not_drag_the_last_back_more_than_a_day() -> None:
    stands = {name: stand(ago(hours=60 - 20 * n)) for n, name in enumerate("abc")}
    plans = plan(stands)
    assert plans == [
        Plan(Window(ago(hours=60), ago(hours=20)), ("a", "b")),
        Plan(Window(ago(hours=20), NOW), ("a", "b", "c")),
    ]


def test_lookback_begins_that_much_before_the_bookmark() -> None:
    plans = plan({"a": stand(ago(days=5), lookback=26 * HOUR)})
    assert plans == [Plan(Window(ago(days=5, hours=26), NOW), ("a",))]


def test_lookback_stops_at_start_date() -> None:
    plans = plan({"a": stand(ago(days=5), earliest=ago(days=5, hours=2), lookback=DAY)})
    assert plans == [Plan(Window(ago(days=5, hours=2), NOW), ("a",))]


def test_a_bookmark_before_start_date_is_not_looked_back_from_but_begun_at() -> None:
    plans = plan({"a": stand(ago(days=5), earliest=ago(days=1), lookback=DAY)})
    assert plans == [Plan(Window(ago(days=5), NOW), ("a",))]


def test_a_stream_never_synced_begins_at_start_date_without_lookback() -> None:
    plans = plan({"a": stand(None, ago(days=4), lookback=DAY)})
    assert plans == [Plan(Window(ago(days=4), NOW), ("a",))]


def test_a_bookmark_at_or_past_now_needs_no_window() -> None:
    assert plan({"a": stand(NOW), "b": stand(NOW + HOUR)}) == []


def test_a_job_that_continues_the_bookmark_is_adopted_and_the_rest_begins_at_its_end() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": stand(ago(days=9))}, [job]) == [
        job,
        Plan(Window(ago(days=6), NOW), ("a",)),
    ]


def test_a_job_that_begins_before_the_bookmark_is_adopted() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": stand(ago(days=8))}, [job])[0] == job


def test_a_job_that_leaves_a_gap_after_the_bookmark_is_dropped() -> None:
    job = Plan(Window(ago(days=8), ago(days=6)), ("a",), "job")
    assert plan({"a": stand(ago(days=9))}, [job]) == [Plan(Window(ago(days=9), NOW), ("a",))]


def test_a_job_that_leaves_a_gap_after_start_date_is_dropped_for_a_stream_never_synced() -> None:
    job = Plan(Window(ago(days=8), ago(days=6)), ("a",), "job")
    assert plan({"a": stand(None, ago(days=9))}, [job]) == [Plan(Window(ago(days=9), NOW), ("a",))]


def test_a_job_whose_end_the_bookmark_has_reached_is_dropped() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": stand(ago(days=6))}, [job]) == [Plan(Window(ago(days=6), NOW), ("a",))]


def test_jobs_that_continue_each_other_are_adopted_in_date_order_however_they_are_given() -> None:
    first = Plan(Window(ago(days=9), ago(days=6)), ("a",), "first")
    second = Plan(Window(ago(days=6), ago(days=3)), ("a",), "second")
    third = Plan(Window(ago(days=3), NOW), ("a",), "third")
    assert plan({"a": stand(ago(days=9))}, [third, second, first]) == [first, second, third]


def test_a_shared_job_is_adopted_only_for_the_streams_it_continues() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a", "b", "c", "unselected"), "job")
    stands = {
        "a": stand(ago(days=9)),
        "b": stand(ago(days=12)),  # a gap
        "c": stand(ago(days=7)),
    }
    plans = plan(stands, [job])
    assert plans[0] == Plan(job.window, ("a", "c"), "job")
    assert plans[1] == Plan(Window(ago(days=12), ago(days=6)), ("b",))
    assert plans[2] == Plan(Window(ago(days=6), NOW), ("a", "b", "c"))


def test_lookback_counts_from_the_end_of_an_adopted_job() -> None:
    job = Plan(Window(ago(days=9), ago(days=6)), ("a",), "job")
    assert plan({"a": stand(ago(days=9), lookback=DAY)}, [job]) == [
        job,
        Plan(Window(ago(days=7), NOW), ("a",)),
    ]
