"""Members of chosen smart lists: an export of ids for each (bulk-lead-extract.md, smartListId)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import ConfigError
from tap_marketo.exports.family import BulkFamily, ExportPlan, RecordBlock, SyncContext
from tap_marketo.exports.windows import Plan
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ListMark
from tap_marketo.protocol.position import PendingExport, Position
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.row_records import RowRecords
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.permissions import READ_LEAD
from tap_marketo.streams.stream_read import IN_FULL, ReadEstimate, Steps, StreamRead
from tap_marketo.times import Window, to_marketo

STREAM = "smart_list_memberships"
_KEYS = ("smartListId", "leadId")
_REPLICATION_KEY = "readAt"
_LEADS = "leads"
# A list's members are those of one moment. A plan has a window all the same.
_MOMENT = timedelta(seconds=1)


class SmartListFamily(BulkFamily):
    """The export of one smart list's members: those "when the job begins processing"."""

    bulk_object = _LEADS
    keys = _KEYS
    replication_key = _REPLICATION_KEY
    lookback = timedelta()

    def __init__(self, number: int, entry: CatalogEntry, readings: dict[int, datetime]) -> None:
        """Serve the stream; when lists were read (UTC), of all lists, is kept up to date."""
        super().__init__([entry])
        self.name = _family_name(number)
        self.part = f"smart list {number}"
        self._number = number
        self._readings = readings

    def fields(self) -> list[str]:
        return ["id"]

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        return {"smartListId": self._number}

    def plans(self, context: SyncContext, pending: Sequence[PendingExport]) -> list[ExportPlan]:
        job = pending[0] if pending else None
        window = job.window if job else Window(context.now - _MOMENT, context.now)
        # Where bytes are scarce, it waits for all others.
        made, ids, turn = job.made if job else None, (self._number,), context.now
        return [Plan(window, (STREAM,), job, made, ids, turn)]

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        self._readings[self._number] = _made(plan)
        return Position(marks={STREAM: ListMark(readings=dict(self._readings))})

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        records = RowRecords([*_KEYS, _REPLICATION_KEY], self.layout(STREAM, time_extracted))
        number, read_at = str(self._number), to_marketo(_made(plan))
        for block in file.blocks():
            rows = [[number, lead, read_at] for (lead,) in block.rows]
            lines = records.lines(block._replace(rows=rows))
            yield RecordBlock({STREAM: len(rows)}, lines)

    def beginning(self, plan: ExportPlan) -> str:
        return self.part

    def extent(self, plan: ExportPlan) -> str:
        return f"of {self.part}"


def _family_name(number: int) -> str:
    return f"{STREAM}/{number}"


def _made(plan: ExportPlan) -> datetime:
    """Return when a plan's job was made; the end of its window where that is not known."""
    return (plan.made or plan.window.end).replace(microsecond=0)


class SmartListsRead(StreamRead):
    """One sync of all lists: those are exported that were not read lately."""

    finds_families = True

    def __init__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> None:
        """Prepare to read.

        Raises:
            ConfigError: no list is named in the config.
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, _KEYS, _REPLICATION_KEY)
        if not context.config.smart_lists:
            raise ConfigError(
                f"{STREAM} is selected, but the setting smart_lists names no list. Name the ids "
                "of smart lists there, or deselect the stream."
            )
        self._context = context
        self._interval = timedelta(hours=context.config.child_refresh_hours)
        self._readings = dict(context.state.mark(ListMark, STREAM).readings)

    def steps(self, emitter: Emitter) -> Steps:
        self._announce(emitter)
        due = self._due()
        if len(due) < len(self._context.config.smart_lists):
            LOGGER.info(
                "%s: %d of %d smart lists are read now, the others %g hours after they were last "
                "(child_refresh_hours).",
                STREAM, len(due), len(self._context.config.smart_lists),
                self._interval / timedelta(hours=1),
            )  # fmt: skip
        yield from due

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        return ReadEstimate(how=f"{IN_FULL}, list by list", families=self._due())

    def _due(self) -> list[SmartListFamily]:
        """Return the lists that were not read lately, or whose job a stopped run left."""
        context, families = self._context, []
        for number in context.config.smart_lists:
            last = self._readings.get(number)
            is_due = last is None or context.now - last >= self._interval
            if is_due or context.pending(_family_name(number)):
                family = SmartListFamily(number, self.entry, self._readings)
                family.issues = {STREAM: self.issues}
                families.append(family)
        return families


class SmartListMemberships(DeclaredStream):
    """The stream of smart lists' members."""

    def bulk_object_of(self, family: str) -> str | None:
        return _LEADS if family.startswith(f"{STREAM}/") else None


SMART_LIST_MEMBERSHIPS = SmartListMemberships(
    name=STREAM,
    read=SmartListsRead,
    is_exported=True,
    permission=READ_LEAD,
    keys=_KEYS,
    replication_key=_REPLICATION_KEY,
    offered=lambda account: account.config.smart_lists,
)
