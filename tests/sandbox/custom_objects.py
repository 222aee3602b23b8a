"""Rows of custom objects, a table for each type (custom-objects.md)."""

from __future__ import annotations

import random
import uuid
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from tests.sandbox.assets.draw import Draw
from tests.sandbox.assets.linked_types import BY_NAME, COMPANY, LinkedType
from tests.sandbox.assets.subscription import ROUGH_TYPE, type_details
from tests.sandbox.assets.table import Asset, AssetTable
from tests.sandbox.clock import DAY, bulk_time
from tests.sandbox.crm.links import FIRST_COMPANY
from tests.sandbox.hostile import rough_values
from tests.sandbox.leads import FIRST_ID, LeadTable
from tests.sandbox.options import Options
from tests.sandbox.values import ABSENT, POOL_SIZE, Value, as_number, as_text, make_pool, mix

T = TypeVar("T")
ChangeRequest = dict[str, Any]


class CustomObject(NamedTuple):
    """One row at one moment: all that its cells are computed from."""

    place: int
    lead: int
    created: int
    updated: int
    hash: int

    @property
    def number(self) -> int:
        """Its place among the rows of the type, from 1 on."""
        return self.place + 1


@dataclass
class ObjectSelection:
    """Rows chosen by an export, frozen at the moment in which it was made."""

    table: ObjectTable
    chosen: list[CustomObject]

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, names: Sequence[str], render: Callable[[Value], T]) -> Iterator[list[T]]:
        """The rows, their cells rendered."""
        getters = [self.table.getter(name, render) for name in names]
        for row in self.chosen:
            yield [get(row) for get in getters]


class ObjectTable:
    """The rows of one type; each is linked to a lead, if the type is of leads."""

    is_of_leads = True
    """Whether bulk extract gives the rows."""

    def __init__(
        self,
        seed: int,
        number: int,
        fields: dict[str, str],
        key: str,
        values: dict[str, tuple[Value, ...]],
        variety: int,
    ) -> None:
        self.fields = fields
        """Data types by name, as describe has them."""
        self._seed = mix(seed, number, 11)
        self._key = key
        self._values = values
        self._variety = variety
        self._pools: dict[str, Sequence[Value]] = {}
        self._lead: array[int] = array("q")
        self._created: array[int] = array("q")
        self._updated: array[int] = array("q")
        self._version: array[int] = array("i")
        self._gone = bytearray()

    def add(self, lead: int, created: int, updated: int) -> int:
        """A new row; gives its place."""
        self._lead.append(lead)
        self._created.append(created)
        self._updated.append(updated)
        self._version.append(0)
        self._gone.append(0)
        return len(self._lead) - 1

    def change(self, place: int, moment: int) -> None:
        """Change a row: all its fields but the key, the link and createdAt."""
        self._version[place] += 1
        self._updated[place] = moment

    def delete(self, place: int) -> None:
        """Delete a row without a trace: no activity tells of it, no list of deletions has it."""
        self._gone[place] = 1

    @property
    def places(self) -> list[int]:
        """Places of the rows that exist."""
        return [place for place, gone in enumerate(self._gone) if not gone]

    def name_of(self, field: str) -> str | None:
        """The field that a request means.

        The example of bulk-custom-object-extract.md asks for leadId where describe has leadID: a
        spelling that describe has means that field, another one the field that is spelled alike.
        """
        if field in self.fields:
            return field
        alike = [name for name in self.fields if name.casefold() == field.casefold()]
        return alike[0] if len(alike) == 1 else None

    def select(
        self, low: float = 0.0, high: float = float("inf"), leads: Collection[int] | None = None
    ) -> ObjectSelection:
        """Rows updated within the range, or linked to one of some leads."""
        return ObjectSelection(
            self,
            [
                self.row(place)
                for place in self.places
                if low <= self._updated[place] <= high
                and (leads is None or self._lead[place] in leads)
            ],
        )

    def row(self, place: int) -> CustomObject:
        """The row at a place, as it is now."""
        return CustomObject(
            place,
            self._lead[place],
            self._created[place],
            self._updated[place],
            mix(self._seed, place, self._version[place]),
        )

    def truth(self) -> Iterator[dict[str, Any]]:
        """Every row with typed values."""
        for row in self.select().rows(list(self.fields), lambda value: value.typed):
            yield dict(zip(self.fields, row, strict=True))

    def guid(self, place: int) -> str:
        """The marketoGUID of a row."""
        number = mix(self._seed, place, 1) << 64 | mix(self._seed, place, 2)
        return str(uuid.UUID(int=number, version=4))

    def getter(self, name: str, render: Callable[[Value], T]) -> Callable[[CustomObject], T]:
        """A function that gives a row's cell of a field, rendered."""
        get = self.special().get(name)
        if get:
            return lambda row: render(get(row))
        cells = [render(value) for value in self._pool(name)]
        salt = mix(self._seed, list(self.fields).index(name), 3) >> 3
        return lambda row: cells[(row.hash ^ salt) % len(cells)]

    def special(self) -> dict[str, Callable[[CustomObject], Value]]:
        """What gives the cells of a row that chance does not give."""
        return {
            "marketoGUID": lambda row: as_text(self.guid(row.place)),
            "createdAt": lambda row: as_text(bulk_time(row.created)),
            "updatedAt": lambda row: as_text(bulk_time(row.updated)),
            "leadID": lambda row: as_number(row.lead),
            self._key: lambda row: as_text(f"{self._key}-{self.guid(row.place)[:8]}-{row.place}"),
        }

    def _pool(self, name: str) -> Sequence[Value]:
        if name not in self._pools:
            kind = self.fields[name].lower()
            usual = make_pool(f"{self._seed}:{name}", kind, 0.3, self._variety)
            self._pools[name] = self._values.get(name) or usual
        return self._pools[name]


