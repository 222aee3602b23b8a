"""Export files: an iterator of bytes in, the header and blocks of rows out.

Marketo's export files are UTF-8 with RFC 4180 quoting (bulk-extract.md). What occurs beside that:
line breaks, quotes and carriage returns inside quoted cells, NUL bytes, cells of any length, and
Unicode line separators, which are text like any other.

Rows are cut a block at a time (:mod:`tap_marketo.rows.csv_cells`). What is quoted in another way,
or is no row at all, goes row by row through Python's parser, which decides what it is.
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
from tap_marketo.rows.csv_cells import Row, escaped_cell, escaped_rows, rows_and_documents, text_of


class Block(NamedTuple):
    """Some rows of a file.

    Attributes:
        rows: each as its escaped cells (:mod:`tap_marketo.rows.csv_cells`), without that of the
            document column.
        documents: for each row the text of its document; empty if the file has no such column.
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

# What is done to many rows at once costs least for each. No block is of more than these bytes of
# the file, and one is of less only when no more comes for a second. Cells of hundreds of columns
# leave the processor's cache sooner than whole documents do.
_BLOCK_BYTES = 1 << 14
_DOCUMENTS_BLOCK_BYTES = 1 << 16
_LONGEST_WAIT_SECONDS = 1.0
# A longer row is left to Python's parser, which keeps nothing twice.
_LONGEST_ROW_BYTES = 1 << 18
_NO_CSV = "is not valid CSV ({}): the file is damaged"


class CsvFile:
    """An export file, parsed while it arrives.

    ``header`` is empty for an empty file; ``rows_read`` counts the rows that were handed out.
    """

    def __init__(self, chunks: Iterable[bytes], name: str, document: str | None = None) -> None:
        """Read the header.

        The chunks are cut anywhere; ``name`` is what errors call the file, for instance ``leads
        export 1f3a``. The texts of the column ``document``, which the file need not have, are
        handed out apart, as they stand, for whoever parses them.

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
            raise self._next_row_is(_NO_CSV.format(error)) from None
        if len(set(self.header)) != len(self.header):
            raise DataError(f"The header of {name} names a column twice: {self.header}.")
        self._begun = b"".join(line + b"\n" for line in first)
        self._document = self.header.index(document) if document in self.header else None

    @property
    def columns(self) -> Row:
        """The columns of the blocks' rows: the header without the document column."""
        return [name for place, name in enumerate(self.header) if place != self._document]

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in blocks, none of them empty.

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
        """Cut lines at once; return their rows, and how many bytes these are."""
        latin1 = data.decode("latin-1")
        width = len(self.header)
        apart = rows_and_documents(latin1, width) if self._document == width - 1 else None
        if apart:
            rows, documents = apart
            used = len(data)
        else:
            cut = escaped_rows(latin1, width)
            if cut is None:
                return None
            rows, used = cut
            documents = [text_of(cell) for cell in self._take_apart(rows)]
        return Block(rows, documents, latin1.isascii() or _is_text(data)), used

    def _blocks_by_row(self, lines: deque[bytes]) -> Iterator[Block]:
        """Parse lines row by row, and as many of the following ones as the last row needs."""
        rows: list[Row] = []
        problem = ""
        try:
            for row in self._rows(lines):
                if len(row) != len(self.header):
                    problem = (
                        f"has {len(row)} cells where the header has {len(self.header)}: the file "
                        "is damaged, and nothing of this row was emitted"
                    )
                    break
                rows.append(row)
        except csv.Error as error:
            problem = _NO_CSV.format(error)
        if rows:
            self.rows_read += len(rows)
            documents = self._take_apart(rows)
            yield Block([list(map(escaped_cell, row)) for row in rows], documents, is_text=False)
        if problem:
            raise self._next_row_is(problem)

    def _take_apart(self, rows: list[Row]) -> list[str]:
        """Remove the document column from rows and return its cells, if the file has it."""
        return [] if self._document is None else [row.pop(self._document) for row in rows]

    def _next_row_is(self, problem: str) -> DataError:
        return DataError(
            f"Row {self.rows_read + 1} of {self._name} {problem}. Run again; if it stays so, show "
            "the job to Marketo Support."
        )

    def _rows(self, lines: deque[bytes]) -> Iterator[Row]:
        """Parse lines with Python's parser, which takes only those that it needs.

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


def _cut_lines(data: bytes) -> deque[bytes]:
    """Return whole lines one by one, without their ends."""
    return deque(data.split(b"\n")[:-1])


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield whole lines, without NUL bytes; the last line gets an end."""
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
    """Cut large chunks, and join small ones unless they come too slowly."""
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
