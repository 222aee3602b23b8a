"""The attributes of activities: JSON objects whose values go into the slots of lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import orjson

from tap_marketo.exact_json import loads_exactly
from tap_marketo.rows.activity_stream import (
    CODE_SHIFT,
    KEPT,
    NESTED,
    NOT_SELECTED,
    SLOT_MASK,
    TAKEN,
    TYPES,
    UNKNOWN,
    ActivityStream,
)
from tap_marketo.rows.column_types import ABSENT_TEXTS, ColumnType
from tap_marketo.rows.columns import Column, fast_json
from tap_marketo.rows.csv_cells import ABSENT

ATTRIBUTES = "attributes"
"""The column of the file that holds them."""

_NO_OBJECT = "not a JSON object, their columns now null"
_UNKNOWN_NAME = "of an attribute the catalog lacks (discover again)"
_TWICE = "of an attribute given twice in a row, the first kept"

# What the fast parser does not keep as it was written.
_MINUS_ZERO = re.compile(r"[:\s]-0\s*[,}]")
# A NUL character within a text, which no record has.
_NUL_IN_JSON = b"\\u0000"
# The cells of values of these types.
_CELL_OF: Mapping[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: ABSENT}.__getitem__,
}
_TEXTS: frozenset[type] = frozenset((str, type(None)))
_NOTHING = frozenset((None, *ABSENT_TEXTS))


class BlockLines(NamedTuple):
    """The lines of a block while they are put together.

    Each row has a stream, and a place among the parts of all rows where its own start.
    """

    streams: list[ActivityStream]
    starts: list[int]
    parts: list[str]


def parse_documents(documents: list[str]) -> tuple[list[dict[str, Any]], set[int]]:
    """Parse JSON objects fast; return them, and the rows where there is none."""
    with suppress(ValueError):
        objects = list(map(orjson.loads, documents))
        if set(map(type, objects)) == {dict}:
            return objects, set()
    objects = []
    odd: set[int] = set()
    for row, document in enumerate(documents):
        found = None
        with suppress(ValueError):
            found = orjson.loads(document)
        if type(found) is not dict:
            found = {}
            odd.add(row)
        objects.append(found)
    return objects, odd


class AttributeValues:
    """The attributes of the rows of a block, one after the other.

    Most of the time goes into looking at each attribute by itself. That is done as seldom as
    possible: the JSON of a text whose column is of texts is only put into its slot.
    """

    def __init__(self, objects: Sequence[dict[str, Any]], lines: BlockLines) -> None:
        """Find the place of each attribute of the rows' objects."""
        self._objects = objects
        self._lines = lines
        self._values = [value for row in objects for value in row.values()]
        # Those that are no texts.
        self._others: list[int] = []
        if not _TEXTS.issuperset(map(type, self._values)):
            self._others = [n for n, v in enumerate(self._values) if type(v) not in _TEXTS]
        # Among the parts of the lines, with the code of the target in the upper bits.
        self._places = [
            start + targets[name]
            for row, start, targets in zip(
                objects, lines.starts, [stream.targets for stream in lines.streams], strict=True
            )
            for name in row
        ]

    def _rows(self) -> list[int]:
        """Return the row of each attribute."""
        return [row for row, found in enumerate(self._objects) for _ in found]

    def _names(self) -> list[str]:
        """Return the name of each attribute."""
        return [name for found in self._objects for name in found]

    def odd_rows(self, documents: Sequence[str]) -> set[int]:
        """Return the rows with an attribute that cannot be taken as a cell, or given twice."""
        odd: set[int] = set()
        places = self._places
        if len(set(places)) < len(places):
            counts = Counter(place for place in places if place >> CODE_SHIFT < TAKEN)
            odd.update(row for row, n in zip(self._rows(), places, strict=True) if counts[n] > 1)
        rows = self._rows() if self._others else []
        for n in self._others:
            value, code = self._values[n], places[n] >> CODE_SHIFT
            is_minus_zero = value == 0 and _MINUS_ZERO.search(documents[rows[n]])
            is_no_cell = type(value) not in _CELL_OF or code in NESTED
            if (code <= TAKEN or code == KEPT) and (is_no_cell or is_minus_zero):
                odd.add(rows[n])
        if any(TAKEN in stream.targets.codes for stream in set(self._lines.streams)):
            given = zip(self._rows(), places, self._values, strict=True)
            odd.update(row for row, n, v in given if n >> CODE_SHIFT == TAKEN and v is not None)
        return odd

    def put_into_slots(self) -> None:
        """Put the JSON of the values into their slots; count or keep those of unknown names."""
        parts = self._lines.parts
        written = self._written()
        others: defaultdict[int, list[int]] = defaultdict(list)
        for place, text, n in zip(self._places, written, range(len(written)), strict=True):
            if place <= SLOT_MASK:
                parts[place] = text
            else:
                others[place >> CODE_SHIFT].append(n)
        for n in self._others:
            # A number or a boolean is a text like any other in a column of texts.
            if self._places[n] <= SLOT_MASK:
                parts[self._places[n]] = f'"{written[n]}"'
        for code, numbers in others.items():
            if code < TAKEN:
                self._put_values(TYPES[code], numbers)
            elif code == UNKNOWN:
                self._count_unknown(numbers)
            elif code == KEPT:
                self._keep_unknown(numbers)

    def _written(self) -> list[str]:
        """Return the JSON of all values."""
        values = self._values
        if not values:
            return []
        if any(type(values[n]) in (list, dict) for n in self._others):
            # Their names have no slot, and they would take several lines.
            values = [None if type(value) in (list, dict) else value for value in values]
        # One item on each line: JSON has no line break within.
        data = orjson.dumps(values, option=orjson.OPT_INDENT_2)
        has_nuls = _NUL_IN_JSON in data
        data = data.replace(b'\n  ""', b"\n  null").replace(b'\n  "null"', b"\n  null")
        written = data[4:-2].decode("latin-1").split(",\n  ")
        if has_nuls:
            for n, value in enumerate(self._values):
                if type(value) is str and "\0" in value:
                    written[n] = orjson.dumps(value.replace("\0", "")).decode("latin-1")
        return written

    def _put_values(self, type_: ColumnType, numbers: Sequence[int]) -> None:
        """Put the JSON of values that are no texts into their slots, given their numbers."""
        texts = [_as_cell(self._values[n]) for n in numbers]
        places = [self._places[n] & SLOT_MASK for n in numbers]
        parts = self._lines.parts
        values = fast_json(type_, texts)
        if values is not None:
            for place, value in zip(places, values, strict=True):
                parts[place] = value
            return
        of_column: defaultdict[Column, list[int]] = defaultdict(list)
        for n, place in enumerate(places):
            of_column[self._column_at(place)].append(n)
        for column, some in of_column.items():
            values = column.quoted(column.fragments([texts[n] for n in some], str))
            for n, value in zip(some, values, strict=True):
                parts[places[n]] = value

    def _column_at(self, place: int) -> Column:
        row = bisect_right(self._lines.starts, place) - 1
        return self._lines.streams[row].column_in[place - self._lines.starts[row]]

    def _keep_unknown(self, numbers: Sequence[int]) -> None:
        """Put values of unknown names, given their numbers, into the slots that keep them."""
        names = self._names()
        kept: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        for n in numbers:
            kept[self._places[n] & SLOT_MASK][names[n]] = self._values[n]
        for place, attributes in kept.items():
            self._lines.parts[place] = self._column_at(place).json_of_value(attributes)

    def _count_unknown(self, numbers: Sequence[int]) -> None:
        rows, names = self._rows(), self._names()
        for n in numbers:
            if self._values[n] is not None:
                self._lines.streams[rows[n]].issues.add(names[n], _UNKNOWN_NAME)


def _as_cell(value: Any) -> str:
    return ABSENT if value in _NOTHING else _CELL_OF[type(value)](value)


def put_exactly(document: str, row: int, lines: BlockLines) -> None:
    """Put one row's values into their slots, as :func:`loads_exactly` reads them."""
    stream, start = lines.streams[row], lines.starts[row]
    try:
        attributes = loads_exactly(document)
    except (ValueError, RecursionError):
        attributes = None
    if not isinstance(attributes, dict):
        stream.issues.add(ATTRIBUTES, _NO_OBJECT)
        return
    kept: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for name, value in attributes.items():
        targets = stream.targets[name]
        code, slot = targets >> CODE_SHIFT, targets & SLOT_MASK
        if code == KEPT:
            kept[slot][name] = value
        elif code == NOT_SELECTED or value is None:
            continue
        elif code == UNKNOWN:
            stream.issues.add(name, _UNKNOWN_NAME)
        elif lines.parts[start + slot] != ABSENT:
            stream.issues.add(name, _TWICE)
        else:
            lines.parts[start + slot] = stream.column_in[slot].json_of_value(value)
    for slot, unknown in kept.items():
        lines.parts[start + slot] = stream.column_in[slot].json_of_value(unknown)