class LinkedTable(ObjectTable):
    """The rows of a type that is linked in another way than all others."""

    def __init__(self, kind: LinkedType, **more: Any) -> None:
        super().__init__(key=kind.keys[0], **more)
        self.kind = kind
        self.is_of_leads = kind.is_of_leads
        self.links: dict[int, dict[str, Value]] = {}
        """What the rows have in the fields that link them, by their places."""

    def special(self) -> dict[str, Callable[[CustomObject], Value]]:
        own = super().special()
        if not self.is_of_leads:
            del own["leadID"]
        if len(self.kind.keys) > 1:
            # Two rows in a row share the first; it may hold a comma, as the key is no filterValues.
            first, second = self.kind.keys
            own[first] = lambda row: as_text(f'No. {row.place // 2}, "north"')
            own[second] = lambda row: as_number(42_000_000 + row.place % 5)
        for field, other, *_ in self.kind.links:
            if other in BY_NAME or other == COMPANY:
                own[field] = partial(self._link, field)
        return own

    def _link(self, field: str, row: CustomObject) -> Value:
        return self.links[row.place].get(field, ABSENT)

    def key_at(self, place: int, name: str) -> Value:
        """What a row has in a dedupe field."""
        return self.special()[name](self.row(place))


class CustomObjects:
    """The tables of all types, and what the control API lets happen to their rows."""

    def __init__(self, options: Options, types: AssetTable, leads: LeadTable, start: int) -> None:
        self._options = options
        self._types = types
        self._leads = leads
        self._tables: dict[int, ObjectTable] = {}
        self._rng = random.Random(f"{options.seed}:custom object changes")
        span = max(int(options.history_days * DAY), 7200)
        for row in types.rows:
            rng = random.Random(f"{options.seed}:custom objects:{row.id}")
            table = self._of(row)
            # Bulk extract gives none of the CRM's, and they come to nobody.
            none = row.more.get("crm", False) or not options.leads
            for _ in range(0 if none else options.custom_objects):
                created = start - rng.randint(3600, span)
                updated = created + int((start - created) * rng.random())
                lead = FIRST_ID + rng.randrange(options.leads)
                place = table.add(lead, created, created if rng.random() < 0.4 else updated)
                self._link(table, place, rng)
        self.handlers: dict[str, Callable[[int, int, ChangeRequest], list[list[str]]]] = {
            "new_custom_objects": self._new,
            "custom_objects_changed": self._change,
            "custom_objects_deleted": self._delete,
        }

    def _of(self, row: Asset) -> ObjectTable:
        """The table of a type; a type that came later has no rows yet."""
        if row.id not in self._tables:
            options = self._options
            details = type_details(Draw(options, "custom_object_types details", row))
            fields = {field["name"]: field["dataType"] for field in details["fields"]}
            name, key = (self._types.shown_row(row)[each] for each in ("name", "dedupeFields"))
            values = rough_values(options.seed) if name == ROUGH_TYPE else {}
            variety = options.variety or POOL_SIZE
            own: dict[str, Any] = {
                "seed": options.seed, "number": row.id, "fields": fields, "values": values,
                "variety": variety,
            }  # fmt: skip
            kind = BY_NAME.get(name)
            table = LinkedTable(kind, **own) if kind else ObjectTable(key=key[0], **own)
            self._tables[row.id] = table
        return self._tables[row.id]

    def _link(
        self, table: ObjectTable, place: int, rng: random.Random, target: str | None = None
    ) -> None:
        """Decide what a row is linked to: of other types to a row of their first two thirds.

        Args:
            target: marketoGUID of a row that it is linked to for certain.
        """
        if not isinstance(table, LinkedTable):
            return
        chosen: dict[str, int | None] = {}
        links: dict[str, Value] = {}
        for field, other, theirs, _ in table.kind.links:
            if other == COMPANY:
                links[field] = as_number(FIRST_COMPANY + rng.randrange(self._options.companies))
            found = self.table(other)
            if not isinstance(found, LinkedTable):
                continue
            if other not in chosen:
                places = found.places
                some = places[: len(places) * 2 // 3]
                named = [each for each in places if target and found.guid(each) == target]
                # One in five is linked to none.
                none = not some or rng.random() < 0.2
                chosen[other] = named[0] if named else None if none else rng.choice(some)
            picked = chosen[other]
            if picked is not None:
                links[field] = found.key_at(picked, theirs)
        table.links[place] = links

    def table(self, name: str) -> ObjectTable | None:
        """The table of a type that exists."""
        row = self._types.find(name)
        return None if row is None else self._of(row)

    def names(self) -> list[str]:
        """API names of the types that exist and are not the CRM's."""
        return [self._types.key_of(row) for row in self._types.rows if not row.more.get("crm")]

    def _chosen(self, request: ChangeRequest) -> list[tuple[str, ObjectTable]]:
        names = [request["custom_object_type"]] if "custom_object_type" in request else self.names()
        found = [(name, self.table(name)) for name in names]
        chosen = [(name, table) for name, table in found if table is not None]
        if not chosen:
            raise ValueError(f"no such custom object: {names}")
        return chosen

    def _some(self, count: int, request: ChangeRequest) -> list[tuple[str, ObjectTable, int]]:
        rows = [
            (name, each, place) for name, each in self._chosen(request) for place in each.places
        ]
        return self._rng.sample(rows, min(count, len(rows)))

    def _new(self, count: int, moment: int, request: ChangeRequest) -> list[list[str]]:
        made = []
        types, leads = self._chosen(request), self._leads.ids
        for _ in range(count):
            name, table = self._rng.choice(types)
            place = table.add(self._rng.choice(leads), moment, moment)
            self._link(table, place, self._rng, request.get("linked_to"))
            made.append([name, table.guid(place)])
        return sorted(made)

    def _change(self, count: int, moment: int, request: ChangeRequest) -> list[list[str]]:
        chosen = self._some(count, request)
        for _, table, place in chosen:
            table.change(place, moment)
        return sorted([name, table.guid(place)] for name, table, place in chosen)

    def _delete(self, count: int, moment: int, request: ChangeRequest) -> list[list[str]]:
        chosen = self._some(count, request)
        for _, table, place in chosen:
            table.delete(place)
        return sorted([name, table.guid(place)] for name, table, place in chosen)
