"""From Marketo's data types to JSON schema, and from JSON schema to what converts values.

Schema and values cannot disagree, because a column's schema chooses the converter of its values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

import orjson

from tap_marketo.exact_json import NumberText, loads_exactly
from tap_marketo.protocol.catalog import Schema, schema_types
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
# A number as JSON spells it.
_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
# Up to this many characters a decimal survives the way through a float and back.
EXACT_AS_FLOAT = 15
# Up to this many characters an integer fits 64 bits.
FITS_64_BITS = 18
# What databases hold in a column of integers.
WITHIN_64_BITS = range(-(2**63), 2**63)
_LONGEST_64_BITS = len(str(-(2**63)))
# orjson writes 254 levels; a record and its message are two of them.
_DEEPEST = 200
# Names of attributes may be data. For each issue, this many are counted by name.
_MOST_NAMES = 200
_OTHER_NAMES = "(other names)"
_TOO_DEEP = "nested too deep, now null"
_DECIMALS_DROPPED = "with decimals dropped, as Marketo calls the field an integer"


def schema_for_data_type(data_type: str, *, nullable: bool) -> Schema:
    """Return the JSON schema of a ``dataType`` of describe.json or types.json."""
    schema = dict(_BY_DATA_TYPE.get(data_type, {"type": "string"}))
    if nullable:
        schema["type"] = [schema["type"], "null"]
    return schema


class ColumnType(Enum):
    """What a column's values are converted to.

    The first that a schema names is the column's type. The order is the incumbent's.
    """

    DATE_TIME = "date-time"
    INTEGER = "integer"
    TEXT = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    ANY = ""


def column_type(schema: Mapping[str, Any]) -> ColumnType:
    """Return the type of a column with this schema."""
    if schema.get("format") == ColumnType.DATE_TIME.value:
        return ColumnType.DATE_TIME
    names = schema_types(schema)
    return next((type_ for type_ in ColumnType if type_.value in names), ColumnType.ANY)


class ConversionIssues:
    """Counts the values of one stream that did not fit their column's type, by column and issue."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._names: Counter[str] = Counter()

    def add(self, column: str, issue: str) -> None:
        """Count a value of a column; where an issue has many columns, together with others."""
        if (column, issue) not in self.counts:
            self._names[issue] += 1
            if self._names[issue] > _MOST_NAMES:
                column = _OTHER_NAMES
        self.counts[column, issue] += 1

    def summary(self) -> list[str]:
        """Return a line for each column and issue."""
        return [f"{column}: {n:,} {issue}" for (column, issue), n in sorted(self.counts.items())]


def converter(column: str, schema: Mapping[str, Any], issues: ConversionIssues) -> Converter | None:
    """Return the function that converts one column's values, None where texts stay as they are.

    The function takes a cell of a CSV file or a value from JSON, but neither None nor what stands
    for an absent value. It returns the value for the record. Where the meaning is not certain it
    counts an issue and returns None.
    """
    match column_type(schema):
        case ColumnType.TEXT:
            return None
        case ColumnType.INTEGER:
            convert, issue = _integer_converter(column, issues), "not a whole number, now null"
        case other:
            convert, issue = _CONVERTERS[other]
    return _or_null(column, convert, issues, issue)


def value_converter(column: str, schema: Mapping[str, Any], issues: ConversionIssues) -> Converter:
    """Return the function that converts one column's values from JSON.

    The function takes anything that :func:`loads_exactly` returns.
    """
    convert = converter(column, schema, issues) or _or_null(column, to_text, issues, _TOO_DEEP)

    def convert_value(value: Any) -> Any:
        if value is None or (isinstance(value, str) and value in ABSENT_TEXTS):
            return None
        return convert(value)

    return convert_value


def _or_null(column: str, convert: Converter, issues: ConversionIssues, issue: str) -> Converter:
    """Return a converter that counts an issue and returns None where another one fails."""

    def convert_or_count(value: Any) -> Any:
        try:
            return convert(value)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
            issues.add(column, issue)
            return None

    return convert_or_count


