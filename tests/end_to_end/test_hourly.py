"""An hourly schedule reads little twice, and misses nothing that shows late."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.end_to_end import expected
from tests.end_to_end.checks import assert_activities, assert_leads, jobs
from tests.harness import Account, Run, Tap, Target, account, select

# A week; in the usual suite as long as it takes to look back far at least twice.
HOURS = 168 if os.environ.get("MARKETO_SOAK") else 42
START = "2026-06-10T00:00:00Z"
OPTIONS = ("--leads", "400", "--activities", "200", "--history-days", "30", "--late-share", "0",
           "--scale", "3000", "--export-minutes", "1")  # fmt: skip
# A first sync on a busy machine must be over by then.
BEGIN = datetime(2026, 6, 17, tzinfo=timezone.utc)
# Activities of an hour, and those among them that are dated up to 24 hours ago.
NEW, LATE = 120, 4
# README, late rows: none shows later than 18 hours and a run after Marketo wrote it.
LONGEST_DELAY = 19


@dataclass
class Schedule:
    """Hour after hour: what was written late, and in which hour it came."""

    marketo: Account
    rng: random.Random
    late_since: dict[Any, int] = field(default_factory=dict)
    delays: dict[Any, int] = field(default_factory=dict)
    lead_changes: int = 0

    def write(self, hour: int) -> None:
        """Let an hour's rows be written, some of them with a date of up to 24 hours ago."""
        done = self.marketo.change(new_activities=NEW, late_activities=LATE, updated_leads=8)
        self.late_since |= dict.fromkeys(done["late_activities"], hour)
        date = now_of(self.marketo) - timedelta(hours=self.rng.uniform(1, 23.9))
        late = self.marketo.change(updated_leads=1, at=date.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.lead_changes += len(done["updated_leads"]) + len(late["updated_leads"])

    def note_late_rows(self, done: Run, hour: int) -> None:
        """Note how many hours after they were written late activities came."""
        for line in done.messages:
            key = line["record"].get("marketoGUID") if line["type"] == "RECORD" else None
            if key in self.late_since:
                self.delays.setdefault(key, hour - self.late_since[key])


def now_of(marketo: Account) -> datetime:
    return datetime.fromtimestamp(marketo.control("GET", "clock")["epoch"], timezone.utc)


def bytes_exported(marketo: Account, what: str) -> int:
    """Return the bytes of an object's files since the last reset."""
    return sum(job["bytes"] or 0 for job in jobs(marketo, what))


def bytes_a_row(marketo: Account, what: str) -> float:
    """Return how long an object's rows are, by the files made since the last reset."""
    return bytes_exported(marketo, what) / sum(job["rows"] or 0 for job in jobs(marketo, what))


def assert_nothing_missed(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    assert_leads(marketo, target, START)
    tables = expected.activities(marketo, catalog, START)
    assert_activities(marketo, catalog, target, [name for name in tables if tables[name]], START)


def test_an_hourly_schedule_reads_little_twice_and_misses_nothing_late(
    tap: Tap, record_property: Callable[[str, object], None]
) -> None:
    with account(*OPTIONS) as marketo:
        config = marketo.config(
            start_date=START, poll_interval=0.02, max_calls_per_20_seconds=10**6
        )
        catalog = tap.discover(config)
        names = [stream["tap_stream_id"] for stream in catalog["streams"]]
        chosen = select(catalog, [n for n in names if n.startswith(("leads", "activities_"))])
        target = Target()
        tap.sync(config, chosen, target)
        marketo.control("POST", "clock", {"set": BEGIN.isoformat()})
        marketo.control("POST", "reset_counters")
        schedule = Schedule(marketo, random.Random(1))
        for hour in range(HOURS):
            schedule.write(hour)
            moment = BEGIN + timedelta(hours=hour + 1)
            if now_of(marketo) < moment:
                marketo.control("POST", "clock", {"set": moment.isoformat()})
            schedule.note_late_rows(tap.sync(config, chosen, target), hour)
        read = {what: bytes_exported(marketo, what) for what in ("leads", "activities")}
        # One more run, a day later, has looked at everything that can still show late.
        marketo.advance(hours=25)
        schedule.note_late_rows(tap.sync(config, chosen, target), HOURS)
        assert_nothing_missed(marketo, catalog, target)
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, Target())
        rows = {"leads": schedule.lead_changes, "activities": HOURS * (NEW + LATE)}
        new = {what: rows[what] * bytes_a_row(marketo, what) for what in rows}
    assert set(schedule.delays) == set(schedule.late_since)
    assert len(schedule.delays) == HOURS * LATE
    assert max(schedule.delays.values()) <= LONGEST_DELAY
    record_property(
        "sums",
        {
            "label": "an hourly schedule",
            "hours": HOURS,
            "late activities caught": len(schedule.delays),
            "hours till the last one came": max(schedule.delays.values()),
            "leads changed": schedule.lead_changes,
            **{f"times the new bytes of {what}": round(read[what] / new[what], 2) for what in new},
        },
    )
    assert all(read[what] <= 4 * own for what, own in new.items())
