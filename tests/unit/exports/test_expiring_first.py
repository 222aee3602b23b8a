"""The order of stretches where a day is too small: what expires, what is new, what is older."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.windows import Plan, expiring_first, plan_windows
from tap_marketo.times import EVER, Window

NOW = datetime(2026, 6, 30, tzinfo=timezone.utc)
DAY = timedelta(days=1)
SINCE, SOON = 90, 30


def ago(days: float) -> datetime:
    return NOW - days * DAY


def stretch(first: float, last: float, *streams: str) -> Plan[str]:
    return Plan(Window(ago(first), ago(last)), streams)


def cursor(bookmark: float | None, ahead: tuple[float, float] | None = None) -> Cursor:
    """Where a stream stands, in days before now."""
    span = None
    if ahead:
        span = Cursor(ago(ahead[1]), ago(ahead[1]), ago(ahead[0]), timedelta())
    reached = None if bookmark is None else ago(bookmark)
    return Cursor(reached, reached, ago(400), timedelta(), span)


def ordered(cursors: dict[str, Cursor], expiring: set[str]) -> list[tuple[Plan[str], bool]]:
    """The stretches in their order, each with whether it comes before other families."""
    plans: list[Plan[str]] = plan_windows(cursors, [], NOW)
    found = expiring_first(plans, cursors, expiring, ago(SINCE), ago(SOON))
    return [(Plan(p.window, tuple(sorted(p.streams))), p.turn == EVER) for p in found]


def test_days_90_to_30_come_first_then_those_up_to_now_then_the_older_ones() -> None:
    assert ordered({"sent": cursor(None), "opened": cursor(None)}, {"sent"}) == [
        (stretch(90, 30, "opened", "sent"), True),
        (stretch(30, 0, "opened", "sent"), False),
        (stretch(400, 90, "opened", "sent"), False),
    ]


def test_what_was_read_ahead_goes_on_where_it_ended_however_long_ago() -> None:
    for end in (10, 120):
        assert ordered({"sent": cursor(200, (150, end))}, {"sent"})[-1] == (
            stretch(200, 150, "sent"),
            False,
        )
        first, _ = ordered({"sent": cursor(200, (150, end))}, {"sent"})[0]
        assert first.window.start == ago(end)


def test_a_new_type_reads_ahead_beside_those_that_have_caught_up() -> None:
    cursors = {"sent": cursor(2), "opened": cursor(None)}
    assert ordered(cursors, {"sent"}) == [
        # Nothing of it expires.
        (stretch(90, 30, "opened"), False),
        (stretch(30, 2, "opened"), False),
        (stretch(2, 0, "opened", "sent"), False),
        (stretch(400, 90, "opened"), False),
    ]


def test_older_stretches_of_some_are_read_together_with_those_of_others() -> None:
    cursors = {"sent": cursor(None), "opened": cursor(200, (91, 3))}
    assert [plan for plan, _ in ordered(cursors, {"sent"})][-3:] == [
        stretch(400, 200, "sent"),
        stretch(200, 91, "opened", "sent"),
        stretch(91, 90, "sent"),
    ]


def test_what_is_not_older_keeps_its_place_among_other_families() -> None:
    plans = expiring_first(
        [stretch(60, 0, "sent")], {"sent": cursor(60)}, {"sent"}, ago(SINCE), ago(SOON)
    )
    assert [(plan.window, plan.order) for plan in plans] == [
        (Window(ago(60), ago(30)), EVER),
        (Window(ago(30), NOW), ago(30)),
    ]
    behind = expiring_first(
        [stretch(400, 0, "sent")], {"sent": cursor(400)}, {"sent"}, ago(SINCE), ago(SOON)
    )
    assert [plan.order for plan in behind] == [EVER, ago(400), ago(400)]
