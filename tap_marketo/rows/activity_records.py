"""Activities to records: a row's attributes are one JSON object, spread over their columns.

A block of rows of all types is converted at once. Its lines are put together as a list of parts:
for each row the constant parts of its stream's line, with slots between them. The values of the
file's columns go into their slots first, then those of the attributes, each by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain

from tap_marketo.rows.activity_attributes import (
    AttributeValues,
    BlockLines,
    parse_documents,
    put_exactly,
)
from tap_marketo.rows.activity_stream import ActivityStream
from tap_marketo.rows.column_types import ABSENT_TEXTS, ColumnType
from tap_marketo.rows.columns import fast_json, quoted
from tap_marketo.rows.csv_cells import ABSENT, with_commas
from tap_marketo.rows.csv_file import Block

TYPE_ID = "activityTypeId"
"""The column of the file that says of which type a row is."""


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
        objects, odd = parse_documents(documents)
        if not self._all_have_attributes:
            for row, stream in enumerate(lines.streams):
                if not stream.has_attributes:
                    objects[row] = {}
                    odd.discard(row)
        found = AttributeValues(objects, lines)
        more = found.odd_rows(documents)
        if more:
            for row in more:
                objects[row] = {}
            found = AttributeValues(objects, lines)
        found.put_into_slots()
        for row in odd | more:
            if documents[row] not in ABSENT_TEXTS:
                put_exactly(documents[row], row, lines)
