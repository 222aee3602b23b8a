"""Rows to records: everything that is constant for a stream is worked out once per file.

Rows come in blocks. What has to be converted is converted column by column
(:mod:`tap_marketo.columns`), then each row becomes the bytes of a RECORD message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import itemgetter, not_
from typing import Any

import orjson

from tap_marketo.columns import Column
from tap_marketo.csv_rows import Block
from tap_marketo.errors import DataError
from tap_marketo.fields import (
    ABSENT_AS_NONE,
    Kind,
    Misfits,
    Schema,
    mend_text,
    value_converter,
)

_BAD_TEXT = "with bytes that are no text, now U+FFFD"
# How a file spells an absent value; JSON spells it the same.
_NULL = "null"
_TEXTS = frozenset((Kind.TEXT, Kind.DATE_TIME))
# Kinds whose JSON may hold texts of its own.
_NESTED = frozenset((Kind.ARRAY, Kind.OBJECT, Kind.ANY))


class RecordWriter:
    """Builds a stream's RECORD lines.

    Attributes:
        columns: the record's columns, in order.
        key_place: the key's place among them.
        before: what stands in a line before its record.
        after: what stands behind it, the line break included.
    """

    def __init__(
        self, stream: str, columns: Sequence[str], key: str, time_extracted: str, misfits: Misfits
    ) -> None:
        """Prepare the constant parts of the line.

        Args:
            stream: the stream's name.
            columns: the record's columns, in order.
            key: the key column, which must never be null.
            time_extracted: when the rows were fetched, as the message carries it.
            misfits: where odd values are counted.
        """
        self.columns = tuple(columns)
        self.key_place = self.columns.index(key)
        self._stream = stream
        self._misfits = misfits
        self.before = b'{"type":"RECORD","stream":%s,"record":' % orjson.dumps(stream)
        self.after = b',"time_extracted":%s}\n' % orjson.dumps(time_extracted)

    def lines(self, rows: Iterable[Sequence[Any]]) -> list[bytes]:
        """Return the lines of rows of values, each in the columns' order.

        Raises:
            DataError: a row has no key.
        """
        columns, key_place, before, after = self.columns, self.key_place, self.before, self.after
        lines = []
        for row in rows:
            if row[key_place] is None:
                raise self.no_key()
            record = dict(zip(columns, row))  # noqa: B905  strict costs a tenth of the row
            try:
                lines.append(before + orjson.dumps(record) + after)
            except TypeError:
                lines.append(before + self._mended(record) + after)
        return lines

    def no_key(self) -> DataError:
        """Return the error of a row whose key is null."""
        return DataError(
            f"Marketo sent a row of {self._stream} without {self.columns[self.key_place]}: it "
            "could not be told from any other. Run again; if it stays so, show it to Marketo "
            "Support."
        )

    def _mended(self, record: Mapping[str, Any]) -> bytes:
        return orjson.dumps({column: self._mend(column, value) for column, value in record.items()})

    def _mend(self, column: str, value: Any) -> Any:
        mended = mend_text(value)
        if mended != value:
            self._misfits.add(column, _BAD_TEXT)
        return mended


class RowRecords:
    """Turns rows of a file whose columns are the stream's columns into RECORD lines.

    Most rows are plain: JSON would write each of their texts as it stands in the file. The record
    of such a row is its cells between constant parts, which hold the columns' names. Of any other
    row an object is made, which orjson writes. Both ways make the same bytes.
    """

    def __init__(
        self,
        header: Sequence[str],
        columns: Mapping[str, Schema],
        writer: RecordWriter,
        misfits: Misfits,
    ) -> None:
        """Work out where each column's value comes from.

        Args:
            header: the file's column names; letter case aside they are the stream's.
            columns: the stream's selected columns. One that the file lacks comes out null.
            writer: made for the same columns.
            misfits: where odd values are counted.
        """
        position = {name.lower(): index for index, name in enumerate(header)}
        # A column that the file lacks is taken from a cell behind the last one.
        sources = [position.get(column.lower(), len(header)) for column in columns]
        self._is_arranged = sources == list(range(len(header)))
        # One cell more than needed, so that itemgetter returns a tuple also for a single column.
        self._pick = itemgetter(*sources, 0)
        made = [Column(name, schema, misfits) for name, schema in columns.items()]
        self._converted = [(n, column) for n, column in enumerate(made) if column.kind != Kind.TEXT]
        self._nested = [n for n, column in enumerate(made) if column.kind in _NESTED]
        self._writer = writer
        self._parts = _constant_parts(made)

    def lines(self, block: Block) -> list[bytes]:
        """Return the RECORD lines of a block of rows.

        Raises:
            DataError: a row has no key.
        """
        rows = block.rows
        are_plain = _plain_ones(block)
        if not self._is_arranged:
            rows = [list(self._pick((*row, _NULL)))[:-1] for row in rows]
        for place in self._nested:
            for number, row in enumerate(rows):
                are_plain[number] = are_plain[number] and row[place] == _NULL
        if all(are_plain):
            return self._put_together(rows)
        plain = iter(self._put_together(list(compress(rows, are_plain))))
        other = iter(self._written(list(compress(rows, map(not_, are_plain)))))
        return [next(plain if is_plain else other) for is_plain in are_plain]

    def _put_together(self, rows: list[list[str]]) -> list[bytes]:
        """Make the lines of plain rows from their cells.

        The text of a plain row has no quote but those put around it here. So the word null between
        two of them, after a colon, is a whole cell: a value that is absent.
        """
        if not rows:
            return []
        for place, column in self._converted:
            cells = [row[place] for row in rows]
            spelled = column.spellings(cells)
            if spelled is not cells:
                for row, cell in zip(rows, spelled):  # noqa: B905  strict costs
                    row[place] = cell
        key, parts = self._writer.key_place, self._parts
        if _NULL in [row[key] for row in rows]:
            raise self._writer.no_key()
        before, after = self._writer.before, self._writer.after
        lines = []
        for row in rows:
            parts[1::2] = row
            record = "".join(parts).replace(':"null"', ":null").encode()
            lines.append(b"".join((before, record, after)))
        return lines

    def _written(self, rows: Sequence[Sequence[str]]) -> list[bytes]:
        """Make the lines of any rows from objects."""
        absent = ABSENT_AS_NONE.get
        values: list[list[Any]] = [list(map(absent, row, row)) for row in rows]
        for place, column in self._converted:
            for row, value in zip(values, column.values([row[place] for row in rows])):  # noqa: B905
                row[place] = value
        return self._writer.lines(values)


def _constant_parts(columns: Sequence[Column]) -> list[str]:
    """Return what stands before, between and behind a record's cells, with room for these."""
    parts = ["{"]
    for column in columns:
        quote = '"' if column.kind in _TEXTS else ""
        parts[-1] += f"{orjson.dumps(column.name).decode()}:{quote}"
        parts += ["", f"{quote},"]
    parts[-1] = parts[-1].replace(",", "}")
    return parts


