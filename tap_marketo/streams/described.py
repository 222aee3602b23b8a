"""Streams that are exported in bulk, with the columns that Marketo's describe calls return."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from tap_marketo.errors import FieldNotFoundError
from tap_marketo.exports.family import BulkFamily, ExportPlan, RecordBlock
from tap_marketo.log import LOGGER
from tap_marketo.marketo.describe import Field
from tap_marketo.marketo.pages import Row
from tap_marketo.names import Naming, find_names
from tap_marketo.protocol.catalog import CatalogEntry, Schema, catalog_entry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.column_types import schema_for_data_type
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.page_rows import value_block
from tap_marketo.rows.row_records import RowRecords
from tap_marketo.streams.descriptions import of_field, sentences
from tap_marketo.times import to_time_extracted

# Where discovery notes the field of a column that is called otherwise.
FIELD_NAME = "marketo.field-name"


class DescribedFamily(BulkFamily):
    """A family with one stream, whose columns are fields of its bulk object.

    Attributes:
        stream: its name.
        field_of: the field of each column that is emitted.
    """

    def __init__(self, entry: CatalogEntry, fields: Collection[Field], lookback: timedelta) -> None:
        """Serve a selected stream, given the fields that Marketo has now.

        Raises:
            CatalogError: it has no key column.
        """
        self.stream = entry.stream
        self.lookback = lookback
        super().__init__([entry])
        self._entry = entry
        self._known = {field.name for field in fields}
        self._exportable = {field.name for field in fields if field.is_exportable}
        self._left_out: set[str] = set()
        self.field_of: Mapping[str, str] = {}
        self._choose_columns()

    def _choose_columns(self) -> None:
        """Choose the columns to emit, and the fields to ask for: those Marketo can export."""
        entry = self._entry.keyed(self.keys, self.replication_key)
        names = {column: field_name(entry, column) for column in entry.columns}
        found = find_names(names.values(), self._known)
        chosen = {
            column: found[name]
            for column, name in names.items()
            if found.get(name) in self._exportable
        }
        self.field_of = chosen
        left_out = entry.columns.keys() - chosen.keys()
        self.streams[entry.stream] = entry.without(left_out - {*self.keys})
        for column in entry.columns:
            if column in left_out - self._left_out:
                LOGGER.warning(
                    "%s.%s cannot be exported: Marketo no longer has the field, does not export "
                    "it, or it is a formula. It is left out; run discovery again for a new "
                    "catalog.",
                    self.stream, column,
                )  # fmt: skip
        self._left_out |= left_out

    def fields(self) -> list[str]:
        return list(self.field_of.values())

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        layout = self.layout(self.stream, time_extracted)
        records = RowRecords(file.header, layout, self.field_of)
        for block in file.blocks():
            yield RecordBlock({self.stream: len(block.rows)}, records.lines(block))

    def block(self, rows: Sequence[Row], fields: Sequence[str], emitter: Emitter) -> RecordBlock:
        """Return the RECORD lines of rows that have just come by pages, with some fields each."""
        # There may be fewer columns since the last call.
        self.announce(self.stream, emitter)
        layout = self.layout(self.stream, to_time_extracted(emitter.now()))
        records = RowRecords(fields, layout, self.field_of)
        lines = records.lines(value_block(rows, fields)) if rows else b""
        return RecordBlock({self.stream: len(rows)}, lines)

    def do_without_field(self, error: FieldNotFoundError) -> None:
        named = find_names(error.names, self.fields())
        unknown = [field for field in named.values() if field not in self.keys]
        if not unknown:
            raise error
        self._exportable.difference_update(unknown)
        self._choose_columns()


def with_fields(fields: Sequence[Field], always: Sequence[Field]) -> list[Field]:
    """Return the fields that describe returns, and those that every row has."""
    described = {field.name for field in fields}
    return [*fields, *(field for field in always if field.name not in described)]


def described_entry(
    stream: str,
    fields: Sequence[Field],
    automatic: Collection[str],
    keys: Sequence[str],
    replication_key: str,
    naming: Naming,
    nullable: Collection[str] = (),
    stream_metadata: Mapping[str, Any] | None = None,
    schema_file: str = "",
) -> dict[str, Any]:
    """Write the catalog entry of a stream whose columns are fields.

    Automatic fields are always emitted, under their own names; the nullable ones of them may be
    null. What we know of fields is in the schema file, by default that with the stream's name.
    """
    properties: dict[str, Schema] = {}
    inclusion: dict[str, str] = {}
    notes: dict[str, dict[str, str]] = {}
    known = sentences(schema_file or stream)
    columns = naming.fields({field.name: field.number for field in fields}, automatic)
    for field in fields:
        column = columns[field.name]
        is_automatic = field.name in automatic
        properties[column] = schema_for_data_type(
            field.data_type, nullable=not is_automatic or field.name in nullable
        )
        properties[column]["description"] = of_field(
            field.name, field.display_name, known.get(field.name, "")
        )
        if not field.is_exportable:
            inclusion[column] = "unsupported"
        elif is_automatic:
            inclusion[column] = "automatic"
        if column != field.name:
            notes[column] = {FIELD_NAME: field.name}
    return catalog_entry(
        stream, properties, keys, replication_key, inclusion, stream_metadata, notes
    )


def field_name(entry: CatalogEntry, column: str) -> str:
    """Return the field that a column of the catalog holds."""
    noted = entry.column_metadata(column, FIELD_NAME)
    return noted if isinstance(noted, str) else column
