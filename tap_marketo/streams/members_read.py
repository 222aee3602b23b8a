"""One sync of the program members: which programs have changed, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

from tap_marketo.config import BY_EXPORTS
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW, Calls
from tap_marketo.exports.windows import Cursor
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE, MAX_RETURN
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.described import with_fields
from tap_marketo.streams.estimate import ACTIVITY_CALLS, IN_FULL, ReadEstimate
from tap_marketo.streams.failed_programs import FailedPrograms
from tap_marketo.streams.increments import CALLS_SPENT, calls_left
from tap_marketo.streams.log_reach import Gap
from tap_marketo.streams.member_exports import (
    ALWAYS,
    KEYS,
    REPLICATION_KEY,
    STREAM,
    SWEEP,
    MembersFamily,
)
from tap_marketo.streams.member_leavers import CHANGE_STATUS, Leavers
from tap_marketo.streams.member_pages import ChangedLeads, MemberPages
from tap_marketo.streams.member_passes import (
    MOST_PROGRAMS,
    Increment,
    Pass,
    PassKind,
    pass_over_all,
    pieces,
)
from tap_marketo.streams.programs import PROGRAMS, Programs, expected_programs
from tap_marketo.streams.stream_read import Steps, StreamRead, id_of
from tap_marketo.times import Window, before

# The activity types that report a change of a program's members, by their names.
_EVENT_TYPES = (
    CHANGE_STATUS,
    "Change Program Member Data",
    "Add to Nurture",
    "Change Nurture Track",
    "Change Nurture Cadence",
)


# What a plan says of calls whose number no one knows before.
_CALLS_BY_PAGES = (
    f"each one for {MAX_RETURN} changed programs, and one that proves the end; one for up to "
    f"{BATCH_SIZE} changed members of a program"
)


class MembersRead(StreamRead):
    """Finds the programs whose members have changed, and has their members exported."""

    finds_families = True

    def __init__(
        self, entry: CatalogEntry, account: Account, context: SyncContext, gap: Gap | None
    ) -> None:
        """Prepare to read; the gap is what activities no longer tell.

        Raises:
            CatalogError: the entry has no key column.
        """
        fields = with_fields(account.member_fields, ALWAYS)
        longest = timedelta(days=context.config.max_export_days)
        self._longest = longest
        self._failed = FailedPrograms(context.state, entry.stream, (entry.stream, SWEEP))
        self._family = MembersFamily(entry, fields, longest, self._failed)
        super().__init__(self._family.streams[entry.stream], KEYS, REPLICATION_KEY)
        self._family.issues = {entry.stream: self.issues}
        self.failed = self._failed.parts
        self._account = account
        self._context = context
        self._state = context.state
        self._now = context.now
        self._earliest = context.earliest
        self._lookback = timedelta(hours=context.config.activities_lookback_hours)
        self._every = timedelta(days=context.config.program_members_sweep_days)
        self._events = ChangeEvents(account, _EVENT_TYPES, "Program")
        self._programs = Programs(account.client)
        self._gap = gap

    @property
    def _cursor(self) -> Cursor:
        state, stream = self._state, self.stream
        bookmark = state.bookmark(stream, REPLICATION_KEY)
        return Cursor(bookmark, state.settled(stream), self._earliest, self._lookback)

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        self._announce(emitter)
        passes: list[Pass] = []
        if self._is_first:
            programs = yield from self._programs.all()
            if self._gap:
                self._begin_anew(emitter, len(programs))
            passes.append(self._first(programs))
        else:
            changes, leads = yield from self._changes(emitter, now)
            if not self._reason_for_exports:
                changes = yield from self._by_pages(changes, leads, emitter, now)
            passes.append(changes)
            if self._sweep_mark.refreshed is None:
                emitter.move_to(Position(marks={SWEEP: ChildMark(refreshed=self._now)}))
            elif self._is_sweep_due:
                passes.append(self._sweep((yield from self._programs.all())))
        if failed := self._failed.ids:
            self._failed.keep_only((yield from self._programs.existing({*failed})))
            emitter.move_to(self._failed.as_position())
            passes = [each.without(failed) for each in passes]
        for each in passes:
            LOGGER.info(
                "%s: %s %s%s.", self.stream, each.kind.value,
                counted(len(each.programs), "program"),
                f", behind Program/{each.read_up_to}" if each.read_up_to else "",
            )  # fmt: skip
            emitter.move_to(each.at_start)
        yield None
        self._family.passes = [each for each in passes if each.programs]
        if again := len(self._failed.again):
            LOGGER.info("%s: trying %s again.", self.stream, counted(again, "program"))
        if self._family.passes or again or self._context.pending(STREAM):
            yield self._family

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        programs = sizes.by_offset(PROGRAMS, "programs").of(lambda row: id_of(row, "program"))
        pending = self._context.pending(STREAM)
        known = {*programs.seen}.union(*(job.ids for job in pending))
        if self._is_first:
            reached = self._first_mark.parent
            self._family.passes = [self._first(expected_programs(programs, known, reached))]
            behind = f", behind {reached}" if reached else ""
            return ReadEstimate(
                how=f"{ANEW if self._gap else IN_FULL}, all programs{behind}",
                calls=Calls(programs.calls),
                families=[self._family],
                why_anew=str(self._gap or ""),
            )
        increment = self._increment()
        windows = len(list(pieces(increment.window, self._longest)))
        jobs = ceil(programs.number / MOST_PROGRAMS) * windows + len(self._failed.again)
        most = counted(jobs, "job")
        a_job = f"three a job of {MOST_PROGRAMS} programs, and the polls; {most} at most"
        each = f"one for {MAX_RETURN} changed programs, and one that proves the end; {a_job}"
        estimate = ReadEstimate(
            how="programs that activities name",
            since=increment.window.start,
            calls=ACTIVITY_CALLS + Calls(1, each),
        )
        if not self._reason_for_exports:
            estimate = replace(
                estimate,
                how="members that activities name, by pages",
                calls=ACTIVITY_CALLS + Calls(1, _CALLS_BY_PAGES),
            )
        if not self._is_sweep_due:
            by_export = self._reason_for_exports or pending or self._failed.again
            return replace(estimate, found=[self._family] if by_export else [])
        expected = expected_programs(programs, known, self._sweep_mark.parent)
        resumed = [job.ids for job in pending if job.window.start == increment.window.start]
        increment.programs.update(*resumed)
        changes = increment.as_pass(self.stream, increment.programs)
        self._family.passes = [changes, self._sweep(expected)]
        how = f"{estimate.how}, and a sweep over all programs (program_members_sweep_days)"
        calls = estimate.calls + Calls(programs.calls)
        return replace(estimate, how=how, calls=calls, families=[self._family])

    # The first sync -----------------------------------------------------------------------------

    @property
    def _is_first(self) -> bool:
        """Whether all members are read: for the first time, or from the beginning once more."""
        return bool(self._gap) or self._cursor.bookmark is None

    def _begin_anew(self, emitter: Emitter, programs: int) -> None:
        """Forget how far the table was kept up to date: a stopped run resumes a first sync."""
        LOGGER.warning(
            "%s is read from the beginning once more: %s. That exports the members of all %s, %d "
            "a job. Who left a program meanwhile keeps the old row.",
            self.stream, self._gap, counted(programs, "program"), MOST_PROGRAMS,
        )  # fmt: skip
        self._gap = None
        emitter.move_to(Position(forgotten={self.stream}))

    @property
    def _first_mark(self) -> ChildMark:
        """How far stopped runs have come with the first sync."""
        if self._gap or self._state.settled(self.stream):
            # It was complete once, and the bookmark has been lost since.
            return ChildMark()
        return self._state.mark(ChildMark, self.stream)

    def _first(self, programs: Collection[int]) -> Pass:
        mark = self._first_mark
        began = mark.scan_started or self._now
        settled = before(began, self._lookback)
        reached = Position(
            bookmarks={self.stream: Bookmark(REPLICATION_KEY, began, settled)},
            marks={
                self.stream: ChildMark(),
                # It is as good as a sweep.
                SWEEP: ChildMark(refreshed=began),
            },
        )
        window = Window(min(self._earliest, began), began)
        return pass_over_all(PassKind.FIRST, self.stream, programs, window, mark, reached)

    # What has changed since ---------------------------------------------------------------------

    def _changes(
        self, emitter: Emitter, now: Callable[[], datetime]
    ) -> Generator[None, None, tuple[Pass, ChangedLeads]]:
        increment, leads = self._increment(), ChangedLeads()
        since = increment.window.start
        leavers = Leavers(self._family.field_of)
        for events in self._events.pages(since):
            for event in events:
                if event.subject is not None:
                    increment.note(event.subject, event.date)
                    leads.note(event.subject, event.lead)
                leavers.note(event)
            if leavers.are_many:
                self._emit(leavers.rows(), emitter, now())
                # The exports bring back who returns later.
                increment.read_all_again()
            yield None
        self._emit(leavers.rows(), emitter, now())
        created, existing = yield from self._programs.updated(since)
        # No activity names those who were in a new program from the start.
        increment.programs |= created
        leads.expect_all(created)
        existing |= yield from self._programs.existing(increment.programs - existing)
        self._family.latest = increment.latest
        return increment.as_pass(self.stream, existing), leads

    def _by_pages(
        self,
        changes: Pass,
        leads: ChangedLeads,
        emitter: Emitter,
        now: Callable[[], datetime],
    ) -> Generator[None, None, Pass]:
        """Read what has changed by pages; return the pass over what exports are to read."""
        failed = {*self._failed.ids}
        pages = MemberPages(self._account.client, self._family, emitter, now)
        left: list[int] = []
        for number in changes.programs:
            changed = None if number in failed else leads.of(number)
            is_read = False
            if changed is not None and not pages.is_over and calls_left(self._account.client) > 0:
                is_read = yield from pages.read(number, pages.some(number, changed))
            if not is_read:
                left.append(number)
            elif not left:
                emitter.move_to(changes.mark_after([number]))
        LOGGER.info(
            "%s: read what has changed in %s by pages.",
            self.stream, counted(len(changes.programs) - len(left), "program"),
        )  # fmt: skip
        return replace(changes, programs=left)

    @cached_property
    def _reason_for_exports(self) -> str:
        """Say why exports, and not pages, bring what has changed; empty where pages do."""
        reason = ""
        if self._context.config.increments == BY_EXPORTS:
            return "increments says so"
        if calls_left(self._account.client) <= 0:
            reason = CALLS_SPENT
        if reason:
            LOGGER.info("%s: what has changed is exported, as %s.", self.stream, reason)
        return reason

    def _increment(self) -> Increment:
        return Increment(self._cursor, self._state.mark(ChildMark, self.stream), self._now)

    # All programs once in a while ---------------------------------------------------------------

    @property
    def _sweep_mark(self) -> ChildMark:
        """How far stopped runs have come with a sweep, and when the last one was complete."""
        mark = self._state.mark(ChildMark, SWEEP)
        # Where the last sweep is not known, the one under way begins at start_date.
        is_under_way = mark.scan_started and not mark.refreshed
        return replace(mark, refreshed=self._earliest) if is_under_way else mark

    @property
    def _is_sweep_due(self) -> bool:
        mark = self._sweep_mark
        last = mark.refreshed or self._now
        return bool(self._every) and (bool(mark.scan_started) or self._now - last >= self._every)

    def _sweep(self, programs: Collection[int]) -> Pass:
        mark = self._sweep_mark
        began = mark.scan_started or self._now
        since = before(mark.refreshed or began, self._lookback)
        reached = Position(marks={SWEEP: ChildMark(refreshed=began)})
        window = Window(min(since, began), began)
        return pass_over_all(PassKind.SWEEP, SWEEP, programs, window, mark, reached)
