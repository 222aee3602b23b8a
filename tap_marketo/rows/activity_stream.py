"""What is constant for the activities of one type: its line, and where each value belongs in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from tap_marketo.rows.fields import Kind, Misfits
from tap_marketo.rows.plain_csv import ABSENT
from tap_marketo.rows.records import RecordWriter

# Where an attribute's name leads is a number: the room of its column in the line and, from this bit
# on, what is to be done with the value. Texts, the most frequent, are plain rooms.
BITS = 32
ROOM = (1 << BITS) - 1
KINDS = [Kind.TEXT, *(kind for kind in Kind if kind is not Kind.TEXT)]
# Kinds whose value depends on its JSON type: the number 5 and the text "5" are different items.
NESTED = frozenset(KINDS.index(kind) for kind in (Kind.ARRAY, Kind.OBJECT, Kind.ANY))
TAKEN, NOT_SELECTED, UNKNOWN, KEPT = range(len(KINDS), len(KINDS) + 4)


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
        unknown: str | None = None,
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
            unknown: the column, if it is selected, that keeps the attributes which are not known,
                in one object; without it they are counted.
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
        self.leads_to = _Names(self, find_column, [*fixed, *base], unknown)
        self.has_attributes = any(c.name not in base and c.name not in fixed for c in columns)
        self.key_rooms = [_room(place) for place in writer.key_places]
        # The parts of a line, with a room behind each for a value.
        self.line = list(writer.parts)
        for room, column in self.column_in.items():
            text = fixed.get(column.name)
            self.line[room] = ABSENT if text is None else column.json(text)

    def check_keys(self, parts: Sequence[str], start: int) -> None:
        """Make sure that a record has its keys.

        Args:
            parts: of lines.
            start: where among them the line of the record starts.

        Raises:
            DataError: one is absent.
        """
        for place, room in zip(self.writer.key_places, self.key_rooms, strict=True):
            self.writer.check_key(place, (parts[start + room],))

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
        unknown: str | None,
    ) -> None:
        """Take the columns of a stream."""
        super().__init__()
        self._find_column = find_column
        self._rooms = {}
        for room, column in stream.column_in.items():
            is_taken = column.name in not_for_attributes
            code = TAKEN if is_taken else KINDS.index(column.kind)
            self._rooms[column.name] = room | code << BITS
        kept = self._rooms.pop(unknown, None) if unknown else None
        self._unknown = UNKNOWN << BITS if kept is None else kept & ROOM | KEPT << BITS

    def codes(self) -> set[int]:
        """Return what the names met so far lead to."""
        return {leads_to >> BITS for leads_to in self.values()}

    def __missing__(self, name: str) -> int:
        column = self._find_column(name)
        leads_to = self._unknown
        if column is not None:
            leads_to = self._rooms.get(column, NOT_SELECTED << BITS)
        self[name] = leads_to
        return leads_to
