"""Rows of pages to RECORD lines, fitted to their columns at every depth that a schema declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from tap_marketo.protocol.catalog import Schema, schema_types
from tap_marketo.rows.column_types import (
    ColumnType,
    ConversionIssues,
    column_type,
    to_text,
    value_converter,
)
from tap_marketo.rows.record_writer import RecordWriter

Fitter = Callable[[Any], Any]

_MOST_NAMED = 20
# Keys may be data: so many are remembered.
_MOST_REMEMBERED = 1_000


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


def page_lines(rows: Iterable[Mapping[str, Any]], writer: RecordWriter) -> list[bytes]:
    """Return the RECORD lines of JSON objects; a member that one lacks is null.

    Raises:
        DataError: a row has no key.
    """
    return [
        writer.line([column.json_of_value(row.get(column.name)) for column in writer.columns])
        for row in rows
    ]
