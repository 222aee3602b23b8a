"""What the account looks like now: its lead fields and activity types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.marketo.client import MarketoClient

# field-types.md: formula fields are not exported.
_FORMULA = "formula"


@dataclass(frozen=True)
class LeadField:
    """A field of the lead database.

    Attributes:
        name: its REST name, else the name it goes by elsewhere.
        data_type: Marketo's dataType.
        is_exportable: whether a bulk export can hold it.
        number: its id, None where Marketo gives none.
    """

    name: str
    data_type: str
    is_exportable: bool
    number: int | None = None


def lead_fields(client: MarketoClient) -> list[LeadField]:
    """Read the lead fields (leads.md, Describe). One without a REST name cannot be exported."""
    fields: dict[str, LeadField] = {}
    for entry in client.get("/rest/v1/leads/describe.json", "leads_describe")["result"]:
        if not isinstance(entry, dict):
            continue
        data_type = str(entry.get("dataType") or "string")
        number = _number(entry.get("id"))
        name = _name(entry.get("rest"))
        other = _name(entry.get("soap")) or entry.get("displayName")
        if name:
            fields[name] = LeadField(name, data_type, data_type != _FORMULA, number)
        elif isinstance(other, str) and other:
            fields.setdefault(
                other, LeadField(other, data_type, is_exportable=False, number=number)
            )
    return list(fields.values())


def activity_types(client: MarketoClient) -> dict[int, Mapping[str, Any]]:
    """Read the activity types by number (activities.md, Describe)."""
    types: dict[int, Mapping[str, Any]] = {}
    path = "/rest/v1/activities/types.json"
    for entry in client.get(path, "activity_types")["result"]:
        told = entry.get("id") if isinstance(entry, dict) else None
        number = _number(told)
        if number is None:
            raise DataError(
                f"GET {path}: an activity type has the id {told!r}. Run again; if it stays so, "
                "show it to Marketo Support."
            )
        if isinstance(entry.get("name"), str):
            types[number] = entry
    return types


def _number(told: Any) -> int | None:
    return int(told) if isinstance(told, str) and told.isdecimal() else None


def _name(api: Any) -> str | None:
    name = api.get("name") if isinstance(api, dict) else None
    return name if isinstance(name, str) and name else None
