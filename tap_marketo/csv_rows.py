"""The only CSV parser: an iterator of bytes in, the header and blocks of rows out.

Marketo's export files are UTF-8 with RFC 4180 quoting (bulk-extract.md). What occurs beside that:
line breaks, quotes and carriage returns inside quoted cells, NUL bytes, cells of any length, and
Unicode line separators, which are text like any other.
"""

from __future__ import annotations

import codecs
import csv
import re
import sys
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tap_marketo.errors import DataError

Row = list[str]


class Block(NamedTuple):
    """Some rows of a file.

    Attributes:
        rows: each as the list of its cells.
        lines: for each row its line, if there is no quote in it; else None.
    """

    rows: list[Row]
    lines: list[str | None]


# Bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF, which no valid text holds:
# whoever writes the record can find and count them.
_BAD_BYTES = "surrogateescape"
# A carriage return that ends no line is text, but Python's parser would end a row at it outside
# quotes. This lone surrogate, which decoding never makes, stands in for it.
_CR_STAND_IN = "\udc0d"
_LONE_CR = re.compile(r"\r(?!\n)")
# For a quote within a cell, while those around cells are looked for. No file has it: NUL bytes are
# taken out.
_QUOTE_STAND_IN = "\0"

# Rows are handed out in blocks, for what is done to many at once costs least for each. More than
# this much of the file is not parsed at once, and less only when no more comes for a second.
_BLOCK_BYTES = 1 << 16
_LONGEST_WAIT_SECONDS = 1.0


class CsvFile:
    """An export file, parsed while it arrives.

    Attributes:
        header: the column names; empty for an empty file.
        rows_read: how many rows have been handed out.
    """

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        """Read the header.

        Args:
            chunks: the file's bytes, cut anywhere.
            name: what to call the file in an error, for instance ``leads export 1f3a``.

        Raises:
            DataError: the first line is no header.
        """
        # The parser's default limit of 131,072 characters a cell is no limit of Marketo's.
        csv.field_size_limit(sys.maxsize)
        self.rows_read = 0
        self._name = name
        self._blocks = self._parsed(_line_blocks(chunks))
        self._first = next(self._blocks, Block([[]], [None]))
        self.header: Row = self._first.rows.pop(0)
        del self._first.lines[0]
        if len(set(self.header)) != len(self.header):
            raise DataError(f"The header of {name} names a column twice: {self.header}.")

    def blocks(self) -> Iterator[Block]:
        """Yield the rows, many at a time and never none.

        Raises:
            DataError: a row has the wrong number of cells, or the quoting is broken. All rows
                before it have been handed out.
        """
        yield from self._checked(self._first)
        for block in self._blocks:
            yield from self._checked(block)

    def _checked(self, block: Block) -> Iterator[Block]:
        """Hand rows out up to the first one that has not as many cells as the header."""
        width = len(self.header)
        widths = list(map(len, block.rows))
        good = len(widths) if widths.count(width) == len(widths) else _first_other(widths, width)
        if good:
            self.rows_read += good
            yield Block(block.rows[:good], block.lines[:good])
        if good < len(widths):
            raise DataError(
                f"Row {self.rows_read + 1} of {self._name} has {widths[good]} cells where "
                f"the header has {width}: the file is damaged, and nothing of this row was "
                "emitted. Run again; if it stays so, show the job to Marketo Support."
            )

    def _parsed(self, blocks: Iterator[tuple[list[str], bool]]) -> Iterator[Block]:
        """Turn blocks of lines into blocks of rows.

        A line without a quote need only be cut at its commas, and one that is quoted in its last
        cell only nearly so. The others are left to Python's parser, which goes character by
        character.
        """
        rows: list[Row] = []
        lines: list[str | None] = []
        inside_row = is_block_over = has_stand_ins = False

        def quoted_lines() -> Iterator[str]:
            nonlocal inside_row, is_block_over, has_stand_ins
            for block, has_crs in blocks:
                for line in block:
                    if not inside_row:
                        whole = line[:-1] if has_crs and line.endswith("\r") else line
                        if '"' not in whole:
                            # A blank line holds no row: an absent value is the word null.
                            if whole:
                                rows.append(whole.split(","))
                                lines.append(whole)
                            continue
                        row = _cut_before_last(whole)
                        if row:
                            rows.append(row)
                            lines.append(None)
                            continue
                        inside_row = True
                    if has_crs and "\r" in line and _LONE_CR.search(f"{line}\n"):
                        has_stand_ins = True
                        yield _LONE_CR.sub(_CR_STAND_IN, f"{line}\n")
                    else:
                        yield f"{line}\n"
                is_block_over = True
                if not inside_row:
                    # Of a blank line the parser makes an empty row: time to hand out the others.
                    yield "\n"

        try:
            for row in csv.reader(quoted_lines(), strict=True):
                if inside_row:
                    inside_row = False
                    if has_stand_ins:
                        has_stand_ins = False
                        rows.append([cell.replace(_CR_STAND_IN, "\r") for cell in row])
                    else:
                        rows.append(row)
                    lines.append(None)
                if rows and is_block_over:
                    yield Block(rows, lines)
                    rows, lines = [], []
                is_block_over = False
        except csv.Error as error:
            if rows:
                yield Block(rows, lines)
            raise DataError(
                f"Row {self.rows_read + 1} of {self._name} is not valid CSV ({error}): the file "
                "is damaged. Run again; if it stays so, show the job to Marketo Support."
            ) from None
        if rows:
            yield Block(rows, lines)


