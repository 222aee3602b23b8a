"""What is found by keys that exports bring: the sync of such streams, and the exports."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tap_marketo.errors import FilterUnavailableError, TapError
from tap_marketo.exports.family import (
    BulkFamily,
    ExportPlan,
    RecordBlock,
    SyncContext,
    date_range,
)
from tap_marketo.names import find_names
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.csv_cells import ABSENT, text_of
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.streams.account import Account
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY, KeyedStream
from tap_marketo.streams.keyed_table import KeyedTable
from tap_marketo.streams.object_links import LEADS
from tap_marketo.streams.stream_read import Read
from tap_marketo.times import EVER


class SearchRead(Read):
    """One sync of all streams whose rows one search finds, as the same exports serve them."""

    finds_families = True

    def __init__(self, account: Account, context: SyncContext) -> None:
        """Prepare to read nothing yet."""
        self._account = account
        self._context = context
        self._tables: dict[str, KeyedTable] = {}

    @classmethod
    def shared(
        cls, entry: CatalogEntry, declared: KeyedStream, account: Account, context: SyncContext
    ) -> SearchRead | None:
        """Let the one such read of a run have a stream; return it if that is its first.

        Raises:
            CatalogError: the entry has no key column.
        """
        read = account.shared(cls, lambda: cls(account, context))
        is_first = not read._tables
        since = read._since(entry.stream)
        read._tables[entry.stream] = KeyedTable(entry, declared, context.now, since)
        return read if is_first else None

    def _since(self, stream: str) -> datetime:
        """Return the time (UTC) since which rows must have changed that are emitted as no news."""
        return EVER

    @property
    def issues_of(self) -> Mapping[str, ConversionIssues]:
        return {name: table.issues for name, table in self._tables.items()}

    @property
    def unknown(self) -> set[str]:
        tables = self._tables.items()
        return {f"{name}.{key}" for name, table in tables for key in table.unknown}


class KeysFamily(BulkFamily):
    """Exports whose rows name keys; the rows of these keys are those of its streams.

    A file has been read when the rows that it leads to have been.
    """

    keys = ()
    replication_key = REPLICATION_KEY

    def __init__(self, search: KeySearch, streams: Iterable[str], columns: Sequence[str]) -> None:
        """Serve some streams of a search, given the columns of the files whose cells are noted."""
        self.streams = {name: search.tables[name].entry for name in streams}
        self.issues = {name: search.tables[name].issues for name in self.streams}
        self._search = search
        self._columns = columns
        self._fields = [*columns]
        self._goes_by_creation = False

    @property
    def failed(self) -> Mapping[str, TapError]:
        return self._search.failed

    def fields(self) -> list[str]:
        return list(self._fields)

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        key = "createdAt" if self._goes_by_creation else REPLICATION_KEY
        return {key: date_range(plan.window)}

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        # bulk-lead-extract.md has another filter by date, bulk-custom-object-extract.md has not.
        if self._goes_by_creation or self.bulk_object != LEADS:
            raise error
        self._goes_by_creation = True

    def announce(self, stream: str, emitter: Emitter) -> None:
        self._search.tables[stream].announce(emitter)

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        header = list(file.header)
        found = find_names(self._fields, header)
        places = [header.index(found[name]) if name in found else None for name in self._columns]
        for block in file.blocks():
            for row in block.rows:
                self.note([None if place is None else _text(row[place]) for place in places])
            yield from self._search.blocks(to_the_end=False)
        yield from self._search.blocks(to_the_end=True)
        self._search.check(self.streams)

    @abstractmethod
    def note(self, cells: Sequence[str | None]) -> None:
        """Tell the search what a row names, given its cells in the order of the columns."""


def _text(cell: str) -> str | None:
    """Return the text of a cell; None for an absent value."""
    return None if cell == ABSENT else text_of(cell)
