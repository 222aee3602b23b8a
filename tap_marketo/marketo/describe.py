"""What the account looks like now: its lead fields and activity types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.marketo.client import MarketoClient

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
    """

    name: str
    data_type: str
    is_exportable: bool = True
    number: int | None = None
    is_of_crm: bool = False


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
        other = _name(entry.get("soap")) or entry.get("displayName")
        if name:
            fields[name] = Field(name, data_type, data_type != _FORMULA, number)
        elif isinstance(other, str) and other:
            fields.setdefault(other, Field(other, data_type, is_exportable=False, number=number))
    return list(fields.values())


def object_fields(client: MarketoClient, path: str, endpoint: str) -> list[Field]:
    """Read the fields of program members or a custom object (program-members.md, Describe)."""
    described = client.get(path, endpoint)["result"]
    entries = described[0].get("fields") if described and isinstance(described[0], dict) else None
    return [
        Field(
            entry["name"],
            str(entry.get("dataType") or "string"),
            is_of_crm=entry.get("crmManaged") is True,
        )
        for entry in entries or ()
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"]
    ]


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
            raise DataError(
                f"GET {path}: an activity type has the id {raw_id!r}. Run again; if it stays so, "
                "show it to Marketo Support."
            )
        if isinstance(entry.get("name"), str):
            types[number] = entry
    return types


def _number(raw: Any) -> int | None:
    return int(raw) if isinstance(raw, str) and raw.isdecimal() else None


def _name(api: Any) -> str | None:
    name = api.get("name") if isinstance(api, dict) else None
    return name if isinstance(name, str) and name else None
