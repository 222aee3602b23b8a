"""A run cut short at any moment and started again from the last STATE that came out loses nothing.

The target keeps its state as orchestrators do: what counts is the last STATE line it was given.
"""

from __future__ import annotations

import os
import random
import select as io_select
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end import crm_accounts, expected_linked, people
from tests.end_to_end.checks import background, discovered, jobs, log_of
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.expected_assets import DESIGNER, SEEN
from tests.harness import (
    HANG,
    SOAK,
    Account,
    Tap,
    Target,
    account,
    assert_secrets_kept,
    piped,
    select,
)

START = "2026-04-20T00:00:00Z"
# Before everything there is.
EVER = "2025-06-01T00:00:00Z"
# One of each way to page: by token, by date with details, without a filter, in full, the tree;
# and children.
LISTS = ("campaigns", "lists", "programs", "files", "folders")
OBJECT = people.OBJECTS[0]
STREAMS = [
    "leads", *LISTS, "landing_page_domains", "segments", "tokens", "activities_visit_webpage",
    "activities_send_email", "activities_every_data_type", MEMBERS, MEMBERSHIPS, OBJECT,
    *DESIGNER, "users", "user_roles", "workspaces", "custom_activity_types", "object_fields",
    "form_fields",
]  # fmt: skip
# Through one bridge; in `make soak` through two bridges, and through leads.
KEYED_OBJECTS = (
    (expected_linked.COURSES, expected_linked.CONTRACTS) if SOAK else (expected_linked.HOUSES,)
)
# Before any lead changed.
BEGUN = "2026-03-26T00:00:00+00:00"
DATA = [
    "--leads", "200", "--activities", "1500", "--history-days", "80", "--campaigns", "320",
    # The members of each take a call.
    "--lists", "310" if SOAK else "30",
    "--programs", "30", "--files", "205", "--folders", "20", "--tokens", "60",
    "--landing-page-domains", "205", "--segmentations", "6", "--segments", "230",
    "--program-members", "300", "--list-memberships", "700", "--custom-objects", "80",
    # What shows late of the past would show while the last run goes on, for the next one.
    "--late-share", "0", "--linked-objects", *crm_accounts.OPTIONS,
]  # fmt: skip
FAMILIES = ("leads", "lead_references", "activities", MEMBERS, OBJECT)
# One account in so many cannot filter by updatedAt.
WITHOUT_FILTER = 5
SEEDS = range(50) if SOAK else range(1)
# How often a scan is cut: at first, and in `make soak` when everything has changed since.
CUTS = 2 if SOAK else 1
LOOKBACK = timedelta(hours=24)
# Of lists (docs/streams.md).
PAGED_LOOKBACK = timedelta(minutes=15)
# Streams less than a day apart are read together, from the earliest on (docs/state.md, late rows).
TOGETHER = timedelta(days=1)
CLOSED = "the target closes"
# Seconds that the call is held within which a run is ended.
LATE = 0.5
# Within so many calls the first runs are ended; a whole sync makes some more.
MOST_CALLS = 200


@dataclass
class Ending:
    """What a run had written when it was over, and whether the target was given all of it."""

    lines: list[str]
    code: int
    log: str
    is_whole: bool


def begun() -> Target:
    """Return an empty target; no references of years without leads are left to be exported."""
    keyed = (crm_accounts.state_of(BEGUN), expected_linked.state_of(BEGUN, *KEYED_OBJECTS))
    return Target(state={"bookmarks": keyed[0]["bookmarks"] | keyed[1]["bookmarks"]})


