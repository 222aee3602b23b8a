"""One sync of the program members: which programs have changed, and how they are read."""

from __future__ import annotations

from collections.abc import Collection, Generator
from datetime import timedelta
from itertools import chain

from tap_marketo.config import BY_EXPORTS
from tap_marketo.exports.family import SyncContext
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.described import with_fields
from tap_marketo.streams.estimate import ReadEstimate
from tap_marketo.streams.failed_programs import FailedPrograms
from tap_marketo.streams.log_reach import Gap
from tap_marketo.streams.member_estimates import MemberEstimates
from tap_marketo.streams.member_exports import (
    ALWAYS,
    KEYS,
    REPLICATION_KEY,
    STREAM,
    SWEEP,
    MembersFamily,
)
from tap_marketo.streams.member_handover import Handover
from tap_marketo.streams.member_leavers import CHANGE_STATUS, Leavers
from tap_marketo.streams.member_marks import MemberMarks
from tap_marketo.streams.member_pages import ChangedLeads
from tap_marketo.streams.member_passes import MOST_PROGRAMS, Pass, PassKind
from tap_marketo.streams.member_sample import Sample
from tap_marketo.streams.member_way import MembersWay
from tap_marketo.streams.members_by_pages import MembersByPages
from tap_marketo.streams.programs import Programs
from tap_marketo.streams.stream_read import Steps, StreamRead
from tap_marketo.times import whole_seconds

# The activity types that report a change of a program's members, by their names.
_EVENT_TYPES = (
    CHANGE_STATUS,
    "Change Program Member Data",
    "Add to Nurture",
    "Change Nurture Track",
    "Change Nurture Cadence",
)


