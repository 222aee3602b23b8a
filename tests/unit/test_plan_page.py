"""Pages of plans: whatever they tell of, sums add up and columns stand in line."""

from __future__ import annotations

import json
import string
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.commands.plan import Plan
from tap_marketo.commands.plan_page import as_json, page
from tap_marketo.exports.plan_line import Calls, Left, PlanLine

MOMENTS = st.datetimes(
    datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)
).map(lambda moment: moment.replace(microsecond=0))
SIZES = st.none() | st.floats(0, 1e13)
WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=40)
LEFT = st.builds(Left, since=MOMENTS, jobs=st.integers(1, 999), size=SIZES)
LINES = st.builds(
    PlanLine,
    name=WORDS,
    streams=st.lists(WORDS),
    how=WORDS,
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
    is_exported=st.booleans(),
    jobs=st.none() | st.integers(0, 9999),
    resumed=st.integers(0, 9),
    calls=st.builds(Calls, st.integers(0, 10**6), st.just("") | WORDS),
    size=SIZES,
    time=st.none() | st.timedeltas(timedelta(), timedelta(days=9)),
    guess=st.just("") | WORDS,
    left=st.none() | LEFT,
)
PLANS = st.builds(
    Plan,
    now=MOMENTS,
    lines=st.lists(LINES, max_size=8, unique_by=lambda line: line.name),
    first_calls=st.integers(1, 99),
    own_calls=st.integers(1, 99),
    calls_used=st.integers(0, 10**5),
    calls_allowed=st.integers(2, 10**5),
    calls_a_minute=st.integers(3, 300),
    bytes_used=st.none() | st.integers(0, 10**13),
    bytes_allowed=st.integers(1, 10**12),
    resets_at=MOMENTS,
    continues_at=MOMENTS,
    notes=st.lists(WORDS, max_size=3),
    failed=st.just("") | WORDS,
)


@given(PLANS)
def test_the_days_are_enough_for_what_is_left_and_one_less_is_not(plan: Plan) -> None:
    left = sum(each.size or 0 for _, each in plan.left)
    if not plan.left:
        assert plan.days == 1
    else:
        assert plan.days >= 2
        # As far as floats can tell.
        assert plan.bytes_allowed * (plan.days - 1) >= left * (1 - 1e-9)
        assert plan.days == 2 or plan.bytes_allowed * (plan.days - 2) < left * (1 + 1e-9)


@given(PLANS)
def test_json_has_every_line_and_their_sum(plan: Plan) -> None:
    told = json.loads(json.dumps(as_json(plan)))
    assert [each["name"] for each in told["items"]] == [item.name for item in plan.lines]
    assert told["sum"]["jobs"] == sum(each["jobs"] or 0 for each in told["items"])
    calls = sum(each["calls"] for each in told["items"])
    assert told["sum"]["calls"] == calls + told["sum"]["first_calls"]
    assert told["sum"]["minutes"] == max((e["minutes"] or 0 for e in told["items"]), default=0)
    assert told["sum"]["mb_not_known"] == [e["name"] for e in told["items"] if e["mb"] is None]
    fits = told["today"]["fits"]
    assert (fits is False) == (
        bool(told["left"]) or told["sum"]["calls"] > told["today"]["calls_left"]
    )
    assert (told["goes_on_at"] is None) == (fits is not False)
    if fits:
        assert all(
            None not in (each["jobs"], each["mb"]) and not each["more_calls"]
            for each in told["items"]
        )


@given(PLANS)
def test_everything_fits_only_where_every_line_is_known(plan: Plan) -> None:
    text = page(plan)
    unknown = [
        item.name for item in plan.lines if None in (item.jobs, item.size) or item.calls.each
    ]
    assert ("Everything fits into today." in text) == (plan.fits is True and bool(plan.lines))
    if unknown:
        assert "Everything fits" not in text


@given(PLANS)
def test_the_page_has_a_line_for_each_and_columns_in_line(plan: Plan) -> None:
    text = page(plan)
    assert all(line == line.rstrip() for line in text.splitlines())
    if plan.lines:
        head, _, *lines, _ = text.split("\n\n")[1].splitlines()
        how = head.index("how")
        ends = [head.index(name) + len(name) for name in ("jobs", "calls", "MB", "min")]
        for item, line in zip(plan.lines, lines, strict=True):
            assert line.startswith(item.name)
            assert line[how:].startswith(item.how)
            # Numbers end where their heads do.
            assert all(line[end : end + 2] == "  " for end in ends)
            assert all(words in text for words in (item.calls.each, item.guess))
    for note in plan.notes:
        assert f"{note}." in text
    assert plan.failed in text
