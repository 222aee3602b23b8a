"""How far the members of programs have been read, and what is to be read next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.windows import Cursor
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.log_reach import Gap
from tap_marketo.streams.member_exports import REPLICATION_KEY, STREAM, SWEEP
from tap_marketo.streams.member_passes import Increment, Pass, PassKind, pass_over_all
from tap_marketo.times import Window, before


class MemberMarks:
    """What the state says of the members, and the passes that follow from it.

    Attributes:
        gap: what activities no longer tell; None for nothing.
    """

    def __init__(self, context: SyncContext, gap: Gap | None) -> None:
        """Look at the state of a run, now and whenever asked."""
        self.gap = gap
        self._state = context.state
        self._now = context.now
        self._earliest = context.earliest
        self._lookback = timedelta(hours=context.config.activities_lookback_hours)
        self._every = timedelta(days=context.config.program_members_sweep_days)

    @property
    def _cursor(self) -> Cursor:
        state, stream = self._state, STREAM
        bookmark = state.bookmark(stream, REPLICATION_KEY)
        return Cursor(bookmark, state.settled(stream), self._earliest, self._lookback)

    @property
    def is_first(self) -> bool:
        """Whether all members are read: for the first time, or from the beginning once more."""
        return bool(self.gap) or self._cursor.bookmark is None

    @property
    def first_mark(self) -> ChildMark:
        """How far stopped runs have come with the first sync."""
        if self.gap or self._state.settled(STREAM):
            # It was complete once, and the bookmark has been lost since.
            return ChildMark()
        return self._state.mark(ChildMark, STREAM)

    def first(self, programs: Collection[int]) -> Pass:
        """Return the pass of a first sync."""
        mark = self.first_mark
        began = mark.scan_started or self._now
        settled = before(began, self._lookback)
        reached = Position(
            bookmarks={STREAM: Bookmark(REPLICATION_KEY, began, settled)},
            marks={
                STREAM: ChildMark(),
                # It is as good as a sweep.
                SWEEP: ChildMark(refreshed=began),
            },
        )
        window = Window(min(self._earliest, began), began)
        return pass_over_all(PassKind.FIRST, STREAM, programs, window, mark, reached)

    def increment(self) -> Increment:
        """Return what has changed since the bookmark, without an activity yet."""
        return Increment(self._cursor, self._state.mark(ChildMark, STREAM), self._now)

    @property
    def sweep_mark(self) -> ChildMark:
        """How far stopped runs have come with a sweep, and when the last one was complete."""
        mark = self._state.mark(ChildMark, SWEEP)
        # Where the last sweep is not known, the one under way begins at start_date.
        is_under_way = mark.scan_started and not mark.refreshed
        return replace(mark, refreshed=self._earliest) if is_under_way else mark

    @property
    def is_sweep_due(self) -> bool:
        """Whether a sweep is under way, or the last one is long enough ago."""
        mark = self.sweep_mark
        last = mark.refreshed or self._now
        return bool(self._every) and (bool(mark.scan_started) or self._now - last >= self._every)

    def sweep(self, programs: Collection[int]) -> Pass:
        """Return the pass for changes that no activity reports."""
        mark = self.sweep_mark
        began = mark.scan_started or self._now
        since = before(mark.refreshed or began, self._lookback)
        reached = Position(marks={SWEEP: ChildMark(refreshed=began)})
        window = Window(min(since, began), began)
        return pass_over_all(PassKind.SWEEP, SWEEP, programs, window, mark, reached)
