"""Cells of one type to their values as JSON has them, many at a time.

Nearly every cell of an account is as Marketo documents it: a whole number is its digits, a time is
2026-06-15T12:00:00Z. On the **fast path** a few calls that run in C convert a whole block of rows
and prove that each cell is so. Where one is not, each cell takes the **slow path**: the converter
of :mod:`tap_marketo.rows.column_types`, which decides every case. Both return the same.

A **fragment** is the JSON of a value without the quotes of a text, and the word null for an absent
value: an escaped cell (:mod:`tap_marketo.rows.csv_cells`) is the fragment of a text. JSON is a
Latin-1 text here, as escaped cells are.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson

from tap_marketo.rows.column_types import (
    ABSENT_TEXTS,
    EXACT_AS_FLOAT,
    FITS_64_BITS,
    WITHIN_64_BITS,
    ColumnType,
    ConversionIssues,
    column_type,
    converter,
    mend_text,
    value_converter,
)
from tap_marketo.rows.csv_cells import ABSENT, text_of

_BAD_TEXT = "with bytes that are no text, now U+FFFD"

_QUOTED = frozenset((ColumnType.TEXT, ColumnType.DATE_TIME))
_NUMBERS: frozenset[type] = frozenset((float, int, type(None)))
_BOOLEANS = frozenset(("true", "false", ABSENT))

# 2026-06-15T12:00:47Z with every digit made a zero.
_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_ZERO_TIME = b"0000-00-00T00:00:00Z,"
_ZERO_DATE = b"0000-00-00,"
_HOUR_24 = b"T24"
# Whole numbers with fewer digits need no closer look.
_MANY_DIGITS = b"0" * (FITS_64_BITS + 1)
_READS_NO_Z = sys.version_info < (3, 11)


FastPath = Callable[[list[str]], list[str]]
"""Returns the fragments of cells; the very list of cells where they are their own fragments.

