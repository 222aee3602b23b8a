"""Which programs' members are exported together, of which time, and what has been reached then.

Pure arithmetic.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

from tap_marketo.exports.windows import Stand
from tap_marketo.protocol.position import Bookmark, ChildMark, Parent, Position
from tap_marketo.times import Window

# bulk-program-member-extract.md, Filters: so many programs a job.
MOST_PROGRAMS = 10


@dataclass(frozen=True)
class Pass:
    """Programs whose members are exported.

    Attributes:
        window: the changes that are exported; the members of that end are all known then.
        programs: their ids, ascending.
        reached: the position when all of them have been read.
        mark: the position when they have been read up to a program, and not all.
        behind: the last program that a stopped run has read of it, None for none.
        read: how many programs stopped runs have read of it.
        is_whole: whether all members are exported, whenever they changed.
    """

    window: Window
    programs: Sequence[int]
    reached: Position
    mark: Callable[[int | None], Position]
    behind: int | None = None
    read: int = 0
    is_whole: bool = False


class Increment:
    """What has changed since the bookmark of a stream, as far as activities tell.

    Attributes:
        windows: what a stopped run has begun, if one has, and the time since.
        news: when what has been told of a program happened last.
        behind: the last program that a stopped run has read of the first window, None for none.
    """

    def __init__(self, stand: Stand, mark: ChildMark, now: datetime) -> None:
        """Begin with nothing told.

        Args:
            stand: where the stream stands; it has a bookmark.
            mark: what a stopped run has begun, and how far it came.
            now: the end of the last window, whole seconds UTC.
        """
        self._stand = stand
        self.behind: int | None = None
        self.windows: list[Window] = []
        until = mark.scan_started
        if until and stand.bookmark and stand.bookmark < until <= now:
            self.behind = mark.reached.id if mark.reached else None
        if until and stand.bookmark and stand.bookmark < until < now:
            # As the run had it that read the programs up to the mark.
            self.windows.append(Window(stand.start(until), until))
            stand = stand.after(self.windows[0], until)
        self.windows.append(Window(stand.start(now), now))
        self.news: dict[int, datetime] = {}
        self._changed: list[set[int]] = [set() for _ in self.windows]

    @property
    def since(self) -> datetime:
        """From when on it is asked what has changed."""
        return min(window.start for window in self.windows)

    @property
    def programs(self) -> set[int]:
        """Programs of which something has been told."""
        return set().union(*self._changed)

    def note(self, program: int, date: datetime) -> None:
        """Note that members of a program changed at a time."""
        self.news[program] = max(self.news.get(program, date), date)
        for window, programs in zip(self.windows, self._changed, strict=True):
            # The last window has no end: what happens meanwhile is exported with it.
            if window.start <= date and (date <= window.end or window is self.windows[-1]):
                programs.add(program)

    def passes(
        self, stream: str, created: Collection[int], existing: Collection[int]
    ) -> list[Pass]:
        """Return what is to be exported.

        Args:
            stream: whose state moves.
            created: programs created since; who was in them from the start no activity tells.
            existing: the programs that exist: an export cannot name another.
        """
        stand = self._stand
        passes: list[Pass] = []
        for window, changed in zip(self.windows, self._changed, strict=True):
            # What of a window that a stopped run began is told since then is for a later look.
            stand = stand.after(window, window.end)
            bookmark = Bookmark("updatedAt", window.end, stand.settled)
            reached = Position({stream: bookmark}, children={stream: ChildMark(None, None, None)})
            programs = sorted(changed.union(created).intersection(existing))
            passes.append(Pass(window, programs, reached, marks(stream, window.end, None)))
        if self.behind is not None:
            rest = [number for number in passes[0].programs if number > self.behind]
            passes[0] = replace(passes[0], programs=rest, behind=self.behind)
        return passes


def marks(
    stream: str, began: datetime, refreshed: datetime | None
) -> Callable[[int | None], Position]:
    """Return what gives the positions of a pass that is under way."""

    def mark(program: int | None) -> Position:
        parent = None if program is None else Parent("Program", program)
        return Position(children={stream: ChildMark(parent, began, refreshed)})

    return mark


def line_up(passes: Sequence[Pass]) -> tuple[Position, list[Pass]]:
    """Return what is reached before anything is exported, and the passes with something to export.

    Each position behind a pass says what is begun next, so that a stopped run is gone on from.
    """
    at_once = Position()
    needed: list[Pass] = []
    for each in passes:
        if each.programs:
            needed.append(each)
        elif needed:
            needed[-1] = replace(needed[-1], reached=_both(needed[-1].reached, each.reached))
        else:
            at_once = _both(at_once, each.reached)
    for place, following in enumerate(needed[1:]):
        reached = _both(needed[place].reached, following.mark(None))
        needed[place] = replace(needed[place], reached=reached)
    if needed:
        at_once = _both(at_once, needed[0].mark(needed[0].behind))
    return at_once, needed


def _both(first: Position, second: Position) -> Position:
    return Position(
        bookmarks={**first.bookmarks, **second.bookmarks},
        children={**first.children, **second.children},
    )


def pieces(window: Window, longest: timedelta) -> Iterator[Window]:
    """Cut a window into pieces that one job may export."""
    rest: Window | None = window
    while rest:
        piece = rest.first(longest)
        yield piece
        rest = rest.after(piece)


def batches(programs: Sequence[int], made: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return which programs are exported together: those of jobs that exist, else ten by ten."""
    kept: list[tuple[int, ...]] = []
    left = set(programs)
    for ids in made:
        if left.issuperset(ids):
            kept.append(ids)
            left.difference_update(ids)
    others = sorted(left)
    for start in range(0, len(others), MOST_PROGRAMS):
        kept.append(tuple(others[start : start + MOST_PROGRAMS]))
    return sorted(kept)


def done_with(programs: Sequence[int], together: Sequence[tuple[int, ...]]) -> list[int | None]:
    """Return up to which program all are read when each batch has been, None for none of them.

    Args:
        programs: of a pass, ascending.
        together: its batches in the order in which they are read.
    """
    done: list[int | None] = []
    lowest_left: float = inf
    for ids in reversed(together):
        place = bisect_left(programs, lowest_left)
        done.append(programs[place - 1] if place else None)
        lowest_left = min(lowest_left, *ids)
    return done[::-1]
