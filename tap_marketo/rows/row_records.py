"""Rows of a file to records whose columns are the file's, as those of leads are.

The JSON of a record is the plain cells of its row (:mod:`tap_marketo.rows.plain_csv`) between
constant parts, which hold the columns' names and the quotes of texts. Only cells of other types
are converted first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from tap_marketo.rows.columns import Column, Quick
from tap_marketo.rows.csv_rows import Block
from tap_marketo.rows.fields import Kind
from tap_marketo.rows.plain_csv import ABSENT, Row, text_of, with_commas
from tap_marketo.rows.records import RecordWriter
from tap_marketo.same_names import find_names

_NULL_IN_QUOTES = f':"{ABSENT}"'
_NULL = f":{ABSENT}"


class RowRecords:
    """Turns rows of a file whose columns are the stream's columns into RECORD lines."""

    def __init__(
        self,
        header: Sequence[str],
        writer: RecordWriter,
        file_names: Mapping[str, str] | None = None,
    ) -> None:
        """Work out where each column's value comes from.

        Args:
            header: the file's column names, found as :func:`find_names` does. A column that the
                file lacks comes out null.
            writer: of the stream.
            file_names: what the file calls columns, where that is not the stream's name.
        """
        self._writer = writer
        columns = writer.columns
        wanted = [(file_names or {}).get(column.name, column.name) for column in columns]
        found = find_names(wanted, header)
        position = {name: index for index, name in enumerate(header)}
        # A column that the file lacks is taken from a cell behind the last one.
        sources = [position[found[name]] if name in found else len(header) for name in wanted]
        self._is_arranged = sources == list(range(len(header)))
        self._pick = _picker(sources)
        kinds = [column.kind for column in columns]
        self._texts = [place for place, kind in enumerate(kinds) if kind is Kind.TEXT]
        self._groups = [
            _Group([place for place, other in enumerate(kinds) if other is kind], columns)
            for kind in dict.fromkeys(kinds)
            if kind is not Kind.TEXT
        ]
        # A room for each cell between what names its column, and the quotes of a text.
        self._parts = ["{"]
        for column in columns:
            quote = '"' if column.is_quoted else ""
            self._parts[-1] += f"{column.json_name}:{quote}"
            self._parts += ["", f"{quote},"]
        self._parts[-1] = self._parts[-1].replace(",", "}")

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
        for place in self._writer.key_places:
            self._writer.check_key(place, [row[place] for row in rows])
        parts, before, after = self._parts, self._writer.before, self._writer.after
        lines: list[str] = []
        for row in rows:
            parts[1::2] = row
            # Quotes within cells have a backslash before them. So the word null between two
            # quotes, behind a colon, is a whole cell, and one that is absent.
            lines += (before, "".join(parts).replace(_NULL_IN_QUOTES, _NULL), after)
        return with_commas("".join(lines)).encode("latin-1")

    def _mend(self, rows: Sequence[Row]) -> None:
        """Mend texts in which some bytes are no text."""
        for place in self._texts:
            column = self._writer.columns[place]
            for row in rows:
                if not row[place].isascii():
                    row[place] = column.spelling(text_of(row[place]))


class _Group:
    """The columns of one kind.

    Those for which the same quick way does are converted together: a call costs as much as many
    cells.
    """

    def __init__(self, places: Sequence[int], columns: Sequence[Column]) -> None:
        """Take the columns of a kind, given by their places among all."""
        self._columns = columns
        self._together: dict[Quick, list[int]] = {}
        # Where a cell was odd, others will be, and would cost their whole group time each time.
        self._alone: list[int] = []
        for place in places:
            self._put(place)

    def _put(self, place: int) -> None:
        column = self._columns[place]
        if column.is_odd or not column.ways:
            self._alone.append(place)
        else:
            self._together.setdefault(column.ways[0], []).append(place)

    def convert(self, rows: Sequence[Row]) -> None:
        """Put the spelling of the columns' values into their cells."""
        for place in self._alone:
            self._convert_alone(place, rows)
        # As they are now: a column that changes its way is converted by then.
        together = [(way, tuple(places)) for way, places in self._together.items()]
        for way, places in together:
            pick = _picker(places)
            cells: list[str] = []
            for row in rows:
                cells += pick(row)
            try:
                values = way(cells)
            except ValueError:
                self._part(way, rows)
                continue
            if values is not cells:
                following = iter(values)
                for row in rows:
                    for place in places:
                        row[place] = next(following)

    def _part(self, way: Quick, rows: Sequence[Row]) -> None:
        """Convert columns one by one, and let those stay together for which the same way does."""
        for place in self._together.pop(way):
            self._convert_alone(place, rows)
            self._put(place)

    def _convert_alone(self, place: int, rows: Sequence[Row]) -> None:
        values = self._columns[place].spellings([row[place] for row in rows], text_of)
        for row, value in zip(rows, values, strict=True):
            row[place] = value


def _picker(places: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Return what picks items by their places, one or more, as a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    (only,) = places
    return lambda items: items[only : only + 1]