def cut_run(marketo: Account, command: list[str], how: object, lines: float, calls: int) -> Ending:
    """Run a command until it has written so many lines or made so many calls, then end it.

    Args:
        marketo: whom it asks.
        command: the tap's.
        how: a signal, or CLOSED: its reader goes away.
        lines: end it after so many lines.
        calls: end it within the call after so many.
    """
    # That call is answered late, and then not at all: it is made again if the end comes too late.
    marketo.fault("any", "timeout", skip=calls, seconds=LATE)
    with tempfile.TemporaryFile() as log, piped(command, log.fileno()) as (process, out):
        received, seen, deadline = bytearray(), 0, time.monotonic() + HANG
        is_whole = False
        while seen < lines:
            assert time.monotonic() < deadline, "it hangs"
            if not io_select.select([out], [], [], 0.02)[0]:
                if marketo.control("GET", "faults")["faults"][-1]["fired"]:
                    break
                continue
            chunk = os.read(out.fileno(), 4096)
            if not chunk:
                is_whole = True
                break
            received += chunk
            seen += chunk.count(b"\n")
        if isinstance(how, signal.Signals):
            process.send_signal(how)
            received += out.readall()
            is_whole = True
        else:
            out.close()
        code = process.wait(HANG)
        log.seek(0)
        *whole, rest = received.split(b"\n")
        if how is signal.SIGTERM:
            assert not rest, "half a line was left"
        # A target drops what is no whole line.
        lines_of_text = [line.decode() for line in whole]
        return Ending(lines_of_text, code, log.read().decode(), is_whole)


@dataclass
class Kept:
    """A target beside a record of which rows its state covers."""

    target: Target = field(default_factory=begun)
    kills: int = 0
    rows: int = 0
    doubled: int = 0
    covered: dict[str, set[Any]] = field(default_factory=dict)
    _marks: dict[str, Any] = field(default_factory=dict)
    _since: dict[str, set[Any]] = field(default_factory=dict)
    _ever: set[Any] = field(default_factory=set)

    def take(self, lines: list[str], changed: dict[int, str]) -> None:
        """Load one run's lines, checking each row against the state that the run began with."""
        began = self.target.state or {}
        before = {stream: set(rows) for stream, rows in self.covered.items()}
        for line in lines:
            self.target.take([line])
            message = self.target.last
            if message["type"] == "RECORD":
                stream, record = message["stream"], message["record"]
                row = (stream, *sorted((k, repr(v)) for k, v in record.items()))
                if not is_looked_back_at(stream, record, began):
                    assert row not in before.get(stream, set()), "a row that the state covers"
                assert_not_before(stream, record, began, changed)
                self.rows += 1
                self.doubled += row in self._ever
                self._ever.add(row)
                if record.get("updatedAt"):
                    # A row of a list without a date comes each time, as nothing tells its age.
                    self._since.setdefault(stream, set()).add(row)
            elif message["type"] == "STATE":
                self._cover(message["value"].get("bookmarks", {}))

    def _cover(self, bookmarks: dict[str, Any]) -> None:
        # A list's own mark moves when its rows up to here need not come again. The rows of
        # exports are judged by their dates, for they come again for a look back.
        for stream in LISTS:
            marks = bookmarks.get(stream)
            if marks != self._marks.get(stream):
                self._marks[stream] = marks
                self.covered.setdefault(stream, set()).update(self._since.pop(stream, set()))


def is_looked_back_at(stream: str, record: dict[str, Any], state: dict[str, Any]) -> bool:
    """Whether a list's row changed so shortly before the bookmark that it comes again."""
    marks = state.get("bookmarks", {}).get(stream, {})
    if "updatedAt" not in marks or not record.get("updatedAt"):
        return False
    since = datetime.fromisoformat(marks["updatedAt"]) - PAGED_LOOKBACK
    return datetime.fromisoformat(record["updatedAt"]) >= since


def assert_not_before(
    stream: str, record: dict[str, Any], state: dict[str, Any], changed: dict[int, str]
) -> None:
    """A row of an export that comes again is not older than the state says by the look-back."""
    date = changed[record["id"]] if stream == "leads" else record.get(date_of(stream))
    if date is None or stream in (*LISTS, *crm_accounts.STREAMS, *KEYED_OBJECTS):
        return
    bounds = []
    for name, key in marks_of(stream, state):
        marks = state.get("bookmarks", {}).get(name, {})
        if key not in marks:
            return
        bounds.append(datetime.fromisoformat(marks[key]) - LOOKBACK / 96)
        if "settled" in marks:
            bounds.append(datetime.fromisoformat(marks["settled"]))
    if not bounds:
        return
    for exports in state.get("exports", {}).values():
        for export in exports:
            if stream in export["streams"]:
                bounds.append(datetime.fromisoformat(export["start"]))
    bound = min(bounds)
    assert datetime.fromisoformat(date) >= bound - TOGETHER, f"{stream}: {date} before {bound}"


