"""Which programs' members are exported together, for which dates, and what is reached then.

Pure arithmetic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from tap_marketo.exports.cursors import Cursor
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Bookmark, Parent, Position
from tap_marketo.times import Window, before

STREAM = "program_members"
SWEEP = "program_members_sweep"
"""Where the state has the mark of the sweeps, and an earlier version their jobs."""
REPLICATION_KEY = "updatedAt"
# bulk-program-member-extract.md, Filters: so many programs a job.
MOST_PROGRAMS = 10


class PassKind(Enum):
    """Why the members of programs are exported."""

    FIRST = "exporting the members of"
    CHANGES = "exporting the changed members of"
    SWEEP = "scanning for changes without an activity in"


@dataclass(frozen=True)
class Pass:
    """Programs whose members are exported, in ascending order of their ids.

    Attributes:
        kind: why; FIRST exports all members, the others what has changed in the window.
        window: up to its end the members of these programs are known then.
        programs: the ids of those that are left to export.
        reached: the position after the last of them.
        read_up_to: stopped runs have read the programs up to this id; 0 for none.
        read: how many programs stopped runs have read.
        refreshed: when the last such pass began that came to its end, as the mark has it (UTC).
    """

    kind: PassKind
    window: Window
    programs: Sequence[int]
    reached: Position
    read_up_to: int = 0
    read: int = 0
    refreshed: datetime | None = None

    @property
    def marked_as(self) -> str:
        """Where the state has the mark."""
        return SWEEP if self.kind is PassKind.SWEEP else STREAM

    @property
    def at_start(self) -> Position:
        """The position before anything is exported."""
        if not self.programs:
            return self.reached
        # The next run continues with the same window; the next increment has another one.
        return Position() if self.kind is PassKind.CHANGES else self._mark(self.read_up_to)

    def without(self, programs: Collection[int]) -> Pass:
        """Return the pass without some programs."""
        return replace(self, programs=[each for each in self.programs if each not in programs])

    def mark_after(self, batch: Sequence[int]) -> Position:
        """Return the position after a batch of its programs, which is not the last one."""
        return Position() if batch[-1] < self.read_up_to else self._mark(batch[-1])

    def _mark(self, program: int) -> Position:
        """Return the position after all programs up to an id, or 0."""
        parent = Parent("Program", program) if program else None
        began = self.window.end
        reached = ChildMark(parent=parent, scan_started=began, refreshed=self.refreshed)
        return Position(marks={self.marked_as: reached})


class Increment:
    """The programs whose members have changed since the bookmark, as activities report it.

    A stopped run leaves a mark: the programs up to ``read_up_to`` were read at ``stopped``. Such
    a program is read again only for an activity that the stopped run may not have known::

        start of the stopped run        stopped - look-back       stopped          now
              |-------------------------------|----------------------|-------------|
              | every activity was known then | some may show late   | happened since
              | not read again                | read again           | read again

    Attributes:
        window: the changes that are exported, up to the start of this run.
        programs: the programs to read.
        latest: the date of the last activity of each program.
        read_up_to: the last program that the stopped run has read; 0 for none.
    """

    def __init__(self, cursor: Cursor, mark: ChildMark, now: datetime) -> None:
        """Begin without an activity, at the start of this run (whole seconds UTC).

        The cursor has a bookmark; the mark says how far a stopped run has come.
        """
        self._cursor = cursor
        self.window = Window(cursor.start(now), now)
        self.programs: set[int] = set()
        self.latest: dict[int, datetime] = {}
        self.read_up_to = 0
        stopped = mark.scan_started
        if mark.parent and stopped and cursor.bookmark and cursor.bookmark < stopped <= now:
            self.read_up_to = mark.parent.id
            self._known_from = cursor.start(stopped)
            self._known_until = before(stopped, cursor.lookback)

    def note(self, program: int, date: datetime) -> None:
        """Note that members of a program changed on a date (UTC)."""
        self.latest[program] = max(self.latest.get(program, date), date)
        if program > self.read_up_to or not self._known_from <= date < self._known_until:
            self.programs.add(program)

    def read_all_again(self) -> None:
        """Read every program that has changed, whatever a stopped run has read."""
        self.read_up_to = 0
        self.programs = set(self.latest)

    def as_pass(self, existing: Collection[int]) -> Pass:
        """Return what is exported: of programs that still exist, as a filter takes no others."""
        now = self.window.end
        settled = self._cursor.after(self.window, now).settled
        bookmark = Bookmark(REPLICATION_KEY, now, settled)
        reached = Position(bookmarks={STREAM: bookmark}, marks={STREAM: ChildMark()})
        programs = sorted(self.programs.intersection(existing))
        return Pass(PassKind.CHANGES, self.window, programs, reached, self.read_up_to)


def pass_over_all(
    kind: PassKind, programs: Collection[int], window: Window, mark: ChildMark, reached: Position
) -> Pass:
    """Return a pass over all programs, or what stopped runs have left of it by their mark.

    The window ends at the start of the first run of the pass.
    """
    read_up_to = mark.parent.id if mark.parent else 0
    left = sorted(number for number in programs if number > read_up_to)
    read = len(programs) - len(left)
    return Pass(kind, window, left, reached, read_up_to, read, mark.refreshed)


def pieces(window: Window, longest: timedelta) -> Iterator[Window]:
    """Cut a window into pieces that one job may export."""
    rest: Window | None = window
    while rest:
        piece = rest.first(longest)
        yield piece
        rest = rest.after(piece)


def batches(
    programs: Sequence[int], resumed: Iterable[tuple[int, ...]]
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return which programs are exported together: by jobs that exist, and ten by ten by new ones.

    Of each job that exists ``resumed`` has the programs.
    """
    left = set(programs)
    kept: list[tuple[int, ...]] = []
    for ids in resumed:
        if left.issuperset(ids):
            kept.append(ids)
            left.difference_update(ids)
    others = sorted(left)
    new = [
        tuple(others[start : start + MOST_PROGRAMS])
        for start in range(0, len(others), MOST_PROGRAMS)
    ]
    return kept, new
