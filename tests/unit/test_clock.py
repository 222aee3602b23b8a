"""The clock: of this machine's time and Marketo's, the one behind."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.clock import Clock

UTC = timezone.utc
LOCAL = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


class Wall:
    """A clock on the wall that a test can turn."""

    def __init__(self) -> None:
        self.time = LOCAL

    def seconds(self) -> float:
        return self.time.timestamp()

    def clock(self) -> Clock:
        return Clock(wall=self.seconds)


def header(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def test_before_marketo_answered_it_is_this_machine_s_time_in_utc() -> None:
    now = Wall().clock().now()
    assert now == LOCAL
    assert now.tzinfo is UTC


@given(st.integers(-(10**7), 10**7), st.integers(0, 10**5))
def test_the_earlier_of_the_two_times_wins_and_goes_on_passing(skew: int, later: int) -> None:
    wall = Wall()
    clock = wall.clock()
    clock.observe(header(LOCAL + timedelta(seconds=skew)))
    assert clock.now() == LOCAL + timedelta(seconds=min(skew, 0))
    wall.time += timedelta(seconds=later)
    assert clock.now() == LOCAL + timedelta(seconds=min(skew, 0) + later)


def test_the_latest_answer_counts() -> None:
    clock = Wall().clock()
    clock.observe(header(LOCAL - timedelta(hours=1)))
    clock.observe(header(LOCAL - timedelta(seconds=5)))
    assert clock.now() == LOCAL - timedelta(seconds=5)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "",
        "garbage",
        "Wed, 99 May 2026 07:08:09 GMT",
        "Wed, 06 May 2026 25:08:09 GMT",
        "Wed, 06 May 99999 07:08:09 GMT",
        "06.05.2026",
        "1778051289",
        ",",
    ],
)
def test_a_header_that_is_no_date_changes_nothing(bad: str | None) -> None:
    clock = Wall().clock()
    clock.observe(header(LOCAL - timedelta(minutes=1)))
    clock.observe(bad)
    assert clock.now() == LOCAL - timedelta(minutes=1)


@given(st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{1,5} .{0,20}\Z"))
def test_no_header_however_odd_stops_a_run_or_puts_the_clock_ahead(text: str) -> None:
    clock = Wall().clock()
    clock.observe(text)
    assert clock.now() <= LOCAL


@pytest.mark.parametrize(
    "spelling",
    [
        "Wed, 06 May 2026 06:08:09 GMT",
        "Wed, 06 May 2026 06:08:09 -0000",
        "Wed, 06 May 2026 01:08:09 -0500",
    ],
)
def test_dates_are_read_with_their_offset_and_as_utc_without_one(spelling: str) -> None:
    clock = Wall().clock()
    clock.observe(spelling)
    assert clock.now() == LOCAL - timedelta(hours=1)


@pytest.mark.parametrize("skew", [-121, 121, -7200, 7200])
def test_a_difference_of_minutes_is_warned_of_once(
    skew: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Wall().clock()
    for _ in range(3):
        clock.observe(header(LOCAL + timedelta(seconds=skew)))
    (message,) = caplog.messages
    assert f"differ by {abs(skew)} s" in message


@pytest.mark.parametrize("skew", [-120, 0, 120])
def test_a_difference_of_seconds_is_not_warned_of(
    skew: int, caplog: pytest.LogCaptureFixture
) -> None:
    Wall().clock().observe(header(LOCAL + timedelta(seconds=skew)))
    assert caplog.messages == []
