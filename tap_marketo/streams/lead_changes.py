"""Changed leads, found by activities and read by id.

So they are read where exports cannot be filtered by updatedAt, and where little is new.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from math import ceil
from typing import Any

from tap_marketo.errors import DataError, MarketoError, odd_data
from tap_marketo.exports.family import BulkFamily, ExportPlan, RecordBlock, SyncContext, date_range
from tap_marketo.exports.plan_line import Calls
from tap_marketo.failed_parts import FailedParts
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE
from tap_marketo.marketo.retention import CHANGE_DATA_VALUE, NEW_LEAD
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import PendingExport
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.described import DescribedFamily
from tap_marketo.streams.increments import IncrementRead
from tap_marketo.streams.leads_by_id import LEAD_CHANGES, LeadsById, ReadableLeads, lead_number
from tap_marketo.streams.permissions import READ_ACTIVITY
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, ReadEstimate, Steps, StreamRead
from tap_marketo.times import Window

_EVENT_TYPES = (
    NEW_LEAD,
    CHANGE_DATA_VALUE,
    "Change Score",
    "Change Owner",
    "Change Revenue Stage",
    "Change Lead Partition",
    "Merge Leads",
)
"""The activity types that report a change of a lead, by their names."""
# Of these every account has some.
_NEEDED = {NEW_LEAD, CHANGE_DATA_VALUE}

# The leads are read when this many ids have been collected.
_MOST_KEPT = 100_000
# An export takes some five calls (create, enqueue, polls, file): so many pages cost no more.
_FEW_PAGES = 5


class LeadChangesFamily(BulkFamily):
    """Exports of which leads have changed; each lead is then read by its id."""

    name = LEAD_CHANGES
    bulk_object = "activities"
    keys = ("id",)
    replication_key = "activityDate"
    further_permissions = (READ_ACTIVITY,)

    def __init__(
        self,
        leads: DescribedFamily,
        types: Sequence[int],
        context: SyncContext,
        lookback: timedelta,
        read_leads: Callable[[Iterable[int]], Iterator[RecordBlock]],
    ) -> None:
        """Serve the stream of leads.

        ``types`` are the numbers of the activity types that report a change. The plans end at the
        time of this context, not of the sync's. ``read_leads`` returns the RECORD lines of leads by
        their ids.
        """
        self._read_leads = read_leads
        self.lookback = lookback
        self.streams = leads.streams
        self.issues = leads.issues
        self._leads = leads
        self._types = types
        self._context = context

    def announce(self, stream: str, emitter: Emitter) -> None:
        self._leads.announce(stream, emitter)

    def bookmarked_as(self, stream: str) -> str:
        return LEAD_CHANGES

    def plans(self, context: SyncContext, pending: Sequence[PendingExport]) -> list[ExportPlan]:
        return super().plans(self._context, pending)

    def fields(self) -> list[str]:
        return ["leadId"]

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        return {"createdAt": date_range(plan.window), "activityTypeIds": list(self._types)}

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        ids: set[int] = set()
        for block in file.blocks():
            ids.update(_lead_id(row[0]) for row in block.rows)
            if len(ids) >= _MOST_KEPT:
                yield from self._read_leads(ids)
                ids.clear()
        yield from self._read_leads(ids)


def _lead_id(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise odd_data(f"An activities export holds {cell!r} for the id of a lead") from None


class LeadChangesRead(StreamRead):
    """One sync of the changed leads."""

    further_permissions = (READ_ACTIVITY,)
    finds_families = True

    def __init__(self, leads: DescribedFamily, account: Account, context: SyncContext) -> None:
        """Prepare to read, given the family that exports the leads."""
        stream = leads.stream
        super().__init__(leads.streams[stream], leads.keys, leads.replication_key)
        self.issues = leads.issues[stream]
        self._leads = leads
        self._account = account
        self._lookback = timedelta(hours=context.config.leads_lookback_hours)
        # The file of a job that a stopped run left is as old as the job. So changes are read up to
        # that time only: the next run reads what has changed since, after the file.
        made = (job.made or job.window.end for job in context.pending(leads.name))
        self._context = replace(context, now=min([context.now, *made]))
        self.failed = FailedParts(stream, context.state.failed(LEAD_CHANGES, lead_number))

    def steps(self, emitter: Emitter) -> Steps:
        reader = ReadableLeads(self._account.client, self._leads, emitter, self.failed)
        for block in reader.again():
            emitter.records(block.lines, block.counts)
            yield None
        family = self._family(reader.blocks)
        if family is None:
            return
        if self._is_exported(family):
            yield family
            return
        window = self._window(family)
        # Pages find few changes for fewer calls than an export.
        ids: set[int] = set()
        pages = self._events.pages(window.start)
        for events in islice(pages, _FEW_PAGES):
            ids.update(event.lead for event in events)
            yield None
        if next(pages, None) is not None:
            yield family
            return
        LOGGER.info("%s: %s have changed and are read by id.", self.stream, f"{len(ids):,}")
        for block in reader.blocks(ids):
            emitter.records(block.lines, block.counts)
            yield None
        plan = ExportPlan(window, (self.stream,), made=window.end)
        emitter.move_to(family.position_after(self._context, plan))

    def estimate(self, sizes: ListSizes) -> ReadEstimate | None:
        family = self._family(lambda ids: iter(()))
        if family is None:
            return None
        by_id = Calls(len(self.failed.remembered), "one for 300 leads that have changed")
        if self._is_exported(family):
            return ReadEstimate(calls=by_id, families=[family])
        calls = ACTIVITY_CALLS + by_id
        how = f"changed leads by activities; an export finds them where {_FEW_PAGES} pages do not"
        return ReadEstimate(how=how, since=self._window(family).start, calls=calls)

    @cached_property
    def _events(self) -> ChangeEvents:
        return ChangeEvents(self._account, _EVENT_TYPES)

    def _family(
        self, read_leads: Callable[[Iterable[int]], Iterator[RecordBlock]]
    ) -> LeadChangesFamily | None:
        """Return the family that finds changed leads; None if there is nothing to look for."""
        if self._leads.replication_key == "updatedAt":
            return None
        types = self._events.type_numbers
        if not types:
            return None
        family = LeadChangesFamily(self._leads, types, self._context, self._lookback, read_leads)
        window = self._window(family)
        is_begun = self._context.pending(LEAD_CHANGES)
        return family if window.start < window.end or is_begun else None

    def _window(self, family: LeadChangesFamily) -> Window:
        now = self._context.now
        return Window(family.cursor(self._context, self.stream).start(now), now)

    def _is_exported(self, family: LeadChangesFamily) -> bool:
        """Say whether an export finds the changed leads, however many they are."""
        cursor = family.cursor(self._context, self.stream)
        return cursor.bookmark is None or bool(self._context.pending(LEAD_CHANGES))


class LeadsIncrement(IncrementRead):
    """Reads new and changed leads; new ones alone where these are all that is exported."""

    family: DescribedFamily

    @property
    def _types(self) -> Sequence[str]:
        return _EVENT_TYPES if self.family.replication_key == "updatedAt" else [NEW_LEAD]

    @cached_property
    def _events(self) -> ChangeEvents:
        return ChangeEvents(self._account, self._types)

    def _missing(self) -> str:
        try:
            missing = (_NEEDED & {*self._types}) - self._events.found
        except (MarketoError, DataError) as error:
            return f"activities do not tell of changes: {error}"
        return f"the account has no activities {', '.join(sorted(missing))}" if missing else ""

    def _pages(self, emitter: Emitter, since: datetime, most: int) -> Generator[None, None, bool]:
        family, end = self.family, self._now
        ids: set[int] = set()
        for calls, events in enumerate(self._events.pages(since), start=1):
            ids.update(event.lead for event in events)
            if calls + ceil(len(ids) / BATCH_SIZE) > most:
                return False
            yield None
        for block in LeadsById(self._account.client, family, emitter).blocks(ids):
            emitter.records(block.lines, block.counts)
            yield None
        emitter.move_to(family.position_by_pages([family.stream], end))
        return True
