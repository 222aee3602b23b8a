"""Activities to records: a row's attributes are one JSON object, spread over their columns.

Rows of all types are converted together, a block at a time. The block's lines are put together at
once: for each row the constant parts of its stream's line, with rooms between them, into which the
values of the file's columns go, and then those of the attributes, each where its name belongs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from typing import Any, NamedTuple

import orjson

from tap_marketo.exact_json import loads_exactly
from tap_marketo.rows.columns import Column, quick_ways, quoted
from tap_marketo.rows.csv_rows import Block
from tap_marketo.rows.fields import ABSENT_TEXTS, Kind, Misfits
from tap_marketo.rows.plain_csv import ABSENT, with_commas
from tap_marketo.rows.records import RecordWriter

ATTRIBUTES = "attributes"
"""The column of the file that holds them."""
TYPE_ID = "activityTypeId"
"""The column of the file that says of which type a row is."""

_NO_OBJECT = "not a JSON object, their columns now null"
_UNKNOWN_NAME = "of an attribute the catalog lacks (discover again)"
_TWICE = "of an attribute given twice in a row, the first kept"

# What the quick parser does not keep as it was written.
_MINUS_ZERO = re.compile(r"[:\s]-0\s*[,}]")
# A NUL character within a text, which no record has.
_NUL_IN_JSON = b"\\u0000"
# How a text spells the values of these types, those that can be a cell.
_SPELLING: Mapping[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: ABSENT}.__getitem__,
}
_TEXTS: frozenset[type] = frozenset((str, type(None)))
_NOTHING = frozenset((None, *ABSENT_TEXTS))

# Where an attribute's name leads is a number: the room of its column in the line and, from this bit
# on, what is to be done with the value. Texts, the most frequent, are plain rooms.
_BITS = 32
_ROOM = (1 << _BITS) - 1
_KINDS = [Kind.TEXT, *(kind for kind in Kind if kind is not Kind.TEXT)]
# Kinds whose value depends on its JSON type: the number 5 and the text "5" are different items.
_NESTED = frozenset(_KINDS.index(kind) for kind in (Kind.ARRAY, Kind.OBJECT, Kind.ANY))
_TAKEN, _NOT_SELECTED, _UNKNOWN = range(len(_KINDS), len(_KINDS) + 3)


class ActivityStream:
    """What is constant for the rows of one type (bulk-activity-extract.md)."""

    def __init__(
        self,
        file_columns: Collection[str],
        fixed: Mapping[str, str],
        base: Mapping[str, str],
        find_column: Callable[[str], str | None],
        writer: RecordWriter,
        misfits: Misfits,
    ) -> None:
        """Work out where each column's value comes from.

        Args:
            file_columns: the columns of the file, without that of the attributes.
            fixed: columns whose text is the same in every row.
            base: columns that are columns of the file, with the names they have there.
            find_column: returns the column of an attribute name as a row spells it, None for an
                attribute that is not known.
            writer: of the stream.
            misfits: where odd values are counted.
        """
        self.writer = writer
        self.misfits = misfits
        columns = writer.columns
        self.column_in = {_room(place): column for place, column in enumerate(columns)}
        # The rooms of the file's columns.
        self.base = {
            base[column.name]: room
            for room, column in self.column_in.items()
            if column.name not in fixed and base.get(column.name) in file_columns
        }
        self.leads_to = _Names(self, find_column, [*fixed, *base])
        self.has_attributes = any(c.name not in base and c.name not in fixed for c in columns)
        self.key_room = _room(writer.key_place)
        # The parts of a line, with a room behind each for a value.
        self.line = list(writer.parts)
        for room, column in self.column_in.items():
            text = fixed.get(column.name)
            self.line[room] = ABSENT if text is None else column.json(text)

    def fix(self, name: str, cell: str) -> None:
        """Let a column of the file have the same cell in every row."""
        room = self.base.get(name)
        if room and self.column_in[room].kind in (Kind.INTEGER, Kind.TEXT):
            del self.base[name]
            self.line[room] = self.column_in[room].of_cell(cell)


def _room(place: int) -> int:
    """Return where in the parts of a line the value of a column belongs, by its place."""
    return 2 * place + 1


class _Names(dict[str, int]):
    """Where the attributes' names of a stream lead: each spelling is looked up once."""

    def __init__(
        self,
        stream: ActivityStream,
        find_column: Callable[[str], str | None],
        not_for_attributes: Collection[str],
    ) -> None:
        """Take the columns of a stream."""
        super().__init__()
        self._find_column = find_column
        self._rooms = {}
        for room, column in stream.column_in.items():
            is_taken = column.name in not_for_attributes
            code = _TAKEN if is_taken else _KINDS.index(column.kind)
            self._rooms[column.name] = room | code << _BITS

    def codes(self) -> set[int]:
        """Return what the names met so far lead to."""
        return {leads_to >> _BITS for leads_to in self.values()}

    def __missing__(self, name: str) -> int:
        column = self._find_column(name)
        leads_to = _UNKNOWN << _BITS
        if column is not None:
            leads_to = self._rooms.get(column, _NOT_SELECTED << _BITS)
        self[name] = leads_to
        return leads_to