def _plain_ones(block: Block) -> list[bool]:
    """Say for each row whether JSON would write its cells as they are, and none is empty.

    JSON escapes quotes, backslashes and control characters: the text gets longer by that. What is
    no text at all (bytes that were no UTF-8) orjson refuses.
    """
    texts = [
        ",".join(row) if line is None else line
        for row, line in zip(block.rows, block.lines)  # noqa: B905  strict costs
    ]
    try:
        sizes = list(map(len, map(orjson.dumps, texts)))
    except TypeError:
        sizes = list(map(_json_size, texts))
    return [
        size - 2 == (len(text) if text.isascii() or not size else len(text.encode())) and all(row)
        for size, text, row in zip(sizes, texts, block.rows)  # noqa: B905  strict costs
    ]


def _json_size(text: str) -> int:
    try:
        return len(orjson.dumps(text))
    except TypeError:
        return 0


def object_lines(
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, Schema],
    writer: RecordWriter,
    misfits: Misfits,
) -> list[bytes]:
    """Turn JSON objects, as paged calls return them, into RECORD lines.

    Args:
        rows: objects with the columns' names; a missing one is null.
        columns: the stream's selected columns.
        writer: made for the same columns.
        misfits: where odd values are counted.
    """
    converters = [
        (column, value_converter(column, schema, misfits)) for column, schema in columns.items()
    ]
    return writer.lines(
        [convert(row.get(column)) for column, convert in converters] for row in rows
    )
