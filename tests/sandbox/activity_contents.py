"""What activities hold beside ids and dates: pools of contents, one for each type."""

from __future__ import annotations

import json
import random
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.sandbox.activity_types import FIRST_CUSTOM, ActivityType, Attribute
from tests.sandbox.options import Options
from tests.sandbox.values import ABSENT, POOL_SIZE, Value, as_number, as_text, make_pool

COMBINATIONS = 47
"""Different sets of attribute values for each type; a prime."""
_VARIANTS = 7
"""Different sets of the attributes that are left open, for each subject."""


NamedIds = Mapping[str, Sequence[int]]
"""What attributes of standard types name, by the attribute's name: ids that there are."""


def named_ids(options: Options) -> NamedIds:
    """Return the ids that attributes name, of an account of these options.

    "Webform ID" is "the Marketo ID of the submitted form" (activities.md, "Describe"); the others
    are named alike.
    """
    firsts = {
        "Webform ID": (1001, options.forms),
        "Mailing ID": (1001, options.emails),
        "Campaign ID": (2001, options.campaigns),
        "Segmentation ID": (1001, options.segmentations),
        "New Segment ID": (1001, options.segments),
        "Lead ID": (1001, options.leads),
    }
    return {name: range(first, first + max(1, rows)) for name, (first, rows) in firsts.items()}


class Flow(NamedTuple):
    """The step of a campaign's flow that an activity comes from."""

    campaign: int | None
    result: Value
    """actionResult of that step."""


class Details(NamedTuple):
    """What activities of one type hold beside ids and dates."""

    primary_id: Value
    primary: Value
    attributes: Value
    """The JSON text of the file, with the typed canonical dictionary kept aside."""
    canonical: dict[str, Any]
    flow: Flow | None = None
    """Where it is known; else chance says which campaign and result an activity has."""


def told(primary_id: int | None, primary: str | None, attributes: Mapping[str, Any]) -> Details:
    """The contents of an activity that tells of a change: what it is about, and how it changed."""
    return Details(
        ABSENT if primary_id is None else as_number(primary_id),
        ABSENT if primary is None else as_text(primary),
        Value(json.dumps(attributes, ensure_ascii=False, separators=(",", ":")), None),
        dict(attributes),
    )


class About(NamedTuple):
    """What contents must be about."""

    primary_id: Value
    primary: Value
    attributes: Mapping[str, Value]
    """By display name; ABSENT for one that is left out."""
    flow: Flow


class Edition:
    """A type as defined from some activity on.

    "Activities created after approval use the new secondary attribute set. Changes do not apply
    retroactively to existing activities of that type" (activities.md).
    """

    def __init__(
        self, seed: int, kind: ActivityType, first: int, size: int, named: NamedIds
    ) -> None:
        self._seed = seed
        self._named = {} if kind.id >= FIRST_CUSTOM else named
        self._kind = kind
        self.first = first
        """The place of the first activity that is recorded under this definition."""
        self._size = size
        self._pools: dict[str, Sequence[Value]] = {}
        self._pool: list[Details] = []
        self._fixed: dict[tuple[Hashable, int], Details] = {}

    def contents(self, number: int) -> Details:
        """One of the sets of contents."""
        if not self._pool:
            rng = random.Random(f"{self._seed}:{self._kind.id}")
            self._pool = [
                Details(*_primary(rng, self._kind.primary, place, self._named), *shown)
                for place, shown in enumerate(self._shown(rng, {}) for _ in range(self._size))
            ]
        return self._pool[number % self._size]

    def contents_about(self, key: Hashable, number: int, about: About) -> Details:
        """One of a few sets of contents that agree in what they are about.

        The same key stands for the same subject.
        """
        number %= _VARIANTS
        if (key, number) not in self._fixed:
            rng = random.Random(f"{self._seed}:{self._kind.id}:{key}:{number}")
            shown = self._shown(rng, about.attributes)
            self._fixed[key, number] = Details(about.primary_id, about.primary, *shown, about.flow)
        return self._fixed[key, number]

    def _shown(
        self, rng: random.Random, fixed: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Any]]:
        """Attributes as the file has them, and as they are meant."""
        attributes = self._kind.attributes
        names = [attribute.name for attribute in attributes]
        shown: dict[str, Any] = {}
        canonical: dict[str, Any] = {}
        for attribute in attributes:
            value = fixed.get(attribute.name) or rng.choice(self._values(attribute))
            # "If the field is empty, then that particular attribute is omitted" (activities.md).
            if value.text:
                shown[_key(rng, attribute, names)] = _json_value(rng, attribute, value)
                canonical[attribute.name] = value.typed
        text = json.dumps(shown, ensure_ascii=rng.random() < 0.5, separators=(",", ":"))
        return Value(text, None), canonical

    def _values(self, attribute: Attribute) -> Sequence[Value]:
        if attribute.values:
            return attribute.values
        if attribute.name in self._named:
            return [as_number(number) for number in self._named[attribute.name]]
        if attribute.name not in self._pools:
            name = f"{self._seed}:{self._kind.id}:{attribute.name}"
            size = max(self._size, POOL_SIZE)
            self._pools[attribute.name] = make_pool(name, attribute.data_type, 0.2, size)
        return self._pools[attribute.name]


def _key(rng: random.Random, attribute: Attribute, names: Sequence[str]) -> str:
    """The key of an attribute: its display name, at times in another case or the API name.

    Adobe promises none of it, but extractors have met all three; a spelling that could mean two
    attributes is never used.
    """
    luck = rng.random()
    name = attribute.name
    # Letters beyond ASCII change more than their case (the upper case of one may be two).
    if luck < 0.08 and name.isascii():
        other = name.lower()
    elif luck < 0.12 and name.isascii():
        other = name.upper()
    elif luck < 0.2 and attribute.api_name:
        other = attribute.api_name
    else:
        return name
    alike = [each for each in names if each != name and each.casefold() == other.casefold()]
    same = other.casefold() == name.casefold()
    rivals = [each for each in names if each.casefold() == name.casefold() and each != name]
    return name if alike or (same and rivals) else other


def _json_value(rng: random.Random, attribute: Attribute, value: Value) -> str | int | float | bool:
    """Mostly strings; numbers and booleans come as such too (bulk-activity-extract.md sample)."""
    luck = rng.random()
    typed = value.typed
    if isinstance(typed, bool):
        if luck < 0.4:
            return typed
        return str(typed).lower() if luck < 0.7 else int(typed) if luck < 0.9 else str(int(typed))
    if isinstance(typed, (int, float)) and luck < 0.4:
        return typed
    return value.text or ""


def _primary(
    rng: random.Random, primary: Attribute | None, place: int, named: NamedIds
) -> tuple[Value, Value]:
    """primaryAttributeValueId and primaryAttributeValue.

    Types without a primary attribute in types.json have values too, as New Lead has in real
    files; no page says so.
    """
    if primary is None:
        if place % 4 == 0:
            return ABSENT, ABSENT
        return (as_number(7000 + place) if place % 4 > 1 else ABSENT), as_text(f"Source {place}")
    name = as_text(f"{primary.name.strip()} {place}, {'a' if place % 2 else 'b'}/page.html")
    if primary.data_type == "integer":
        number = 2**31 + place if place == 5 else rng.randint(1, 5000)
        if primary.name in named:
            number = rng.choice(named[primary.name])
        return as_number(number), ABSENT if place % 11 == 0 else name
    return ABSENT, name
