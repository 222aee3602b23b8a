"""The lead table: what each lead holds follows from the seed, its id and its version."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from tests.sandbox.clock import DAY, bulk_time
from tests.sandbox.crm.links import LINK_FIELDS, LeadLinks
from tests.sandbox.fields import BODY_FIELD, LONG_FIELD, UNIQUE_FIELD, LeadField, make_fields
from tests.sandbox.hostile import hostile_fields
from tests.sandbox.options import Options
from tests.sandbox.values import POOL_SIZE, WORDS, Value, as_text, make_pool, mix

FIRST_ID = 1001
LONG_TEXT_BYTES = 30_000
"""Text areas hold up to 30,000 bytes (field-types.md)."""

T = TypeVar("T")


class Lead(NamedTuple):
    """One lead at one version: all that its cells are computed from."""

    id: int
    created: int
    updated: int
    standard: int
    """Hash from which the standard fields follow."""
    custom: int
    """Hash from which the custom fields follow."""


@dataclass
class LeadSelection:
    """Leads chosen by an export, frozen at the moment in which it was made."""

    index: array[int]
    standard: array[int]
    custom: array[int]
    updated: array[int]

    def __len__(self) -> int:
        return len(self.index)


class LeadTable:
    """Leads in arrays of numbers: some 30 bytes for each, whatever its fields."""

    def __init__(
        self,
        seed: int,
        count: int,
        start: float,
        history_days: float,
        fields: list[LeadField],
        text_bytes: int = 0,
        variety: int = POOL_SIZE,
        links: LeadLinks | None = None,
    ) -> None:
        self.seed = seed
        self.fields = fields
        self.text_bytes = text_bytes
        self.variety = variety
        self.links = links
        """The companies and sales persons of the leads, where the account has fields for them."""
        self.created: array[int] = array("q")
        self.updated: array[int] = array("q")
        self.changed: array[int] = array("q")
        self.standard: array[int] = array("i")
        self.custom: array[int] = array("i")
        self.deleted = bytearray()
        self._pools: dict[tuple[str, str], Sequence[Value]] = {}
        self._body = ""
        rng = random.Random(f"{seed}:leads")
        span = int(history_days * DAY)
        for _ in range(count):
            created = int(start) - rng.randint(60, max(span, 120))
            age = int(start) - created
            updated = created + int(age * rng.random()) if rng.random() < 0.7 else created
            # The hidden time of change is later where only custom fields changed since.
            later = rng.random() < 0.3
            changed = updated + int((int(start) - updated) * rng.random()) if later else updated
            self._append(created, updated, changed)

    def _append(self, created: int, updated: int, changed: int) -> int:
        self.created.append(created)
        self.updated.append(updated)
        self.changed.append(changed)
        self.standard.append(0)
        self.custom.append(0)
        self.deleted.append(0)
        if self.links:
            self.links.add()
        return FIRST_ID + len(self.created) - 1

    @property
    def ids(self) -> list[int]:
        """Ids of the leads that exist."""
        return [FIRST_ID + place for place, gone in enumerate(self.deleted) if not gone]

    def add(self, moment: int) -> int:
        """A new lead, created at the moment."""
        return self._append(moment, moment, moment)

    def touch(self, lead_id: int, moment: int, custom_only: bool) -> None:
        """Change a lead.

        The visible updatedAt "only reflects updates to standard fields", while the filter of the
        same name takes the most recent change to any field (bulk-lead-extract.md, "Filters").
        """
        place = lead_id - FIRST_ID
        self.custom[place] += 1
        self.changed[place] = moment
        if not custom_only:
            self.standard[place] += 1
            self.updated[place] = moment

    def delete(self, lead_id: int) -> None:
        """Take a lead out of the table."""
        self.deleted[lead_id - FIRST_ID] = 1

    def as_of(self, lead_id: int, back: int = 0) -> Lead:
        """A lead as it is, or was so many changes ago (but for its times)."""
        place = lead_id - FIRST_ID
        return Lead(
            lead_id,
            self.created[place],
            self.updated[place],
            mix(self.seed, place, self.standard[place] - back),
            mix(self.seed + 1, place, self.custom[place] - back),
        )

    def has(self, lead_id: int) -> bool:
        """Whether there is a lead of this id now."""
        place = lead_id - FIRST_ID
        return 0 <= place < len(self.deleted) and not self.deleted[place]

    def field(self, rest: str) -> LeadField | None:
        """The field of a REST name."""
        return next((field for field in self.fields if field.rest == rest), None)

    def select(self, column: str, low: float, high: float) -> LeadSelection:
        """Leads whose createdAt or last change lies in the range, both ends included."""
        times = self.created if column == "createdAt" else self.changed
        gone = self.deleted
        return self._frozen(
            [place for place, t in enumerate(times) if low <= t <= high and not gone[place]]
        )

    def members(self, list_number: int) -> LeadSelection:
        """Members of a list: a seventh of the leads, by the number of the list."""
        return self._frozen(
            [i for i, gone in enumerate(self.deleted) if not gone and i % 7 == list_number % 7]
        )

    def these(self, places: list[int]) -> LeadSelection:
        """The leads of these places, as they are now."""
        return self._frozen(places)

    def _frozen(self, places: list[int]) -> LeadSelection:
        return LeadSelection(
            array("i", places),
            array("i", [self.standard[place] for place in places]),
            array("i", [self.custom[place] for place in places]),
            array("q", [self.updated[place] for place in places]),
        )

    def pick(self, ids: Iterable[int]) -> LeadSelection:
        """The leads of some ids that exist."""
        return self._frozen([lead_id - FIRST_ID for lead_id in ids if self.has(lead_id)])

    def everything(self) -> LeadSelection:
        """All leads that exist now."""
        return self._frozen([place for place, gone in enumerate(self.deleted) if not gone])

    def read(self, chosen: LeadSelection) -> Iterator[Lead]:
        """The chosen leads, as they were when they were chosen."""
        for place, standard, custom, updated in zip(
            chosen.index, chosen.standard, chosen.custom, chosen.updated, strict=True
        ):
            yield Lead(
                FIRST_ID + place,
                self.created[place],
                updated,
                mix(self.seed, place, standard),
                mix(self.seed + 1, place, custom),
            )

    def getter(self, name: str, render: Callable[[Value], T]) -> Callable[[Lead], T]:
        """A function that gives a lead's cell of one field, rendered (once, where pooled)."""
        field = self.field(name)
        if field is None:
            raise KeyError(name)
        special = self._special(name)
        if special is not None:
            return lambda lead: render(special(lead))
        cells = [render(value) for value in self._pool(field)]
        size = len(cells)
        salt = mix(self.seed, field.number) >> 3
        if field.standard:
            return lambda lead: cells[(lead[3] ^ salt) % size]
        return lambda lead: cells[(lead[4] ^ salt) % size]

    def rows(
        self, chosen: LeadSelection, names: Sequence[str], render: Callable[[Value], T]
    ) -> Iterator[list[T]]:
        """The chosen leads as rows of rendered cells."""
        getters = [self.getter(name, render) for name in names]
        for lead in self.read(chosen):
            yield [get(lead) for get in getters]

    def truth(self) -> Iterator[dict[str, Any]]:
        """Every lead with typed values, and under _changedAt the hidden time of change."""
        names = [field.rest for field in self.fields if field.rest and field.exportable]
        chosen = self.everything()
        changed = [self.changed[place] for place in chosen.index]
        rows = self.rows(chosen, names, lambda value: value.typed)
        for row, moment in zip(rows, changed, strict=True):
            entry: dict[str, Any] = dict(zip(names, row, strict=True))
            entry["_changedAt"] = bulk_time(moment)
            yield entry

    def _pool(self, field: LeadField) -> Sequence[Value]:
        key = (field.rest or "", field.data_type)
        if key not in self._pools:
            name = f"{self.seed}:{field.rest}:{field.data_type}"
            self._pools[key] = field.values or make_pool(
                name, field.data_type, field.absent, self.variety
            )
        return self._pools[key]

    def _special(self, name: str) -> Callable[[Lead], Value] | None:
        """Fields that differ in every lead and so have no pool."""
        if name == "id":
            return lambda lead: Value(str(lead.id), lead.id)
        if name == "createdAt":
            return lambda lead: as_text(bulk_time(lead.created))
        if name == "updatedAt":
            return lambda lead: as_text(bulk_time(lead.updated))
        if name == "email":
            return lambda lead: (
                Value(None, None)
                if lead.standard % 19 == 0
                else as_text(f"lead{lead.id}.{lead.standard % 9973}@example.com")
            )
        links = self.links
        if links and name in ("contactCompany", *(rest for rest, _, _ in LINK_FIELDS)):
            return lambda lead: links.value(lead.id - FIRST_ID, name, lead.id)
        if name == UNIQUE_FIELD:
            return lambda lead: as_text(f"{lead.id}-{lead.custom:016x}")
        if name == LONG_FIELD:
            return _long_notes
        if name == BODY_FIELD:
            return self._body_text
        return None

    def _body_text(self, lead: Lead) -> Value:
        if not self._body:
            rng = random.Random(f"{self.seed}:body")
            # Line breaks and commas, but no quotes: the size in the file stays predictable.
            marks = ("", "", ",", ".\n")
            step = " ".join(rng.choice(WORDS) + rng.choice(marks) for _ in range(997))
            self._body = step * ((self.text_bytes + 4096) // len(step) + 1)
        offset = lead.custom % 4096
        return as_text(self._body[offset : offset + self.text_bytes])


def _long_notes(lead: Lead) -> Value:
    if lead.id % 250 == 7:
        line = f'{lead.custom:016x} said "yes", then left\n'
        return as_text((line * (LONG_TEXT_BYTES // len(line) + 1))[:LONG_TEXT_BYTES])
    if lead.id % 3:
        return Value(None, None)
    return as_text(f"note {lead.custom % 1000}")


def make_lead_table(options: Options, start: float) -> LeadTable:
    """The lead table that the options ask for."""
    fields = make_fields(options)
    if options.hostile:
        fields += hostile_fields(options.seed, fields[-1].number + 1)
    links = None
    if options.crm_objects:
        links = LeadLinks(options.seed, options.companies, options.sales_persons)
    return LeadTable(
        options.seed,
        options.leads,
        start,
        options.history_days,
        fields,
        options.text_bytes,
        options.variety or POOL_SIZE,
        links,
    )
