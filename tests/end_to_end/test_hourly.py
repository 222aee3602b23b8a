"""An hourly schedule reads little twice, and misses nothing that shows late."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.end_to_end import crm_accounts, expected, people
from tests.end_to_end.checks import assert_activities, discovered, jobs, without_exported_columns
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.expected_assets import DESIGNER
from tests.harness import BY_PAGES, SOAK, Account, Run, Tap, Target, account, select

# A week; outside `make soak` as long as it takes to look back far once and to look through all
# programs once. What comes late after that is looked for when the schedule is over.
HOURS = 168 if SOAK else 26
# All programs are looked through in this time, so that it happens while the schedule goes on.
SWEEP_DAYS = 4 if SOAK else 1
START = "2026-06-10T00:00:00Z"
OPTIONS = ("--leads", "400", "--activities", "200", "--history-days", "30", "--late-share", "0",
           "--programs", "25", "--lists", "12", "--program-members", "200", "--merged-leads", "0",
           "--scale", "3000", "--export-minutes", "1")  # fmt: skip
STREAMS = ("leads", MEMBERS, MEMBERSHIPS, *people.OBJECTS)
# Beside them what is read by keys, of the Email Designer and in full; a call or a few each.
OTHERS = (
    *DESIGNER, "users", "user_roles", "workspaces", "custom_activity_types", "object_fields",
    "form_fields",
)  # fmt: skip
MORE = (*crm_accounts.OPTIONS, "--users", "12", "--designer-emails", "12")
# Before any lead changed.
BEGUN = "2026-05-15T00:00:00+00:00"
# What is exported to find objects by keys.
REFERENCES = ("id", "contactCompany", "externalCompanyId", "externalSalesPersonId")
# A first sync on a busy machine must be over by then.
BEGIN = datetime(2026, 6, 17, tzinfo=timezone.utc)
# Activities of an hour, and those among them that are dated up to 24 hours ago.
NEW, LATE = 120, 4
# docs/state.md, late rows: none shows later than 23 hours and a run after Marketo wrote it. (A file
# is read by the run after that which makes it.)
LONGEST_DELAY = 24


@dataclass
class Schedule:
    """Hour after hour: what was written late, and in which hour it came."""

    marketo: Account
    rng: random.Random
    late_since: dict[Any, int] = field(default_factory=dict)
    delays: dict[Any, int] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    """How many rows have come or changed, by the bulk object that exports them."""

    def write(self, hour: int) -> None:
        """Let an hour's rows be written, some of them with a date of up to 24 hours ago."""
        done = self.marketo.change(new_activities=NEW, late_activities=LATE, updated_leads=8)
        self.late_since |= dict.fromkeys(done["late_activities"], hour)
        date = now_of(self.marketo) - timedelta(hours=self.rng.uniform(1, 23.9))
        late = self.marketo.change(updated_leads=1, at=date.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.changes["leads"] += len(done["updated_leads"]) + len(late["updated_leads"])
        self.changes["activities"] += NEW + LATE
        self.change_people(hour)
        done = self.marketo.change(silent_program_member_changes=2)
        self.changes["program/members"] += len(done["silent_program_member_changes"])

    def change_people(self, hour: int) -> None:
        """Let members come, leave and come back; some of it is told up to 24 hours later."""
        for late_hours in (0, self.rng.uniform(1, 23.9)):
            self.marketo.change(
                new_program_members=2, program_members_changed=3, program_members_left=2,
                program_members_back=1, list_members_added=3, list_members_removed=3,
                late_hours=late_hours,
            )  # fmt: skip
        done = self.marketo.change(custom_objects_changed=3, new_custom_objects=1)
        for name in done["custom_objects_changed"] + done["new_custom_objects"]:
            self.changes[f"customobjects/{name[0]}"] += 1
        if hour % 6 == 1:
            crm_accounts.change(self.marketo, 1)
            self.marketo.change(designer_emails_updated=2, new_designer_fragments=1)
        if hour % 12 == 5:
            # Who is in them from the start is told by no activity of members.
            self.marketo.change(new_programs=1, new_lists=1, members=5)

    def note_late_rows(self, done: Run, hour: int) -> None:
        """Note how many hours after they were written late activities came."""
        for line in done.messages:
            key = line["record"].get("marketoGUID") if line["type"] == "RECORD" else None
            if key in self.late_since:
                self.delays.setdefault(key, hour - self.late_since[key])


def now_of(marketo: Account) -> datetime:
    return datetime.fromtimestamp(marketo.control("GET", "clock")["epoch"], timezone.utc)


def pass_time_until(marketo: Account, moment: datetime) -> None:
    """Let Marketo's clock go on, unless it is later already; meanwhile it does not stand still."""
    left = moment - now_of(marketo)
    marketo.advance(seconds=max(left.total_seconds(), 0))


def bytes_exported(marketo: Account, what: str) -> int:
    """Return the bytes of an object's files since the last reset."""
    return sum(job["bytes"] or 0 for job in whole_rows(marketo, what))


def whole_rows(marketo: Account, what: str) -> list[dict[str, Any]]:
    """Return the jobs of an object since the last reset, but those of references of leads."""
    return [job for job in jobs(marketo, what) if len(job["fields"]) > len(REFERENCES)]


def bytes_a_row(marketo: Account, what: str) -> float:
    """Return how long an object's rows are, by the files made since the last reset."""
    rows = sum(job["rows"] or 0 for job in whole_rows(marketo, what))
    return bytes_exported(marketo, what) / rows


def changed_members(marketo: Account) -> int:
    """Return how often members have come or changed since the beginning, as activities tell."""
    begin = BEGIN.strftime("%Y-%m-%dT%H:%M:%SZ")
    told = people.told_of_members(marketo)
    return len({key for key in told if key[-1] >= begin})


def assert_nothing_missed(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    tables = people.tables(marketo, catalog, START)
    for name in target.tables.keys() & {*STREAMS, *OTHERS}:
        assert tables[name], "a table without rows would prove nothing"
        held = people.table(target, name)
        if name == "leads":
            # An activity may tell of others, in which nothing has changed.
            held = {key: row for key, row in held.items() if key in tables[name]}
        assert held == tables[name], name
    people.assert_who_left_is_right(marketo, catalog, target)
    if target.tables.keys() & {*crm_accounts.STREAMS}:
        crm_accounts.assert_right(marketo, catalog, target)
    told = expected.activities(marketo, catalog, START)
    streams = [name for name in told if told[name] and name in target.tables]
    assert_activities(marketo, catalog, target, streams, START)


def look_at_all(
    marketo: Account, tap: Tap, config: dict[str, Any], chosen: dict[str, Any], target: Target
) -> Run:
    """Sync a day later, when nothing more can show late, and when all programs are due."""
    marketo.advance(hours=25)
    done = tap.sync(config, chosen, target)
    marketo.advance(days=SWEEP_DAYS)
    tap.sync(config, chosen, target)
    return done


@pytest.mark.soak
def test_an_hourly_schedule_reads_little_twice_and_misses_nothing_late(
    tap: Tap, record_property: Callable[[str, object], None]
) -> None:
    with account(*OPTIONS, *MORE) as marketo:
        config = marketo.config(
            start_date=START, poll_interval=0.02, max_calls_per_20_seconds=10**6,
            program_members_sweep_days=SWEEP_DAYS, **BY_PAGES, **crm_accounts.SETTINGS,
        )  # fmt: skip
        catalog = discovered(*OPTIONS, *MORE, **crm_accounts.SETTINGS)
        names = [stream["tap_stream_id"] for stream in catalog["streams"]]
        activities = [name for name in names if name.startswith("activities_")]
        others = [*STREAMS, *OTHERS, *crm_accounts.STREAMS]
        chosen = without_exported_columns(select(catalog, [*activities, *others]))
        target = Target(state=crm_accounts.state_of(BEGUN))
        tap.sync(config, chosen, target)
        pass_time_until(marketo, BEGIN)
        marketo.control("POST", "reset_counters")
        schedule = Schedule(marketo, random.Random(1))
        for hour in range(HOURS):
            schedule.write(hour)
            pass_time_until(marketo, BEGIN + timedelta(hours=hour + 1))
            schedule.note_late_rows(tap.sync(config, chosen, target), hour)
        read = {what: bytes_exported(marketo, what) for what in schedule.changes}
        done = look_at_all(marketo, tap, config, chosen, target)
        schedule.note_late_rows(done, HOURS)
        assert_nothing_missed(marketo, catalog, target)
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, Target(state=crm_accounts.state_of(BEGUN)))
        schedule.changes["program/members"] += changed_members(marketo)
        new = {
            what: number * bytes_a_row(marketo, what) for what, number in schedule.changes.items()
        }
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
            "leads changed": schedule.changes["leads"],
            **{f"times the new bytes of {what}": round(read[what] / new[what], 2) for what in new},
        },
    )
    # Each pass over all programs reads what has changed since the day before the last one.
    most = dict.fromkeys(new, 4.0) | {"program/members": 4 + (SWEEP_DAYS + 1) / SWEEP_DAYS}
    assert all(read[what] <= most[what] * own for what, own in new.items())


