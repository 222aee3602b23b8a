"""Export files: an iterator of bytes in, the header and blocks of rows out.

Marketo's export files are UTF-8 with RFC 4180 quoting (bulk-extract.md). What occurs beside that:
line breaks, quotes and carriage returns inside quoted cells, NUL bytes, cells of any length, and
Unicode line separators, which are text like any other.

Rows are cut a block at a time (:mod:`tap_marketo.rows.plain_csv`). What is quoted in another way,
or is no row at all, goes through Python's parser row by row, which decides what it is.
"""

from __future__ import annotations

import codecs
import csv
import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from tap_marketo.errors import DataError
from tap_marketo.rows.plain_csv import Row, documents_apart, plain_cell, plain_rows, text_of


class Block(NamedTuple):
    """Some rows of a file.

    Attributes:
        rows: each as its plain cells (:mod:`tap_marketo.rows.plain_csv`), one for each of the
            file's columns but the one that is handed out apart.
        documents: for each row the text of the column that is handed out apart; none if there is
            no such column.
        is_text: whether all bytes are UTF-8.
    """

    rows: list[Row]
    documents: list[str]
    is_text: bool


# Bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF, which no valid text holds.
_BAD_BYTES = "surrogateescape"
# A carriage return that ends no line is text, but Python's parser would end a row at it outside
# quotes. This lone surrogate, which decoding never makes, stands in for it.
_CR_STAND_IN = "\udc0d"
_LONE_CR = re.compile(r"\r(?!\n)")

# Rows are handed out in blocks, for what is done to many at once costs least for each. More than
# this much of the file is not parsed at once, and less only when no more comes for a second.
# Cells of hundreds of columns leave the processor's cache sooner than whole documents do.
_BLOCK_BYTES = 1 << 14
_DOCUMENTS_BLOCK_BYTES = 1 << 16
_LONGEST_WAIT_SECONDS = 1.0
# A row that goes on for longer than this is left to the parser that keeps nothing twice.
_LONGEST_ROW_BYTES = 1 << 18


