"""What the account looks like now: its lead fields and activity types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tap_marketo.errors import odd_data
from tap_marketo.marketo.client import MarketoClient

DEDUPE_FIELDS = "dedupeFields"
"""The filter by the key of an object (lead-database.md, Query), which may have several fields."""

# field-types.md: formula fields are not exported.
_FORMULA = "formula"


@dataclass(frozen=True)
class Field:
    """A field of leads, of program members, or of a custom object.

    Attributes:
        name: its REST name, else the name it goes by elsewhere.
        data_type: Marketo's dataType.
        is_exportable: whether a bulk export can hold it.
        number: its id, None where Marketo gives none.
        is_of_crm: whether a CRM has charge of it.
        display_name: its name for people, empty where Marketo gives none. It may hold anything.
    """

    name: str
    data_type: str
    is_exportable: bool = True
    number: int | None = None
    is_of_crm: bool = False
    display_name: str = ""


def lead_entries(client: MarketoClient) -> list[Mapping[str, Any]]:
    """Read what Marketo says of the lead fields (leads.md, Describe)."""
    result = client.get("/rest/v1/leads/describe.json", "leads_describe")["result"]
    return [entry for entry in result if isinstance(entry, dict)]


def lead_fields(entries: Iterable[Mapping[str, Any]]) -> list[Field]:
    """Return the lead fields of describe's entries. One without a REST name cannot be exported."""
    fields: dict[str, Field] = {}
    for entry in entries:
        data_type = str(entry.get("dataType") or "string")
        number = _number(entry.get("id"))
        name = _name(entry.get("rest"))
        display = _text(entry.get("displayName"))
        other = _name(entry.get("soap")) or display
        is_exportable = bool(name) and data_type != _FORMULA
        field = Field(name or other, data_type, is_exportable, number, display_name=display)
        if name:
            fields[name] = field
        elif other:
            fields.setdefault(other, field)
    return list(fields.values())


@dataclass(frozen=True)
class Link:
    """A field of an object whose values are those of a field of another one.

    Attributes:
        field: of the object itself.
        other: the name of the other object.
        other_field: of that.
    """

    field: str
    other: str
    other_field: str


@dataclass(frozen=True)
class ObjectDescription:
    """What Marketo says of an object.

    Attributes:
        fields: of its rows.
        filters: the fields by whose values its rows can be asked for, each by itself.
        dedupe: the fields that together make a row unique.
        links: the fields that link it to other objects.
    """

    fields: Sequence[Field]
    filters: frozenset[str]
    dedupe: tuple[str, ...] = ()
    links: Sequence[Link] = ()

    def takes(self, name: str) -> bool:
        """Say whether rows can be asked for by a filter.

        What dedupeFields names is always a filter (lead-database.md, Query).
        """
        return name in self.filters or self.dedupe == (name,) or self.is_compound(name)

    def is_compound(self, name: str) -> bool:
        """Say whether a filter is that by a key of several fields."""
        return name == DEDUPE_FIELDS and len(self.dedupe) > 1


def describe_object(client: MarketoClient, path: str, endpoint: str) -> ObjectDescription:
    """Read what Marketo says of an object (lead-database.md, Describe)."""
    result = client.get(path, endpoint)["result"]
    described = result[0] if result and isinstance(result[0], dict) else {}
    fields = [
        Field(
            entry["name"],
            str(entry.get("dataType") or "string"),
            is_of_crm=entry.get("crmManaged") is True,
            display_name=_text(entry.get("displayName")),
        )
        for entry in _list(described.get("fields"))
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"]
    ]
    # Compound keys stand beside single ones.
    keys = (each for each in _list(described.get("searchableFields")) if isinstance(each, list))
    singles = (each[0] for each in keys if len(each) == 1)
    return ObjectDescription(
        fields,
        frozenset(key for key in singles if isinstance(key, str)),
        tuple(each for each in _list(described.get(DEDUPE_FIELDS)) if isinstance(each, str)),
        object_links(described),
    )


def object_links(entry: Mapping[str, Any]) -> list[Link]:
    """Return how an object is linked to others (custom-objects.md, List).

    The ``type`` of a relationship says nothing: the page's examples call a lead "parent" as well as
    "child". One example has ``object`` for ``relatedTo``.
    """
    links = []
    for each in _list(entry.get("relationships")):
        own = each if isinstance(each, dict) else {}
        other = own.get("relatedTo") or own.get("object")
        other = other if isinstance(other, dict) else {}
        names = (own.get("field"), other.get("name"), other.get("field"))
        if all(isinstance(name, str) and name for name in names):
            links.append(Link(*map(str, names)))
    return links


def custom_object_name(entry: Mapping[str, Any]) -> Any:
    """Return the API name of a type of custom objects, None if its entry has none.

    custom-objects.md, List, has it as ``name``; swagger-mapi.json, ObjectMetaData, as ``apiName``.
    """
    return entry.get("name") or entry.get("apiName")


def activity_types(client: MarketoClient) -> dict[int, Mapping[str, Any]]:
    """Read the activity types by number (activities.md, Describe)."""
    types: dict[int, Mapping[str, Any]] = {}
    path = "/rest/v1/activities/types.json"
    for entry in client.get(path, "activity_types")["result"]:
        raw_id = entry.get("id") if isinstance(entry, dict) else None
        number = _number(raw_id)
        if number is None:
            raise odd_data(f"GET {path}: an activity type has the id {raw_id!r}")
        if isinstance(entry.get("name"), str):
            types[number] = entry
    return types


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(raw: Any) -> int | None:
    return int(raw) if isinstance(raw, str) and raw.isdecimal() else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _name(api: Any) -> str | None:
    name = api.get("name") if isinstance(api, dict) else None
    return name if isinstance(name, str) and name else None
