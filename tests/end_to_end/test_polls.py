"""How often Marketo is asked about export jobs, and how soon a finished one is found.

Times are the sandbox's own, out of its log.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from tests.end_to_end.checks import SMALL, jobs, log_of, polls
from tests.harness import Account, Tap, Target, account, select

SCALE = 300
MINUTE = 60.0
EXPORT_MINUTES = 6


def delays(marketo: Account) -> list[float]:
    """Return for how long each job had been done when its file was asked for."""
    read = {entry["id"]: entry["at"] for entry in reversed(log_of(marketo, "file"))}
    return [read[job["exportId"]] - job["finished"] for job in jobs(marketo)]


def test_polls_are_few_once_it_is_known_how_long_jobs_take_and_find_them_as_soon(tap: Tap) -> None:
    options = ("--scale", str(SCALE), "--export-minutes", str(EXPORT_MINUTES))
    with account(*SMALL, *options) as marketo:
        config = marketo.config(
            start_date="2026-05-20T00:00:00Z",
            max_export_days=4,
            poll_interval=MINUTE / SCALE,
            max_calls_per_20_seconds=50 * SCALE,
        )
        chosen = select(tap.discover(config), ["leads"])
        marketo.control("POST", "reset_counters")
        target = Target()
        tap.sync(config, chosen, target)
        made = jobs(marketo)
        assert len(made) == 7
        seen = [entry["at"] for entry in polls(marketo)]
        assert all(later - earlier >= MINUTE - 0.1 for earlier, later in pairwise(seen))
        # Marketo renews a status once a minute; of more than two minutes the rest is the machine's.
        assert median(delays(marketo)) < 5 * MINUTE

        for _ in range(2):
            marketo.advance(hours=23)
            marketo.control("POST", "reset_counters")
            tap.sync(config, chosen, target)
            assert len(jobs(marketo)) == 1
            # Seven, if it were polled every minute.
            assert 1 <= len(polls(marketo)) <= 4
