"""Rows of custom objects as they are had by keys (custom-objects.md, "Query")."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.crm.kinds import ObjectField, ObjectKind
from tests.sandbox.custom_objects import CustomObject, ObjectTable
from tests.sandbox.database import Database
from tests.sandbox.values import Value


class KeyedRows:
    """A type of custom objects as the calls for rows by keys see it."""

    def __init__(self, kind: ObjectKind, filters: list[list[str]], table: ObjectTable) -> None:
        self.kind = kind
        self.filters = filters
        self.fields: Sequence[ObjectField] = kind.fields
        self._table = table

    def field(self, name: str) -> ObjectField | None:
        """The field that a request means; the page's example asks for marketoGuid."""
        found = self._table.name_of(name)
        return next((each for each in self.fields if each.name == found), None)

    def cell(self, record: CustomObject, name: str) -> Value:
        """One value of a row."""
        return self._table.getter(name, lambda value: value)(record)

    def _rows(self) -> list[CustomObject]:
        return list(map(self._table.row, self._table.places))

    def matching(self, name: str, values: Collection[str]) -> list[CustomObject]:
        """The rows whose field has one of some values, in order of their numbers."""
        get = self._table.getter(name, lambda value: value.text)
        return [row for row in self._rows() if get(row) in values]

    def matching_all(self, inputs: Iterable[Mapping[str, Any]]) -> list[CustomObject]:
        """The rows that have all values of one of some inputs."""
        names = self.kind.dedupe
        getters = [self._table.getter(name, lambda value: value.text) for name in names]
        wanted = {tuple(str(each.get(name)) for name in names) for each in inputs}
        return [row for row in self._rows() if tuple(get(row) for get in getters) in wanted]


def keyed_rows(database: Database, name: str) -> KeyedRows:
    """The rows of a type; 1013 for a type that there is not."""
    types = database.assets["custom_object_types"]
    found, table = types.find(name), database.custom_objects.table(name)
    if found is None or table is None:
        raise ApiError("1013", f"Object '{name}' not found")
    shown = types.shown_row(found)
    kind = ObjectKind(
        f"custom_object_{name}", name, "", "", tuple(shown["dedupeFields"]),
        tuple(ObjectField(each, data_type) for each, data_type in table.fields.items()),
    )  # fmt: skip
    return KeyedRows(kind, shown["searchableFields"], table)
