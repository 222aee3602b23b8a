"""Rows to records: everything that is constant for a stream is worked out once per file.

A :class:`RecordMaker` is built for one stream and one way of finding values, and then turns row
after row into the bytes of a RECORD message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from tap_marketo.errors import DataError
from tap_marketo.fields import (
    ABSENT_AS_NONE,
    Converter,
    Misfits,
    Schema,
    converter,
    loads_exactly,
    mend_text,
    value_converter,
)
from tap_marketo.names import clean

_BAD_TEXT = "with bytes that are no text, now U+FFFD"
_ATTRIBUTES = "attributes"


class RecordWriter:
    """Builds a stream's RECORD lines from its columns' values."""

    def __init__(
        self, stream: str, columns: Sequence[str], key: str, time_extracted: str, misfits: Misfits
    ) -> None:
        """Prepare the constant parts of the line.

        Args:
            stream: the stream's name.
            columns: the record's columns, in order.
            key: the key column, which must never be null.
            time_extracted: when the rows were fetched, as the message carries it.
            misfits: where odd values are counted.
        """
        self._stream = stream
        self._columns = tuple(columns)
        self._key = key
        self._misfits = misfits
        self._before = b'{"type":"RECORD","stream":%s,"record":' % orjson.dumps(stream)
        self._after = b',"time_extracted":%s}\n' % orjson.dumps(time_extracted)

    def line(self, values: Sequence[Any]) -> bytes:
        """Return the RECORD line of one row's values, given in the columns' order.

        Raises:
            DataError: the row has no key.
        """
        record = dict(zip(self._columns, values))  # noqa: B905  strict costs a tenth of the row
        if record[self._key] is None:
            raise DataError(
                f"Marketo sent a row of {self._stream} without {self._key}: it could not be told "
                "from any other. Run again; if it stays so, show it to Marketo Support."
            )
        try:
            body = orjson.dumps(record)
        except TypeError:
            body = orjson.dumps(
                {column: self._mend(column, value) for column, value in record.items()}
            )
        return self._before + body + self._after

    def _mend(self, column: str, value: Any) -> Any:
        mended = mend_text(value)
        if mended != value:
            self._misfits.add(column, _BAD_TEXT)
        return mended


def column_lines(
    rows: Iterator[list[str]],
    header: Sequence[str],
    columns: Mapping[str, Schema],
    writer: RecordWriter,
    misfits: Misfits,
) -> Iterator[bytes]:
    """Turn the rows of a file whose columns are the stream's columns into RECORD lines.

    Args:
        rows: from a CsvFile.
        header: the file's column names; letter case aside they are the stream's.
        columns: the stream's selected columns. One that the file lacks comes out null.
        writer: made for the same columns.
        misfits: where odd values are counted.
    """
    position = {name.lower(): index for index, name in enumerate(header)}
    found = [position.get(column.lower()) for column in columns]
    # One more cell than needed, so that itemgetter returns a tuple also for a single column.
    pick = itemgetter(*(index or 0 for index in found), 0)
    typed: list[tuple[int, Converter]] = []
    for place, (column, schema) in enumerate(columns.items()):
        if found[place] is None:
            typed.append((place, _to_null))
        elif convert := converter(column, schema, misfits):
            typed.append((place, convert))
    absent = ABSENT_AS_NONE.get
    line = writer.line
    for row in rows:
        cells = pick(row)
        values = list(map(absent, cells, cells))
        for place, convert in typed:
            value = values[place]
            if value is not None:
                values[place] = convert(value)
        yield line(values)


class ActivityRecords:
    """Turns the rows of one activity type into RECORD lines (bulk-activity-extract.md).

    A row's secondary attributes are one cell of JSON, keyed by display name, whose letter case
    may differ from types.json's, or by apiName.
    """

    def __init__(
        self,
        header: Sequence[str],
        columns: Mapping[str, Schema],
        fixed: Mapping[str, str],
        base: Mapping[str, str],
        find_column: Callable[[str], str | None],
        writer: RecordWriter,
        misfits: Misfits,
    ) -> None:
        """Work out where each column's value comes from.

        Args:
            header: the file's column names.
            columns: the stream's selected columns.
            fixed: columns whose text is the same in every row.
            base: columns that are columns of the file, with the names they have there.
            find_column: returns the column of an attribute name as a row spells it, None for an
                attribute that is not known.
            writer: made for the same columns.
            misfits: where odd values are counted.
        """
        position = {name: index for index, name in enumerate(header)}
        places = {column: place for place, column in enumerate(columns)}
        self._line = writer.line
        self._misfits = misfits
        self._find_column = find_column
        self._places = places
        self._blank: list[Any] = [fixed.get(column) for column in columns]
        self._base: list[tuple[int, int, Converter | None]] = [
            (place, position[base[column]], converter(column, columns[column], misfits))
            for column, place in places.items()
            if column in base and base[column] in position
        ]
        self._converters = [value_converter(c, schema, misfits) for c, schema in columns.items()]
        takes_attributes = any(column not in base and column not in fixed for column in columns)
        self._attributes = position.get(_ATTRIBUTES) if takes_attributes else None
        self._place_of: dict[str, int | None] = {}

    def line(self, row: Sequence[str]) -> bytes:
        """Return the RECORD line of one row."""
        values = self._blank.copy()
        for place, index, convert in self._base:
            cell = row[index]
            if cell not in ABSENT_AS_NONE:
                values[place] = convert(cell) if convert else cell
        if self._attributes is not None:
            cell = row[self._attributes]
            if cell not in ABSENT_AS_NONE:
                self._spread(cell, values)
        return self._line(values)

    def _spread(self, cell: str, values: list[Any]) -> None:
        try:
            attributes = loads_exactly(cell)
        except (ValueError, RecursionError):
            attributes = None
        if not isinstance(attributes, dict):
            self._misfits.add(_ATTRIBUTES, "not a JSON object, their columns now null")
            return
        place_of = self._place_of
        for name, value in attributes.items():
            place = place_of[name] if name in place_of else self._place(name)
            if place is None or value is None:
                continue
            if place < 0:
                self._misfits.add(name, "of an attribute the catalog lacks (discover again)")
            elif values[place] is not None:
                self._misfits.add(name, "of an attribute given twice in a row, the first kept")
            else:
                values[place] = self._converters[place](value)

    def _place(self, name: str) -> int | None:
        """Find, once per spelling, where an attribute goes: -1 nowhere, None not selected."""
        column = self._find_column(name)
        place = -1 if column is None else self._places.get(column)
        self._place_of[name] = place
        return place


def object_lines(
    rows: Iterator[Mapping[str, Any]],
    columns: Mapping[str, Schema],
    writer: RecordWriter,
    misfits: Misfits,
) -> Iterator[bytes]:
    """Turn JSON objects, as paged calls return them, into RECORD lines.

    Args:
        rows: objects with the columns' names; a missing one is null.
        columns: the stream's selected columns.
        writer: made for the same columns.
        misfits: where odd values are counted.
    """
    converters = [
        (column, value_converter(column, schema, misfits)) for column, schema in columns.items()
    ]
    for row in rows:
        yield writer.line([convert(row.get(column)) for column, convert in converters])


class AttributeColumns:
    """Finds the column of an attribute by any of the names a row may use for it."""

    def __init__(
        self, columns: Mapping[str, str], api_names: Mapping[str, str], others: Collection[str]
    ) -> None:
        """Index the names.

        Args:
            columns: column of each attribute's display name.
            api_names: display name of each apiName.
            others: columns whose attribute is no longer known; only the cleaned name leads to
                them.
        """
        self._exact = dict(columns)
        self._folded: dict[str, str] = {}
        for name, column in columns.items():
            self._folded.setdefault(name.casefold(), column)
        for api_name, name in api_names.items():
            if name in columns:
                self._folded.setdefault(api_name.casefold(), columns[name])
        self._others = frozenset(others)

    def find(self, name: str) -> str | None:
        """Return the column of an attribute as a row names it, None when it is not known."""
        known = self._exact.get(name) or self._folded.get(name.casefold())
        if known:
            return known
        cleaned = clean(name)
        return cleaned if cleaned in self._others else None


def _to_null(_: Any) -> None:
    return None
