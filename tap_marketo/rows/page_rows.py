"""Rows of pages: to RECORD lines, or to blocks of an export's file.

As RECORD lines they are fitted to their columns at every depth that a schema declares. As blocks
they become the same records as rows of a file, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from tap_marketo.exact_json import dumps_exactly
from tap_marketo.protocol.catalog import Schema, schema_types
from tap_marketo.rows.activity_stream import ATTRIBUTES
from tap_marketo.rows.column_types import (
    ColumnType,
    ConversionIssues,
    column_type,
    to_text,
    value_converter,
)
from tap_marketo.rows.csv_cells import Row, escaped_cell
from tap_marketo.rows.csv_file import Block
from tap_marketo.rows.row_records import LineLayout

Fitter = Callable[[Any], Any]

_MOST_NAMED = 20
# Keys may be data: so many are remembered.
_MOST_REMEMBERED = 1_000

# JSON can spell half a character. In a file it would be a byte that is no UTF-8, which becomes
# such a lone surrogate, and is mended and counted with the column.
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_BAD_BYTE = "\udcff"
# activities.md, Describe: what is empty is left out of an activity; not so in the page's example.
_EMPTY = (None, "")


class RowFitter:
    """Fits the rows of one stream to its columns, of which it has to know all, selected or not.

    Keys that no column has are left out and remembered, so that they can be reported.

    Attributes:
        unknown: such keys, as ``key`` or, within a column, ``column.key``.
    """

    def __init__(self, columns: Mapping[str, Schema], issues: ConversionIssues) -> None:
        self.unknown: set[str] = set()
        self._columns = columns
        self._issues = issues
        found = {name: self._fitter(name, schema) for name, schema in columns.items()}
        self._fitters = {name: fit for name, fit in found.items() if fit}

    def __call__(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row whose objects and arrays are as their columns declare them."""
        self._remember(row.keys() - self._columns.keys())
        fitted = {name: fit(row[name]) for name, fit in self._fitters.items() if name in row}
        return {**row, **fitted}

    def _remember(self, keys: Iterable[str]) -> None:
        self.unknown.update(islice(keys, _MOST_REMEMBERED - len(self.unknown)))

    def _fitter(self, path: str, schema: Mapping[str, Any]) -> Fitter | None:
        """Return what fits a value, None where the schema declares nothing within it."""
        properties, items = schema.get("properties"), _declared(schema.get("items"))
        if isinstance(properties, Mapping):
            return self._object_fitter(path, schema, properties)
        # Items of several types are taken as they come.
        if len({*schema_types(items)} - {"null"}) == 1:
            return self._array_fitter(path, items)
        return None

    def _object_fitter(
        self, path: str, schema: Mapping[str, Any], properties: Mapping[str, Any]
    ) -> Fitter:
        fitters = {
            name: self._inner_fitter(f"{path}.{name}", definition)
            for name, definition in properties.items()
        }
        is_closed = schema.get("additionalProperties") is False

        def fit(value: Any) -> Any:
            if not isinstance(value, Mapping):
                return value
            if is_closed and (others := value.keys() - fitters.keys()):
                self._remember(f"{path}.{name}" for name in others)
                value = {name: inner for name, inner in value.items() if name in fitters}
            return {
                name: fitters[name](inner) if name in fitters else inner
                for name, inner in value.items()
            }

        return fit

    def _array_fitter(self, path: str, items: Mapping[str, Any]) -> Fitter:
        fit_item = self._inner_fitter(path, items)

        def fit(value: Any) -> Any:
            return [fit_item(item) for item in value] if isinstance(value, list) else value

        return fit

    def _inner_fitter(self, path: str, schema: Any) -> Fitter:
        """Return what fits a value within a column, where an empty text is not an absent value."""
        schema = _declared(schema)
        fit, convert = self._fitter(path, schema), value_converter(path, schema, self._issues)
        is_text = column_type(schema) is ColumnType.TEXT

        def fit_inner(value: Any) -> Any:
            if fit and isinstance(value, dict | list):
                value = fit(value)
            if is_text and isinstance(value, str):
                return to_text(value)
            return convert(value)

        return fit_inner


def _declared(schema: Any) -> Mapping[str, Any]:
    """Return a schema within a column's; an empty one where the catalog has nonsense."""
    types = schema.get("type", []) if isinstance(schema, Mapping) else None
    words = [types] if isinstance(types, str) else types
    is_sound = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return schema if is_sound else {}


def describe_unknown(unknown: set[str]) -> str:
    """Return the sentence that reports keys which no column has."""
    named = sorted(unknown)[:_MOST_NAMED]
    more = len(unknown) - len(named)
    least = "at least " if len(unknown) >= _MOST_REMEMBERED else ""
    others = f" and {least}{more:,} more" if more else ""
    return f"Marketo sends what no column has: {', '.join(named)}{others}"


def page_lines(rows: Iterable[Mapping[str, Any]], layout: LineLayout) -> list[bytes]:
    """Return the RECORD lines of JSON objects; a member that one lacks is null.

    Raises:
        DataError: a row has no key.
    """
    lines: list[bytes] = []
    for row in rows:
        values = [column.json_of_value(row.get(column.name)) for column in layout.columns]
        for place in layout.key_places:
            layout.check_key(place, (values[place],))
        parts = list(layout.parts)
        parts[1::2] = values
        lines.append("".join(parts).encode("latin-1"))
    return lines


def value_block(rows: Iterable[Mapping[str, Any]], header: Sequence[str]) -> Block:
    """Return rows of JSON that a call returned as a block of a file with such a header.

    A member that a row lacks is absent (leads.md, Query).
    """
    return Block([_cells(row, header) for row in rows], [], is_text=False)


def activity_block(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Block:
    """Return activities of a page as a block of a file with such columns beside the attributes.

    Pages have the attributes as a list of names and values (activities.md, Query), files as one
    JSON object (bulk-activity-extract.md, Retrieving Your Data).
    """
    documents = [_document(row.get(ATTRIBUTES)) for row in rows]
    return Block([_cells(row, columns) for row in rows], documents, is_text=False)


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    return [escaped_cell(_cell_text(row.get(name))) for name in names]


def _document(attributes: Any) -> str:
    """Return the text of the attributes as a file has it."""
    if attributes is None:
        return "{}"
    if isinstance(attributes, list):
        named = [_named_value(each) for each in attributes]
        if None not in named:
            attributes = {name: value for name, value in filter(None, named) if value not in _EMPTY}
    try:
        return dumps_exactly(attributes)
    except RecursionError:
        # As no file could be read either: it is no object then.
        return "[]"


def _named_value(attribute: Any) -> tuple[str, Any] | None:
    """Return the name and the value of an attribute; None where it has no name."""
    name = attribute.get("name") if isinstance(attribute, Mapping) else None
    return (name, attribute.get("value")) if isinstance(name, str) else None


def _cell_text(value: Any) -> str:
    """Return a value as a file has it."""
    if value is None:
        return ""
    try:
        text = to_text(value)
    except ValueError:
        # Nested too deep for a column of arrays, which counts that when it reads this JSON.
        text = json.dumps(value)
    return _HALF_A_CHARACTER.sub(_BAD_BYTE, text)