Raises ValueError where some cell has to take the slow path.
"""


class Column:
    """Converts values of one column to JSON.

    Of its fast paths the one that succeeded last comes first. The column is odd once a cell has
    taken the slow path, and quoted if its values are texts in JSON.
    """

    def __init__(self, name: str, schema: Mapping[str, Any], issues: ConversionIssues) -> None:
        self.name = name
        self.json_name = orjson.dumps(name).decode("latin-1")
        self.type = column_type(schema)
        self.is_quoted = self.type in _QUOTED
        self.fast_paths = list(_FAST_PATHS[self.type])
        self.is_odd = False
        self._issues = issues
        self._convert = converter(name, schema, issues)
        self._convert_value = value_converter(name, schema, issues)

    def fragments(self, cells: list[str], read: Callable[[str], str]) -> list[str]:
        """Return the fragments of cells, whose texts ``read`` returns."""
        for fast_path in self.fast_paths:
            with suppress(ValueError):
                values = fast_path(cells)
                self.fast_paths = sorted(self.fast_paths, key=lambda path: path is not fast_path)
                return values
        self.is_odd = True
        return [cell if cell == ABSENT else self.fragment(read(cell)) for cell in cells]

    def fragment(self, text: str) -> str:
        """Return the fragment of one cell by the slow path.

        Bytes of the cell that are no UTF-8 are lone surrogates in its text.
        """
        if text in ABSENT_TEXTS:
            return ABSENT
        value = self.json(text if self._convert is None else self._convert(text))
        return value[1:-1] if self.is_quoted and value != ABSENT else value

    def quoted(self, fragments: list[str]) -> list[str]:
        """Return the JSON of values, given their fragments."""
        return quoted(fragments) if self.is_quoted else fragments

    def json_of_cell(self, cell: str) -> str:
        """Return the JSON of an escaped cell by the slow path."""
        return self.quoted([self.fragment(text_of(cell))])[0]

    def json_of_value(self, value: Any) -> str:
        """Return the JSON of what :func:`loads_exactly` returns."""
        return self.json(self._convert_value(value))

    def json(self, value: Any) -> str:
        """Return the JSON of a value; what is no text in it is mended and counted."""
        try:
            data = orjson.dumps(value)
        except TypeError:
            mended = mend_text(value)
            if mended != value:
                self._issues.add(self.name, _BAD_TEXT)
            data = orjson.dumps(mended)
        return data.decode("latin-1")


def quoted(fragments: list[str]) -> list[str]:
    """Return the JSON of texts, given their fragments."""
    return [ABSENT if fragment == ABSENT else f'"{fragment}"' for fragment in fragments]


def fast_json(type_: ColumnType, cells: list[str]) -> list[str] | None:
    """Return the JSON of the values of cells by a fast path, None if none takes them."""
    for fast_path in _FAST_PATHS[type_]:
        with suppress(ValueError):
            fragments = fast_path(cells)
            return quoted(fragments) if type_ in _QUOTED else fragments
    return None


def _integers(cells: list[str]) -> list[str]:
    """Read cells as the JSON they are, and write it again.

    A cell that is no whole number shows: orjson writes it otherwise (007, -0, 1e5), or it has a
    character that no whole number has (12.0, true, [1], "5"). Two numbers in a cell ("1,2") make
    one value too many, and nothing makes up for it: only brackets and quotes make one value of two
    cells. A number beyond 64 bits is left to the slow path.
    """
    text = ",".join(cells)
    values = orjson.loads(f"[{text}]")
    data = f"[{text}]".encode()
    if (
        len(values) != len(cells)
        or orjson.dumps(values) != data
        or any(char in text for char in '.eE"[{')
        or (
            _MANY_DIGITS in data.translate(_TO_ZEROS)
            and any(value is not None and value not in WITHIN_64_BITS for value in values)
        )
    ):
        raise ValueError
    return cells


def _numbers(cells: list[str]) -> list[str]:
    """Read cells as the JSON they are: a cell that is no number is of another type.

    Left to the slow path are numbers with more digits than a float holds, which keep them there;
    exponents, which may be larger than the slow path allows; -0, which would lose its sign; and
    spaces.
    """
    text = f"[{','.join(cells)}]"
    values = orjson.loads(text)
    types = set(map(type, values))
    if (
        len(values) != len(cells)
        or not types <= _NUMBERS
        or any(mark in text for mark in ("e", "E", "-0,", "-0]", " ", "\t", "\r", "\n"))
        or max(map(len, cells), default=0) > EXACT_AS_FLOAT
    ):
        raise ValueError
    if int in types:
        values = [float(value) if type(value) is int else value for value in values]
    return orjson.dumps(values)[1:-1].decode().split(",")


def _booleans(cells: list[str]) -> list[str]:
    if not _BOOLEANS.issuperset(cells):
        raise ValueError
    return cells


def _date_times(cells: list[str]) -> list[str]:
    return _joined_if_all(_ZERO_TIME, cells).replace("Z", "+00:00").split(",")


def _dates(cells: list[str]) -> list[str]:
    _joined_if_all(_ZERO_DATE, cells)
    return [cell if cell == ABSENT else f"{cell}T00:00:00+00:00" for cell in cells]


def _joined_if_all(form: bytes, cells: list[str]) -> str:
    """Check that cells are times or dates, or absent, and return them joined with commas.

    The places of the digits prove the form, and parsing proves that the time exists. The hour 24,
    which some Pythons read as the next day's first, is left to the slow path.
    """
    joined = ",".join(cells)
    present = cells if ABSENT not in joined else [cell for cell in cells if cell != ABSENT]
    text = ",".join((*present, "")).encode()
    if text.translate(_TO_ZEROS) != form * len(present) or _HOUR_24 in text:
        raise ValueError
    times = text.decode().replace("Z", "").split(",")[:-1] if _READS_NO_Z else present
    deque(map(datetime.fromisoformat, times), maxlen=0)
    return joined


# For cells of each type. Dates and times are of one type.
_FAST_PATHS: Mapping[ColumnType, tuple[FastPath, ...]] = {
    **dict.fromkeys(ColumnType, ()),
    ColumnType.INTEGER: (_integers,),
    ColumnType.NUMBER: (_numbers,),
    ColumnType.BOOLEAN: (_booleans,),
    ColumnType.DATE_TIME: (_date_times, _dates),
}
