"""The activity table: what happened to leads, when, and from when on an export can see it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from tests.sandbox.activity_contents import COMBINATIONS, Details, Edition, NamedIds
from tests.sandbox.activity_types import DELETE_LEAD, ActivityType, Attribute
from tests.sandbox.clock import bulk_time
from tests.sandbox.retention import kept_since
from tests.sandbox.values import ABSENT, Value, as_number, as_text, mix

FIRST_GUID = 783_957_693

DEFAULT_FIELDS = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)
"""Columns of a job that asks for none (bulk-activity-extract.md, "Options")."""
ALL_FIELDS = (*DEFAULT_FIELDS, "actionResult")

T = TypeVar("T")


class _Cells(Generic[T]):
    """Rendered cells, kept where they come again: rendering costs more than looking up."""

    def __init__(self, render: Callable[[Value], T]) -> None:
        self.render = render
        self._numbers: dict[int | None, T] = {}
        self._pooled: dict[int, tuple[Value, T]] = {}

    def number(self, number: int | None) -> T:
        """The cell of an id, or of an absent one."""
        if number not in self._numbers:
            self._numbers[number] = self.render(ABSENT if number is None else as_number(number))
        return self._numbers[number]

    def pooled(self, value: Value) -> T:
        """The cell of a value out of a pool."""
        key = id(value)
        if key not in self._pooled:
            # Kept with its value: else another could take its id, as two files that are written at
            # the same time may each make a pool, of which one goes.
            self._pooled[key] = (value, self.render(value))
        return self._pooled[key][1]


class ActivityTable:
    """Activities in arrays of numbers; their contents are picked from pools of their type."""

    def __init__(
        self,
        seed: int,
        types: list[ActivityType],
        named: NamedIds,
        combinations: int = COMBINATIONS,
        kept_months: int = 0,
    ) -> None:
        self.seed = seed
        self._kept_months = kept_months
        self._named = named
        self._names: dict[int, str] = {}
        self.combinations = combinations
        self.types: list[ActivityType] = []
        self.kind: array[int] = array("q")
        self.lead: array[int] = array("q")
        self.date: array[int] = array("q")
        self.visible: array[int] = array("q")
        self._told: dict[int, Details] = {}
        """What activities hold that were recorded because of something else in the account."""
        self._editions: dict[int, list[Edition]] = {}
        """How each type has been defined, the newest first; a type removed stays here."""
        for each in types:
            self.add_type(each)

    def add(self, kind: int, lead_id: int, date: int, visible: int) -> str:
        """Record an activity that exports see from `visible` on; gives its marketoGUID."""
        self.kind.append(kind)
        self.lead.append(lead_id)
        self.date.append(date)
        self.visible.append(visible)
        return self.guid(len(self.kind) - 1)

    def tell(self, kind: int, lead_id: int, date: int, visible: int, contents: Details) -> str:
        """Record an activity that tells of a change elsewhere in the account; as `add`."""
        self._told[len(self.kind)] = contents
        return self.add(kind, lead_id, date, visible)

    def move_leads(self, heirs: Mapping[int, int]) -> None:
        """Let all that leads have done be what their heirs have done.

        Every activity is in "a lead's activity log" (activities.md), and "a merge combines
        activity logs" (leads.md, "Merge").
        """
        self.lead = array("q", [heirs.get(lead, lead) for lead in self.lead])

    def guid(self, place: int) -> str:
        """The unique key, a string (activities.md, "Query")."""
        return str(FIRST_GUID + 7 * place)

    def add_type(self, kind: ActivityType) -> None:
        """Define a further type; ValueError when there is one of its id."""
        if self.type(kind.id) is not None:
            raise ValueError(f"there is an activity type {kind.id}")
        self.types.append(kind)
        self._define(kind)

    def add_attribute(self, number: int, attribute: Attribute) -> None:
        """Give a type a further attribute, which later activities have; ValueError if it cannot."""
        kind = self.type(number)
        if kind is None:
            raise ValueError(f"no such activity type: {number}")
        if attribute.name in [each.name for each in kind.attributes]:
            raise ValueError(f"activity type {number} has an attribute {attribute.name}")
        grown = replace(kind, attributes=(*kind.attributes, attribute))
        self.types[self.types.index(kind)] = grown
        self._define(grown)

    def _define(self, kind: ActivityType) -> None:
        self._names[kind.id] = kind.name
        edition = Edition(self.seed, kind, len(self.kind), self.combinations, self._named)
        self._editions.setdefault(kind.id, []).insert(0, edition)

    def remove_type(self, number: int) -> bool:
        """Take a type out of types.json; what it recorded stays."""
        gone = self.type(number)
        if gone is not None:
            self.types.remove(gone)
        return gone is not None

    def type(self, number: int) -> ActivityType | None:
        """The type of an id, if it is defined now."""
        return next((kind for kind in self.types if kind.id == number), None)

    def _kept(self, moment: float) -> Mapping[int, float]:
        """The times, by type, before which what happened is gone at the moment."""
        return {
            number: kept_since(name, moment, self._kept_months)
            for number, name in self._names.items()
        }

    def select(
        self, kinds: Collection[int] | None, low: float, high: float, moment: float
    ) -> array[int]:
        """Places of the activities dated in the range that were written by the moment.

        Without types every type is meant, except Delete Lead, which is not supported
        (bulk-activity-extract.md, "Filters").
        """
        wanted = None if kinds is None else frozenset(kinds)
        kept = self._kept(moment)
        rows = enumerate(zip(self.kind, self.date, self.visible, strict=True))
        return array(
            "i",
            [
                place
                for place, (kind, date, visible) in rows
                if low <= date <= high
                and visible <= moment
                and date >= kept[kind]
                and (kind in wanted if wanted is not None else kind != DELETE_LEAD)
            ],
        )

    def after(
        self,
        position: tuple[int, int],
        until: float,
        moment: float,
        kinds: Collection[int],
        leads: Collection[int] | None = None,
    ) -> list[tuple[int, int]]:
        """(date, place) of the activities after a position that were written by the moment.

        In order of date, and within a second in the order in which they were recorded.
        """
        wanted, of_leads = frozenset(kinds), None if leads is None else frozenset(leads)
        since, _ = position
        kept = self._kept(moment)
        rows = enumerate(zip(self.date, self.kind, self.visible, self.lead, strict=True))
        return sorted(
            (date, place)
            for place, (date, kind, visible, lead) in rows
            if since <= date <= until
            and kind in wanted
            and visible <= moment
            and date >= kept[kind]
            and (date, place) > position
            and (of_leads is None or lead in of_leads)
        )

    def campaign(self, place: int) -> int | None:
        """The smart campaign of an activity."""
        told = self._told.get(place)
        if told is not None and told.flow is not None:
            return told.flow.campaign
        number = mix(self.seed, place, 1)
        campaigns = self._named["Campaign ID"][:640]
        return None if number % 3 == 0 else campaigns[number % len(campaigns)]

    def result(self, place: int) -> Value:
        """What became of the flow step behind an activity."""
        told = self._told.get(place)
        if told is not None and told.flow is not None:
            return told.flow.result
        return _RESULTS[mix(self.seed, place, 2) % 20]

    def edition(self, number: int) -> Edition:
        """The type of an id as it is defined now, or was last."""
        return self._editions[number][0]

    def details(self, place: int) -> Details:
        """The contents of one activity."""
        if place in self._told:
            return self._told[place]
        editions = self._editions[self.kind[place]]
        edition = editions[0]
        if edition.first > place:
            edition = next(each for each in editions if each.first <= place)
        return edition.contents(mix(self.seed, place))

    def make_contents(self) -> None:
        """Make the contents of all types, which are else made when they are first asked for."""
        for editions in self._editions.values():
            for edition in editions:
                edition.contents(0)

    def rows(
        self, chosen: Sequence[int], names: Sequence[str], render: Callable[[Value], T]
    ) -> Iterator[list[T]]:
        """The chosen activities as rows of rendered cells."""
        cells = _Cells(render)
        getters = [self._getter(name, cells) for name in names]
        for place in chosen:
            yield [get(place) for get in getters]

    def _getter(self, name: str, cells: _Cells[T]) -> Callable[[int], T]:
        if name == "marketoGUID":
            return lambda place: cells.render(as_text(self.guid(place)))
        if name == "leadId":
            return lambda place: cells.number(self.lead[place])
        if name == "activityDate":
            return lambda place: cells.render(as_text(bulk_time(self.date[place])))
        if name == "activityTypeId":
            return lambda place: cells.number(self.kind[place])
        if name == "campaignId":
            return lambda place: cells.number(self.campaign(place))
        if name == "primaryAttributeValueId":
            return lambda place: cells.pooled(self.details(place).primary_id)
        if name == "primaryAttributeValue":
            return lambda place: cells.pooled(self.details(place).primary)
        if name == "actionResult":
            return lambda place: cells.pooled(self.result(place))
        return lambda place: cells.pooled(self.details(place).attributes)

    def truth(
        self, moment: float, types: Collection[int] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Every activity there is at the moment, typed, attributes by canonical display name.

        Only those of some types, where these are given.
        """
        names = [name for name in ALL_FIELDS if name != "attributes"]
        kept = self._kept(moment)
        stamps = enumerate(zip(self.kind, self.date, self.visible, strict=True))
        chosen = [
            place
            for place, (kind, date, visible) in stamps
            if visible <= moment and date >= kept[kind] and (types is None or kind in types)
        ]
        rows = self.rows(chosen, names, lambda value: value.typed)
        for place, row in zip(chosen, rows, strict=True):
            entry: dict[str, Any] = dict(zip(names, row, strict=True))
            entry["attributes"] = self.details(place).canonical
            entry["_visibleFrom"] = bulk_time(self.visible[place])
            yield entry


_RESULTS = [as_text("failed"), as_text("skipped"), as_text("skipped")] + [as_text("succeeded")] * 17
"""actionResult: "succeeded", "skipped", or "failed" (bulk-activity-extract.md, "Options")."""