def _to_date_time(value: str) -> str:
    # Nearly every value is 2022-02-13T14:06:20Z or 2022-02-13. Parsing proves that the date exists.
    # From Python 3.14 on, the hour 24 is read as the next day's first.
    is_usual = len(value) == 20 and value[10] + value[13] + value[16] + value[19] == "T::Z"
    if is_usual and value[11:13] != "24":
        return datetime.fromisoformat(value[:19]).isoformat() + "+00:00"
    if len(value) == 10 and value[4] == value[7] == "-":
        return datetime.fromisoformat(value).isoformat() + "+00:00"
    return parse_utc(value.strip()).isoformat()


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


def _integer_converter(column: str, issues: ConversionIssues) -> Converter:
    def to_integer(value: str) -> Any:
        if value.isdigit() and len(value) <= FITS_64_BITS and value.isascii():
            return int(value)
        text = str(value)
        if not _PLAIN_INTEGER.fullmatch(text):
            number = _decimal(text)
            whole = int(number)
            text = str(whole)
            if whole != number:
                issues.add(column, _DECIMALS_DROPPED)
        if len(text) > _LONGEST_64_BITS or int(text) not in WITHIN_64_BITS:
            issues.add(column, "beyond 64 bits")
        return orjson.Fragment(text)

    return to_integer


def _to_number(value: str) -> Any:
    if len(value) <= EXACT_AS_FLOAT and value.lstrip("-").replace(".", "", 1).isdecimal():
        return float(value)
    number = _decimal(value)
    as_float = float(number)
    if Decimal(repr(as_float)) == number:
        return as_float
    # More digits than a float holds: the number is written as Marketo wrote it.
    text = str(value) if _PLAIN_DECIMAL.fullmatch(value) else format(number, "f")
    return orjson.Fragment(text)


def _to_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return _BOOLEANS.get(value) or _BOOLEANS[value.strip().lower()]


def to_text(value: Any) -> str:
    """Return text without NUL characters, and any other JSON value as its JSON text.

    Many databases refuse a NUL within text, and JSON can spell it where a file's bytes have none.
    """
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else str(value)
    return orjson.dumps(mend_text(to_plain(value))).decode()


def mend_text(value: Any) -> Any:
    """Replace, at any depth, what is no Unicode text by U+FFFD.

    Bytes of a file that are not UTF-8, and JSON's escapes of half a character, are kept as lone
    surrogates, which no UTF-8 can hold and orjson refuses.
    """
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [mend_text(item) for item in value]
    if isinstance(value, Mapping):
        return {mend_text(name): mend_text(item) for name, item in value.items()}
    return value


def to_array(value: Any) -> list[Any]:
    """Take JSON text for the array it is, and anything else for an array of one item.

    Raises:
        ValueError: it is nested deeper than can be written.
    """
    array = value
    if type(value) is str and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            array = loads_exactly(value)
    plain = to_plain(array)
    return plain if isinstance(plain, list) else [plain]


def to_object(value: Any) -> Any:
    """Take an object as it is.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, Mapping):
        raise ValueError
    return to_plain(value)


def to_plain(value: Any, depth: int = 0) -> Any:
    """Turn the texts of numbers back into numbers, at any depth that can be written.

    Raises:
        ValueError: it is nested deeper than that.
    """
    if depth > _DEEPEST:
        raise ValueError
    if isinstance(value, NumberText):
        if _PLAIN_DECIMAL.fullmatch(value):
            return orjson.Fragment(str(value))
        return str(value)
    if isinstance(value, str):
        return to_text(value)
    if isinstance(value, list):
        return [to_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {to_text(name): to_plain(item, depth + 1) for name, item in value.items()}
    return value


# How values of each type are converted, and the issue where that fails.
_CONVERTERS: Mapping[ColumnType, tuple[Converter, str]] = {
    ColumnType.DATE_TIME: (_to_date_time, "not a date, now null"),
    ColumnType.NUMBER: (_to_number, "not a number, now null"),
    ColumnType.BOOLEAN: (_to_boolean, "neither true nor false, now null"),
    ColumnType.ARRAY: (to_array, _TOO_DEEP),
    ColumnType.OBJECT: (to_object, "not an object, now null"),
    ColumnType.ANY: (to_plain, _TOO_DEEP),
}
