"""The reading of a stream whose rows come as JSON objects: SCHEMA, rows to records, what is odd."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from tap_marketo.exports.family import BulkFamily
from tap_marketo.marketo.pages import Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.fields import Misfits
from tap_marketo.rows.nested import RowFitter
from tap_marketo.rows.records import RecordWriter, object_lines
from tap_marketo.streams.outlook import Outlook
from tap_marketo.times import to_time_extracted

Steps = Iterator[BulkFamily | None]


class StreamRead(ABC):
    """One sync of such a stream.

    Attributes:
        entry: the stream of the catalog, with its key columns and its replication key.
        misfits: values that did not fit their columns.
        further_permissions: what this reading needs beside the permissions of its stream.
        finds_families: whether steps may bring families.
        is_one_call: whether one call brings all its rows.
        parents: how many parents there are, where rows are read parent by parent; 0 while unknown.
        parents_read: how many of them have been read.
    """

    further_permissions: tuple[str, ...] = ()
    finds_families = False
    is_one_call = False
    parents = 0
    parents_read = 0

    def __init__(
        self, entry: CatalogEntry, keys: Sequence[str], replication_key: str | None
    ) -> None:
        """Prepare to read.

        Args:
            entry: the selected stream of the catalog.
            keys: its key columns.
            replication_key: its bookmark; None for a stream that is emitted in full each time.

        Raises:
            CatalogError: the entry has no key column.
        """
        self.entry = entry.keyed(keys, replication_key)
        self.misfits = Misfits()
        self._keys = keys
        self._replication_key = replication_key
        self._fit = RowFitter(entry.schema["properties"], self.misfits)

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.entry.stream

    @property
    def unknown(self) -> set[str]:
        """Keys that Marketo sent and no column has."""
        return self._fit.unknown

    @abstractmethod
    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        """Read and emit; each step is one call, so that exports are looked after between.

        A step may bring a family: what has been found needs to be exported.

        Args:
            emitter: takes rows and positions.
            now: tells the time of a call, UTC.
        """

    @abstractmethod
    def outlook(self) -> Outlook | None:
        """Say what it will read, without reading anything; None if that is nothing.

        Raises:
            TapError: what it needs to know for that cannot be had.
        """

    def _announce(self, emitter: Emitter) -> None:
        """Write the SCHEMA message."""
        key = self._replication_key
        emitter.schema(self.entry, self._keys, [key] if key else [])

    def _emit(self, rows: Iterable[Row], emitter: Emitter, extracted: datetime) -> None:
        """Write the RECORD messages of rows.

        Args:
            rows: with the columns' names.
            emitter: takes them.
            extracted: when they were fetched, UTC.
        """
        stamp = to_time_extracted(extracted)
        writer = RecordWriter(self.stream, self.entry.columns, self._keys, stamp, self.misfits)
        lines = object_lines(map(self._fit, rows), writer)
        emitter.records(b"".join(lines), {self.stream: len(lines)})
