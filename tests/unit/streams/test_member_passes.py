"""Program members: whenever runs are stopped, no program that has changed is missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import NamedTuple

from hypothesis import example, given, note
from hypothesis import strategies as st

from tap_marketo.config import Config
from tap_marketo.errors import FailedExportError
from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.family import ExportPlan, SyncContext
from tap_marketo.marketo.describe import Field
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Bookmark, Parent, PendingExport, Position
from tap_marketo.protocol.state import State
from tap_marketo.streams.member_exports import MembersFamily
from tap_marketo.streams.member_passes import STREAM, Increment, batches, pieces
from tap_marketo.streams.programs import FailedPrograms
from tap_marketo.times import Window

BEGAN = datetime(2026, 6, 1, tzinfo=timezone.utc)
START = BEGAN - timedelta(days=30)
CONFIG = Config.from_mapping(
    {
        "endpoint": "https://123-abc-456.mktorest.com/rest",
        "client_id": "id",
        "client_secret": "secret",
        "start_date": START.isoformat(),
    }
)
LOOKBACK = timedelta(hours=24)
HOUR = timedelta(hours=1)
MONTH = timedelta(days=31)
COLUMNS = ("programId", "leadId", "updatedAt", "statusName")


class Change(NamedTuple):
    """Something that happened to a member: in hours, when, and how late it was told."""

    program: int
    hour: float
    late: float

    @property
    def date(self) -> datetime:
        return BEGAN + self.hour * HOUR

    def is_from_activity(self, now: datetime) -> bool:
        return self.date + self.late * HOUR <= now


class Attempt(NamedTuple):
    """A run: hours since the one before, how many files it read, how many jobs it left."""

    pause: float
    files: int
    ahead: int


class Export(NamedTuple):
    """A file that has been read."""

    program: int
    window: Window
    made: datetime


@dataclass
class Account:
    """What has been read of an account, and the state of its stream."""

    changes: list[Change]
    longest: timedelta
    bad: set[int] = field(default_factory=set)
    """Programs whose members cannot be exported; even ones only those of the first window."""
    state: State = field(default_factory=State)
    read: list[Export] = field(default_factory=list)
    jobs: int = 0

    def __post_init__(self) -> None:
        mark = Bookmark("updatedAt", BEGAN, BEGAN - LOOKBACK)
        self.state.apply(Position({STREAM: mark}))

    @property
    def cursor(self) -> Cursor:
        bookmark, settled = self.state.bookmark(STREAM, "updatedAt"), self.state.settled(STREAM)
        return Cursor(bookmark, settled, START, LOOKBACK)

    def run(self, now: datetime, files: int | None = None, ahead: int = 0) -> None:
        """Run, as the tap does it; a run that is stopped has read some files and made some jobs."""
        increment = Increment(self.cursor, self.state.mark(ChildMark, STREAM), now)
        for change in self.changes:
            if change.is_from_activity(now) and change.date >= increment.window.start:
                increment.note(change.program, change.date)
        failed = FailedPrograms(self.state)
        changes = increment.as_pass({change.program for change in self.changes})
        changes = changes.without(failed.ids)
        self.move_to(changes.at_start, now)
        family = new_family(self.longest, failed)
        family.passes, family.latest = [changes], increment.latest
        context = SyncContext(CONFIG, self.state, now, list)
        plans = family.plans(context, self.state.pending_exports(STREAM, {}, START))
        for _ in range(files if files is not None else 10_000):
            if plans and not self.advance(family, context, plans):
                return
        if files is not None:
            left = [self.job(plan, now) for plan in plans[:ahead]]
            self.state.apply(Position(exports={STREAM: left}))

    def advance(self, family: MembersFamily, context: SyncContext, plans: list[ExportPlan]) -> bool:
        """Read the first plan, or do without it; return whether the stream goes on."""
        plan = plans.pop(0)
        first = family.passes[0].window.start
        bad = {number for number in self.bad if number % 2 or plan.window.start == first}
        if bad.isdisjoint(plan.ids):
            made, window = plan.made or context.now, plan.window
            if "updatedAt" not in family.filter(plan):
                window = Window(START, made)
            self.read += [Export(number, window, made) for number in plan.ids]
            self.move_to(family.position_after(context, plan), context.now)
            return True
        try:
            instead = family.instead_of(plan, FailedExportError("No luck"))
        except FailedExportError:
            self.move_to(Position(failed=family.failed_parts), context.now)
            return False
        self.move_to(Position(failed=family.failed_parts), context.now)
        plans[:0] = instead
        if family.has_given_up(plan):
            self.move_to(family.position_after(context, plan), context.now)
        return True

    def job(self, plan: ExportPlan, now: datetime) -> PendingExport:
        self.jobs += 1
        if plan.job:
            return plan.job
        number = f"job {self.jobs}"
        return PendingExport(
            number, plan.window.start, plan.window.end, plan.streams, "updatedAt", now, plan.ids
        )

    def move_to(self, position: Position, now: datetime) -> None:
        """Move the state, which is a promise."""
        self.state.apply(position)
        self.check(self.cursor, {Parent.read(part).id for part in self.state.failed(STREAM)})
        # So it is for a version that knows nothing of programs that cannot be exported.
        marks = self.state.value["bookmarks"][STREAM]
        known = {key: value for key, value in marks.items() if key not in ("failed", "others")}
        older = Account([], self.longest)
        older.state = State({"bookmarks": {STREAM: known}})
        self.check(older.cursor, set())

    def check(self, cursor: Cursor, failed: set[int]) -> None:
        """Check what a cursor promises of all programs but some."""
        bookmark, settled = cursor.bookmark, cursor.settled
        assert bookmark
        assert settled
        for change in self.changes:
            if change.program in failed:
                continue
            if change.date <= settled or (change.late == 0 and change.date <= bookmark):
                assert self.has_read(change), (change, bookmark, settled)

    def has_read(self, change: Change) -> bool:
        """Whether a file that has been read holds a change."""
        return any(
            each.program == change.program
            and each.window.start <= change.date <= each.window.end
            and change.date <= each.made
            for each in self.read
        )


def new_family(longest: timedelta, failed: FailedPrograms) -> MembersFamily:
    properties = {column: {"type": ["string", "null"]} for column in COLUMNS}
    entry = CatalogEntry(STREAM, {"properties": properties}, properties, {})
    fields = [Field(column, "string") for column in COLUMNS]
    return MembersFamily(entry, fields, longest, failed)


@st.composite
def changes_of_many(draw: st.DrawFn) -> list[Change]:
    """Changes, each of several programs at once, so that they take several jobs."""
    changes = []
    for _ in range(draw(st.integers(0, 6))):
        hour = draw(st.integers(1, 1000)) / 5
        late = draw(st.sampled_from((0.0, 0.0, 0.2, 3.0, 12.0, 24.0)))
        first, last = draw(st.integers(1, 35)), draw(st.integers(1, 35))
        changes += [Change(program, hour, late) for program in range(first, last + 1)]
    return changes


ATTEMPTS = st.builds(
    Attempt,
    st.sampled_from((0.1, 1.0, 5.0, 17.9, 18.1, 24.0, 45.0, 90.0)),
    st.integers(0, 5),
    st.integers(0, 3),
)


def told_late(program: int, hour: float, others: float) -> list[Change]:
    """A change that is told of a day late, and one of ten programs behind at another hour."""
    return [Change(program, hour, 24), *(Change(each, others, 0) for each in range(2, 13))]


@given(
    changes_of_many(),
    st.lists(st.none() | ATTEMPTS, max_size=12),
    st.sampled_from((timedelta(days=1), timedelta(days=3), MONTH)),
    st.sets(st.integers(1, 35), max_size=3) | st.sets(st.integers(1, 35), max_size=20),
)
# Of a program that is behind the mark something is told that the stopped run could not know,
@example(told_late(1, 10, 20), [Attempt(24, 1, 0), Attempt(17.9, 9, 0)], MONTH, set())
# or that it did not look for, as the one that goes on does.
@example(told_late(1, 17, 44), [*[None] * 8, Attempt(5, 1, 0)], MONTH, set())
# A program that can be exported for other windows is not known for that.
@example([Change(2, 15, 24)], [Attempt(18.1, 99, 0), Attempt(90, 99, 0)], timedelta(days=1), {2})
def test_after_any_number_of_stopped_runs_every_program_that_changed_has_been_exported(
    changes: list[Change], attempts: list[Attempt | None], longest: timedelta, bad: set[int]
) -> None:
    account = Account(changes, longest, bad)
    now = BEGAN
    for attempt in attempts:
        # Those that are not stopped come five hours after the last.
        now += (attempt.pause if attempt else 5) * HOUR
        account.run(now, *(attempt[1:] if attempt else ()))
        note(f"{(now - BEGAN) / HOUR} {attempt}: {account.state.value}")
    # Those that could not be exported can be at last. A run tries some of them.
    account.bad = set()
    for _ in range(6):
        now = max(now, BEGAN + 200 * HOUR) + 43 * HOUR
        account.run(now)
    assert all(map(account.has_read, changes))
    assert account.cursor.bookmark == now
    mark = account.state.mark(ChildMark, STREAM)
    assert (mark.parent, mark.scan_started) == (None, None)
    assert not account.state.failed(STREAM)


@given(changes_of_many(), st.integers(1, 3), st.sampled_from((1.0, 24.0)))
def test_runs_that_read_a_few_files_each_come_to_an_end(
    changes: list[Change], files: int, pause: float
) -> None:
    account = Account(changes, MONTH)
    now = BEGAN + 200 * HOUR
    # The first ones may read again what was read in the last hours before they began.
    for _ in range(8 + 48 * 2):
        now += pause * HOUR
        account.run(now, files)
        if account.cursor.bookmark == now:
            return
    raise AssertionError("it never ends")


@given(
    st.sets(st.integers(1, 60)).map(sorted),
    st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=10, unique=True).map(sorted)),
)
def test_programs_are_exported_once_ten_by_ten_and_with_those_of_jobs_that_exist(
    programs: list[int], made: list[list[int]]
) -> None:
    resumed, new = batches(programs, [tuple(ids) for ids in made])
    assert sorted(number for ids in (*resumed, *new) for number in ids) == programs
    assert all(list(ids) in made for ids in resumed)
    others = [number for ids in new for number in ids]
    assert others == sorted(others)
    assert all(0 < len(ids) <= 10 for ids in new)
    assert [len(ids) for ids in new[:-1]] == [10] * (len(new) - 1)


@given(st.integers(1, 400), st.integers(1, 31))
def test_pieces_of_a_window_follow_each_other(hours: int, days: int) -> None:
    window, longest = Window(BEGAN, BEGAN + hours * HOUR), timedelta(days=days)
    found = list(pieces(window, longest))
    assert (found[0].start, found[-1].end) == (window.start, window.end)
    assert all(first.end == second.start for first, second in pairwise(found))
    assert all(piece.length == longest for piece in found[:-1])
    assert timedelta() < found[-1].length <= longest
