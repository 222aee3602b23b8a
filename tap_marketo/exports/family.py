"""Bulk objects: each family makes one kind of export job and deals its rows out to its streams.

A new bulk object is one subclass of :class:`BulkFamily`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from tap_marketo.errors import FieldNotFoundError, FilterUnavailableError
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.csv_rows import CsvFile
from tap_marketo.rows.fields import Misfits
from tap_marketo.rows.records import RecordWriter
from tap_marketo.same_names import find_names
from tap_marketo.times import Window, to_marketo


class RecordBlock(NamedTuple):
    """RECORD lines of some rows of a file, and how many there are of each stream."""

    counts: Mapping[str, int]
    lines: bytes


class BulkFamily(ABC):
    """One kind of export job and the streams that its rows belong to.

    Attributes:
        name: of the family in logs and in the state.
        bulk_object: path part of its calls.
        keys: the key columns of its streams.
        replication_key: the bookmark of its streams.
        document: the column of its files that holds JSON objects, None if there is none.
        lookback: how far before the bookmark a sync begins.
        streams: the selected streams by id, with the columns to emit.
        misfits: values that did not fit, by stream.
    """

    name: str
    bulk_object: str
    keys: Sequence[str]
    replication_key: str
    document: str | None = None
    lookback: timedelta

    def __init__(self, streams: Collection[CatalogEntry]) -> None:
        """Serve the given selected streams.

        Raises:
            CatalogError: one has no key column.
        """
        self.streams = {
            entry.stream: entry.keyed(self.keys, self.replication_key) for entry in streams
        }
        self.misfits = {entry.stream: Misfits() for entry in streams}

    @abstractmethod
    def fields(self) -> list[str]:
        """Return the columns every job asks for."""

    @abstractmethod
    def filter(self, window: Window, streams: Sequence[str]) -> dict[str, Any]:
        """Return the filter of a job for some of the streams."""

    @abstractmethod
    def records(
        self, file: CsvFile, streams: Sequence[str], time_extracted: str
    ) -> Iterator[RecordBlock]:
        """Deal a file's rows out, a block at a time and in the file's order.

        Args:
            file: the job's file.
            streams: the streams this job serves now; rows of other selected or once selected
                streams are passed over.
            time_extracted: when the file was fetched.
        """

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

    def missing_columns(self, header: Sequence[str]) -> list[str]:
        """Return the columns asked for now that a file made earlier does not have."""
        found = find_names(self.fields(), header)
        return [field for field in self.fields() if field not in found]

    def announce(self, stream: str, emitter: Emitter) -> None:
        """Write the SCHEMA message of a stream, unless it has been written as it is now."""
        emitter.schema(self.streams[stream], self.keys, [self.replication_key])

    def writer(self, stream: str, time_extracted: str) -> RecordWriter:
        """Return what writes a stream's RECORD lines."""
        entry = self.streams[stream]
        return RecordWriter(stream, entry.columns, self.keys, time_extracted, self.misfits[stream])


def date_range(window: Window) -> dict[str, str]:
    """Return a window as the filters of bulk exports take it (bulk-extract.md)."""
    return {"startAt": to_marketo(window.start), "endAt": to_marketo(window.end)}
