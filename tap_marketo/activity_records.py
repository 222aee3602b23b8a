"""Activities to records: a row's attributes are one cell of JSON, spread over their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

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
_ONLY_TEXT = frozenset((str,))
_TEXT_OR_NONE = frozenset((str, type(None)))
# How many different sequences of attributes are remembered; more would be a strange account.
_MOST_LAYOUTS = 1000


class _Target(NamedTuple):
    """Where an attribute of a layout goes to."""

    attribute: int
    place: int


class ActivityRecords:
    """Turns the rows of one activity type into RECORD lines (bulk-activity-extract.md).

    A row's secondary attributes are keyed by display name, whose letter case may differ from
    types.json's, or by apiName.

    Rows that spell the same attributes in the same order, which nearly all rows of a type do, are
    converted together, their attributes as if each were a column of the file. What the quick
    parser would not keep exactly (a decimal's digits) and what is odd (an unknown attribute, no
    JSON at all) goes row by row through the exact one.
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
        self._layouts: dict[tuple[str, ...], list[_Target] | None] = {}

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
        rows: list[dict[str, Any]] = []
        layouts: dict[tuple[str, ...], list[int]] = {}
        odd: list[int] = []
        for row, cell in enumerate(cells):
            try:
                attributes = orjson.loads(cell)
            except ValueError:
                attributes = None
            if type(attributes) is dict and _NUL not in cell:
                layouts.setdefault(tuple(attributes), []).append(row)
            else:
                attributes = {}
                odd.append(row)
            rows.append(attributes)
        for layout, members in layouts.items():
            odd += self._spread_alike(layout, members, rows, cells, values)
        for row in odd:
            if cells[row] not in ABSENT_AS_NONE:
                self._spread_exactly(cells[row], row, values)

    def _spread_alike(
        self,
        layout: tuple[str, ...],
        members: list[int],
        rows: Sequence[Mapping[str, Any]],
        cells: Sequence[str],
        values: list[list[Any]],
    ) -> list[int]:
        """Set the values of rows that have the same attributes; return the rows left out."""
        targets = self._targets(layout)
        if targets is None:
            return members
        attributes = list(zip(*[rows[row].values() for row in members]))  # noqa: B905
        columns: list[tuple[int, Sequence[str]]] = []
        odd: set[int] = set()
        for attribute, place in targets:
            column: Sequence[Any] = attributes[attribute]
            types = set(map(type, column))
            if types != _ONLY_TEXT:
                fitting = _TEXT_OR_NONE if self._columns[place].kind in _TYPED else _SPELLING.keys()
                for row, value in zip(members, column, strict=True):
                    if type(value) not in fitting or (
                        value == 0 and type(value) is int and _MINUS_ZERO.search(cells[row])
                    ):
                        odd.add(row)
                if not odd:
                    column = tuple(_SPELLING[type(value)](value) for value in column)
            columns.append((place, column))
        if odd:
            alike = [row for row in members if row not in odd]
            if alike:
                self._spread_alike(layout, alike, rows, cells, values)
            return sorted(odd)
        for place, column in columns:
            converted = self._columns[place].values(column)
            if len(members) == len(cells):
                values[place] = converted
            else:
                for row, value in zip(members, converted, strict=True):
                    values[place][row] = value
        return []

    def _targets(self, layout: tuple[str, ...]) -> list[_Target] | None:
        """Find, once per layout, where its attributes go; None if that needs a look at each row."""
        if layout in self._layouts:
            return self._layouts[layout]
        found = [(index, self._place(name)) for index, name in enumerate(layout)]
        targets = [_Target(index, place) for index, place in found if place is not None]
        places = [target.place for target in targets]
        is_odd = len(set(places)) < len(places) or not self._taken.isdisjoint(places)
        if len(self._layouts) >= _MOST_LAYOUTS:
            self._layouts.clear()
        self._layouts[layout] = None if is_odd or -1 in places else targets
        return self._layouts[layout]

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
