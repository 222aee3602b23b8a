"""A run cut short at any moment and started again from the last STATE that came out loses nothing.

The target keeps its state as orchestrators do: what counts is the last STATE line it was given.
"""

from __future__ import annotations

import os
import random
import select as io_select
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.harness import HANG, ROOT, Account, Tap, Target, account, assert_secrets_kept, select

SEEDS = 50 if os.environ.get("MARKETO_SOAK") else 5
START = "2026-04-20T00:00:00Z"
STREAMS = [
    "leads", "campaigns", "lists", "programs", "activities_visit_webpage",
    "activities_send_email", "activities_every_data_type",
]  # fmt: skip
DATA = ["--leads", "300", "--activities", "3000", "--history-days", "80", "--campaigns", "1200"]
LOOKBACK = timedelta(hours=24)
# Of lists (README, streams).
PAGED_LOOKBACK = timedelta(minutes=15)
# Streams less than a day apart are read together, from the earliest on (README, late rows).
TOGETHER = timedelta(days=1)
CLOSED = "the target closes"


@dataclass
class Ending:
    """What a run had written when it was over, and whether the target was given all of it."""

    lines: list[str]
    code: int
    log: str
    is_whole: bool


def cut_run(command: list[str], how: object, lines: float, seconds: float) -> Ending:
    """Run a command until it has written so many lines or worked so long, then end it.

    Args:
        command: the tap's.
        how: a signal, or CLOSED: its reader goes away.
        lines: end it after so many lines.
        seconds: end it after so long.
    """
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, bufsize=0
        ) as process,
    ):
        assert process.stdout
        received, seen, deadline = bytearray(), 0, time.monotonic() + seconds
        is_whole = False
        while seen < lines and (left := deadline - time.monotonic()) > 0:
            if not io_select.select([process.stdout], [], [], left)[0]:
                break  # its time is up
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                is_whole = True
                break
            received += chunk
            seen += chunk.count(b"\n")
        if isinstance(how, signal.Signals):
            process.send_signal(how)
            received += process.communicate(timeout=HANG)[0]
            is_whole = True
        else:
            process.stdout.close()
        code = process.wait(HANG)
        log.seek(0)
        whole = received.decode().split("\n")
        if how is signal.SIGTERM:
            assert whole[-1] == "", "half a line was left"
        # A target drops what is no whole line.
        return Ending(whole[:-1], code, log.read().decode(), is_whole)


@dataclass
class Kept:
    """A target beside a record of which rows its state covers."""

    target: Target = field(default_factory=Target)
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
        for stream in ("campaigns", "lists", "programs"):
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
    key, date = (
        ("updatedAt", changed[record["id"]])
        if stream == "leads"
        else ("activityDate", record.get("activityDate"))
    )
    marks = state.get("bookmarks", {}).get(stream, {})
    if date is None or key not in marks or stream in ("campaigns", "lists", "programs"):
        return
    bound = datetime.fromisoformat(marks[key]) - LOOKBACK / 96
    if "settled" in marks:
        bound = min(bound, datetime.fromisoformat(marks["settled"]))
    for exports in state.get("exports", {}).values():
        for export in exports:
            if stream in export["streams"]:
                bound = min(bound, datetime.fromisoformat(export["start"]))
    assert datetime.fromisoformat(date) >= bound - TOGETHER, f"{stream}: {date} before {bound}"


def sync_with_kills(
    marketo: Account, tap: Tap, catalog: dict[str, Any], kept: Kept, rng: random.Random
) -> None:
    """Sync until a run ends by itself, cutting the others short at random moments."""
    config = marketo.config(start_date=START, max_export_days=7)
    for attempt in range(100):
        command = tap.command(config, catalog, kept.target.state)
        how = rng.choice([signal.SIGKILL, signal.SIGTERM, CLOSED])
        # By lines, so that a slow machine kills at the same places; by time, for the places
        # where nothing is written: later and later, for it may be a very slow machine.
        lines = rng.choice([float("inf"), rng.randint(1, 900), rng.randint(1, 900)])
        seconds = rng.uniform(0.2, 1.3) * (1 + attempt / 10)
        ending = cut_run(command, how, lines, seconds)
        changed = {x["id"]: x["_changedAt"].replace("Z", "+00:00") for x in marketo.truth("leads")}
        kept.take(ending.lines, changed)
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
    tables = expected.tables(marketo, catalog, START)
    for name in STREAMS:
        assert expected.table(target, name) == tables[name], name


def change(marketo: Account) -> None:
    marketo.change(
        new_leads=10, updated_leads=30, new_activities=200, late_activities=20,
        campaigns_updated=30, lists_updated=5, programs_updated=5,
    )  # fmt: skip
    marketo.advance(hours=20)


def undisturbed_exports(tap: Tap, seed: int) -> int:
    """Count the exports of the same syncs when nothing is cut short."""
    with account(*DATA, "--seed", str(seed)) as marketo:
        chosen = select(tap.discover(marketo.config()), STREAMS)
        marketo.control("POST", "reset_counters")
        target = Target()
        config = marketo.config(start_date=START, max_export_days=7)
        tap.sync(config, chosen, target)
        change(marketo)
        tap.sync(config, chosen, target)
        return len(marketo.counters()["jobs"])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_killed_runs_lose_nothing_and_make_few_exports_again(
    tap: Tap, seed: int, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(seed)
    usual = undisturbed_exports(tap, seed)
    with account(*DATA, "--seed", str(seed)) as marketo:
        catalog = tap.discover(marketo.config())
        chosen = select(catalog, STREAMS)
        marketo.control("POST", "reset_counters")
        kept = Kept()
        sync_with_kills(marketo, tap, chosen, kept, rng)
        assert_equal_to_marketo(marketo, catalog, kept.target)
        # After the first sync: changes, and an incremental sync that is killed as well.
        change(marketo)
        sync_with_kills(marketo, tap, chosen, kept, rng)
        assert_equal_to_marketo(marketo, catalog, kept.target)
        # Those that a signal cancelled have cost nothing.
        jobs = [job for job in marketo.counters()["jobs"] if not job["cancelled_in"]]
        windows = Counter(
            (job["object"], next(iter(job["filter"].values()))["startAt"]) for job in jobs
        )
    again = windows.total() - len(windows)
    # A kill between the creation of a job and its STATE line costs that one job.
    assert again <= kept.kills
    # One after the last window was read costs what any further run costs: one look each.
    assert len(jobs) - usual <= 2 * kept.kills
    record_property(
        "sums",
        {
            "label": "kills",
            "kills": kept.kills,
            "exports": len(jobs),
            "exports undisturbed": usual,
            "windows exported again": again,
            "rows": kept.rows,
            "rows doubled": kept.doubled,
        },
    )
