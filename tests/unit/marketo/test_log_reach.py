"""Where activities no longer reach back to what a table holds, to the second."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.marketo.retention import ADD_TO_LIST, CHANGE_DATA_VALUE, find_gap
from tap_marketo.times import UTC

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
STATUS = "Change Status in Progression"


@pytest.mark.parametrize("lookback", [timedelta(), HOUR, DAY, 30 * DAY])
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        (ADD_TO_LIST, NOW - 85 * DAY),
        (CHANGE_DATA_VALUE, NOW - 85 * DAY),
        (STATUS, datetime(2024, 6, 15, 12, tzinfo=UTC)),
    ],
)
def test_the_bound_is_exact(name: str, bound: datetime, lookback: timedelta) -> None:
    assert find_gap(name, bound + lookback, lookback, NOW) is None
    gap = find_gap(name, bound + lookback - SECOND, lookback, NOW)
    assert gap is not None
    assert gap.reached == bound + lookback - SECOND
    assert gap.since == bound - SECOND


@pytest.mark.parametrize(
    ("name", "until", "kept"),
    [
        (
            ADD_TO_LIST,
            NOW - 90 * DAY,
            "Add to List, which tell what has changed since, for 90 days",
        ),
        (STATUS, datetime(2024, 5, 15, 12, tzinfo=UTC), "for 25 months only"),
    ],
)
def test_a_gap_says_what_marketo_keeps(name: str, until: datetime, kept: str) -> None:
    gap = find_gap(name, NOW - 1000 * DAY, DAY, NOW)
    assert gap is not None
    assert gap.until == until
    assert "it was last read at 2023-09-19T12:00:00Z" in str(gap)
    assert kept in str(gap)


def test_what_was_never_read_has_no_gap() -> None:
    assert find_gap(ADD_TO_LIST, None, DAY, NOW) is None
    # A state may say "since ever" with the year 1.
    assert find_gap(ADD_TO_LIST, datetime(1, 1, 1, tzinfo=UTC), DAY, NOW)


@given(st.timedeltas(timedelta(), 365 * DAY), st.sampled_from([ADD_TO_LIST, STATUS]))
def test_with_no_look_back_is_a_table_of_last_month_read_again(
    lookback: timedelta, name: str
) -> None:
    assert find_gap(name, NOW - 30 * DAY, lookback, NOW) is None
