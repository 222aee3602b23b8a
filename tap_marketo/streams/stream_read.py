"""One sync of a stream whose rows come as JSON objects: its steps, its messages, its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tap_marketo.errors import odd_data
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.plan_line import Calls, PlanLine
from tap_marketo.failed_parts import FailedParts
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, Entry, Position
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.page_rows import RowFitter, page_lines
from tap_marketo.rows.row_records import LineLayout
from tap_marketo.times import parse_utc, to_marketo, to_time_extracted

Steps = Iterator[BulkFamily | None]
"""How a stream is read, step by step.

- The sync asks for one step at a time. Between two steps it reads export files that are ready, and
  looks after the export jobs. So a step makes one call, or few, and yields at once.
- A step yields None, or a family whose rows are to be exported. The sync starts that family before
  it asks for the next step. Only a read with ``finds_families`` yields families.
- A step emits what its call brought: SCHEMA before the first record, and a position only when
  every record before that position has been emitted.
- The end of the steps means that the stream has been read, but for the families. A TapError ends
  this stream; the other streams continue.
"""

BY_DATE = "asked for by date"
CHANGED_ROWS = "all pages, changed rows"
IN_FULL = "in full"

# Of the pages of activities (activities.md, Query): a token, and one page.
ACTIVITY_CALLS = Calls(2, "one for 300 activities or a stretch of time")


@dataclass(kw_only=True)
class ReadEstimate(PlanLine):
    """What can be said of a reading before it begins, with a few calls.

    Attributes:
        families: what it will have exported; its line is theirs then.
        found: what it may have exported, where that depends on what it finds.
    """

    families: Sequence[BulkFamily] = ()
    found: Sequence[BulkFamily] = ()


class Read(ABC):
    """One sync of a stream, or of several that are read together.

    Attributes:
        name: what it is called in messages.
        further_permissions: what this read needs beside the permissions of its streams.
        finds_families: whether a step may yield a family.
        is_one_call: whether one call returns all rows.
        is_increment: whether it brings what is new of a family.
        parents: how many parents the rows are read from; 0 while unknown, or without parents.
        parents_read: how many of them have been read.
    """

    name: str
    further_permissions: tuple[str, ...] = ()
    finds_families = False
    is_one_call = False
    is_increment = False
    parents = 0
    parents_read = 0

    @property
    @abstractmethod
    def issues_of(self) -> Mapping[str, ConversionIssues]:
        """Values that did not fit their columns, by stream."""

    @property
    def streams(self) -> list[str]:
        """The streams that it reads."""
        return [*self.issues_of]

    @property
    def unknown(self) -> set[str]:
        """Keys that Marketo sent and no column has."""
        return set()

    @property
    def has_more(self) -> bool:
        """Whether its steps, from the first on, read more when all else has been read."""
        return False

    def remarks(self) -> list[str]:
        """Return lines about what could not be looked up of the rows that were emitted."""
        return []

    def meet(self, reads: Sequence[Read]) -> None:
        """Learn what is read in the same run, before the first step."""
        return

    def takes_place_of(self, family: BulkFamily) -> bool:
        """Say whether its steps, from the first on, now read what of a family is not exported."""
        return False

    @abstractmethod
    def steps(self, emitter: Emitter) -> Steps:
        """Read the stream and emit its messages; see ``Steps``."""

    @abstractmethod
    def estimate(self, sizes: ListSizes) -> ReadEstimate | None:
        """Return what the steps will read; None for nothing.

        Raises:
            TapError: a call that this takes failed.
        """


class StreamRead(Read):
    """One sync of one stream; ``failed`` has the parents or rows that cannot be read."""

    def __init__(
        self, entry: CatalogEntry, keys: Sequence[str], replication_key: str | None
    ) -> None:
        """Prepare to read; a stream without a replication key is emitted in full each time.

        Raises:
            CatalogError: the entry has no key column.
        """
        self.name = self.stream = entry.stream
        self.entry = entry.keyed(keys, replication_key)
        self.issues = ConversionIssues()
        self.failed = FailedParts(entry.stream, {})
        self._keys = keys
        self._replication_key = replication_key
        self._fit = RowFitter(entry.schema["properties"], self.issues)

    @property
    def issues_of(self) -> Mapping[str, ConversionIssues]:
        return {self.stream: self.issues}

    @property
    def unknown(self) -> set[str]:
        return self._fit.unknown

    def _announce(self, emitter: Emitter) -> None:
        """Write the SCHEMA message."""
        key = self._replication_key
        emitter.schema(self.entry, self._keys, [key] if key else [])

    def _move_to(
        self, emitter: Emitter, mark: Entry | None = None, bookmark: Bookmark | None = None
    ) -> None:
        """Move the state to what has been reached, and to what cannot be read."""
        bookmarks = {self.stream: bookmark} if bookmark else {}
        marks = {self.stream: mark} if mark else {}
        failed = {self.stream: self.failed.remembered}
        emitter.move_to(Position(bookmarks, marks, failed=failed))

    def _emit(self, rows: Iterable[Row], emitter: Emitter) -> None:
        """Write the RECORD messages of rows that have just come, with the columns' names."""
        lines = self._lines(rows, emitter.now())
        emitter.records(b"".join(lines), {self.stream: len(lines)})

    def _lines(self, rows: Iterable[Row], extracted: datetime) -> list[bytes]:
        """Return the RECORD lines of rows, fetched at a time (UTC)."""
        stamp = to_time_extracted(extracted)
        layout = LineLayout(self.stream, self.entry.columns, self._keys, stamp, self.issues)
        return page_lines(map(self._fit, rows), layout)


def log_not_due(stream: str, read_at: datetime, interval: timedelta) -> None:
    """Log that a stream is not read now, as it was read at a time (UTC) less than so long ago."""
    LOGGER.info(
        "%s was read at %s, and is read again %g hours later (child_refresh_hours).",
        stream, to_marketo(read_at), interval / timedelta(hours=1),
    )  # fmt: skip


def raw_id(row: Row) -> object:
    """Return the id of a row as Marketo sent it."""
    return row.get("id")


def id_of(row: Row, kind: str) -> int:
    """Return the id of a row; the kind of thing that it is stands in the error.

    Raises:
        DataError: the row has no id.
    """
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        raise odd_data(f"Marketo sent a {kind} without an id") from None


def is_since(date: object, since: datetime) -> bool:
    """Say whether a row's date is at ``since`` (UTC) or later, or is no date that can be read."""
    try:
        return parse_utc(str(date)) >= since
    except ValueError:
        return True
