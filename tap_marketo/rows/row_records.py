"""RECORD lines: what is constant in those of a stream, and rows of a file that become such lines.

The columns of :class:`RowRecords` are the file's, as those of leads are. The JSON of a record is
the escaped cells of its row (:mod:`tap_marketo.rows.csv_cells`) between constant parts, which hold
the columns' names and the quotes of texts. Only cells of other types are converted first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter

import orjson

from tap_marketo.errors import odd_data
from tap_marketo.names import find_names
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.column_types import ColumnType, ConversionIssues
from tap_marketo.rows.columns import Column, FastPath
from tap_marketo.rows.csv_cells import ABSENT, Row, text_of, with_commas
from tap_marketo.rows.csv_file import Block

_NULL_IN_QUOTES = f':"{ABSENT}"'
_NULL = f":{ABSENT}"


class LineLayout:
    """What is constant in a stream's RECORD lines, and where the values stand.

    JSON is Latin-1 text here, as in the columns' values.

    Attributes:
        columns: of the record, in order.
        key_places: the places of the key columns among them.
        parts: all that is constant in a line, with a slot for a value behind the name of each
            column; the last one is what comes after the values, the line break included.
    """

    def __init__(
        self,
        stream: str,
        columns: Mapping[str, Schema],
        keys: Sequence[str],
        time_extracted: str,
        issues: ConversionIssues,
    ) -> None:
        self.columns = [Column(name, schema, issues) for name, schema in columns.items()]
        self.key_places = [list(columns).index(key) for key in keys]
        self._stream = stream
        self.parts = [f'{{"type":"RECORD","stream":{_json(stream)},"record":{{']
        for column in self.columns:
            self.parts[-1] += f"{column.json_name}:"
            self.parts += ["", ","]
        self.parts[-1] = f'}},"time_extracted":{_json(time_extracted)}}}\n'

    def check_key(self, place: int, values: Collection[str]) -> None:
        """Check the values, as JSON or fragments, of some records' key column.

        Raises:
            DataError: one is absent.
        """
        if ABSENT in values:
            raise odd_data(
                f"Marketo sent a row of {self._stream} without {self.columns[place].name}, which "
                "identifies it"
            )


class RowRecords:
    """Turns rows of a file whose columns are the stream's columns into RECORD lines."""

    def __init__(
        self,
        header: Sequence[str],
        layout: LineLayout,
        file_names: Mapping[str, str] | None = None,
    ) -> None:
        """Find the cell of each column, as :func:`find_names` does.

        A column that the file lacks is null. ``file_names`` holds the file's names of those columns
        that the stream calls otherwise.
        """
        self._layout = layout
        columns = layout.columns
        wanted = [(file_names or {}).get(column.name, column.name) for column in columns]
        found = find_names(wanted, header)
        position = {name: index for index, name in enumerate(header)}
        # A column that the file lacks is taken from a cell behind the last one.
        sources = [position[found[name]] if name in found else len(header) for name in wanted]
        self._is_arranged = sources == list(range(len(header)))
        self._pick = _picker(sources)
        places: dict[ColumnType, list[int]] = {}
        for place, column in enumerate(columns):
            places.setdefault(column.type, []).append(place)
        self._texts = places.pop(ColumnType.TEXT, [])
        self._groups = [_TypeGroup(of_type, columns) for of_type in places.values()]
        # The quotes of a text are constant, too.
        self._parts = list(layout.parts)
        for place, column in enumerate(columns):
            if column.is_quoted:
                self._parts[2 * place] += '"'
                self._parts[2 * place + 2] = f'"{self._parts[2 * place + 2]}'

    def lines(self, block: Block) -> bytes:
        """Return the RECORD lines of a block of rows.

        Raises:
            DataError: a row has no key.
        """
        rows = block.rows
        if not self._is_arranged:
            rows = [list(self._pick((*row, ABSENT))) for row in rows]
        for group in self._groups:
            group.convert(rows)
        if not block.is_text:
            self._mend(rows)
        for place in self._layout.key_places:
            self._layout.check_key(place, [row[place] for row in rows])
        parts = self._parts
        lines: list[str] = []
        for row in rows:
            parts[1::2] = row
            # Quotes within cells have a backslash before them, and no stream is called null. So
            # that word between two quotes, behind a colon, is a whole cell, and one that is absent.
            lines.append("".join(parts).replace(_NULL_IN_QUOTES, _NULL))
        return with_commas("".join(lines)).encode("latin-1")

    def _mend(self, rows: Sequence[Row]) -> None:
        """Mend and count texts with bytes that are no UTF-8."""
        for place in self._texts:
            column = self._layout.columns[place]
            for row in rows:
                if not row[place].isascii():
                    row[place] = column.fragment(text_of(row[place]))


class _TypeGroup:
    """The columns of one type, given by their places among all.

    Columns with the same fast path are converted together: a call costs as much as many cells.
    """

    def __init__(self, places: Sequence[int], columns: Sequence[Column]) -> None:
        self._columns = columns
        self._together: dict[FastPath, list[int]] = {}
        # A column with one odd cell will have more, and each would cost its whole group time.
        self._alone: list[int] = []
        for place in places:
            self._put(place)

    def _put(self, place: int) -> None:
        column = self._columns[place]
        if column.is_odd or not column.fast_paths:
            self._alone.append(place)
        else:
            self._together.setdefault(column.fast_paths[0], []).append(place)

    def convert(self, rows: Sequence[Row]) -> None:
        """Replace the cells of the columns by their fragments."""
        for place in self._alone:
            self._convert_alone(place, rows)
        # As the groups are now: a column that changes groups is converted by then.
        together = [(path, tuple(places)) for path, places in self._together.items()]
        for fast_path, places in together:
            pick = _picker(places)
            cells: list[str] = []
            for row in rows:
                cells += pick(row)
            try:
                values = fast_path(cells)
            except ValueError:
                self._split(fast_path, rows)
                continue
            if values is not cells:
                following = iter(values)
                for row in rows:
                    for place in places:
                        row[place] = next(following)

    def _split(self, fast_path: FastPath, rows: Sequence[Row]) -> None:
        """Convert columns one by one, and group them again."""
        for place in self._together.pop(fast_path):
            self._convert_alone(place, rows)
            self._put(place)

    def _convert_alone(self, place: int, rows: Sequence[Row]) -> None:
        values = self._columns[place].fragments([row[place] for row in rows], text_of)
        for row, value in zip(rows, values, strict=True):
            row[place] = value


def _picker(places: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Return what picks items by their places, one or more, as a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    (only,) = places
    return lambda items: items[only : only + 1]


def _json(text: str) -> str:
    return orjson.dumps(text).decode("latin-1")
