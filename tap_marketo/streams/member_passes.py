"""Which programs' members are exported together, for which dates, and what is reached then.

Pure arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from tap_marketo.exports.windows import Cursor
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Bookmark, Parent, PendingExport, Position
from tap_marketo.times import Window, before

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
        mark: returns the position after all programs up to an id.
        read_up_to: stopped runs have read the programs up to this id; 0 for none.
        read: how many programs stopped runs have read.
        marked_as: where the state has the mark.
    """

    kind: PassKind
    window: Window
    programs: Sequence[int]
    reached: Position
    mark: Callable[[int], Position]
    read_up_to: int = 0
    read: int = 0
    marked_as: str = ""

    @property
    def at_start(self) -> Position:
        """The position before anything is exported."""
        if not self.programs:
            return self.reached
        # The next run continues with the same window; the next increment has another one.
        return Position() if self.kind is PassKind.CHANGES else self.mark(self.read_up_to)

    def without(self, programs: Collection[int]) -> Pass:
        """Return the pass without some programs."""
        return replace(self, programs=[each for each in self.programs if each not in programs])

    def mark_after(self, batch: Sequence[int]) -> Position:
        """Return the position after a batch of its programs, which is not the last one."""
        return Position() if batch[-1] < self.read_up_to else self.mark(batch[-1])


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
        """Begin without an activity.

        Args:
            cursor: of the stream; it has a bookmark.
            mark: how far a stopped run has come.
            now: the start of this run, whole seconds UTC.
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

    def as_pass(self, stream: str, existing: Collection[int]) -> Pass:
        """Return what is exported: of programs that still exist, as a filter takes no others."""
        now = self.window.end
        settled = self._cursor.after(self.window, now).settled
        reached = Position(
            bookmarks={stream: Bookmark("updatedAt", now, settled)},
            marks={stream: ChildMark()},
        )
        return Pass(
            PassKind.CHANGES,
            self.window,
            sorted(self.programs.intersection(existing)),
            reached,
            _marks(stream, now, None),
            read_up_to=self.read_up_to,
            marked_as=stream,
        )


def pass_over_all(
    kind: PassKind,
    stream: str,
    programs: Collection[int],
    window: Window,
    mark: ChildMark,
    reached: Position,
) -> Pass:
    """Return a pass over all programs, or what stopped runs have left of it.

    Args:
        kind: FIRST or SWEEP.
        stream: where the state has its mark.
        programs: the ids of all programs.
        window: the changes that are exported, up to the start of the first run of the pass.
        mark: how far stopped runs have come.
        reached: the position after the last program.
    """
    read_up_to = mark.parent.id if mark.parent else 0
    left = sorted(number for number in programs if number > read_up_to)
    mark_at = _marks(stream, window.end, mark.refreshed)
    read = len(programs) - len(left)
    return Pass(kind, window, left, reached, mark_at, read_up_to, read, stream)


def _marks(stream: str, began: datetime, refreshed: datetime | None) -> Callable[[int], Position]:
    """Return a function from a program's id, or 0, to the position after all programs up to it."""

    def mark(program: int) -> Position:
        parent = Parent("Program", program) if program else None
        reached = ChildMark(parent=parent, scan_started=began, refreshed=refreshed)
        return Position(marks={stream: reached})

    return mark


def serves(job: PendingExport, window: Window, kind: PassKind) -> bool:
    """Say whether a job of a stopped run is one that this run would make.

    Of changes, its window may end earlier: nothing has happened in its programs since.
    """
    return job.window == window or (kind is PassKind.CHANGES and job.window.start == window.start)


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

    Args:
        programs: of a pass.
        resumed: the programs of each job that exists.
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