class MembersRead(StreamRead):
    """Finds the programs whose members have changed, and has them read: by pages or exports."""

    finds_families = True

    def __init__(
        self, entry: CatalogEntry, account: Account, context: SyncContext, gap: Gap | None
    ) -> None:
        """Prepare to read; the gap is what activities no longer tell.

        Raises:
            CatalogError: the entry has no key column.
        """
        fields = with_fields(account.members.fields, ALWAYS)
        longest = timedelta(days=context.config.max_export_days)
        self._failed = FailedPrograms(context.state, entry.stream, (entry.stream, SWEEP))
        self._family = MembersFamily(entry, fields, longest, self._failed)
        super().__init__(self._family.streams[entry.stream], KEYS, REPLICATION_KEY)
        self._family.issues = {entry.stream: self.issues}
        self.failed = self._failed.parts
        self._account = account
        self._context = context
        self._now = context.now
        self._events = ChangeEvents(account, _EVENT_TYPES, "Program")
        self._programs = Programs(account.client)
        self._marks = MemberMarks(context, gap)
        self._way = MembersWay(account, context)
        self._handover: Handover | None = None

    def steps(self, emitter: Emitter) -> Steps:
        self._announce(emitter)
        self._handover, self.finds_families = None, True
        reason = self._way.reason_for_exports()
        if reason and self._context.config.increments != BY_EXPORTS:
            LOGGER.info("%s: members are exported, as %s.", self.stream, reason)
        by_pages = None
        if not self._way.reason_against_pages():
            # What a stopped run has read by pages counts, also when no more calls are left.
            client = self._account.client
            by_pages = MembersByPages(client, self._family, emitter)
        passes = yield from self._passes(emitter, by_pages)
        if by_pages and self._way.can_read_all and passes[-1].kind is not PassKind.CHANGES:
            self._handover = self._begin_by_pages(passes.pop(), by_pages, emitter)
        for each in passes:
            if each.programs or not by_pages:
                _log_pass(self.stream, each)
            emitter.move_to(each.at_start)
        yield None
        self._family.handover = self._handover
        self._family.passes = [each for each in passes if each.programs]
        if again := len(self._failed.again):
            LOGGER.info("%s: trying %s again.", self.stream, counted(again, "program"))
        if self._family.passes or again or self._context.pending(STREAM):
            yield self._family
        if by_pages and self._handover:
            yield from by_pages.all(self._handover, self._note_program)
            if self._handover.is_rejected:
                yield from self.steps(emitter)

    @property
    def has_more(self) -> bool:
        return self._handover is not None and self._handover.is_rejected

    def _passes(
        self, emitter: Emitter, by_pages: MembersByPages | None
    ) -> Generator[None, None, list[Pass]]:
        """Return what is left to read, when pages have read what has changed."""
        passes: list[Pass] = []
        failed = self._failed.ids
        if self._marks.is_first:
            programs = yield from self._programs.all()
            if self._marks.gap:
                self._begin_anew(emitter, len(programs), by_pages is not None)
            passes.append(self._marks.first(programs))
        else:
            passes.append((yield from self._changes(emitter, failed, by_pages)))
            if self._marks.sweep_mark.refreshed is None:
                emitter.move_to(Position(marks={SWEEP: ChildMark(refreshed=self._now)}))
            elif self._marks.is_sweep_due:
                passes.append(self._marks.sweep((yield from self._programs.all())))
        if failed:
            self._failed.keep_only((yield from self._programs.existing({*failed})))
            emitter.move_to(self._failed.as_position())
        return [each.without(failed) for each in passes]

    def _begin_by_pages(self, over: Pass, by_pages: MembersByPages, emitter: Emitter) -> Handover:
        """Begin a pass by pages, or go on with that of a stopped run."""
        mark = self._way.mark
        sample = (
            None if mark.compared else Sample(whole_seconds(emitter.now()), by_pages.sample_again)
        )
        exported = chain.from_iterable(job.ids for job in self._context.pending(STREAM))
        handover = Handover(over, mark, sample, [*exported])
        self.parents, self.parents_read = len(handover.left), 0
        LOGGER.info(
            "%s: reading the members of %s by pages%s.",
            self.stream, counted(self.parents, "program"),
            "; some programs are exported as well, and compared" if sample else "",
        )  # fmt: skip
        emitter.move_to(over.at_start)
        emitter.move_to(handover.position(self._now))
        return handover

    def _note_program(self) -> None:
        """Note that pages have read a program; what they hand over may come late, or never."""
        self.parents_read += 1
        handover = self._handover
        self.finds_families = bool(handover and handover.sample and not handover.is_offered)

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        marks, family, failed = self._marks, self._family, self._failed
        return MemberEstimates(self._context, self._way, marks, family, failed).of_sync(sizes)

    # The first sync -----------------------------------------------------------------------------

    def _begin_anew(self, emitter: Emitter, programs: int, by_pages: bool) -> None:
        """Forget how far the table was kept up to date: a stopped run resumes a first sync."""
        what = f"exports the members of all {{}}, {MOST_PROGRAMS} a job"
        if by_pages and self._way.can_read_all:
            what = f"takes a call for each of {{}}, and one more for each {BATCH_SIZE} members"
        LOGGER.warning(
            "%s is read from the beginning once more: %s. That %s. Who left a program meanwhile "
            "keeps the old row.",
            self.stream, self._marks.gap, what.format(counted(programs, "program")),
        )  # fmt: skip
        self._marks.gap = None
        emitter.move_to(Position(forgotten={self.stream}))

    # What has changed since ---------------------------------------------------------------------

    def _changes(
        self, emitter: Emitter, failed: Collection[int], by_pages: MembersByPages | None
    ) -> Generator[None, None, Pass]:
        increment, leads = self._marks.increment(), ChangedLeads()
        since = increment.window.start
        leavers = Leavers(self._family.field_of)
        for events in self._events.pages(since):
            for event in events:
                if event.subject is not None:
                    increment.note(event.subject, event.date)
                    leads.note(event.subject, event.lead)
                leavers.note(event)
            if leavers.are_many:
                self._emit(leavers.rows(), emitter)
                # The exports bring back who returns later.
                increment.read_all_again()
            yield None
        self._emit(leavers.rows(), emitter)
        created, existing = yield from self._programs.updated(since)
        # No activity names those who were in a new program from the start.
        increment.programs |= created
        leads.expect_all(created)
        existing |= yield from self._programs.existing(increment.programs - existing)
        self._family.latest = increment.latest
        changes = increment.as_pass(self.stream, existing).without(failed)
        if by_pages:
            whole = created if self._way.can_read_all else ()
            changes = yield from by_pages.changes(changes, leads, whole)
        return changes


def _log_pass(stream: str, each: Pass) -> None:
    LOGGER.info(
        "%s: %s %s%s.", stream, each.kind.value, counted(len(each.programs), "program"),
        f", behind Program/{each.read_up_to}" if each.read_up_to else "",
    )  # fmt: skip