def _cut_before_last(line: str) -> Row | None:
    """Cut a line of which the last cell alone is quoted, as activities' JSON is; None if not so.

    Between the first quote and the last one, quotes must come in pairs, each of which is one that
    the cell holds.
    """
    before, _, quoted = line.partition('"')
    if not before.endswith(",") or not quoted.endswith('"'):
        return None
    last = quoted[:-1].replace('""', _QUOTE_STAND_IN)
    if '"' in last:
        return None
    row = before[:-1].split(",")
    row.append(last.replace(_QUOTE_STAND_IN, '"'))
    return row


def _line_blocks(chunks: Iterable[bytes]) -> Iterator[tuple[list[str], bool]]:
    r"""Cut bytes at "\n" and nowhere else, into lists of whole lines, and decode them.

    With each list comes whether there is a carriage return in it: in most files there is none.
    """
    begun: list[bytes] = []
    is_first = True
    for block in _blocks_of_bytes(chunks):
        whole, line_end, rest = block.replace(b"\0", b"").rpartition(b"\n")
        if line_end:
            data = b"".join((*begun, whole))
            begun = [rest]
            yield _decoded(data, is_first), b"\r" in data
            is_first = False
        else:
            begun.append(rest)
    last = b"".join(begun)
    if last:
        # No line end follows it: a carriage return at its end is text. A second one makes it so.
        last += b"\r" if last.endswith(b"\r") else b""
        yield _decoded(last, is_first), b"\r" in last


def _decoded(data: bytes, is_first: bool) -> list[str]:
    if is_first:
        # A byte order mark would become part of the first column's name.
        data = data.removeprefix(codecs.BOM_UTF8)
    if data.isascii():
        return data.decode().split("\n")
    # Line by line: one character beyond the usual would make all text around it slower.
    return [line.decode("utf-8", _BAD_BYTES) for line in data.split(b"\n")]


def _first_other(numbers: list[int], usual: int) -> int:
    return next(place for place, number in enumerate(numbers) if number != usual)


def _blocks_of_bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut large chunks up, and put small ones together unless they come too slowly."""
    gathered: list[bytes] = []
    size, since = 0, 0.0
    for chunk in chunks:
        if len(chunk) > _BLOCK_BYTES:
            yield b"".join(gathered)
            for start in range(0, len(chunk), _BLOCK_BYTES):
                yield chunk[start : start + _BLOCK_BYTES]
            gathered, size = [], 0
            continue
        now = time.monotonic()
        since = since if gathered else now
        gathered.append(chunk)
        size += len(chunk)
        if size >= _BLOCK_BYTES or now - since >= _LONGEST_WAIT_SECONDS:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)
