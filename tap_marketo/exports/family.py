"""Bulk objects: each family makes one kind of export job and deals its rows out to its streams.

A new bulk object is one subclass of :class:`BulkFamily`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, NamedTuple

from tap_marketo.config import Config
from tap_marketo.errors import FieldNotFoundError, FilterUnavailableError, TapError
from tap_marketo.exports.cursors import Cursor, bookmark_at, cursor_at
from tap_marketo.exports.windows import Plan, plan_rereading, plan_windows
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, PendingExport, Position
from tap_marketo.protocol.state import State
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.row_records import LineLayout
from tap_marketo.times import Window, to_marketo


class RecordBlock(NamedTuple):
    """RECORD lines of some rows of a file, and how many there are of each stream."""

    counts: Mapping[str, int]
    lines: bytes


ExportPlan = Plan[PendingExport]


class Files(Enum):
    """What a run does with the files of a family's jobs."""

    AWAITED = "it waits for each and reads it"
    IF_READY = "it reads those that are ready, and a later run the others"
    LATER = "a later run reads them"


MARKETO_BEGAN = datetime(2006, 1, 1, tzinfo=timezone.utc)
"""Nothing is older: Marketo was founded in 2006."""

# How often a job is made that fails.
_TRIES = 4


@dataclass(frozen=True)
class SyncContext:
    """What a sync begins with.

    Attributes:
        now: when the run began, and the end of the last window; whole seconds UTC.
        bulk_objects: returns the path parts of the account's bulk objects, whose jobs share the
            queue and the day's bytes.
    """

    config: Config
    state: State
    now: datetime
    bulk_objects: Callable[[], Collection[str]]

    @property
    def earliest(self) -> datetime:
        """Where a stream without a bookmark begins (start_date, or MARKETO_BEGAN), UTC."""
        return max(self.config.start_date, MARKETO_BEGAN)

    def pending(self, family: str) -> list[PendingExport]:
        """Return the jobs of a family that a stopped run left, whatever their streams are now."""
        return self.state.pending_exports(family, {}, self.earliest)


