"""The only CSV parser: an iterator of bytes in, the header and an iterator of rows out.

Marketo's export files are UTF-8 with RFC 4180 quoting (bulk-extract.md). What occurs beside that:
line breaks, quotes and carriage returns inside quoted cells, NUL bytes, cells of any length, and
Unicode line separators, which are text like any other.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator

from tap_marketo.errors import DataError

# Bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF, which no valid text holds:
# whoever writes the record can find and count them.
_BAD_BYTES = "surrogateescape"
# A carriage return that ends no line is text, but Python's parser would end a row at it outside
# quotes. This lone surrogate, which decoding never makes, stands in for it.
_CR_STAND_IN = "\udc0d"
_LONE_CR = re.compile(r"\r(?!\n)")

_BUFFER_BYTES = 1 << 16


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
        text = io.TextIOWrapper(
            io.BufferedReader(_ChunkReader(chunks), _BUFFER_BYTES),
            # A byte order mark would become part of the first column's name.
            encoding="utf-8-sig",
            errors=_BAD_BYTES,
            # Lines end at "\n" and nowhere else, and stay as they are.
            newline="\n",
        )
        self._has_stand_ins = False
        self._parser = csv.reader(map(self._guard_lone_crs, text), strict=True)
        self.header: list[str] = next(self._rows(), [])
        if len(set(self.header)) != len(self.header):
            raise DataError(f"The header of {name} names a column twice: {self.header}.")

    def __iter__(self) -> Iterator[list[str]]:
        """Yield each row as the list of its cells.

        Raises:
            DataError: a row has the wrong number of cells, or the quoting is broken.
        """
        width = len(self.header)
        for row in self._rows():
            if len(row) != width:
                if not row:
                    # A blank line holds no row: an absent value is the word null, never nothing.
                    continue
                raise DataError(
                    f"Row {self.rows_read + 1} of {self._name} has {len(row)} cells where the "
                    f"header has {width}: the file is damaged, and nothing of this row was "
                    "emitted. Run again; if it stays so, show the job to Marketo Support."
                )
            self.rows_read += 1
            yield row

    def _rows(self) -> Iterator[list[str]]:
        try:
            for row in self._parser:
                if self._has_stand_ins:
                    self._has_stand_ins = False
                    yield [cell.replace(_CR_STAND_IN, "\r") for cell in row]
                else:
                    yield row
        except csv.Error as error:
            raise DataError(
                f"Row {self.rows_read + 1} of {self._name} is not valid CSV ({error}): the file "
                "is damaged. Run again; if it stays so, show the job to Marketo Support."
            ) from None

    def _guard_lone_crs(self, line: str) -> str:
        first = line.find("\r")
        if first == -1 or (first == len(line) - 2 and line[-1] == "\n"):
            return line
        self._has_stand_ins = True
        return _LONE_CR.sub(_CR_STAND_IN, line)


class _ChunkReader(io.RawIOBase):
    """Lets io's readers read an iterator of byte chunks, without their NUL bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk.replace(b"\0", b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