class CsvFile:
    """An export file, parsed while it arrives.

    Attributes:
        header: the column names; empty for an empty file.
        rows_read: how many rows have been handed out.
    """

    def __init__(self, chunks: Iterable[bytes], name: str, document: str | None = None) -> None:
        """Read the header.

        Args:
            chunks: the file's bytes, cut anywhere.
            name: what to call the file in an error, for instance ``leads export 1f3a``.
            document: a column whose texts are handed out apart, as they stand, for whoever parses
                them; that the file has it, as its last column, is no condition.

        Raises:
            DataError: the first line is no header.
        """
        # The parser's default limit of 131,072 characters a cell is no limit of Marketo's.
        csv.field_size_limit(sys.maxsize)
        self.rows_read = 0
        self._name = name
        block_bytes = _DOCUMENTS_BLOCK_BYTES if document else _BLOCK_BYTES
        self._lines = _whole_lines(_blocks_of_bytes(chunks, block_bytes))
        self.header: Row = []
        first: deque[bytes] = deque()
        try:
            for lines in self._lines:
                # A byte order mark would become part of the first column's name.
                first = _cut_lines(lines.removeprefix(codecs.BOM_UTF8))
                self.header = next(self._rows(first), [])
                if self.header:
                    break
        except csv.Error as error:
            raise self._broken(error, 1) from None
        if len(set(self.header)) != len(self.header):
            raise DataError(f"The header of {name} names a column twice: {self.header}.")
        self._begun = b"".join(line + b"\n" for line in first)
        self._document = self.header.index(document) if document in self.header else None

    @property
    def columns(self) -> Row:
        """The columns of the blocks' rows: the header's without the one handed out apart."""
        return [name for place, name in enumerate(self.header) if place != self._document]

    def blocks(self) -> Iterator[Block]:
        """Yield the rows, many at a time and never none.

        Raises:
            DataError: a row has the wrong number of cells, or the quoting is broken. All rows
                before it have been handed out.
        """
        rest, self._begun = self._begun, b""
        for lines in chain((b"",), self._lines):
            data = rest + lines
            if not data:
                continue
            cut = self._cut(data) if len(data) < _LONGEST_ROW_BYTES else None
            if cut is None:
                rest = b""
                yield from self._blocks_by_row(_cut_lines(data))
            else:
                block, used = cut
                rest = data[used:]
                if block.rows:
                    self.rows_read += len(block.rows)
                    yield block
        if rest:
            yield from self._blocks_by_row(_cut_lines(rest))

    def _cut(self, data: bytes) -> tuple[Block, int] | None:
        """Cut lines at once; return their rows and how many bytes these are."""
        wire = data.decode("latin-1")
        width = len(self.header)
        apart = documents_apart(wire, width) if self._document == width - 1 else None
        if apart:
            rows, documents = apart
            used = len(data)
        else:
            plain = plain_rows(wire, width)
            if plain is None:
                return None
            rows, used = plain
            documents = [text_of(cell) for cell in self._take_apart(rows)]
        return Block(rows, documents, wire.isascii() or _is_text(data)), used

    def _blocks_by_row(self, lines: deque[bytes]) -> Iterator[Block]:
        """Parse lines row by row, and of those that follow as many as the last row needs."""
        rows: list[Row] = []
        problem = None
        try:
            for row in self._rows(lines):
                if len(row) != len(self.header):
                    problem = self._ragged(len(row), self.rows_read + len(rows) + 1)
                    break
                rows.append(row)
        except csv.Error as error:
            problem = self._broken(error, self.rows_read + len(rows) + 1)
        if rows:
            self.rows_read += len(rows)
            documents = self._take_apart(rows)
            yield Block([list(map(plain_cell, row)) for row in rows], documents, is_text=False)
        if problem:
            raise problem

    def _take_apart(self, rows: list[Row]) -> list[str]:
        """Take the column that is handed out apart out of rows, if the file has it."""
        return [] if self._document is None else [row.pop(self._document) for row in rows]

    def _ragged(self, cells: int, row: int) -> DataError:
        return DataError(
            f"Row {row} of {self._name} has {cells} cells where the header has "
            f"{len(self.header)}: the file is damaged, and nothing of this row was emitted. Run "
            "again; if it stays so, show the job to Marketo Support."
        )

    def _rows(self, lines: deque[bytes]) -> Iterator[Row]:
        """Parse lines with Python's parser; what has not been needed stays among them.

        Raises:
            csv.Error: the quoting is broken.
        """
        is_within_row = has_stand_ins = False

        def needed() -> Iterator[str]:
            nonlocal is_within_row, has_stand_ins
            while True:
                if not lines and is_within_row:
                    lines.extend(_cut_lines(next(self._lines, b"")))
                if not lines:
                    return
                line = lines.popleft().decode("utf-8", _BAD_BYTES) + "\n"
                is_within_row = True
                if "\r" in line and _LONE_CR.search(line):
                    has_stand_ins = True
                    line = _LONE_CR.sub(_CR_STAND_IN, line)
                yield line

        for row in csv.reader(needed(), strict=True):
            is_within_row = False
            # A blank line holds no row: an absent value is the word null.
            if row:
                yield [cell.replace(_CR_STAND_IN, "\r") for cell in row] if has_stand_ins else row

    def _broken(self, error: csv.Error, row: int) -> DataError:
        return DataError(
            f"Row {row} of {self._name} is not valid CSV ({error}): the file is damaged. Run "
            "again; if it stays so, show the job to Marketo Support."
        )


def _cut_lines(data: bytes) -> deque[bytes]:
    """Return the lines of some whole ones, without their ends."""
    return deque(data.split(b"\n")[:-1])


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Cut bytes behind a "\n" each, and take NUL bytes out; the last line gets an end."""
    begun: list[bytes] = []
    for block in blocks:
        whole, line_end, rest = block.replace(b"\0", b"").rpartition(b"\n")
        if line_end:
            yield b"".join((*begun, whole, line_end))
            begun = []
        begun.append(rest)
    last = b"".join(begun)
    if last:
        # No line end follows it: a carriage return at its end is text. A second one makes it so.
        yield last + (b"\r\n" if last.endswith(b"\r") else b"\n")


def _blocks_of_bytes(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Cut large chunks up, and put small ones together unless they come too slowly."""
    gathered: list[bytes] = []
    size, since = 0, 0.0
    for chunk in chunks:
        if len(chunk) > most:
            yield b"".join(gathered)
            for start in range(0, len(chunk), most):
                yield chunk[start : start + most]
            gathered, size = [], 0
            continue
        now = time.monotonic()
        since = since if gathered else now
        gathered.append(chunk)
        size += len(chunk)
        if size >= most or now - since >= _LONGEST_WAIT_SECONDS:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)
