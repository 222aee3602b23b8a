"""Times: every spelling that occurs is read, what is no point in time is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.times import (
    UTC,
    last_allowance_reset,
    next_allowance_reset,
    parse_utc,
    to_bookmark,
    to_marketo,
    to_time_extracted,
    whole_seconds,
)

MOMENTS = st.datetimes(timezones=st.just(UTC))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2022-02-13T14:06:20Z", "2022-02-13T14:06:20+00:00"),
        ("2015-05-21T22:45:13Z+0000", "2015-05-21T22:45:13+00:00"),
        ("2015-05-21T22:45:13Z+00:00", "2015-05-21T22:45:13+00:00"),
        ("2013-09-26T06:56:35+0000", "2013-09-26T06:56:35+00:00"),
        ("2013-09-26T06:56:35-05:30", "2013-09-26T12:26:35+00:00"),
        ("20100327T18:27:42.0t+0000", "2010-03-27T18:27:42+00:00"),
        ("20100327T18:27:42.125t-0530", "2010-03-27T23:57:42.125000+00:00"),
        ("2020-12-31T08:00:00.000t+0000", "2020-12-31T08:00:00+00:00"),
        ("2022-02-13T14:06:20.123456Z", "2022-02-13T14:06:20.123456+00:00"),
        ("2022-02-13T14:06:20", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13 14:06:20", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13 14:06", "2022-02-13T14:06:00+00:00"),
        ("2022-02-13", "2022-02-13T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_each_spelling_is_read_as_its_moment_in_utc(text: str, iso: str) -> None:
    moment = parse_utc(text)
    assert moment.isoformat() == iso
    assert moment.tzinfo is UTC
    assert type(moment) is datetime


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2022",
        "2022-02",
        "20220213",
        "20220230T14:06:20.0t+0000",
        "20220213T14:06:20.0t",
        "2022-2-13",
        "2022-W07-1",
        "2022-044",
        "14:06:20",
        "P1Y",
        "2022-02-13/2022-02-14",
        "2022-02-13T14:06:20/P1D",
        "2022-02-30",
        "2023-02-29",
        "2022-13-01",
        "2022-02-13T25:00:00",
        "2022-02-13T14:06:20 UTC",
        "13.02.2022",
        "1644761180",
        "２０２２-02-13",
    ],
)
def test_what_is_no_point_in_time_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="not a date and time: '") as caught:
        parse_utc(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_outside_the_years_of_utc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a date and time"):
        parse_utc(text)


@given(st.text() | st.from_regex(r"\A\d{4}-\d{2}-\d{2}[T ]\d{2}:.{0,20}\Z"))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    try:
        moment = parse_utc(text)
    except ValueError:
        return
    assert moment.tzinfo is UTC


@given(MOMENTS, OFFSETS)
def test_a_time_with_any_offset_names_the_same_moment(moment: datetime, offset: timezone) -> None:
    try:
        local = moment.astimezone(offset)
    except OverflowError:
        return
    assert parse_utc(local.isoformat()) == moment


@given(MOMENTS)
def test_marketo_s_spelling_is_whole_seconds_in_utc(moment: datetime) -> None:
    text = to_marketo(moment)
    assert len(text) == 20
    assert text.endswith("Z")
    assert parse_utc(text) == whole_seconds(moment) <= moment


@given(MOMENTS)
def test_a_bookmark_reads_back_as_the_same_moment(moment: datetime) -> None:
    assert parse_utc(to_bookmark(moment)) == moment


def test_every_writer_converts_to_utc() -> None:
    moment = datetime(2026, 1, 1, 1, 30, 0, 250, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert to_marketo(moment) == "2025-12-31T20:00:00Z"
    assert to_bookmark(moment) == "2025-12-31T20:00:00.000250+00:00"
    assert to_time_extracted(moment) == "2025-12-31T20:00:00.000250Z"


@pytest.mark.parametrize(
    ("now", "before", "after"),
    [
        ("2026-01-15T12:00:00Z", "2026-01-15T06:00:00Z", "2026-01-16T06:00:00Z"),
        ("2026-07-15T12:00:00Z", "2026-07-15T05:00:00Z", "2026-07-16T05:00:00Z"),
        # Midnight itself has passed: the next one counts.
        ("2026-01-15T06:00:00Z", "2026-01-15T06:00:00Z", "2026-01-16T06:00:00Z"),
        ("2026-01-15T05:59:59Z", "2026-01-14T06:00:00Z", "2026-01-15T06:00:00Z"),
        # 8 March 2026 has 23 hours in Chicago,
        ("2026-03-08T05:59:59Z", "2026-03-07T06:00:00Z", "2026-03-08T06:00:00Z"),
        ("2026-03-08T06:00:00Z", "2026-03-08T06:00:00Z", "2026-03-09T05:00:00Z"),
        ("2026-03-08T07:59:59Z", "2026-03-08T06:00:00Z", "2026-03-09T05:00:00Z"),
        ("2026-03-08T20:00:00Z", "2026-03-08T06:00:00Z", "2026-03-09T05:00:00Z"),
        # 1 November 2026 has 25.
        ("2026-11-01T04:59:59Z", "2026-10-31T05:00:00Z", "2026-11-01T05:00:00Z"),
        ("2026-11-01T05:00:00Z", "2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"),
        ("2026-11-01T06:30:00Z", "2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"),
        ("2026-11-01T07:30:00Z", "2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"),
        ("2026-11-02T05:59:59Z", "2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z"),
    ],
)
def test_allowances_reset_at_midnight_in_chicago_also_when_clocks_change(
    now: str, before: str, after: str
) -> None:
    assert to_marketo(last_allowance_reset(parse_utc(now))) == before
    assert to_marketo(next_allowance_reset(parse_utc(now))) == after


@given(st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_each_reset_is_a_midnight_in_chicago_within_25_hours(moment: datetime) -> None:
    before, after = last_allowance_reset(moment), next_allowance_reset(moment)
    for reset in (before, after):
        local = reset.astimezone(ZoneInfo("America/Chicago"))
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
    assert timedelta(0) < after - moment <= timedelta(hours=25)
    assert timedelta(0) <= moment - before < timedelta(hours=25)
    assert next_allowance_reset(before) == after