def marks_of(stream: str, state: dict[str, Any]) -> list[tuple[str, str]]:
    """Return where the state says how far a stream has come: the bookmarks' names and keys."""
    has_filter = "createdAt" not in state.get("bookmarks", {}).get("leads", {})
    if stream == "leads" and not has_filter:
        # New ones are exported by one bookmark, changed ones found by another.
        return [("leads", "createdAt"), ("lead_changes", "activityDate")]
    if stream == MEMBERS and not has_filter:
        # Programs are exported whole.
        return []
    return [(stream, date_of(stream))]


def date_of(stream: str) -> str:
    return "activityDate" if stream.startswith("activities_") else "updatedAt"


def changes_of(marketo: Account) -> dict[int, str]:
    """Return when each lead changed last, or an activity told last that it had.

    By the activities they are found where exports have no filter by updatedAt.
    """
    told = people.last_told(marketo)
    dates = {
        lead["id"]: max(lead["_changedAt"], told.get(lead["id"], ""))
        for lead in marketo.truth("leads")
    }
    return {lead: date.replace("Z", "+00:00") for lead, date in dates.items()}


def sync_with_kills(
    marketo: Account, tap: Tap, catalog: dict[str, Any], kept: Kept, rng: random.Random
) -> None:
    """Sync until a run ends by itself, cutting the others short at random moments."""
    config = config_of(marketo)
    for attempt in range(100):
        command = tap.command(config, catalog, kept.target.state)
        how = rng.choice([signal.SIGKILL, signal.SIGTERM, CLOSED])
        # By lines or by calls, so that each machine kills at the same places: later and later, so
        # that a run comes to its end.
        lines = rng.choice([float("inf"), rng.randint(1, 900), rng.randint(1, 900)])
        calls = round(rng.randint(1, MOST_CALLS) * (1 + attempt / 10))
        ending = cut_run(marketo, command, how, lines, calls)
        marketo.heal()
        kept.take(ending.lines, changes_of(marketo))
        assert_secrets_kept(config, ending.log, *ending.lines)
        assert "Traceback" not in ending.log
        if ending.code == 0 and ending.is_whole:
            return
        usual: dict[object, tuple[int, ...]] = {
            signal.SIGKILL: (-signal.SIGKILL,),
            # It may come before the program is there to catch it.
            signal.SIGTERM: (143, -signal.SIGTERM),
            # It may have written the rest into the pipe, where nobody reads it.
            CLOSED: (1, 0),
        }
        assert ending.code in usual[how], ending.log
        kept.kills += 1
    raise AssertionError("no run came to its end")