# Without the filter by updatedAt -----------------------------------------------------------------

# As often as every three hours.
STEP = 3


@pytest.mark.soak
def test_a_schedule_without_the_filter_sees_each_change_that_an_activity_tells_of(
    tap: Tap, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(2)
    with account(*OPTIONS, "--no-updated-at") as marketo:
        config = marketo.config(
            start_date=START, poll_interval=0.02, max_calls_per_20_seconds=10**6, **BY_PAGES
        )
        catalog = discovered(*OPTIONS, "--no-updated-at")
        chosen = select(catalog, ["leads", MEMBERS])
        target = Target()
        tap.sync(config, chosen, target)
        pass_time_until(marketo, BEGIN)
        marketo.control("POST", "reset_counters")
        schedule, made = Schedule(marketo, rng), 0
        for hour in range(0, HOURS, STEP):
            made += len(marketo.change(new_leads=3)["new_leads"])
            for late_hours in (0, rng.uniform(1, 23.9)):
                marketo.change(updated_leads=8, custom_only_updates=4, late_hours=late_hours)
            schedule.change_people(hour)
            if hour == 4 * STEP:
                # So many that an export of their ids is cheaper than pages of activities.
                for _ in range(5):
                    marketo.change(updated_leads=400)
            pass_time_until(marketo, BEGIN + timedelta(hours=hour + STEP))
            tap.sync(config, chosen, target)
        read, exports = bytes_exported(marketo, "leads"), jobs(marketo, "activities")
        look_at_all(marketo, tap, config, chosen, target)
        assert_nothing_missed(marketo, catalog, target)
        marketo.control("POST", "reset_counters")
        tap.sync(config, chosen, Target())
        new = made * bytes_a_row(marketo, "leads")
    # Few changes are found by pages; the many are in reach of two runs that look back far.
    assert 1 <= len(exports) <= 3
    record_property(
        "sums",
        {
            "label": "a schedule without the filter",
            "hours": HOURS,
            "new leads": made,
            "times the new bytes of leads": round(read / new, 2),
            "exports that tell of changes": len(exports),
        },
    )
    assert read <= 4 * new
