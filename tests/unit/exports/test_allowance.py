"""The day's bytes: what counts since midnight in Chicago, what is expected, what still fits."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.marketo.export_calls import FinishedExport
from tap_marketo.times import Window, parse_utc

UTC = timezone.utc
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONTH = Window(NOW - 30 * DAY, NOW)
YEAR = Window(NOW - 365 * DAY, NOW)
LONGEST = 31 * DAY
MB = 1_000_000


def last(span: timedelta) -> Window:
    return Window(NOW - span, NOW)


def finished(size: int, at: datetime = NOW, export_id: str = "1") -> FinishedExport:
    return FinishedExport(export_id, at, size, "leads")


# What has been used.


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        # Midnight of 15 June in Chicago is 05:00 UTC.
        ("2026-06-15T04:59:59Z", False),
        ("2026-06-15T05:00:00Z", True),
        ("2026-06-15T11:59:59Z", True),
        ("2026-06-14T12:00:00Z", False),
    ],
)
def test_what_finished_since_midnight_in_chicago_is_used(at: str, counts: bool) -> None:
    allowance = ExportAllowance(10 * MB, {})
    allowance.take_over([finished(MB, parse_utc(at))])
    assert allowance.used(NOW) == (MB if counts else 0)


@pytest.mark.parametrize(
    ("date", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-06-15", 24)]
)
def test_a_day_is_as_long_as_it_is_in_chicago_also_when_clocks_change(
    date: str, hours: int
) -> None:
    midnight = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo("America/Chicago"))
    first = midnight.astimezone(UTC)
    allowance = ExportAllowance(10 * MB, {})
    allowance.take_over([finished(MB, first)])
    assert allowance.used(first + hours * HOUR - timedelta(seconds=1)) == MB
    assert allowance.used(first + hours * HOUR) == 0


@given(
    st.lists(st.tuples(st.integers(0, 60 * 3600), st.integers(1, 10 * MB)), max_size=8),
    st.sampled_from(("2026-03-09T12:00:00Z", "2026-11-02T12:00:00Z", "2026-06-15T12:00:00Z")),
)
def test_used_is_the_sum_of_what_finished_on_the_same_day_in_chicago(
    jobs: list[tuple[int, int]], at: str
) -> None:
    now = parse_utc(at)
    chicago = ZoneInfo("America/Chicago")
    exports = [
        finished(size, now - timedelta(seconds=ago), f"job {n}")
        for n, (ago, size) in enumerate(jobs)
    ]
    allowance = ExportAllowance(10 * MB, {})
    allowance.take_over(exports[::2])
    for export in exports[1::2]:
        allowance.add(export, "leads", last(DAY))
    today = now.astimezone(chicago).date()
    assert allowance.used(now) == sum(
        e.file_size for e in exports if e.finished_at.astimezone(chicago).date() == today
    )


def test_a_job_seen_twice_is_counted_once() -> None:
    allowance = ExportAllowance(10 * MB, {})
    allowance.take_over([finished(MB), finished(MB)])
    allowance.add(finished(MB), "leads", last(DAY))
    assert allowance.used(NOW) == MB
    allowance.add(finished(MB, export_id="2"), "leads", last(DAY))
    assert allowance.used(NOW) == 2 * MB


# What a window will cost.


def test_nothing_is_known_of_a_family_before_its_first_file() -> None:
    allowance = ExportAllowance(10 * MB, {})
    assert allowance.cost("leads", last(DAY)) == 0
    assert allowance.bytes_per_day == {}


def test_a_cost_of_an_earlier_run_is_known_at_once() -> None:
    allowance = ExportAllowance(10 * MB, {"leads": 24 * MB})
    assert allowance.cost("leads", last(HOUR)) == pytest.approx(MB)
    assert allowance.cost("activities", last(HOUR)) == 0
    assert allowance.bytes_per_day == {"leads": 24 * MB}


def test_the_first_file_tells_what_its_family_costs_and_no_other_family() -> None:
    allowance = ExportAllowance(10 * MB, {"activities": 5})
    allowance.add(finished(6 * MB), "leads", last(3 * DAY))
    assert allowance.cost("leads", last(DAY)) == pytest.approx(2 * MB)
    assert allowance.cost("leads", last(HOUR)) == pytest.approx(2 * MB / 24)
    assert allowance.bytes_per_day == {"activities": 5, "leads": 2 * MB}


def test_a_dearer_day_counts_at_once_a_cheaper_one_little_by_little() -> None:
    allowance = ExportAllowance(100 * MB, {"leads": 10 * MB})
    allowance.add(finished(20 * MB), "leads", last(DAY))
    assert allowance.cost("leads", last(DAY)) == pytest.approx(20 * MB)
    costs = []
    for _ in range(10):
        allowance.add(finished(2 * MB), "leads", last(DAY))
        costs.append(allowance.cost("leads", last(DAY)))
    assert costs == sorted(costs, reverse=True)
    assert 8 * MB < costs[0] < 12 * MB
    assert costs[-1] == pytest.approx(2 * MB, rel=0.3)


def test_a_short_window_full_of_rows_does_not_make_the_days_dear() -> None:
    allowance = ExportAllowance(100 * MB, {"leads": 10 * MB})
    allowance.add(finished(MB), "leads", last(timedelta(minutes=1)))
    assert allowance.cost("leads", last(DAY)) < 12 * MB


def test_an_empty_file_is_a_cost_that_is_known() -> None:
    allowance = ExportAllowance(10 * MB, {})
    allowance.add(finished(0), "leads", last(DAY))
    assert allowance.bytes_per_day == {"leads": 0}
    assert allowance.cost("leads", MONTH) == 0
    assert allowance.fit("leads", MONTH, 0.0, NOW) == MONTH


FILES = st.lists(
    st.tuples(st.integers(0, 500 * MB), st.integers(1, 31 * 86400)), min_size=1, max_size=8
)


@given(FILES, st.none() | st.integers(0, 500 * MB))
def test_the_cost_expected_lies_between_the_cheapest_and_the_dearest_seen(
    files: list[tuple[int, int]], remembered: int | None
) -> None:
    allowance = ExportAllowance(MB, {} if remembered is None else {"leads": remembered})
    rates = [] if remembered is None else [remembered / DAY.total_seconds()]
    for size, seconds in files:
        allowance.add(finished(size), "leads", last(timedelta(seconds=seconds)))
        rates.append(size / seconds)
        expected = allowance.cost("leads", last(DAY)) / DAY.total_seconds()
        assert min(rates) * 0.999 <= expected <= max(rates) * 1.001
    again = ExportAllowance(MB, allowance.bytes_per_day)
    assert again.cost("leads", MONTH) == pytest.approx(allowance.cost("leads", MONTH), abs=16)


# What still fits.

WINDOWS = st.builds(
    lambda start, seconds: Window(start, start + timedelta(seconds=seconds)),
    st.integers(0, 10**6).map(lambda seconds: NOW - 90 * DAY + timedelta(seconds=seconds)),
    st.integers(1, 31 * 86400),
)
SIZES = st.just(0) | st.integers(1, 500 * MB)


@given(WINDOWS, SIZES, st.integers(1, 500 * MB), SIZES, st.just(0.0) | st.floats(1, 1e9))
def test_what_fits_is_never_more_than_what_is_left_unless_nothing_is_used_or_under_way(
    window: Window, per_day: int, limit: int, used: int, under_way: float
) -> None:
    allowance = ExportAllowance(limit, {"leads": per_day})
    allowance.take_over([finished(used)])
    fits = allowance.fit("leads", window, under_way, NOW)
    left = limit - used - under_way
    if fits is None:
        # Something has been used, and what is left holds no hour: or it may turn out to be more.
        assert used + under_way > 0
        assert left <= 0 or left < 2 * allowance.cost("leads", window)
        if left > 0 and not under_way:
            assert allowance.cost("leads", last(HOUR)) > left * 0.999
        return
    assert fits.start == window.start
    assert window.start < fits.end <= window.end
    if fits != window:
        assert not (fits.end - fits.start) % HOUR
        # No more is cut off than has to be.
        longer = Window(fits.start, fits.end + HOUR)
        assert allowance.cost("leads", longer) > left * 0.999
    if allowance.cost("leads", fits) > left * 1.001:
        assert used + under_way == 0
        assert fits == Window(window.start, min(window.end, window.start + HOUR))


def test_nothing_fits_once_the_allowance_is_spent_also_where_no_cost_is_known() -> None:
    allowance = ExportAllowance(10 * MB, {})
    allowance.take_over([finished(10 * MB)])
    assert allowance.fit("leads", last(HOUR), 0.0, NOW) is None
    assert allowance.fit("leads", last(HOUR), 0.0, NOW + DAY) == last(HOUR)


def test_a_window_of_unknown_cost_is_taken_whole() -> None:
    allowance = ExportAllowance(10 * MB, {})
    allowance.take_over([finished(9 * MB)])
    assert allowance.fit("leads", MONTH, 0.0, NOW) == MONTH


def test_a_window_is_cut_to_the_hours_that_are_left() -> None:
    allowance = ExportAllowance(10 * MB, {"leads": 24 * MB})
    allowance.take_over([finished(6_500_000)])
    assert allowance.fit("leads", MONTH, 0.0, NOW) == Window(MONTH.start, MONTH.start + 3 * HOUR)


def test_near_the_end_what_is_under_way_is_waited_for() -> None:
    allowance = ExportAllowance(10 * MB, {"leads": 24 * MB})
    window = last(2 * HOUR)
    assert allowance.fit("leads", window, 6.0 * MB, NOW) == window
    assert allowance.fit("leads", window, 6.1 * MB, NOW) is None
    assert allowance.fit("leads", window, 0.0, NOW) == window


def test_a_day_whose_hours_pass_the_allowance_is_read_an_hour_at_a_time() -> None:
    allowance = ExportAllowance(10 * MB, {"leads": 480 * MB})
    assert allowance.fit("leads", MONTH, 0.0, NOW) == Window(MONTH.start, MONTH.start + HOUR)
    assert allowance.fit("leads", last(HOUR / 2), 0.0, NOW) == last(HOUR / 2)
    allowance.take_over([finished(1)])
    assert allowance.fit("leads", MONTH, 0.0, NOW) is None
    assert allowance.fit("leads", MONTH, 0.0, NOW + DAY) is not None


@given(st.integers(1, 100 * MB), st.integers(1, 100 * MB))
def test_a_window_dearer_than_a_day_s_allowance_is_read_to_its_end_day_by_day(
    limit: int, per_day: int
) -> None:
    rest, days = last(5 * DAY), 0
    while rest.start < rest.end:
        allowance = ExportAllowance(limit, {"leads": per_day})
        fits = allowance.fit("leads", rest, 0.0, NOW)
        assert fits is not None
        rest, days = Window(fits.end, rest.end), days + 1
    # As many hours a day as the allowance holds, but one at least.
    assert days <= min(120, 120 / max(1.0, 24 * limit / per_day - 1) + 1)


# How much one job should export.


def all_jobs(
    allowance: ExportAllowance, stretch: Window, longest: timedelta = LONGEST
) -> list[Window]:
    """Cut a whole stretch into jobs, with no file telling anything new."""
    windows: list[Window] = []
    rest: Window | None = stretch
    while rest:
        windows.append(allowance.one_job("leads", rest, longest))
        rest = rest.after(windows[-1])
    return windows


LENGTHS = st.integers(86400, 31 * 86400).map(lambda seconds: timedelta(seconds=seconds))


@given(WINDOWS, LENGTHS, st.integers(1, 2000 * MB), FILES | st.just([]))
def test_jobs_cover_a_stretch_without_gap_none_too_long_whatever_the_files_before_it(
    stretch: Window, longest: timedelta, limit: int, files: list[tuple[int, int]]
) -> None:
    allowance = ExportAllowance(limit, {})
    reached, left = stretch.start, list(files)
    rest: Window | None = stretch
    while rest:
        window = allowance.one_job("leads", rest, longest)
        assert window.start == reached
        assert timedelta(0) < window.length <= longest
        if allowance.cost("leads", window) > 4 * max(limit / 10, 8 * MB) * 1.001:
            assert window.length <= HOUR
        reached, rest = window.end, rest.after(window)
        if left:
            size, seconds = left.pop()
            allowance.add(finished(size), "leads", last(timedelta(seconds=seconds)))
    assert reached == stretch.end


def test_where_files_are_tiny_a_year_takes_twelve_jobs() -> None:
    windows = all_jobs(ExportAllowance(500 * MB, {"leads": 1000}), YEAR)
    assert len(windows) == 12
    assert {window.length for window in windows[:-1]} == {LONGEST}


def test_where_nothing_is_known_a_year_begins_with_two_weeks_and_takes_thirteen_jobs() -> None:
    allowance = ExportAllowance(500 * MB, {})
    first = allowance.one_job("leads", YEAR, LONGEST)
    assert first.length == 14 * DAY
    # The second is made before the first has told anything.
    second = allowance.one_job("leads", Window(first.end, NOW), LONGEST)
    assert second.length == 14 * DAY
    allowance.add(finished(1000), "leads", first)
    assert 2 + len(all_jobs(allowance, Window(second.end, NOW))) == 13


def test_where_nothing_is_known_what_one_job_may_hold_is_not_cut() -> None:
    assert all_jobs(ExportAllowance(500 * MB, {}), MONTH) == [MONTH]
    assert all_jobs(ExportAllowance(500 * MB, {}), last(20 * DAY), 10 * DAY) == [
        Window(NOW - 20 * DAY, NOW - 10 * DAY),
        last(10 * DAY),
    ]


def test_a_file_holds_no_more_than_a_tenth_of_the_days_allowance() -> None:
    windows = all_jobs(ExportAllowance(500 * MB, {"leads": 20 * MB}), MONTH)
    assert [window.length for window in windows] == [60 * HOUR] * 12
    # The part of the day that a job costs when it has to be created again, not a size of its own.
    windows = all_jobs(ExportAllowance(5000 * MB, {"leads": 20 * MB}), MONTH)
    assert [window.length for window in windows] == [600 * HOUR, 120 * HOUR]


def test_files_are_not_cut_below_the_size_up_to_which_they_are_checked_first() -> None:
    windows = all_jobs(ExportAllowance(10 * MB, {"leads": 2 * MB}), last(8 * DAY))
    assert [window.length for window in windows] == [4 * DAY] * 2


def test_windows_grow_and_shrink_with_the_files_that_were_seen() -> None:
    allowance = ExportAllowance(500 * MB, {"leads": 25 * MB})
    lengths = [allowance.one_job("leads", YEAR, LONGEST).length]
    for _ in range(12):
        window = allowance.one_job("leads", YEAR, LONGEST)
        allowance.add(finished(MB), "leads", window)
        lengths.append(allowance.one_job("leads", YEAR, LONGEST).length)
    assert lengths[0] == 2 * DAY
    assert lengths == sorted(lengths)
    assert lengths[-1] == LONGEST
    allowance.add(finished(310 * MB), "leads", last(31 * DAY))
    assert allowance.one_job("leads", YEAR, LONGEST).length == 5 * DAY


def test_after_one_dear_day_windows_soon_grow_again() -> None:
    allowance = ExportAllowance(500 * MB, {"leads": 2000 * MB})
    windows: list[Window] = []
    rest: Window | None = last(2 * DAY)
    while rest:
        windows.append(allowance.one_job("leads", rest, LONGEST))
        rest = rest.after(windows[-1])
        hours = windows[-1].length / HOUR
        allowance.add(finished(round(hours * MB)), "leads", windows[-1])
    assert windows[0].length == HOUR
    assert len(windows) <= 8


def test_one_empty_night_does_not_make_a_month_cheap() -> None:
    allowance = ExportAllowance(500 * MB, {"leads": 500 * MB})
    allowance.add(finished(0), "leads", last(2 * HOUR))
    assert allowance.one_job("leads", MONTH, LONGEST).length < 12 * HOUR
