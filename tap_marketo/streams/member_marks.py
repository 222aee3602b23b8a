"""How far the members of programs have been read, what is to be read next, and which way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from tap_marketo.config import BY_EXPORTS
from tap_marketo.exports.bookmarks import cursor_at
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.windows import Cursor
from tap_marketo.marketo.retention import Gap
from tap_marketo.protocol.marks import ChildMark, PagesMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.increments import CALLS_SPENT, calls_left
from tap_marketo.streams.member_handover import PAGES
from tap_marketo.streams.member_passes import (
    REPLICATION_KEY,
    STREAM,
    SWEEP,
    Increment,
    Pass,
    PassKind,
    pass_over_all,
)
from tap_marketo.times import Window, before, to_marketo

EVERYONE = "reachedSuccess"
"""The field by which all members are asked for, where describe says that it is searchable."""


class MemberMarks:
    """What the state, the settings, the day's calls and Marketo say of it, whenever asked.

    Attributes:
        gap: what activities no longer tell; None for nothing.
    """

    def __init__(self, account: Account, context: SyncContext, gap: Gap | None) -> None:
        """Ask for nothing yet."""
        self.gap = gap
        self._account = account
        self._state = context.state
        self._config = context.config
        self._now = context.now
        self._earliest = context.earliest
        self._lookback = timedelta(hours=context.config.activities_lookback_hours)
        self._every = timedelta(days=context.config.program_members_sweep_days)

    @property
    def _cursor(self) -> Cursor:
        return cursor_at(self._state, STREAM, REPLICATION_KEY, self._earliest, self._lookback)

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
        return pass_over_all(PassKind.FIRST, programs, window, mark, reached)

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
        return pass_over_all(PassKind.SWEEP, programs, window, mark, reached)

    @property
    def by_pages(self) -> PagesMark:
        """What the state says of passes by pages."""
        return self._state.mark(PagesMark, PAGES)

    @property
    def can_read_all(self) -> bool:
        """Whether pages can be asked for all members of a program (program-members.md, Query).

        ``statusName`` does not find all of them: a member keeps a status that the channel no longer
        lists (channels.md).
        """
        return EVERYONE in self._account.members.filters

    def reason_for_exports(self) -> str:
        """Say why exports, and not pages, read what they can; empty where pages do."""
        spent = "" if calls_left(self._account.client) > 0 else CALLS_SPENT
        return self.reason_against_pages() or spent

    def reason_against_pages(self) -> str:
        """Say why nothing is read by pages; empty where something may be."""
        if self._config.increments == BY_EXPORTS:
            return "increments says so"
        if differ := self.by_pages.differ:
            return f"pages were found to differ from an export at {to_marketo(differ)}"
        return ""
