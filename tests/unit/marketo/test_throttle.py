"""Pace and budget: never more calls than told, in any 20 seconds and on any day."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.clock import Clock
from tap_marketo.errors import CallQuotaError
from tap_marketo.marketo.throttle import CallBudget, Pace


class FakeTime:
    """A time that passes only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds, sleep=self.sleep, wall=lambda: self.seconds)


# Eighths of a second add up without rounding.
PAUSES = st.integers(0, 240).map(lambda eighths: eighths / 8)


@given(st.integers(1, 10), st.lists(st.just(0.0) | PAUSES, max_size=60))
def test_no_20_seconds_see_more_calls_than_allowed_and_no_call_waits_longer_than_needed(
    allowed: int, pauses: list[float]
) -> None:
    passing = FakeTime()
    pace = Pace(allowed, passing.clock())
    sent: list[float] = []
    for pause in pauses:
        passing.seconds += pause
        asked = passing.seconds
        pace.wait()
        earliest = sent[-allowed] + 20 if len(sent) >= allowed else asked
        assert passing.seconds == max(asked, earliest)
        sent.append(passing.seconds)
    for first, one_too_many in zip(sent, sent[allowed:], strict=False):
        assert one_too_many - first >= 20


def test_calls_below_the_allowance_do_not_wait_at_all() -> None:
    passing = FakeTime()
    pace = Pace(50, passing.clock())
    for _ in range(50):
        pace.wait()
    assert passing.slept == []
    pace.wait()
    assert passing.slept == [20.0]


NOW = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)


def test_the_count_is_asked_for_before_the_first_call_and_after_every_250() -> None:
    budget = CallBudget(10_000)
    assert budget.check_is_due
    budget.learn(100)
    for _ in range(250):
        assert not budget.check_is_due
        budget.spend("GET x", NOW)
    assert budget.check_is_due
    assert budget.used == 350
    budget.learn(400)
    assert not budget.check_is_due
    assert budget.used == 400


def test_calls_before_marketo_s_count_is_known_are_counted_and_not_refused() -> None:
    budget = CallBudget(2)
    for _ in range(3):
        budget.spend("GET x", NOW)
    assert budget.used == 3


@pytest.mark.parametrize(("total", "left"), [(0, 10), (7, 3), (9, 1), (10, 0), (11, 0)])
def test_exactly_as_many_calls_are_made_as_are_left_of_the_day(total: int, left: int) -> None:
    budget = CallBudget(10)
    budget.learn(total)
    for _ in range(left):
        budget.spend("GET x", NOW)
    with pytest.raises(CallQuotaError):
        budget.spend("GET x", NOW)


def test_a_spent_budget_says_what_was_used_and_when_to_come_back() -> None:
    budget = CallBudget(40_000)
    budget.learn(41_234)
    with pytest.raises(CallQuotaError) as caught:
        budget.spend("GET /rest/v1/lists.json", NOW)
    message = str(caught.value)
    assert message.startswith("GET /rest/v1/lists.json: ")
    assert "41,234" in message
    assert "40,000" in message
    assert "resets at 2026-01-16T06:00:00Z" in message
    assert "max_daily_calls" in message


def test_a_new_day_s_count_opens_the_budget_again() -> None:
    budget = CallBudget(10)
    budget.learn(10)
    budget.learn(1)
    budget.spend("GET x", NOW)
    assert budget.used == 2
