"""Many cells of one column at once to the values of their records.

Nearly every cell of an account is as Marketo documents it: a whole number is its digits, a time is
2026-06-15T12:00:00Z, what is absent is the word null. A few calls that run in C then do for a whole
block of rows. They prove that each cell is of that kind; where one is not, all cells of the block
go one by one through the converter of :mod:`tap_marketo.fields`, which decides every case. What
the quick way returns is what that converter would have returned.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from tap_marketo.fields import (
    ABSENT_AS_NONE,
    EXACT_AS_FLOAT,
    Kind,
    Misfits,
    converter,
    kind_of,
)

_NONE = type(None)
_INTEGERS: frozenset[type] = frozenset((int, _NONE))
_NUMBERS: frozenset[type] = frozenset((float, int, _NONE))
_BOOLEANS: frozenset[type] = frozenset((bool, _NONE))
# Types of values that records write as their cells usually are.
_SPELLED: Mapping[Kind, frozenset[type]] = {Kind.INTEGER: _INTEGERS, Kind.BOOLEAN: _BOOLEANS}

_SPACES = (" ", "\t", "\r", "\n")

# 2026-06-15T12:00:47Z with every digit made a zero.
_TO_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_ZERO_TIME = b"0000-00-00T00:00:00Z\n"
# Only days that every year has: February 29 goes the careful way.
_DAY = (
    r"[12]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_DATE_TIMES = re.compile(rf"(?:(?:{_DAY}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ|null|)\n)*", re.ASCII)
_DATES = re.compile(rf"(?:(?:{_DAY}|null|)\n)*", re.ASCII)


class Column:
    """Converts cells of one column, many at a time.

    Attributes:
        name: of the column.
        kind: what its values are.
    """

    def __init__(self, name: str, schema: Mapping[str, Any], misfits: Misfits) -> None:
        """Prepare.

        Args:
            name: of the column.
            schema: its JSON schema.
            misfits: where odd values are counted.
        """
        self.name = name
        self.kind = kind_of(schema)
        self._convert = converter(name, schema, misfits)
        self._quick = _QUICK.get(self.kind, _no_quick_way)

    def values(self, cells: Sequence[str]) -> list[Any]:
        """Return the value of each cell: what :func:`fields.converter` makes of it.

        None for an absent one.
        """
        convert = self._convert
        if convert is None:
            return _texts(cells)
        try:
            return self._quick(cells)
        except ValueError:
            return [None if cell in ABSENT_AS_NONE else convert(cell) for cell in cells]

    def spellings(self, cells: list[str]) -> list[str]:
        """Return the JSON of each cell's value, that of texts without its quotes.

        For columns of numbers, booleans and times, whose values JSON need not escape. The cells
        themselves where nothing changes, as usual.
        """
        if self.kind is Kind.DATE_TIME:
            try:
                return _date_time_texts(cells)
            except ValueError:
                return [value or "null" for value in self.values(cells)]
        types = _SPELLED.get(self.kind)
        if types and _are_spelled(cells, types):
            return cells
        return orjson.dumps(self.values(cells))[1:-1].decode().split(",")


def _are_spelled(cells: Sequence[str], types: frozenset[type]) -> bool:
    """Whether cells are values of some types, written as orjson writes them."""
    try:
        text = ",".join(cells).encode()
        values = orjson.loads(b"[%b]" % text)
    except ValueError:
        return False
    return (
        len(values) == len(cells)
        and types.issuperset(map(type, values))
        and orjson.dumps(values)[1:-1] == text
    )


def _texts(cells: Sequence[str]) -> list[str | None]:
    return list(map(ABSENT_AS_NONE.get, cells, cells))


def _scalars(cells: Sequence[str], types: frozenset[type]) -> tuple[list[Any], str, set[type]]:
    """Read cells as the JSON they are: numbers, true and false, and null.

    One that is something else, or several things ("1,2"), shows: only brackets and quotes could
    make one value of two cells, and that value would be of another type. Spaces, which JSON would
    pass over, are not usual: " null" is no absent value.
    """
    text = ",".join(cells)
    if any(space in text for space in _SPACES):
        raise ValueError
    values: list[Any] = orjson.loads(f"[{text}]")
    found = set(map(type, values))
    if len(values) != len(cells) or not found <= types:
        raise ValueError
    return values, text, found


def _integers(cells: Sequence[str]) -> list[Any]:
    values, text, _ = _scalars(cells, _INTEGERS)
    # -0 would lose its sign.
    if "-0" in text:
        raise ValueError
    return values


def _numbers(cells: Sequence[str]) -> list[Any]:
    # A number with more digits than a float holds keeps them; so few survive in any float.
    if max(map(len, cells), default=0) > EXACT_AS_FLOAT:
        raise ValueError
    values, text, found = _scalars(cells, _NUMBERS)
    # An exponent may be larger than what counts as a number here.
    if "e" in text or "E" in text:
        raise ValueError
    if int in found:
        if "-0" in text:
            raise ValueError
        return [float(value) if type(value) is int else value for value in values]
    return values


def _booleans(cells: Sequence[str]) -> list[Any]:
    values, _, _ = _scalars(cells, _BOOLEANS)
    return values


def _date_times(cells: Sequence[str]) -> list[Any]:
    return _texts(_date_time_texts(cells))


def _date_time_texts(cells: Sequence[str]) -> list[str]:
    """Write times as records have them; what is absent stays as it is."""
    text = "\n".join(cells) + "\n"
    if _are_all_times(text, cells):
        return text.replace("Z", "+00:00").split("\n")[:-1]
    # A cell may hold a line break itself.
    if text.count("\n") != len(cells):
        raise ValueError
    if _DATE_TIMES.fullmatch(text):
        return text.replace("Z", "+00:00").split("\n")[:-1]
    if _DATES.fullmatch(text):
        return [cell if cell in ABSENT_AS_NONE else f"{cell}T00:00:00+00:00" for cell in cells]
    raise ValueError


def _are_all_times(text: str, cells: Sequence[str]) -> bool:
    """Whether every cell is a time as Marketo writes it, and none absent; the quickest way.

    The form is proved by the digits' places, that the time exists by reading it. The hour 24, which
    some Pythons read as the next day's first, is left to the careful way.
    """
    if text.encode().translate(_TO_ZEROS) != _ZERO_TIME * len(cells) or "T24" in text:
        return False
    try:
        deque(map(datetime.fromisoformat, cells), maxlen=0)
    except ValueError:
        # One does not exist, or this is Python 3.10, which does not read the Z.
        return False
    return True


def _no_quick_way(cells: Sequence[str]) -> list[Any]:
    raise ValueError


_QUICK: Mapping[Kind, Callable[[Sequence[str]], list[Any]]] = {
    Kind.INTEGER: _integers,
    Kind.NUMBER: _numbers,
    Kind.BOOLEAN: _booleans,
    Kind.DATE_TIME: _date_times,
}
