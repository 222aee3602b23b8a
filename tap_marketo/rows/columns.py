"""Cells of one type to their values as JSON has them, many at a time.

Nearly every cell of an account is as Marketo documents it: a whole number is its digits, a time is
2026-06-15T12:00:00Z. A few calls that run in C then do for a whole block of rows. They prove that
each cell is of that kind; where one is not, it goes through the converter of
:mod:`tap_marketo.rows.fields`, which decides every case. What the quick way returns is what that
converter would have returned.

A **spelling** is the JSON of a value without the quotes of a text, and the word null for an absent
one: a plain cell (:mod:`tap_marketo.rows.plain_csv`) is one of a text. JSON is wire text here.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson

from tap_marketo.rows.fields import (
    ABSENT_TEXTS,
    EXACT_AS_FLOAT,
    FITS_64_BITS,
    WITHIN_64_BITS,
    Kind,
    Misfits,
    converter,
    kind_of,
    value_converter,
)
from tap_marketo.rows.json_values import mend_text
from tap_marketo.rows.plain_csv import ABSENT, text_of

_BAD_TEXT = "with bytes that are no text, now U+FFFD"

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


Quick = Callable[[list[str]], list[str]]
"""A quick way: returns the spellings of cells' values, the cells themselves if they are those.

Raises ValueError where some cell is not as it takes it.
"""


class Column:
    """Converts values of one column.

    Attributes:
        name: of the column.
        json_name: its JSON.
        kind: what its values are.
        is_quoted: whether they are texts.
        ways: the quick ways for them; that which did last comes first.
        is_odd: whether some value had to be found by the careful way.
    """

    def __init__(self, name: str, schema: Mapping[str, Any], misfits: Misfits) -> None:
        """Prepare.

        Args:
            name: of the column.
            schema: its JSON schema.
            misfits: where odd values are counted.
        """
        self.name = name
        self.json_name = orjson.dumps(name).decode("latin-1")
        self.kind = kind_of(schema)
        self.is_quoted = self.kind in (Kind.TEXT, Kind.DATE_TIME)
        self.ways = quick_ways(self.kind)
        self.is_odd = False
        self._misfits = misfits
        self._convert = converter(name, schema, misfits)
        self._convert_value = value_converter(name, schema, misfits)

    def spellings(self, cells: list[str], read: Callable[[str], str]) -> list[str]:
        """Return the spellings of the values of cells.

        Args:
            cells: of the column.
            read: returns the text of one of them.
        """
        for quick in self.ways:
            with suppress(ValueError):
                values = quick(cells)
                self.ways = sorted(self.ways, key=lambda way: way is not quick)
                return values
        self.is_odd = True
        return [cell if cell == ABSENT else self.spelling(read(cell)) for cell in cells]

    def spelling(self, text: str) -> str:
        """Return the spelling of the value of one cell, found by the careful way.

        Args:
            text: of the cell; bytes that are no UTF-8 as lone surrogates.
        """
        if text in ABSENT_TEXTS:
            return ABSENT
        value = self.json(text if self._convert is None else self._convert(text))
        return value[1:-1] if self.is_quoted and value != ABSENT else value

    def quoted(self, spellings: list[str]) -> list[str]:
        """Return the JSON of values, given their spellings."""
        return quoted(spellings) if self.is_quoted else spellings

    def of_cell(self, cell: str) -> str:
        """Return the JSON of the value of a plain cell, found by the careful way."""
        return self.quoted([self.spelling(text_of(cell))])[0]

    def of_value(self, value: Any) -> str:
        """Return the JSON of the value of what :func:`loads_exactly` returns."""
        return self.json(self._convert_value(value))

    def json(self, value: Any) -> str:
        """Return the JSON of a value; what is no text in it is mended and counted."""
        try:
            data = orjson.dumps(value)
        except TypeError:
            mended = mend_text(value)
            if mended != value:
                self._misfits.add(self.name, _BAD_TEXT)
            data = orjson.dumps(mended)
        return data.decode("latin-1")


def quoted(spellings: list[str]) -> list[str]:
    """Return the JSON of texts, given their spellings."""
    return [ABSENT if spelling == ABSENT else f'"{spelling}"' for spelling in spellings]


def quick_ways(kind: Kind) -> list[Quick]:
    """Return the quick ways for cells of a kind: dates and times are of one."""
    return list(_QUICK_WAYS.get(kind, ()))


def _integers(cells: list[str]) -> list[str]:
    """Read cells as the JSON they are, and write it again.

    One that is something else shows: it is written otherwise (007, -0, 1e5), or has a character
    that no whole number has (12.0, true, [1], "5"). Two in one ("1,2") make one value too many, and
    none could make up for it: only brackets and quotes make one value of two cells. One
    beyond 64 bits is left to the careful way.
    """
    text = ",".join(cells)
    values = orjson.loads(f"[{text}]")
    data = f"[{text}]".encode()
    if (
        len(values) != len(cells)
        or orjson.dumps(values) != data
        or any(char in text for char in '.eE"[{')
        or (_MANY_DIGITS in data.translate(_TO_ZEROS) and not _all_fit_64_bits(values))
    ):
        raise ValueError
    return cells


def _all_fit_64_bits(values: list[int | None]) -> bool:
    return all(value is None or value in WITHIN_64_BITS for value in values)


def _numbers(cells: list[str]) -> list[str]:
    """Read cells as the JSON they are: one that is something else is of another type.

    A number with more digits than a float holds keeps them, but so few survive in any. An exponent
    may be larger than what counts as a number here, -0 would lose its sign, and spaces are not
    usual.
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
    """Make sure that cells are times or dates, or absent, and return them joined with commas.

    The form is proved by the digits' places, that the time exists by reading it. The hour 24, which
    some Pythons read as the next day's first, is left to the careful way.
    """
    joined = ",".join(cells)
    present = cells if ABSENT not in joined else [cell for cell in cells if cell != ABSENT]
    text = ",".join((*present, "")).encode()
    if text.translate(_TO_ZEROS) != form * len(present) or _HOUR_24 in text:
        raise ValueError
    times = text.decode().replace("Z", "").split(",")[:-1] if _READS_NO_Z else present
    deque(map(datetime.fromisoformat, times), maxlen=0)
    return joined


_QUICK_WAYS: Mapping[Kind, tuple[Quick, ...]] = {
    Kind.INTEGER: (_integers,),
    Kind.NUMBER: (_numbers,),
    Kind.BOOLEAN: (_booleans,),
    Kind.DATE_TIME: (_date_times, _dates),
}