class _Lines(NamedTuple):
    """The lines of a block while they are put together.

    Attributes:
        streams: of each row.
        starts: of each row where its parts start.
        parts: of all rows.
    """

    streams: list[ActivityStream]
    starts: list[int]
    parts: list[str]


class ActivityRecords:
    """Turns rows of many activity types into RECORD lines.

    A row's secondary attributes are keyed by display name, whose letter case may differ from
    types.json's, or by apiName.

    A row in which the quick parser would not keep something exactly (a decimal's digits), or in
    which something is odd (no JSON, an attribute given twice), goes through the exact parser by
    itself.
    """

    def __init__(self, file_columns: Sequence[str], streams: Mapping[str, ActivityStream]) -> None:
        """Prepare.

        Args:
            file_columns: the columns of the rows, in order.
            streams: by the id of their type, as the file has it.
        """
        self._file_columns = file_columns
        self._streams = streams
        self._all_have_attributes = all(stream.has_attributes for stream in streams.values())
        for number, stream in streams.items():
            stream.fix(TYPE_ID, number)
        # Of each of the file's columns the room in the lines of each stream, 0 where there is none.
        self._rooms = {
            name: {stream: stream.base.get(name, 0) for stream in streams.values()}
            for name in file_columns
        }
        self._kinds = {
            name: {stream.column_in[room].kind for stream, room in rooms.items() if room}
            for name, rooms in self._rooms.items()
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
        lines = _Lines(streams, starts, parts)
        for name in self._file_columns:
            self._put_base(name, cells[name], lines, is_text=block.is_text)
        if block.documents:
            self._put_attributes(block.documents, lines)
        keys = [parts[start + s.key_room] for s, start in zip(streams, starts, strict=True)]
        if ABSENT in keys:
            streams[keys.index(ABSENT)].writer.check_keys(keys)
        return with_commas("".join(parts)).encode("latin-1")

    def _put_base(self, name: str, cells: list[str], lines: _Lines, *, is_text: bool) -> None:
        """Put the values of a column of the file into their rooms."""
        rooms, kinds = self._rooms[name], self._kinds[name]
        if not kinds:
            return
        values = None
        if len(kinds) == 1:
            values = _usual_values(next(iter(kinds)), cells, is_text=is_text)
        if values is None:
            # What is odd is counted in the row's stream.
            for stream, start, cell in zip(lines.streams, lines.starts, cells, strict=True):
                room = rooms[stream]
                if room and cell != ABSENT:
                    lines.parts[start + room] = stream.column_in[room].of_cell(cell)
        elif len(set(rooms.values())) == 1:
            (room,) = set(rooms.values())
            for start, value in zip(lines.starts, values, strict=True):
                lines.parts[start + room] = value
        else:
            for stream, start, value in zip(lines.streams, lines.starts, values, strict=True):
                room = rooms[stream]
                if room:
                    lines.parts[start + room] = value

    def _put_attributes(self, documents: list[str], lines: _Lines) -> None:
        """Put the values of attributes into the rooms of their columns."""
        objects, odd = _parsed(documents)
        if not self._all_have_attributes:
            for row, stream in enumerate(lines.streams):
                if not stream.has_attributes:
                    objects[row] = {}
                    odd.discard(row)
        found = _Found(objects, lines)
        more = found.odd_rows(documents)
        if more:
            for row in more:
                objects[row] = {}
            found = _Found(objects, lines)
        found.put_into_rooms()
        for row in odd | more:
            if documents[row] not in ABSENT_TEXTS:
                _put_exactly(documents[row], row, lines)


def _usual_values(kind: Kind, cells: list[str], *, is_text: bool) -> list[str] | None:
    """Return the JSON of cells' values by a quick way; None if there is none."""
    if kind is Kind.TEXT:
        return quoted(cells) if is_text else None
    for quick in quick_ways(kind):
        with suppress(ValueError):
            values = quick(cells)
            return quoted(values) if kind is Kind.DATE_TIME else values
    return None


def _parsed(documents: list[str]) -> tuple[list[dict[str, Any]], set[int]]:
    """Parse JSON objects quickly; return them, and the rows where there is none."""
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


class _Found:
    """The attributes of the rows of a block, one after the other.

    To look at each by itself is what takes the most time with activities, so that this is done as
    seldom as possible: where texts lead to columns of texts, only their JSON is put in its room.
    """

    def __init__(self, objects: Sequence[dict[str, Any]], lines: _Lines) -> None:
        """Find out where each attribute of the rows' objects belongs."""
        self._objects = objects
        self._lines = lines
        self._values = [value for row in objects for value in row.values()]
        # Which of them are no texts.
        self._others: list[int] = []
        if not _TEXTS.issuperset(map(type, self._values)):
            self._others = [n for n, v in enumerate(self._values) if type(v) not in _TEXTS]
        # Each with its code in the upper bits, and the row's start added.
        self._places = [
            start + leads_to[name]
            for row, start, leads_to in zip(
                objects, lines.starts, [stream.leads_to for stream in lines.streams], strict=True
            )
            for name in row
        ]

    def _rows(self) -> list[int]:
        """Return the row of each attribute."""
        return [row for row, found in enumerate(self._objects) for _ in found]

    def odd_rows(self, documents: Sequence[str]) -> set[int]:
        """Return the rows with an attribute that cannot be taken as a cell, or given twice."""
        odd: set[int] = set()
        places = self._places
        if len(set(places)) < len(places):
            counts = Counter(place for place in places if place >> _BITS < _TAKEN)
            odd.update(row for row, n in zip(self._rows(), places, strict=True) if counts[n] > 1)
        rows = self._rows() if self._others else []
        for n in self._others:
            value, code = self._values[n], places[n] >> _BITS
            is_minus_zero = value == 0 and _MINUS_ZERO.search(documents[rows[n]])
            is_no_cell = type(value) not in _SPELLING or code in _NESTED
            if code <= _TAKEN and (is_no_cell or is_minus_zero):
                odd.add(rows[n])
        if any(_TAKEN in stream.leads_to.codes() for stream in set(self._lines.streams)):
            given = zip(self._rows(), places, self._values, strict=True)
            odd.update(row for row, n, v in given if n >> _BITS == _TAKEN and v is not None)
        return odd

    def put_into_rooms(self) -> None:
        """Put the JSON of the values where they belong, those of unknown names aside."""
        parts = self._lines.parts
        written = self._written()
        others: defaultdict[int, list[int]] = defaultdict(list)
        for place, text, n in zip(self._places, written, range(len(written)), strict=True):
            if place <= _ROOM:
                parts[place] = text
            else:
                others[place >> _BITS].append(n)
        for n in self._others:
            # A number or a boolean is a text like any other in a column of texts.
            if self._places[n] <= _ROOM:
                parts[self._places[n]] = f'"{written[n]}"'
        for code, numbers in others.items():
            if code < _TAKEN:
                self._put_values(_KINDS[code], numbers)
            elif code == _UNKNOWN:
                self._count_unknown(numbers)

    def _written(self) -> list[str]:
        """Return the JSON of all values."""
        values = self._values
        if not values:
            return []
        if any(type(values[n]) in (list, dict) for n in self._others):
            # These are of names that lead nowhere, and would take several lines.
            values = [None if type(value) in (list, dict) else value for value in values]
        # With one item on each line, for JSON has no line break within.
        data = orjson.dumps(values, option=orjson.OPT_INDENT_2)
        has_nuls = _NUL_IN_JSON in data
        data = data.replace(b'\n  ""', b"\n  null").replace(b'\n  "null"', b"\n  null")
        written = data[4:-2].decode("latin-1").split(",\n  ")
        if has_nuls:
            for n, value in enumerate(self._values):
                if type(value) is str and "\0" in value:
                    written[n] = orjson.dumps(value.replace("\0", "")).decode("latin-1")
        return written

    def _put_values(self, kind: Kind, numbers: Sequence[int]) -> None:
        """Put the JSON of values that are no texts into their rooms, given their numbers."""
        texts = [_as_cell(self._values[n]) for n in numbers]
        places = [self._places[n] & _ROOM for n in numbers]
        parts = self._lines.parts
        for quick in quick_ways(kind):
            with suppress(ValueError):
                values = quick(texts)
                for place, value in zip(
                    places, quoted(values) if kind is Kind.DATE_TIME else values, strict=True
                ):
                    parts[place] = value
                return
        of_column: defaultdict[Column, list[int]] = defaultdict(list)
        for n, place in enumerate(places):
            row = bisect_right(self._lines.starts, place) - 1
            room = place - self._lines.starts[row]
            of_column[self._lines.streams[row].column_in[room]].append(n)
        for column, some in of_column.items():
            values = column.quoted(column.spellings([texts[n] for n in some], str))
            for n, value in zip(some, values, strict=True):
                parts[places[n]] = value

    def _count_unknown(self, numbers: Sequence[int]) -> None:
        rows = self._rows()
        names = [name for found in self._objects for name in found]
        for n in numbers:
            if self._values[n] is not None:
                self._lines.streams[rows[n]].misfits.add(names[n], _UNKNOWN_NAME)


def _as_cell(value: Any) -> str:
    return ABSENT if value in _NOTHING else _SPELLING[type(value)](value)


def _put_exactly(document: str, row: int, lines: _Lines) -> None:
    """Put one row's values into their rooms, as :func:`fields.loads_exactly` reads them."""
    stream, start = lines.streams[row], lines.starts[row]
    try:
        attributes = loads_exactly(document)
    except (ValueError, RecursionError):
        attributes = None
    if not isinstance(attributes, dict):
        stream.misfits.add(ATTRIBUTES, _NO_OBJECT)
        return
    for name, value in attributes.items():
        leads_to = stream.leads_to[name]
        code, room = leads_to >> _BITS, leads_to & _ROOM
        if code == _NOT_SELECTED or value is None:
            continue
        if code == _UNKNOWN:
            stream.misfits.add(name, _UNKNOWN_NAME)
        elif lines.parts[start + room] != ABSENT:
            stream.misfits.add(name, _TWICE)
        else:
            lines.parts[start + room] = stream.column_in[room].of_value(value)
