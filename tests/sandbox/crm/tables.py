"""Rows of one object: what each holds follows from the seed, its number and its version."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.sandbox.clock import bulk_time
from tests.sandbox.crm.kinds import ObjectField, ObjectKind
from tests.sandbox.values import Value, as_number, as_text, make_pool, mix

_ABSENT = 0.25


@dataclass
class Record:
    """One row: what is fixed about it, and how often it has changed."""

    number: int
    created: int
    updated: int
    version: int = 0
    links: dict[str, Value] = field(default_factory=dict)
    """The values that point at other rows, or at which others point."""


class KeyedTable(Protocol):
    """What is asked of a table whose rows are had by keys. A row has a number."""

    kind: ObjectKind

    @property
    def fields(self) -> Sequence[ObjectField]:
        """The fields of the rows."""

    @property
    def filters(self) -> list[list[str]]:
        """What describe calls searchableFields."""

    def field(self, name: str) -> ObjectField | None:
        """The field that a request means."""

    def cell(self, record: Any, name: str) -> Value:
        """One value of a row."""

    def matching(self, name: str, values: Collection[str]) -> Sequence[Any]:
        """The rows whose field has one of some values, in order of their numbers."""

    def matching_all(self, inputs: Iterable[Mapping[str, Any]]) -> Sequence[Any]:
        """The rows that have all values of one of some inputs."""


class CrmTable:
    """The rows of one object by their numbers."""

    def __init__(self, seed: int, kind: ObjectKind, first: int, variety: int) -> None:
        self.kind = kind
        self.fields = list(kind.fields)
        self.rows: dict[int, Record] = {}
        self.find_other: Callable[[int], Record | None] = lambda number: None
        """Finds a row that is in no table, by its number."""
        self.more_filters: list[str] = []
        """Further fields that a filter takes."""
        self._seed = mix(seed, first, 17)
        self._name = f"{seed}:{kind.table}"
        self._next = first
        self._variety = variety
        self._pools: dict[str, list[Value]] = {}

    @property
    def filters(self) -> list[list[str]]:
        """What describe calls searchableFields."""
        return [*self.kind.filters, *([name] for name in self.more_filters)]

    def add(self, moment: int, updated: int | None = None, **links: Value) -> Record:
        """A new row, created at the moment."""
        made = Record(self._next, moment, updated or moment, links=links)
        self._next += 1
        self.rows[made.number] = made
        return made

    def change(self, record: Record, moment: int) -> None:
        """Change a row: all its fields but keys, links and createdAt."""
        record.version += 1
        record.updated = moment

    def field(self, name: str) -> ObjectField | None:
        """The field that a request means.

        An example of lead-database.md asks for marketoGuid where describe has marketoGUID: a
        spelling that is there means that field, another one the field that is spelled alike.
        """
        exact = [each for each in self.fields if each.name == name]
        alike = [each for each in self.fields if each.name.casefold() == name.casefold()]
        return exact[0] if exact else alike[0] if len(alike) == 1 else None

    def key_of(self, record: Record) -> Any:
        """The value of a row's idField."""
        return self.cell(record, self.kind.key).typed

    def cell(self, record: Record, name: str) -> Value:
        """One value of a row."""
        if name in record.links:
            return record.links[name]
        if name == "id":
            return as_number(record.number)
        if name == "marketoGUID":
            number = mix(self._seed, record.number, 1) << 64 | mix(self._seed, record.number, 2)
            return as_text(str(uuid.UUID(int=number, version=4)))
        if name in ("createdAt", "updatedAt"):
            return as_text(bulk_time(record.created if name == "createdAt" else record.updated))
        if name.startswith("external") and name.endswith("Id"):
            return Value(None, None)
        pool = self._pool(name)
        salt = mix(self._seed, *name.encode()) >> 3
        return pool[(mix(self._seed, record.number, record.version) ^ salt) % len(pool)]

    def _pool(self, name: str) -> list[Value]:
        if name not in self._pools:
            kind = next(each.data_type for each in self.fields if each.name == name)
            self._pools[name] = make_pool(f"{self._name}:{name}", kind, _ABSENT, self._variety)
        return self._pools[name]

    def matching(self, name: str, values: Collection[str]) -> list[Record]:
        """The rows whose field has one of some values, in order of their numbers."""
        if name == "id":
            numbers = sorted({int(value) for value in values if value.isdecimal()})
            found = (self.rows.get(number) or self.find_other(number) for number in numbers)
            return [record for record in found if record is not None]
        return [each for each in self.rows.values() if self.cell(each, name).text in values]

    def matching_all(self, inputs: Iterable[Mapping[str, Any]]) -> list[Record]:
        """The rows that have all values of one of some inputs."""
        wanted = {tuple(str(each.get(name)) for name in self.kind.dedupe) for each in inputs}
        return [
            record
            for record in self.rows.values()
            if tuple(self.cell(record, name).text for name in self.kind.dedupe) in wanted
        ]

    def truth(self) -> Iterator[dict[str, Any]]:
        """Every row with typed values."""
        for record in self.rows.values():
            yield self.typed(record)

    def typed(self, record: Record) -> dict[str, Any]:
        """One row with typed values."""
        return {each.name: self.cell(record, each.name).typed for each in self.fields}
