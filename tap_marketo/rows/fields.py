"""Types: one table from Marketo's data types to JSON schema, and from JSON schema to converters.

Schema and values cannot disagree, because a value's converter is chosen from its column's schema.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

import orjson

from tap_marketo.protocol.schemas import Schema, schema_types
from tap_marketo.rows.json_values import (
    PLAIN_DECIMAL,
    to_array,
    to_object,
    to_plain,
    to_text,
)
from tap_marketo.times import parse_utc

Converter = Callable[[Any], Any]

# field-types.md. Every type not named here is text.
_BY_DATA_TYPE: Mapping[str, Schema] = {
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date-time"},
    "integer": {"type": "integer"},
    "percent": {"type": "integer"},
    "score": {"type": "integer"},
    "float": {"type": "number"},
    "currency": {"type": "number"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array", "items": {"type": ["integer", "number", "string", "null"]}},
}

# bulk-lead-extract.md: an absent value is the bare word null.
ABSENT_TEXTS = frozenset(("", "null"))

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?")
_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
# Up to this many characters a decimal survives the way through a float and back.
EXACT_AS_FLOAT = 15
# Up to this many characters an integer fits 64 bits.
FITS_64_BITS = 18
# What databases hold in a column of integers.
WITHIN_64_BITS = range(-(2**63), 2**63)
_LONGEST_64_BITS = len(str(-(2**63)))
_TOO_DEEP = "nested too deep, now null"


def schema_for_data_type(data_type: str, *, nullable: bool) -> Schema:
    """Return the JSON schema of a Marketo data type.

    Args:
        data_type: ``dataType`` as describe.json or types.json gives it.
        nullable: whether null is allowed beside the type.
    """
    schema = dict(_BY_DATA_TYPE.get(data_type, {"type": "string"}))
    if nullable:
        schema["type"] = [schema["type"], "null"]
    return schema


class Kind(Enum):
    """What a column's values are converted to."""

    DATE_TIME = "date-time"
    INTEGER = "integer"
    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    ANY = ""


def kind_of(schema: Mapping[str, Any]) -> Kind:
    """Return what the values of a column with this schema are.

    The order in which a column of several types is read is the incumbent's: date-time, integer,
    text, number, boolean.
    """
    if schema.get("format") == Kind.DATE_TIME.value:
        return Kind.DATE_TIME
    types = schema_types(schema)
    return next((kind for kind in Kind if kind.value in types), Kind.ANY)


class Misfits:
    """Counts, per column, the values of one stream that did not fit their type."""

    def __init__(self) -> None:
        """Start with none."""
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(self, column: str, what: str, times: int = 1) -> None:
        """Count values of a column."""
        if times:
            self.counts[column, what] += times

    def summary(self) -> list[str]:
        """Say in one line per column and kind how many values there were."""
        return [f"{column}: {n:,} {what}" for (column, what), n in sorted(self.counts.items())]


def converter(column: str, schema: Mapping[str, Any], misfits: Misfits) -> Converter | None:
    """Build the function that turns one column's values into what its schema says.

    The function takes a cell of a CSV file or a value from JSON, never None and never an absent
    value's spelling, and returns the value for the record; None, with a count in ``misfits``,
    where the meaning is not certain. None instead of a function: cells are text as they are.
    """
    match kind_of(schema):
        case Kind.DATE_TIME:
            return _date_time_converter(column, misfits)
        case Kind.INTEGER:
            return _integer_converter(column, misfits)
        case Kind.TEXT:
            return None
        case Kind.NUMBER:
            return _guarded(column, _to_number, misfits, "not a number, now null")
        case Kind.BOOLEAN:
            return _boolean_converter(column, misfits)
        case Kind.ARRAY:
            return _guarded(column, to_array, misfits, _TOO_DEEP)
        case Kind.OBJECT:
            what = "not an object, now null"
            return _guarded(column, to_object, misfits, what)
        case Kind.ANY:
            return _guarded(column, to_plain, misfits, _TOO_DEEP)


def value_converter(column: str, schema: Mapping[str, Any], misfits: Misfits) -> Converter:
    """Build a converter for values from JSON, where absent values and non-text occur.

    Takes anything :func:`loads_exactly` returns.
    """
    convert = converter(column, schema, misfits) or _guarded(column, to_text, misfits, _TOO_DEEP)

    def convert_value(value: Any) -> Any:
        if value is None or (isinstance(value, str) and value in ABSENT_TEXTS):
            return None
        return convert(value)

    return convert_value


def _guarded(column: str, convert: Converter, misfits: Misfits, what: str) -> Converter:
    def convert_or_count(value: Any) -> Any:
        try:
            return convert(value)
        except (AttributeError, ValueError, TypeError, OverflowError):
            misfits.add(column, what)
            return None

    return convert_or_count


def _date_time_converter(column: str, misfits: Misfits) -> Converter:
    read_iso = datetime.fromisoformat

    def to_date_time(value: Any) -> str | None:
        try:
            # Nearly every value is 2022-02-13T14:06:20Z or 2022-02-13; parsing proves that the
            # date exists.
            if (
                len(value) == 20
                and value[19] == "Z"
                and value[10] == "T"
                and value[13] == value[16] == ":"
            ):
                return read_iso(value[:19]).isoformat() + "+00:00"
            if len(value) == 10 and value[4] == value[7] == "-":
                return read_iso(value).isoformat() + "+00:00"
            return parse_utc(value.strip()).isoformat()
        except (AttributeError, LookupError, TypeError, ValueError):
            misfits.add(column, "not a date, now null")
            return None

    return to_date_time


def _decimal(value: str) -> Decimal:
    text = value.strip().removesuffix("%").rstrip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    elif not _NUMBER.fullmatch(text):
        raise ValueError
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError from None


def _integer_converter(column: str, misfits: Misfits) -> Converter:
    def to_integer(value: Any) -> Any:
        try:
            if value.isdigit() and len(value) <= FITS_64_BITS and value.isascii():
                return int(value)
            if _PLAIN_INTEGER.fullmatch(value):
                text = str(value)
            else:
                number = _decimal(value)
                whole = int(number)
                text = str(whole)
                if whole != number:
                    misfits.add(
                        column, "with decimals dropped, as Marketo calls the field an integer"
                    )
        except (AttributeError, ValueError, OverflowError):
            misfits.add(column, "not a whole number, now null")
            return None
        if not _fits_64_bits(text):
            misfits.add(column, "beyond 64 bits")
        return orjson.Fragment(text)

    return to_integer


def _fits_64_bits(text: str) -> bool:
    """Say whether a whole number is one of 64 bits, given its JSON, which may be of any length."""
    return len(text) <= _LONGEST_64_BITS and int(text) in WITHIN_64_BITS


def _to_number(value: str) -> Any:
    if len(value) <= EXACT_AS_FLOAT and value.lstrip("-").replace(".", "", 1).isdecimal():
        return float(value)
    number = _decimal(value)
    as_float = float(number)
    if Decimal(repr(as_float)) == number:
        return as_float
    # More digits than a float holds: the number is written as Marketo wrote it.
    text = str(value) if PLAIN_DECIMAL.fullmatch(value) else format(number, "f")
    return orjson.Fragment(text)


def _boolean_converter(column: str, misfits: Misfits) -> Converter:
    def to_boolean(value: Any) -> bool | None:
        if isinstance(value, bool):
            return value
        try:
            return _BOOLEANS.get(value) or _BOOLEANS[value.strip().lower()]
        except (AttributeError, KeyError, TypeError):
            misfits.add(column, "neither true nor false, now null")
            return None

    return to_boolean
