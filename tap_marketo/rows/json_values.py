"""Values that are JSON themselves: their texts, arrays and objects, at any depth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from tap_marketo.exact_json import NumberText, loads_exactly

PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
"""A number as JSON spells it."""

# orjson writes 254 levels; a record and its message are two of them.
_DEEPEST = 200


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
        if PLAIN_DECIMAL.fullmatch(value):
            return orjson.Fragment(str(value))
        return str(value)
    if isinstance(value, str):
        return to_text(value)
    if isinstance(value, list):
        return [to_plain(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {to_text(name): to_plain(item, depth + 1) for name, item in value.items()}
    return value


def fitting(value: Any, schema: Any) -> Any:
    """Leave out, at any depth, the members of objects that their schema does not allow.

    Marketo may send more than it did when the schema was written; a target that checks records
    must not stop for that. A schema that says nothing of other members allows them.
    """
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, list):
        return [fitting(item, schema.get("items")) for item in value]
    if isinstance(value, Mapping):
        known = schema.get("properties")
        known = known if isinstance(known, Mapping) else {}
        is_open = schema.get("additionalProperties") is not False
        return {n: fitting(v, known.get(n)) for n, v in value.items() if is_open or n in known}
    return value
