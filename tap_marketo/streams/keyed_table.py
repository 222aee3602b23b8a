"""The rows of an object that is asked for by keys, as they are emitted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from tap_marketo.exports.family import RecordBlock
from tap_marketo.log import LOGGER
from tap_marketo.marketo.describe import ObjectDescription
from tap_marketo.marketo.pages import Row
from tap_marketo.names import find_names
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.page_rows import RowFitter, page_lines
from tap_marketo.rows.row_records import LineLayout
from tap_marketo.streams.described import field_name
from tap_marketo.streams.keyed_object import REPLICATION_KEY, KeyedStream, Remembered
from tap_marketo.streams.stream_read import is_since
from tap_marketo.times import EVER, to_time_extracted

# The place of a row in an answer (lead-database.md): nothing of the row itself.
_PLACE = "seq"


class KeyedTable:
    """One selected stream.

    Attributes:
        stream: its name.
        entry: its entry of the catalog, with the columns to emit.
        declared: what it is of.
        issues: values that did not fit their columns.
    """

    def __init__(
        self, entry: CatalogEntry, declared: KeyedStream, began: datetime, since: datetime = EVER
    ) -> None:
        """Emit nothing yet.

        ``began`` is when the run began (UTC). Rows that are no news are emitted only if they have
        changed at ``since`` (UTC) or later.

        Raises:
            CatalogError: the entry has no key column.
        """
        self.stream = entry.stream
        self.entry = entry.keyed(declared.keys, REPLICATION_KEY)
        self.declared = declared
        self._since = since
        self._began = began
        self.issues = ConversionIssues()
        self._fit = RowFitter(entry.schema["properties"], self.issues)
        self._seen = Remembered()
        self._field_of = {column: field_name(entry, column) for column in self.entry.columns}

    @property
    def unknown(self) -> set[str]:
        """Keys that Marketo sent and no column has."""
        return self._fit.unknown

    def fit_to(self, described: ObjectDescription) -> list[str]:
        """Return the fields that its columns hold, and leave out columns that have none any more.

        Those of the schema file stay whatever Marketo describes.
        """
        known = [each.name for each in (*described.fields, *self.declared.always())]
        found = find_names(self._field_of.values(), dict.fromkeys(known))
        gone = [name for name in self._field_of.values() if name not in found]
        self._field_of = {column: found.get(name, name) for column, name in self._field_of.items()}
        self.lose(gone)
        return [*self._field_of.values()]

    def lose(self, fields: Collection[str]) -> None:
        """Leave out the columns of fields that Marketo does not have.

        Those of the schema file stay, and are null.
        """
        lost = [column for column, name in self._field_of.items() if name in fields]
        always = {each.name for each in self.declared.always()}
        gone = [column for column in lost if self._field_of.pop(column) not in always]
        for column in gone:
            LOGGER.warning(
                "%s.%s cannot be read: Marketo no longer has the field. It is left out; run "
                "discovery again for a new catalog.",
                self.stream, column,
            )  # fmt: skip
        self.entry = self.entry.without(gone)

    def announce(self, emitter: Emitter) -> None:
        """Write the SCHEMA message, unless it has been written as it is now."""
        emitter.schema(self.entry, self.declared.keys, [REPLICATION_KEY])

    def block(
        self, rows: Sequence[Row], extracted: datetime, *, are_news: bool = True
    ) -> RecordBlock:
        """Return the RECORD lines of those of some rows that are to be emitted.

        They came at a time (UTC). If they are news, it does not matter when they have changed.

        Raises:
            DataError: a row has no key.
        """
        stamp = to_time_extracted(extracted)
        keys = self.declared.keys
        layout = LineLayout(self.stream, self.entry.columns, keys, stamp, self.issues)
        columns = {name: column for column, name in self._field_of.items()}
        wanted = [
            {columns.get(name, name): value for name, value in row.items() if name != _PLACE}
            for row in rows
            if self._wants(row, are_news=are_news)
        ]
        lines = page_lines(map(self._fit, wanted), layout)
        return RecordBlock({self.stream: len(lines)}, b"".join(lines))

    def _wants(self, row: Row, *, are_news: bool) -> bool:
        """Say whether a row is emitted.

        Which rows a run meets depends on the keys that it finds, and the state does not say which
        were met before. So a row is emitted when it comes for the first time in the run; when it
        comes again, if it has changed meanwhile.
        """
        changed = row.get(REPLICATION_KEY)
        if not are_news and not is_since(changed, self._since):
            return False
        is_first = self._seen.add("/".join(str(row.get(key)) for key in self.declared.keys))
        return is_first or is_since(changed, self._began)
