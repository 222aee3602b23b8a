"""What is constant for the activities of one type: its line, and the slot of each value in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from tap_marketo.exact_json import loads_exactly
from tap_marketo.names import clean
from tap_marketo.rows.column_types import ColumnType, ConversionIssues
from tap_marketo.rows.csv_cells import ABSENT
from tap_marketo.rows.row_records import LineLayout

ATTRIBUTES = "attributes"
"""The column of the file that holds the attributes of a row, as one JSON object."""

UNKNOWN_NAME = "of an attribute the catalog lacks (discover again)"
_NO_OBJECT = "not a JSON object, their columns now null"
_TWICE = "of an attribute given twice in a row, the first kept"

# The target of an attribute's name is a number: the slot of its column in the line and, from
# this bit on, a code that says what to do with the value. A code below TAKEN is the place of the
# column's type in TYPES. Texts, the most frequent, have code 0: their targets are plain slots.
CODE_SHIFT = 32
SLOT_MASK = (1 << CODE_SHIFT) - 1
TYPES = [ColumnType.TEXT, *(type_ for type_ in ColumnType if type_ is not ColumnType.TEXT)]
NESTED = frozenset(map(TYPES.index, (ColumnType.ARRAY, ColumnType.OBJECT, ColumnType.ANY)))
"""Codes whose value depends on its JSON type: the number 5 and the text "5" are different items."""
TAKEN, NOT_SELECTED, UNKNOWN, KEPT = range(len(TYPES), len(TYPES) + 4)

# Names may be data. The targets of this many are kept; all others are looked up each time.
_MOST_NAMES = 10_000


class AttributeColumns:
    """Finds the column of an attribute by any of the names a row may use for it.

    As :func:`tap_marketo.names.find_names`: a display name or an apiName as it stands first,
    letter case aside only where that leaves one attribute.
    """

    def __init__(
        self,
        columns: Mapping[str, str | None],
        api_names: Mapping[str, str],
        others: Collection[str],
    ) -> None:
        """Index the names: columns by display name, None for an attribute that the catalog lacks.

        ``api_names`` has the display name of each apiName. ``others`` are columns whose attribute
        is no longer known; only the cleaned name leads to them.
        """
        by_api_name = {
            api_name: columns[name] for api_name, name in api_names.items() if name in columns
        }
        self._exact = {**by_api_name, **columns}
        self._folded: defaultdict[str, set[str | None]] = defaultdict(set)
        for name, column in (*columns.items(), *by_api_name.items()):
            self._folded[name.casefold()].add(column)
        self._others = frozenset(others)

    def find(self, name: str) -> str | None:
        """Return the column of an attribute as a row names it, None when it is not known."""
        if name in self._exact:
            return self._exact[name]
        candidates = self._folded.get(name.casefold(), set())
        if len(candidates) == 1:
            return next(iter(candidates))
        cleaned = clean(name)
        return cleaned if cleaned in self._others else None


class ActivityStream:
    """What is constant for the rows of one type (bulk-activity-extract.md).

    Attributes:
        column_in: the column of each slot.
        slot_of: the slots of the file's columns.
        targets: of the attributes' names.
        line: the parts of a line, with a slot for each value.
    """

    def __init__(
        self,
        file_columns: Collection[str],
        constants: Mapping[str, str],
        base: Mapping[str, str],
        names: AttributeColumns,
        layout: LineLayout,
        issues: ConversionIssues,
        unknown: str | None = None,
    ) -> None:
        """Find where each column's value comes from.

        The file's columns are without that of the attributes. ``constants`` are columns whose text
        is the same in every row; ``base`` are columns of the file, with the names they have there.
        ``unknown`` is the column, if it is selected, that keeps the attributes which are not known,
        in one object; without it they are counted.
        """
        self.layout = layout
        self.issues = issues
        self.column_in = {_slot(place): column for place, column in enumerate(layout.columns)}
        self.slot_of = {
            base[column.name]: slot
            for slot, column in self.column_in.items()
            if column.name not in constants and base.get(column.name) in file_columns
        }
        not_for_attributes = {*constants, *base}
        self.targets = _Targets(self, names, not_for_attributes, unknown)
        self.has_attributes = any(c.name not in not_for_attributes for c in layout.columns)
        self.key_slots = [_slot(place) for place in layout.key_places]
        self.line = list(layout.parts)
        for slot, column in self.column_in.items():
            text = constants.get(column.name)
            self.line[slot] = ABSENT if text is None else column.json(text)

    def check_keys(self, parts: Sequence[str], start: int) -> None:
        """Check the keys of the record whose line starts at a place among the parts of lines.

        Raises:
            DataError: one is absent.
        """
        for place, slot in zip(self.layout.key_places, self.key_slots, strict=True):
            self.layout.check_key(place, (parts[start + slot],))

    def put_exactly(self, document: str, parts: list[str], start: int) -> None:
        """Put a row's attributes, as :func:`loads_exactly` reads them, into the slots of its line.

        The line starts at a place among the parts of lines.
        """
        try:
            attributes = loads_exactly(document)
        except (ValueError, RecursionError):
            attributes = None
        if not isinstance(attributes, dict):
            self.issues.add(ATTRIBUTES, _NO_OBJECT)
            return
        kept: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        for name, value in attributes.items():
            target = self.targets[name]
            code, slot = target >> CODE_SHIFT, target & SLOT_MASK
            if code == KEPT:
                kept[slot][name] = value
            elif code == NOT_SELECTED or value is None:
                continue
            elif code == UNKNOWN:
                self.issues.add(name, UNKNOWN_NAME)
            elif parts[start + slot] != ABSENT:
                self.issues.add(name, _TWICE)
            else:
                parts[start + slot] = self.column_in[slot].json_of_value(value)
        for slot, unknown in kept.items():
            parts[start + slot] = self.column_in[slot].json_of_value(unknown)

    def set_constant(self, name: str, cell: str) -> None:
        """Let a column of the file have the same cell in every row."""
        slot = self.slot_of.get(name)
        if slot and self.column_in[slot].type in (ColumnType.INTEGER, ColumnType.TEXT):
            del self.slot_of[name]
            self.line[slot] = self.column_in[slot].json_of_cell(cell)


def _slot(place: int) -> int:
    """Return where in the parts of a line the value of a column belongs, by its place."""
    return 2 * place + 1


class BlockLines(NamedTuple):
    """The lines of a block while they are put together.

    Each row has a stream, and a place among the parts of all rows where its own start.
    """

    streams: list[ActivityStream]
    starts: list[int]
    parts: list[str]


class _Targets(dict[str, int]):
    """The targets of the attributes' names, found when a name is first met, and their codes."""

    def __init__(
        self,
        stream: ActivityStream,
        names: AttributeColumns,
        not_for_attributes: Collection[str],
        unknown: str | None,
    ) -> None:
        super().__init__()
        self.codes: set[int] = set()
        self._names = names
        self._of_column = {}
        for slot, column in stream.column_in.items():
            code = TAKEN if column.name in not_for_attributes else TYPES.index(column.type)
            self._of_column[column.name] = slot | code << CODE_SHIFT
        kept = self._of_column.pop(unknown, None) if unknown else None
        self._unknown = (
            UNKNOWN << CODE_SHIFT if kept is None else kept & SLOT_MASK | KEPT << CODE_SHIFT
        )

    def __missing__(self, name: str) -> int:
        column = self._names.find(name)
        target = self._unknown
        if column is not None:
            target = self._of_column.get(column, NOT_SELECTED << CODE_SHIFT)
        self.codes.add(target >> CODE_SHIFT)
        if len(self) < _MOST_NAMES:
            self[name] = target
        return target
