"""How much time one export job covers, by what the files before it turned out to hold."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from tests.end_to_end import expected
from tests.end_to_end.checks import SMALL, VISITS, assert_activities, assert_leads, jobs, span
from tests.harness import Account, Tap, Target, account, select

START = "2025-06-15T12:00:00Z"
DAY = timedelta(days=1)
MB = 1_000_000
QUICK = ("--export-minutes", "0.5")


def lengths(marketo: Account, what: str) -> list[timedelta]:
    """Return how much time each job of an object covers; they follow each other without a gap."""
    spans = [
        tuple(datetime.fromisoformat(text.replace("Z", "+00:00")) for text in span(job))
        for job in jobs(marketo, what)
    ]
    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
    return [end - start for start, end in spans]


def sync_from(marketo: Account, tap: Tap, target: Target, **settings: Any) -> dict[str, Any]:
    """Sync leads and one activity stream; return the catalog."""
    config = marketo.config(**{"start_date": START, **settings})
    catalog = tap.discover(config)
    marketo.control("POST", "reset_counters")
    tap.sync(config, select(catalog, ["leads", VISITS]), target)
    return catalog


def test_a_quiet_year_takes_thirteen_jobs_of_each_object(tap: Tap) -> None:
    with account("--leads", "30", "--activities", "300", *QUICK) as marketo:
        target = Target()
        catalog = sync_from(marketo, tap, target)
        for what in ("leads", "activities"):
            windows = lengths(marketo, what)
            assert len(windows) == 13
            # The second is made before it is known how small the first file is, or after that.
            assert windows[:2] in ([14 * DAY, 14 * DAY], [14 * DAY, 31 * DAY])
            assert windows[2:-1] == [31 * DAY] * 10
        assert_leads(marketo, target, START)
        assert_activities(marketo, catalog, target, [VISITS], START)


def test_windows_that_an_earlier_run_found_dear_grow_when_files_turn_out_small(tap: Tap) -> None:
    with account("--leads", "30", "--activities", "300", *QUICK) as marketo:
        target = Target(state={"bookmarks": {}, "export_bytes_per_day": {"leads": 20 * MB}})
        sync_from(marketo, tap, target, max_export_days=20, max_queued_exports=2)
        windows = lengths(marketo, "leads")
        # A tenth of the allowance of 500 MB is what two and a half days are said to cost.
        assert windows[0] == 2.5 * DAY
        assert all(earlier <= later for earlier, later in pairwise(windows[:-1]))
        # The longest allowed is reached, and never passed.
        assert windows[-2] == 20 * DAY
        assert max(windows) == 20 * DAY
        assert_leads(marketo, target, START)


def test_where_files_turn_out_large_windows_shrink(tap: Tap) -> None:
    begin = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
    with account("--leads", "1", "--activities", "1", "--text-bytes", "60000", *QUICK) as marketo:
        for day in range(45):
            # A megabyte a day.
            marketo.change(new_leads=17, at=(begin + day * DAY).strftime("%Y-%m-%dT%H:%M:%SZ"))
        config = marketo.config(
            start_date=begin.isoformat(), max_daily_export_mb=80, max_queued_exports=1
        )
        chosen = select(tap.discover(config), ["leads"], leads=["sandboxBody"])
        marketo.control("POST", "reset_counters")
        target = Target()
        tap.sync(config, chosen, target)
        windows = lengths(marketo, "leads")
        assert windows[0] == 14 * DAY
        assert all(6 * DAY < window < 9 * DAY for window in windows[1:-1])
        first, *others = [job["bytes"] for job in jobs(marketo)]
        assert first > 14 * MB
        assert max(others) < 9 * MB
        assert {x["id"] for x in marketo.truth("leads") if x["_changedAt"] >= "2026-05-01T12"} == (
            set(expected.table(target, "leads"))
        )


def test_a_month_is_exported_at_once_though_nothing_is_known_yet(tap: Tap) -> None:
    with account(*SMALL, *QUICK) as marketo:
        sync_from(marketo, tap, Target(), start_date="2026-05-16T12:00:00Z")
        for what in ("leads", "activities"):
            (window,) = lengths(marketo, what)
            assert window > 30 * DAY
