"""How far members have been read, what a run reads next, in which way, and what that takes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from math import ceil

from tap_marketo.config import BY_EXPORTS
from tap_marketo.exports.cursors import Cursor, cursor_at
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW, Calls
from tap_marketo.log import counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE, MAX_RETURN
from tap_marketo.marketo.retention import Gap
from tap_marketo.protocol.marks import ChildMark, PagesMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.increments import CALLS_SPENT, calls_left
from tap_marketo.streams.member_exports import MembersFamily
from tap_marketo.streams.member_handover import PAGES, Handover
from tap_marketo.streams.member_passes import (
    MOST_PROGRAMS,
    REPLICATION_KEY,
    STREAM,
    SWEEP,
    Increment,
    Pass,
    PassKind,
    pass_over_all,
    pieces,
)
from tap_marketo.streams.members_by_pages import EVERYONE, MOST_LEADS
from tap_marketo.streams.programs import PROGRAMS, expected_programs
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, IN_FULL, ReadEstimate, id_of
from tap_marketo.times import Window, before, to_marketo

# What a plan says of calls whose number no one knows before.
_CALLS_BY_PAGES = (
    f"each one for {MAX_RETURN} changed programs, and one that proves the end; one for up to "
    f"{BATCH_SIZE} changed members of a program"
)
_CALLS_OF_A_PROGRAM = (
    f"one more for each {BATCH_SIZE} members of a program; one of more than {MOST_LEADS:,} is "
    "exported"
)


class MemberMarks:
    """What the state, the settings and Marketo say of a sync of the members, whenever asked.

    Attributes:
        gap: what activities no longer tell; None for nothing.
    """

    def __init__(self, account: Account, context: SyncContext, gap: Gap | None) -> None:
        """Ask for nothing yet."""
        self.gap = gap
        self._account = account
        self._state = context.state
        self._context = context
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
        if self._context.config.increments == BY_EXPORTS:
            return "increments says so"
        if differ := self.by_pages.differ:
            return f"pages were found to differ from an export at {to_marketo(differ)}"
        return ""

    def estimate(self, sizes: ListSizes, family: MembersFamily, again: int) -> ReadEstimate:
        """Return what a sync will read, and tell the family what it would export.

        ``again`` is how many programs are tried again whose members could not be exported.

        Raises:
            TapError: a call that this takes failed.
        """
        programs = sizes.by_offset(PROGRAMS, "programs", {}).of(lambda row: id_of(row, "program"))
        pending = self._context.pending(STREAM)
        known = {*programs.seen}.union(*(job.ids for job in pending))
        if self.is_first:
            reached = self.first_mark.parent
            over = self.first(expected_programs(programs, known, reached))
            behind = f", behind {reached}" if reached else ""
            estimate = ReadEstimate(
                how=f"{ANEW if self.gap else IN_FULL}, all programs{behind}",
                calls=Calls(programs.calls),
                why_anew=str(self.gap or ""),
            )
            return self._of_all(over, estimate, family)
        increment = self.increment()
        estimate = self._of_changes(increment, programs.number, family.longest, again)
        if not self.is_sweep_due:
            by_export = self.reason_for_exports() or pending or again
            return replace(estimate, found=[family] if by_export else [])
        over = self.sweep(expected_programs(programs, known, self.sweep_mark.parent))
        estimate = replace(estimate, calls=estimate.calls + Calls(programs.calls))
        if self.reason_for_exports():
            resumed = [job.ids for job in pending if job.window.start == increment.window.start]
            increment.programs.update(*resumed)
            family.passes = [increment.as_pass(increment.programs)]
        how = f"{estimate.how}, and a sweep over all programs (program_members_sweep_days)"
        return self._of_all(over, replace(estimate, how=how), family)

    def _of_changes(
        self, increment: Increment, programs: int, longest: timedelta, again: int
    ) -> ReadEstimate:
        how, each = "members that activities name, by pages", _CALLS_BY_PAGES
        if self.reason_for_exports():
            windows = len(list(pieces(increment.window, longest)))
            jobs = ceil(programs / MOST_PROGRAMS) * windows + again
            how = "programs that activities name"
            each = (
                f"one for {MAX_RETURN} changed programs, and one that proves the end; three a job "
                f"of {MOST_PROGRAMS} programs, and the polls; {counted(jobs, 'job')} at most"
            )
        calls = ACTIVITY_CALLS + Calls(1, each)
        return ReadEstimate(how=how, since=increment.window.start, calls=calls)

    def _of_all(self, over: Pass, estimate: ReadEstimate, family: MembersFamily) -> ReadEstimate:
        """Complete an estimate by what a pass over all programs takes."""
        if self.reason_for_exports() or not self.can_read_all:
            family.passes = [*family.passes, over]
            return replace(estimate, families=[family])
        mark = self.by_pages
        left = Handover(over, mark, None).left
        how = f"{estimate.how}, by pages"
        if not mark.compared:
            family.passes = [replace(over, programs=over.programs[:MOST_PROGRAMS])]
            how += f"; {MOST_PROGRAMS} are exported as well"
        calls = estimate.calls + Calls(len(left), _CALLS_OF_A_PROGRAM)
        families = [] if mark.compared else [family]
        return replace(estimate, how=how, calls=calls, families=families)