class BulkFamily(ABC):
    """One kind of export job and the streams that its rows belong to.

    What it has to read are windows of time, from its streams' bookmarks on, unless it says
    otherwise.

    Attributes:
        bulk_object: path part of its calls.
        keys: the key columns of its streams.
        document: the column of its files that holds JSON objects, None if there is none.
        lookback: how far before the bookmark a sync begins.
        streams: the selected streams by id, with the columns to emit.
        issues: values that did not fit, by stream.
        further_permissions: what its exports need beside the permissions of its streams.
        part: what it reads of its streams, for messages; empty for all.
        files: what this run does with them.
        rows_change: whether a row may come again with other values.
        why: why exports bring what is new, and not pages; empty where there is no other way.
    """

    name: str
    bulk_object: str
    keys: Sequence[str]
    replication_key: str
    document: str | None = None
    lookback: timedelta
    further_permissions: tuple[str, ...] = ()
    part: str = ""
    files = Files.AWAITED
    rows_change = False
    why = ""

    def __init__(self, streams: Collection[CatalogEntry]) -> None:
        """Serve the given selected streams.

        Raises:
            CatalogError: one has no key column.
        """
        self.streams = {
            entry.stream: entry.keyed(self.keys, self.replication_key) for entry in streams
        }
        self.issues = {entry.stream: ConversionIssues() for entry in streams}

    @property
    def failed(self) -> Mapping[str, TapError]:
        """The streams of which nothing more is read, while others of the family are, and why."""
        return {}

    @abstractmethod
    def fields(self) -> list[str]:
        """Return the columns every job asks for."""

    @abstractmethod
    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        """Return the filter of a job."""

    @abstractmethod
    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        """Turn a file's rows into RECORD lines, a block at a time and in the file's order.

        Rows of other selected or once selected streams than those that the plan serves now are left
        out.
        """

    def plans(self, context: SyncContext, pending: Sequence[PendingExport]) -> list[ExportPlan]:
        """Lay out what has to be read, in the order in which it is read.

        ``pending`` are its jobs that a stopped run left; those that are in no plan are cancelled.
        """
        cursors = {stream: self.cursor(context, stream) for stream in self.streams}
        adopted = [
            Plan(export.window, export.streams, export, export.made)
            for export in pending
            if export.replication_key == self.replication_key
        ]
        if self.files is not Files.AWAITED:
            return plan_rereading(cursors, adopted, context.now)
        return plan_windows(cursors, adopted, context.now, self.reads_ahead_until(context))

    def reads_ahead_until(self, context: SyncContext) -> datetime | None:
        """Return where what is read ahead of a bookmark may begin at the latest, None for never."""
        return None

    def expiring_first(
        self, context: SyncContext, made: Sequence[ExportPlan], plans: Sequence[ExportPlan]
    ) -> Sequence[ExportPlan]:
        """Put stretches into another order, as a day does not hold all that is left to export.

        They come in date order; the jobs that are ``made`` already are read before them.
        """
        return plans

    def begin(self, context: SyncContext) -> Position | None:
        """Return the position before anything is read, where that is not what the state says.

        So it is where what was read before is read from the beginning once more. What has been
        laid out is laid out for this position.
        """
        return None

    def why_anew(self, context: SyncContext) -> str:
        """Say why what was read before is read from the beginning; empty where it is not."""
        return ""

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        """Return what has been reached when a job has been read to its end."""
        bookmarks = {}
        for stream in plan.streams:
            cursor = self.cursor(context, stream).after(plan.window, plan.made)
            bookmarks[self.bookmarked_as(stream)] = bookmark_at(cursor, self.replication_key)
        return Position(bookmarks=bookmarks)

    def position_by_pages(self, streams: Iterable[str], end: datetime) -> Position:
        """Return what has been reached when pages have brought all before a time (UTC).

        It settles nothing.
        """
        mark = Bookmark(self.replication_key, end)
        return Position(bookmarks={self.bookmarked_as(stream): mark for stream in streams})

    def cursor(self, context: SyncContext, stream: str) -> Cursor:
        """Return how far a stream has been read."""
        name = self.bookmarked_as(stream)
        cursor = cursor_at(
            context.state, name, self.replication_key, context.earliest, self.lookback
        )
        return replace(cursor, rows_change=self.rows_change)

    def bookmarked_as(self, stream: str) -> str:
        """Return the name under which the state has a stream's bookmark."""
        return stream

    def beginning(self, plan: ExportPlan) -> str:
        """Say in a message where a plan begins."""
        return to_marketo(plan.window.start)

    def extent(self, plan: ExportPlan) -> str:
        """Say in a message what a plan covers."""
        return f"from {to_marketo(plan.window.start)} to {to_marketo(plan.window.end)}"

    def tries(self, plan: ExportPlan) -> int:
        """Return how often a job of a plan is made before it has failed for good."""
        return _TRIES

    def instead_of(self, plan: ExportPlan, error: TapError) -> list[ExportPlan]:
        """Return what is exported in place of a plan whose job has failed for good.

        Where that is nothing, the plan is given up, and what follows it is read. It keeps its place
        until everything before it has been read.

        Raises:
            TapError: the error; nothing more of the family is read.
        """
        raise error

    def has_given_up(self, plan: ExportPlan) -> bool:
        """Say whether nothing is exported in place of a plan."""
        return False

    @property
    def failed_parts(self) -> Mapping[str, Mapping[str, datetime]]:
        """The parts of its streams that have been given up, as ``Position`` has them."""
        return {}

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        """Switch to another filter, because Marketo refused this one.

        Raises:
            FilterUnavailableError: there is no other.
        """
        raise error

    def do_without_field(self, error: FieldNotFoundError) -> None:
        """Ask for fewer fields, because Marketo says that some do not exist.

        Raises:
            FieldNotFoundError: none of them can be done without.
        """
        raise error

    def announce(self, stream: str, emitter: Emitter) -> None:
        """Write the SCHEMA message of a stream, unless it has been written as it is now."""
        emitter.schema(self.streams[stream], self.keys, [self.replication_key])

    def layout(self, stream: str, time_extracted: str) -> LineLayout:
        """Return what is constant in a stream's RECORD lines."""
        entry = self.streams[stream]
        return LineLayout(stream, entry.columns, self.keys, time_extracted, self.issues[stream])


def date_range(window: Window) -> dict[str, str]:
    """Return a window as the filters of bulk exports take it (bulk-extract.md)."""
    return {"startAt": to_marketo(window.start), "endAt": to_marketo(window.end)}
