"""Activities to records: a row's attributes are one cell of JSON, spread over their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import orjson

from tap_marketo.columns import Column
from tap_marketo.fields import (
    ABSENT_AS_NONE,
    Kind,
    Misfits,
    Schema,
    loads_exactly,
    value_converter,
)
from tap_marketo.names import clean
from tap_marketo.records import RecordWriter

_ATTRIBUTES = "attributes"
_NO_OBJECT = "not a JSON object, their columns now null"
_UNKNOWN = "of an attribute the catalog lacks (discover again)"
_TWICE = "of an attribute given twice in a row, the first kept"

# What the quick parser does not keep as it was written.
_NUL = "\\u0000"
_MINUS_ZERO = re.compile(r"[:\s]-0\s*[,}]")
# Kinds whose value depends on its JSON type: the number 5 and the text "5" are different items.
_TYPED = frozenset((Kind.ARRAY, Kind.OBJECT, Kind.ANY))
# How a cell of a file would spell the values of these types: then they are cells.
_SPELLING: Mapping[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}
_TEXT_OR_NONE: frozenset[type] = frozenset((str, type(None)))
# Types of values that need not be spelled first: of texts, absent ones are still to be found.
_FITTING: Mapping[Kind, frozenset[type]] = {
    Kind.TEXT: _TEXT_OR_NONE,
    Kind.INTEGER: frozenset((int, type(None))),
    Kind.BOOLEAN: frozenset((bool, type(None))),
}


class ActivityRecords:
    """Turns the rows of one activity type into RECORD lines (bulk-activity-extract.md).

    A row's secondary attributes are keyed by display name, whose letter case may differ from
    types.json's, or by apiName.

    Many rows are converted together, each attribute as if it were a column of the file. A row in
    which the quick parser would not keep something exactly (a decimal's digits), or in which
    something is odd (no JSON, an attribute given twice), goes through the exact one by itself.
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
        self._places = {column: place for place, column in enumerate(columns)}
        self._lines = writer.lines
        self._misfits = misfits
        self._find_column = find_column
        self._fixed = [fixed.get(column) for column in columns]
        self._base = [
            (place, position[base[column]])
            for column, place in self._places.items()
            if column in base and base[column] in position
        ]
        self._taken = {place for place, text in enumerate(self._fixed) if text is not None}
        self._taken.update(place for place, _ in self._base)
        self._columns = [Column(name, schema, misfits) for name, schema in columns.items()]
        self._convert_value = [value_converter(c, schema, misfits) for c, schema in columns.items()]
        takes_attributes = any(column not in base and column not in fixed for column in columns)
        self._attributes = position.get(_ATTRIBUTES) if takes_attributes else None
        self._place_of: dict[str, int | None] = {}

    def lines(self, rows: Sequence[Sequence[str]]) -> list[bytes]:
        """Return the RECORD lines of some rows, one or more."""
        cells = list(zip(*rows))  # noqa: B905  all rows are as wide as the header
        values: list[list[Any]] = [[text] * len(rows) for text in self._fixed]
        for place, index in self._base:
            values[place] = self._columns[place].values(cells[index])
        if self._attributes is not None:
            self._spread(cells[self._attributes], values)
        return self._lines(zip(*values))  # noqa: B905  all as long as the rows are many

    def _spread(self, cells: Sequence[str], values: list[list[Any]]) -> None:
        """Set the values of attributes' columns from the rows' JSON."""
        rows, odd = _parsed(cells)
        columns: list[tuple[int, str, list[Any]]] = []
        for name in dict.fromkeys(chain.from_iterable(rows)):
            place = self._place(name)
            if place is not None:
                column = [row.get(name) for row in rows]
                if not _TEXT_OR_NONE.issuperset(map(type, column)) or place in self._taken:
                    odd.update(self._odd_ones(place, column, cells))
                columns.append((place, name, column))
        odd.update(_doubled_ones(columns))
        for row in odd:
            for _, _, column in columns:
                column[row] = None
        for place, name, column in columns:
            if place < 0:
                self._misfits.add(name, _UNKNOWN, len(column) - column.count(None))
            else:
                values[place] = _merged(values[place], self._values(place, column))
        for row in odd:
            if cells[row] not in ABSENT_AS_NONE:
                self._spread_exactly(cells[row], row, values)

    def _odd_ones(self, place: int, column: Sequence[Any], cells: Sequence[str]) -> Iterator[int]:
        """Yield the rows in which an attribute's value is none that can be taken as a cell."""
        if place < 0:
            return
        types = set(map(type, column))
        fitting = _TEXT_OR_NONE if self._columns[place].kind in _TYPED else _SPELLING.keys()
        if place in self._taken:
            yield from (row for row, value in enumerate(column) if value is not None)
        elif not types <= fitting:
            yield from (row for row, value in enumerate(column) if type(value) not in fitting)
        if int in types and 0 in column:
            for row, cell in enumerate(cells):
                if "-0" in cell and _MINUS_ZERO.search(cell):
                    yield row

    def _values(self, place: int, column: list[Any]) -> list[Any]:
        """Return the records' values of an attribute's."""
        kind = self._columns[place].kind
        if not _FITTING.get(kind, frozenset()).issuperset(map(type, column)):
            column = [_SPELLING[type(value)](value) for value in column]
        elif kind is not Kind.TEXT:
            return column
        return self._columns[place].values(column)

    def _spread_exactly(self, cell: str, row: int, values: list[list[Any]]) -> None:
        """Set one row's values as :func:`fields.loads_exactly` reads them."""
        try:
            attributes = loads_exactly(cell)
        except (ValueError, RecursionError):
            attributes = None
        if not isinstance(attributes, dict):
            self._misfits.add(_ATTRIBUTES, _NO_OBJECT)
            return
        for name, value in attributes.items():
            place = self._place(name)
            if place is None or value is None:
                continue
            if place < 0:
                self._misfits.add(name, _UNKNOWN)
            elif values[place][row] is not None:
                self._misfits.add(name, _TWICE)
            else:
                values[place][row] = self._convert_value[place](value)

    def _place(self, name: str) -> int | None:
        """Find, once per spelling, where an attribute goes: -1 nowhere, None not selected."""
        if name not in self._place_of:
            column = self._find_column(name)
            self._place_of[name] = -1 if column is None else self._places.get(column)
        return self._place_of[name]


def _parsed(cells: Sequence[str]) -> tuple[list[dict[str, Any]], set[int]]:
    """Parse JSON objects quickly; return them, and the rows that need the exact parser instead."""
    rows: list[dict[str, Any]] = []
    odd: set[int] = set()
    for row, cell in enumerate(cells):
        try:
            attributes = orjson.loads(cell)
        except ValueError:
            attributes = None
        if type(attributes) is not dict or _NUL in cell:
            attributes = {}
            odd.add(row)
        rows.append(attributes)
    return rows, odd


def _doubled_ones(columns: Sequence[tuple[int, str, Sequence[Any]]]) -> Iterator[int]:
    """Yield the rows in which two spellings of a name give one column a value each."""
    first: dict[int, Sequence[Any]] = {}
    for place, _, column in columns:
        other = first.setdefault(place, column)
        if other is not column and place >= 0:
            pairs = zip(other, column)  # noqa: B905  as long as the rows are many
            yield from (row for row, (a, b) in enumerate(pairs) if None not in (a, b))
            first[place] = [b if a is None else a for a, b in zip(other, column)]  # noqa: B905


def _merged(values: list[Any], more: list[Any]) -> list[Any]:
    if values.count(None) == len(values):
        return more
    return [b if a is None else a for a, b in zip(values, more)]  # noqa: B905  one length


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
