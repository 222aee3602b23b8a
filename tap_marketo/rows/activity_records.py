"""Activities to records: a row's attributes are one JSON object, spread over their columns.

A block of rows of all types is converted at once. Its lines are put together as a list of parts:
for each row the constant parts of its stream's line, with slots between them. The values of the
file's columns go into their slots first, then those of the attributes, each by its name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from typing import Any

import orjson

from tap_marketo.rows.activity_stream import (
    CODE_SHIFT,
    KEPT,
    NESTED,
    SLOT_MASK,
    TAKEN,
    TYPES,
    UNKNOWN,
    UNKNOWN_NAME,
    ActivityStream,
    BlockLines,
)
from tap_marketo.rows.column_types import ABSENT_TEXTS, ColumnType
from tap_marketo.rows.columns import Column, fast_json, quoted
from tap_marketo.rows.csv_cells import ABSENT, with_commas
from tap_marketo.rows.csv_file import Block

TYPE_ID = "activityTypeId"
"""The column of the file that says of which type a row is."""

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


def _parse_documents(documents: list[str]) -> tuple[list[dict[str, Any]], set[int]]:
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


class _AttributeValues:
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
        parts, written = self._lines.parts, self._written()
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
                self._lines.streams[rows[n]].issues.add(names[n], UNKNOWN_NAME)


def _as_cell(value: Any) -> str:
    return ABSENT if value in _NOTHING else _CELL_OF[type(value)](value)


class ActivityRecords:
    """Turns rows of many activity types into RECORD lines.

    A row's secondary attributes are keyed by display name, whose letter case may differ from
    types.json's, or by apiName.

    A row takes the exact parser by itself where the fast one would not keep something exactly (a
    decimal's digits), or where something is odd (no JSON, an attribute given twice).
    """

    def __init__(self, file_columns: Sequence[str], streams: Mapping[str, ActivityStream]) -> None:
        """Prepare for rows with these columns, in order; streams by type id as the file has it."""
        self._file_columns = file_columns
        self._streams = streams
        self._all_have_attributes = all(stream.has_attributes for stream in streams.values())
        for number, stream in streams.items():
            stream.set_constant(TYPE_ID, number)
        # Of each column of the file the slot in the lines of each stream, 0 where there is none.
        self._slots = {
            name: {stream: stream.slot_of.get(name, 0) for stream in streams.values()}
            for name in file_columns
        }
        self._types = {
            name: {stream.column_in[slot].type for stream, slot in slots.items() if slot}
            for name, slots in self._slots.items()
        }

    def lines(self, block: Block) -> bytes:
        """Return the RECORD lines of rows, all of them of types that have a stream.

        Raises:
            DataError: a row has no key.
        """
        columns = map(list, zip(*block.rows, strict=True))
        cells = dict(zip(self._file_columns, columns, strict=True))
        streams = [self._streams[number] for number in cells[TYPE_ID]]
        parts = list(chain.from_iterable([stream.line for stream in streams]))
        starts = list(accumulate([len(stream.line) for stream in streams], initial=0))[:-1]
        lines = BlockLines(streams, starts, parts)
        for name in self._file_columns:
            self._put_cells(name, cells[name], lines, is_text=block.is_text)
        if block.documents:
            self._put_attributes(block.documents, lines)
        of_rows = list(zip(streams, starts, strict=True))
        if ABSENT in [parts[start + slot] for s, start in of_rows for slot in s.key_slots]:
            for stream, start in of_rows:
                stream.check_keys(parts, start)
        return with_commas("".join(parts)).encode("latin-1")

    def _put_cells(self, name: str, cells: list[str], lines: BlockLines, *, is_text: bool) -> None:
        """Put the values of a column of the file into their slots."""
        slots, types = self._slots[name], self._types[name]
        if not types:
            return
        values = None
        if types == {ColumnType.TEXT}:
            values = quoted(cells) if is_text else None
        elif len(types) == 1:
            values = fast_json(next(iter(types)), cells)
        if values is None:
            # An issue is counted in the row's stream.
            for stream, start, cell in zip(lines.streams, lines.starts, cells, strict=True):
                slot = slots[stream]
                if slot and cell != ABSENT:
                    lines.parts[start + slot] = stream.column_in[slot].json_of_cell(cell)
        elif len(set(slots.values())) == 1:
            (slot,) = set(slots.values())
            for start, value in zip(lines.starts, values, strict=True):
                lines.parts[start + slot] = value
        else:
            for stream, start, value in zip(lines.streams, lines.starts, values, strict=True):
                slot = slots[stream]
                if slot:
                    lines.parts[start + slot] = value

    def _put_attributes(self, documents: list[str], lines: BlockLines) -> None:
        """Put the values of the attributes into their slots."""
        objects, odd = _parse_documents(documents)
        if not self._all_have_attributes:
            for row, stream in enumerate(lines.streams):
                if not stream.has_attributes:
                    objects[row] = {}
                    odd.discard(row)
        found = _AttributeValues(objects, lines)
        more = found.odd_rows(documents)
        if more:
            for row in more:
                objects[row] = {}
            found = _AttributeValues(objects, lines)
        found.put_into_slots()
        for row in odd | more:
            if documents[row] not in ABSENT_TEXTS:
                lines.streams[row].put_exactly(documents[row], lines.parts, lines.starts[row])
