"""Exports that only find keys: what their rows name is searched."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tap_marketo.errors import TapError
from tap_marketo.exports.family import BulkFamily, ExportPlan, RecordBlock
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.csv_cells import ABSENT, text_of
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY


class KeysFamily(BulkFamily):
    """Exports whose rows name keys; the rows of these keys are those of its streams.

    A file has been read when the rows that it leads to have been.
    """

    keys = ()
    replication_key = REPLICATION_KEY

    def __init__(
        self,
        search: KeySearch,
        streams: Iterable[str],
        columns: Sequence[str],
        emitter: Emitter | None,
    ) -> None:
        """Serve streams of a search.

        Args:
            search: what the keys are for.
            streams: some of its streams.
            columns: of the files, whose cells are noted.
            emitter: takes SCHEMA messages; None where nothing is read.
        """
        self.streams = {name: search.tables[name].entry for name in streams}
        self.issues = {name: search.tables[name].issues for name in self.streams}
        self._search = search
        self._columns = columns
        self._fields = [*columns]
        self._emitter = emitter

    @property
    def failed(self) -> Mapping[str, TapError]:
        return self._search.failed

    def fields(self) -> list[str]:
        return list(self._fields)

    def announce(self, stream: str, emitter: Emitter) -> None:
        self._search.tables[stream].announce(emitter)

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        if self._emitter is None:
            raise TypeError("a plan reads no files")
        header = list(file.header)
        found = find_names(self._fields, header)
        places = [header.index(found[name]) if name in found else None for name in self._columns]
        for block in file.blocks():
            for row in block.rows:
                self.note([None if place is None else _text(row[place]) for place in places])
            yield from self._search.blocks(self._emitter, to_the_end=False)
        yield from self._search.blocks(self._emitter, to_the_end=True)
        if not self.streams.keys() & self._search.live.keys():
            raise next(iter(self._search.failed.values()))

    @abstractmethod
    def note(self, cells: Sequence[str | None]) -> None:
        """Tell the search what a row names, given its cells in the order of the columns."""


def _text(cell: str) -> str | None:
    """Return the text of a cell; None for an absent value."""
    return None if cell == ABSENT else text_of(cell)
