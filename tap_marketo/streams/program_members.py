"""Program members: which programs have changed, and how their members are read."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from tap_marketo.config import BY_EXPORTS
from tap_marketo.errors import NOT_OFFERED
from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE, Row
from tap_marketo.marketo.retention import Gap
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvent, ChangeEvents
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.described import described_entry, with_fields
from tap_marketo.streams.member_exports import ALWAYS, KEYS, MembersFamily
from tap_marketo.streams.member_handover import Handover, Sample
from tap_marketo.streams.member_marks import MemberMarks
from tap_marketo.streams.member_passes import (
    MOST_PROGRAMS,
    REPLICATION_KEY,
    STREAM,
    SWEEP,
    Pass,
    PassKind,
)
from tap_marketo.streams.members_by_pages import ChangedLeads, MembersByPages
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_ASSET, READ_LEAD
from tap_marketo.streams.programs import FailedPrograms, Programs
from tap_marketo.streams.stream_read import ReadEstimate, Steps, StreamRead
from tap_marketo.times import to_marketo, whole_seconds

_CHANGE_STATUS = "Change Status in Progression"
# The status that leads have who are members no longer (channels.md).
_LEFT = "Not in Program"
_STATUS = "statusName"
# The rows of so many are kept at once.
_MOST_LEFT = 200_000
# The activity types that report a change of a program's members, by their names.
_EVENT_TYPES = (
    _CHANGE_STATUS,
    "Change Program Member Data",
    "Add to Nurture",
    "Change Nurture Track",
    "Change Nurture Cadence",
)
_AUTOMATIC = frozenset((*KEYS, REPLICATION_KEY, "createdAt"))


class _Leavers:
    """The leads that have left a program and have not returned, by the activities noted."""

    def __init__(self, field_of: Mapping[str, str]) -> None:
        """Know of none yet, given the field of each column."""
        self._column_of = {field: column for column, field in field_of.items()}
        self._left: dict[tuple[int, int], ChangeEvent] = {}

    @property
    def are_many(self) -> bool:
        """Whether they are as many as are kept at once."""
        return len(self._left) > _MOST_LEFT

    def note(self, event: ChangeEvent) -> None:
        """Take in an activity; of each lead in each program the last one counts."""
        if event.type != _CHANGE_STATUS or event.subject is None:
            return
        key = (event.subject, event.lead)
        self._left.pop(key, None)
        if event.attributes.get("New Status") == _LEFT:
            self._left[key] = event

    def rows(self) -> Iterator[Row]:
        """Return a row for each of them, and forget them."""
        left, self._left = self._left, {}
        return map(self._row, left.values())

    def _row(self, event: ChangeEvent) -> Row:
        row: dict[str, Any] = {
            "programId": str(event.subject),
            "leadId": str(event.lead),
            REPLICATION_KEY: to_marketo(event.date),
        }
        if _STATUS in self._column_of:
            row[self._column_of[_STATUS]] = _LEFT
        return row


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
        self._failed = FailedPrograms(context.state)
        self._family = MembersFamily(entry, fields, longest, self._failed)
        super().__init__(self._family.streams[entry.stream], KEYS, REPLICATION_KEY)
        self._family.issues = {entry.stream: self.issues}
        self.failed = self._failed.parts
        self._client = account.client
        self._context = context
        self._events = ChangeEvents(account, _EVENT_TYPES, "Program")
        self._programs = Programs(account.client)
        self._marks = MemberMarks(account, context, gap)
        self._handover: Handover | None = None

    def steps(self, emitter: Emitter) -> Steps:
        self._announce(emitter)
        self._handover, self.finds_families = None, True
        reason = self._marks.reason_for_exports()
        if reason and self._context.config.increments != BY_EXPORTS:
            LOGGER.info("%s: members are exported, as %s.", STREAM, reason)
        by_pages = None
        if not self._marks.reason_against_pages():
            # What a stopped run has read by pages counts, also when no more calls are left.
            by_pages = MembersByPages(self._client, self._family, emitter)
        passes = yield from self._passes(emitter, by_pages)
        if by_pages and self._marks.can_read_all and passes[-1].kind is not PassKind.CHANGES:
            self._handover = self._begin_by_pages(passes.pop(), by_pages, emitter)
        for each in passes:
            if each.programs or not by_pages:
                LOGGER.info(
                    "%s: %s %s%s.", STREAM, each.kind.value, counted(len(each.programs), "program"),
                    f", behind Program/{each.read_up_to}" if each.read_up_to else "",
                )  # fmt: skip
            emitter.move_to(each.at_start)
        yield None
        self._family.handover = self._handover
        self._family.passes = [each for each in passes if each.programs]
        if again := len(self._failed.again):
            LOGGER.info("%s: trying %s again.", STREAM, counted(again, "program"))
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
                emitter.move_to(Position(marks={SWEEP: ChildMark(refreshed=self._context.now)}))
            elif self._marks.is_sweep_due:
                passes.append(self._marks.sweep((yield from self._programs.all())))
        if failed:
            self._failed.keep_only((yield from self._programs.existing({*failed})))
            emitter.move_to(self._failed.as_position())
        return [each.without(failed) for each in passes]

    def _begin_by_pages(self, over: Pass, by_pages: MembersByPages, emitter: Emitter) -> Handover:
        """Begin a pass by pages, or go on with that of a stopped run."""
        mark, sample = self._marks.by_pages, None
        if not mark.compared:
            sample = Sample(whole_seconds(emitter.now()), by_pages.sample_again)
        exported = chain.from_iterable(job.ids for job in self._context.pending(STREAM))
        handover = Handover(over, mark, sample, [*exported])
        self.parents, self.parents_read = len(handover.left), 0
        LOGGER.info(
            "%s: reading the members of %s by pages%s.",
            STREAM, counted(self.parents, "program"),
            "; some programs are exported as well, and compared" if sample else "",
        )  # fmt: skip
        emitter.move_to(over.at_start)
        emitter.move_to(handover.position(self._context.now))
        return handover

    def _note_program(self) -> None:
        """Note that pages have read a program; what they hand over may come late, or never."""
        self.parents_read += 1
        handover = self._handover
        self.finds_families = bool(handover and handover.sample and not handover.is_offered)

    def _begin_anew(self, emitter: Emitter, programs: int, by_pages: bool) -> None:
        """Forget how far the table was kept up to date: a stopped run resumes a first sync."""
        what = f"exports the members of all {{}}, {MOST_PROGRAMS} a job"
        if by_pages and self._marks.can_read_all:
            what = f"takes a call for each of {{}}, and one more for each {BATCH_SIZE} members"
        LOGGER.warning(
            "%s is read from the beginning once more: %s. That %s. Who left a program meanwhile "
            "keeps the old row.",
            STREAM, self._marks.gap, what.format(counted(programs, "program")),
        )  # fmt: skip
        self._marks.gap = None
        emitter.move_to(Position(forgotten={STREAM}))

    def _changes(
        self, emitter: Emitter, failed: Collection[int], by_pages: MembersByPages | None
    ) -> Generator[None, None, Pass]:
        """Return the pass over what has changed, when pages have read what they can of it."""
        increment, leads = self._marks.increment(), ChangedLeads()
        since = increment.window.start
        leavers = _Leavers(self._family.field_of)
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
        changes = increment.as_pass(existing).without(failed)
        if by_pages:
            whole = created if self._marks.can_read_all else ()
            changes = yield from by_pages.changes(changes, leads, whole)
        return changes

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        return self._marks.estimate(sizes, self._family, len(self._failed.again))


class ProgramMembers(StreamDefinition):
    """The stream of program members."""

    name = STREAM
    is_exported = True
    permission = READ_LEAD
    further_permissions = (READ_ACTIVITY, READ_ASSET)
    kept_by = _CHANGE_STATUS
    families = dict.fromkeys((STREAM, SWEEP), MembersFamily.bulk_object)

    def discover(self, account: Account) -> list[dict[str, Any]]:
        try:
            fields = with_fields(account.members.fields, ALWAYS)
        except NOT_OFFERED as error:
            LOGGER.warning("%s is left out: Marketo does not describe it. %s", STREAM, error)
            return []
        return [
            described_entry(
                STREAM,
                fields,
                _AUTOMATIC,
                KEYS,
                REPLICATION_KEY,
                account.naming,
                nullable=_AUTOMATIC - {*KEYS},
            )
        ]

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[StreamRead | BulkFamily]:
        return [MembersRead(entry, account, context, self.gap(context)) for entry in entries]
