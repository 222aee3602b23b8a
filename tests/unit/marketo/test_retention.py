"""How long activities are kept: by the name of the type, letter for letter, in calendar months."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.marketo.retention import kept_since, months_before
from tap_marketo.times import UTC

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2006, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("name", "since"),
    [
        ("Delete Lead", datetime(2026, 3, 17, 12, 30, tzinfo=UTC)),
        ("Send Email", datetime(2025, 12, 31, 12, 30, tzinfo=UTC)),
        ("Click Link", datetime(2025, 12, 31, 12, 30, tzinfo=UTC)),
        ("Click Email", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("send email", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("New Lead", None),
        ("new lead", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
    ],
)
def test_how_long_each_type_is_kept(name: str, since: datetime | None) -> None:
    assert kept_since(name, NOW) == since


@given(MOMENTS, st.integers(0, 100))
def test_months_before_a_moment(moment: datetime, months: int) -> None:
    before = months_before(moment, months)
    assert (moment.year - before.year) * 12 + moment.month - before.month == months
    assert moment.timetz() == before.timetz()
    assert before.day == moment.day or (before + timedelta(days=1)).day == 1