def assert_equal_to_marketo(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    tables = people.tables(marketo, catalog, START)
    for name in STREAMS:
        assert people.table(target, name) == tables[name], name
    people.assert_who_left_is_right(marketo, catalog, target)
    crm_accounts.assert_right(marketo, catalog, target)
    expected_linked.assert_right(marketo, catalog, target, START)


def config_of(marketo: Account) -> dict[str, Any]:
    return marketo.config(start_date=START, max_export_days=7, **crm_accounts.SETTINGS)


def change(marketo: Account, seed: int) -> None:
    # Without the filter changed leads come with the next export of all references.
    crm_accounts.change(marketo, is_told=has_filter(seed))
    marketo.change(
        new_leads=10, updated_leads=30, new_activities=200, late_activities=20,
        campaigns_updated=30, lists_updated=5, programs_updated=5, files_updated=5,
        folders_updated=5, segments_updated=5, new_landing_page_domains=2, new_lists=3, members=3,
        list_members_added=20, list_members_removed=20, new_program_members=10,
        program_members_changed=30, program_members_left=10, custom_objects_changed=10,
        new_custom_objects=5, designer_emails_updated=5, new_designer_fragments=2,
    )  # fmt: skip
    # What shows late is read once in DEEP_EVERY.
    marketo.advance(hours=26)


def selected(catalog: dict[str, Any]) -> dict[str, Any]:
    """Select the streams, with the details of programs."""
    (programs,) = (s for s in catalog["streams"] if s["tap_stream_id"] == "programs")
    streams = [*STREAMS, *crm_accounts.STREAMS, *KEYED_OBJECTS]
    return select(catalog, streams, programs=[*programs["schema"]["properties"]])


def has_filter(seed: int) -> bool:
    return seed % WITHOUT_FILTER != WITHOUT_FILTER - 1


def options_of(seed: int) -> list[str]:
    filters = [] if has_filter(seed) else ["--no-updated-at"]
    return [*DATA, *filters, "--seed", str(seed)]


def undisturbed_exports(tap: Tap, seed: int) -> tuple[int, int]:
    """Count the exports of the same syncs when nothing is cut short, and those of members."""
    with account(*options_of(seed)) as marketo:
        chosen = selected(discovered(*options_of(seed), **crm_accounts.SETTINGS))
        marketo.control("POST", "reset_counters")
        target, config = begun(), config_of(marketo)
        tap.sync(config, chosen, target)
        change(marketo, seed)
        tap.sync(config, chosen, target)
        return len(jobs(marketo)), len(jobs(marketo, "program/members"))


def made_and_again(marketo: Account) -> tuple[int, int, int]:
    """Count the exports since the last reset, and those among them of what others exported.

    Returns:
        How many there are; how many export again, those of members counted by themselves.
    """
    # Those that a signal cancelled have cost nothing.
    made = [job for job in jobs(marketo) if not job["cancelled_in"]]
    seen: set[tuple[object, ...]] = set()
    again = members_again = 0
    for job in made:
        # Of a window its beginning: the run that exports it again may go further.
        starts = [each["startAt"] for each in job["filter"].values() if isinstance(each, dict)]
        programs = job["filter"].get("programIds", [None])
        # Of leads there are those with all fields, and references.
        parts = {(job["object"], len(job["fields"]), program, *starts) for program in programs}
        is_again = not seen.isdisjoint(parts)
        again += is_again and job["object"] != "program/members"
        members_again += is_again and job["object"] == "program/members"
        seen |= parts
    return len(made), again, members_again


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_runs_lose_nothing_and_make_few_exports_again(
    tap: Tap, seed: int, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(seed)
    usual, usual_of_members = undisturbed_exports(tap, seed)
    made = again = members_again = 0
    with account(*options_of(seed)) as marketo:
        chosen = selected(discovered(*options_of(seed), **crm_accounts.SETTINGS))
        kept = Kept()
        # At first, and when much has changed.
        for _ in range(2):
            marketo.control("POST", "reset_counters")
            sync_with_kills(marketo, tap, chosen, kept, rng)
            assert_equal_to_marketo(marketo, chosen, kept.target)
            exports = made_and_again(marketo)
            made, again = made + exports[0], again + exports[1]
            members_again += exports[2]
            change(marketo, seed)
    # A kill between the creation of a job and its STATE line costs that one job.
    assert again <= kept.kills
    # One within an increment of members costs the rest of it, at most.
    assert members_again <= kept.kills * usual_of_members
    # One after the last window was read costs what any further run costs: one look each.
    assert made - usual <= len(FAMILIES) * kept.kills
    record_property(
        "sums",
        {
            "label": "kills",
            "kills": kept.kills,
            "exports": made,
            "exports undisturbed": usual,
            "windows exported again": again + members_again,
            "rows": kept.rows,
            "rows doubled": kept.doubled,
        },
    )


# In the middle of each kind of scan --------------------------------------------------------------

# What is asked for when the run is killed, and how many calls of that kind have been answered by
# then: of lists their first page, of details and children some.
MIDDLES = [
    ("campaigns", "campaigns", 2),
    ("smart_lists", "smart_lists", 1),
    ("files", "files", 1),
    ("landing_page_domains", "landing_page_domains", 1),
    ("folders", "folders", 1),
    ("programs", "program", 30),
    ("segments", "segments", 1),
    ("segments", "segments", 6),
    ("tokens", "folders", 1),
    ("tokens", "tokens", 40),
    ("bulk_exports", "list", 2),
    (MEMBERS, "file", 2),
    (MEMBERSHIPS, "list_members", 1),
    (OBJECT, "file", 0),
    (SEEN, "landing_pages", 1),
    ("designer_emails", "designer_emails", 1),
]
BIG = [
    "--leads", "1", "--activities", "1", "--late-share", "0", "--programs", "60",
    "--landing-page-domains", "210",
]  # fmt: skip
# A scan of these goes on where it was, so that what changes behind it comes with the next.
GOING_ON = {"campaigns", "segments", "tokens", MEMBERS, MEMBERSHIPS}
# These hold nothing that the sandbox changes under its key.
UNCHANGING = {"landing_page_domains", "bulk_exports"}


def killed_at(
    marketo: Account, tap: Tap, chosen: dict[str, Any], target: Target, call: str, skip: int
) -> None:
    """Sync up to a call that is never answered, and kill the run there."""
    marketo.control("POST", "reset_counters")
    marketo.fault(call, "timeout", None, skip=skip, seconds=HANG)
    # The timeout of the run is longer than that of the test.
    config = marketo.config(start_date=EVER, request_timeout=HANG)
    with background(tap, config, chosen, target.state) as run:
        run.until(lambda: len(log_of(marketo, call)) > skip)
        target.take(run.kill().lines)
    marketo.heal()


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("stream", "call", "skip"), MIDDLES)
def test_a_run_killed_in_the_middle_of_a_scan_is_resumed_though_rows_change_meanwhile(
    tap: Tap, stream: str, call: str, skip: int
) -> None:
    with account(*BIG) as marketo:
        marketo.control("POST", "finished_jobs", {"object": "program/members", "bytes": 10})
        catalog = discovered(*BIG)
        (entry,) = (s for s in catalog["streams"] if s["tap_stream_id"] == stream)
        chosen = select(catalog, [stream], **{stream: [*entry["schema"]["properties"]]})
        config, target = marketo.config(start_date=EVER), Target()
        for cut in range(CUTS):
            if cut:
                marketo.advance(hours=24)
                alter(marketo, stream, most=1000)
            killed_at(marketo, tap, chosen, target, call, skip)
            alter(marketo, stream)
            tap.sync(config, chosen, target)
            if stream not in GOING_ON:
                assert people.table(target, stream) == truth(marketo, chosen, stream)
                continue
            # Tokens are read again the next day.
            marketo.advance(hours=24)
            tap.sync(config, chosen, target)
            assert people.table(target, stream) == truth(marketo, chosen, stream)
            people.assert_who_left_is_right(marketo, chosen, target)


def alter(marketo: Account, stream: str, most: int = 60) -> None:
    """Let rows of a stream change, or as good as all of them, and some come."""
    if stream == "bulk_exports":
        marketo.control("POST", "finished_jobs", {"object": "activities", "bytes": 10})
        return
    if stream == MEMBERS:
        marketo.change(new_program_members=3, program_members_changed=most, program_members_left=3)
        return
    if stream == MEMBERSHIPS:
        marketo.change(
            new_lists=3, members=5, list_members_added=most, list_members_removed=most // 2
        )
        return
    if stream == OBJECT:
        marketo.change(new_custom_objects=3, custom_objects_changed=most)
        return
    if stream == SEEN:
        # The others are listed again in a week.
        marketo.change(files_deleted=2, landing_pages_deleted=2, new_forms=2)
        return
    marketo.change(**{f"new_{stream}": 3})
    if stream not in UNCHANGING:
        marketo.change(**{f"{stream}_updated": most})


def truth(marketo: Account, chosen: dict[str, Any], stream: str) -> dict[Any, dict[str, Any]]:
    return people.tables(marketo, chosen, EVER)[stream]
