"""Activities to records: a row's attributes are one JSON object, spread over their columns.

Rows of all types are converted together, a block at a time. The block's lines are put together at
once: for each row the constant parts of its stream's line, with rooms between them, into which the
values of the file's columns go, and then those of the attributes, each where its name belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain

from tap_marketo.rows.activity_stream import ActivityStream
from tap_marketo.rows.attributes import Found, Lines, parsed, put_exactly
from tap_marketo.rows.columns import quick_ways, quoted
from tap_marketo.rows.csv_rows import Block
from tap_marketo.rows.fields import ABSENT_TEXTS, Kind
from tap_marketo.rows.plain_csv import ABSENT, with_commas

TYPE_ID = "activityTypeId"
"""The column of the file that says of which type a row is."""


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
        lines = Lines(streams, starts, parts)
        for name in self._file_columns:
            self._put_base(name, cells[name], lines, is_text=block.is_text)
        if block.documents:
            self._put_attributes(block.documents, lines)
        of_rows = list(zip(streams, starts, strict=True))
        if ABSENT in [parts[start + room] for s, start in of_rows for room in s.key_rooms]:
            for stream, start in of_rows:
                stream.check_keys(parts, start)
        return with_commas("".join(parts)).encode("latin-1")

    def _put_base(self, name: str, cells: list[str], lines: Lines, *, is_text: bool) -> None:
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

    def _put_attributes(self, documents: list[str], lines: Lines) -> None:
        """Put the values of attributes into the rooms of their columns."""
        objects, odd = parsed(documents)
        if not self._all_have_attributes:
            for row, stream in enumerate(lines.streams):
                if not stream.has_attributes:
                    objects[row] = {}
                    odd.discard(row)
        found = Found(objects, lines)
        more = found.odd_rows(documents)
        if more:
            for row in more:
                objects[row] = {}
            found = Found(objects, lines)
        found.put_into_rooms()
        for row in odd | more:
            if documents[row] not in ABSENT_TEXTS:
                put_exactly(documents[row], row, lines)


def _usual_values(kind: Kind, cells: list[str], *, is_text: bool) -> list[str] | None:
    """Return the JSON of cells' values by a quick way; None if there is none."""
    if kind is Kind.TEXT:
        return quoted(cells) if is_text else None
    for quick in quick_ways(kind):
        with suppress(ValueError):
            values = quick(cells)
            return quoted(values) if kind is Kind.DATE_TIME else values
    return None
