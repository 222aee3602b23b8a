"""What these calls show, worked out from the data that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.sandbox.activity_types import FIRST_CUSTOM, ActivityType, Attribute
from tests.sandbox.crm.kinds import BY_TABLE, DESCRIBED
from tests.sandbox.crm.tables import CrmTable
from tests.sandbox.fields import LeadField
from tests.sandbox.member_fields import MemberField
from tests.sandbox.members import MemberTable

JSON = dict[str, Any]

_CREATED, _UPDATED = "2016-02-03T22:36:23Z", "2021-11-30T08:00:00Z"
_DRAFT = ActivityType(
    200_001,
    "Plan Visit",
    "Not approved yet",
    Attribute("Place", "string", "place"),
    api_name="planVisit",
)
"""A type that is but a draft: describe shows "the approved version" unless it is asked for drafts,
and no page says what it answers where there is none; here 1013."""


def _custom(types: Iterable[ActivityType]) -> list[ActivityType]:
    """Custom types, which alone have names for the API."""
    return [kind for kind in types if kind.id >= FIRST_CUSTOM and kind.api_name]


def custom_types(types: Iterable[ActivityType]) -> list[JSON]:
    """The types as external/types.json lists them (activities.md, "Get types")."""
    listed = [(kind, "approved") for kind in _custom(types)] + [(_DRAFT, "draft")]
    return [_listed(kind, status) for kind, status in listed]


def _listed(kind: ActivityType, status: str) -> JSON:
    return {
        "id": kind.id,
        "apiName": kind.api_name,
        "name": kind.name,
        "description": kind.description,
        "triggerName": f"{kind.name} (trigger)",
        "filterName": f"{kind.name} (filter)",
        "createdAt": _CREATED,
        "updatedAt": _UPDATED,
        "status": status,
    }


def custom_type_details(types: Iterable[ActivityType]) -> list[JSON]:
    """What describe adds to each approved type, with its name (activities.md, "Describe types")."""
    return [
        {
            "apiName": kind.api_name,
            "primaryAttribute": kind.primary and _attribute(kind.primary),
            "attributes": list(map(_attribute, kind.attributes)),
        }
        for kind in _custom(types)
    ]


def _attribute(attribute: Attribute) -> JSON:
    entry: JSON = {
        "apiName": attribute.api_name,
        "name": attribute.name,
        "dataType": attribute.data_type,
    }
    if len(attribute.name) % 2:
        # swagger-mapi.json requires neither of the two.
        entry |= {"description": f"About {attribute.name}", "isPrimary": False}
    return entry


def describe2(fields: Iterable[LeadField]) -> JSON:
    """The one object of describe2.json (swagger-mapi.json, LeadAttribute2)."""
    over_rest = [field for field in fields if field.rest]
    return {
        "name": "API Lead",
        "searchableFields": [[f.rest] for f in over_rest if f.data_type in ("string", "email")],
        "fields": [
            {
                "name": field.rest,
                "displayName": field.display,
                "dataType": field.data_type,
                "updateable": not field.read_only,
                "crmManaged": False,
            }
            for field in over_rest
        ],
    }


_OF_FORMS = {"integer": "int", "score": "int", "boolean": "single_checkbox", "text": "textarea"}


def form_fields(
    name: str, leads: Iterable[LeadField], members: Sequence[MemberField]
) -> list[JSON]:
    """The fields that forms may have, of leads or of program members (forms.md, "Field Metadata").

    swagger-asset.json, FieldsMetaDataResponse, requires the id alone.
    """
    if name == "leads":
        return [_form_field(f.number, f.rest, f.data_type) for f in leads if f.rest]
    return [
        _form_field(number, field.name, field.data_type)
        for number, field in enumerate(members)
        if field.updateable
    ]


def _form_field(number: int, name: str | None, data_type: str) -> JSON:
    name = str(name)
    entry: JSON = {
        "id": name[:1].upper() + name[1:],
        "isRequired": False,
        "dataType": _OF_FORMS.get(data_type, data_type),
    }
    if number % 7 == 0:
        entry |= {"dataType": "picklist", "picklistValues": 'Mr.,Ms.,"Prof. \U0001f600"'}
    if data_type in ("integer", "score"):
        entry |= {"minimumNumber": -1.5, "maximumNumber": 100, "fieldMaskValues": "999"}
    if data_type in ("string", "textarea"):
        entry |= {"maxLength": 255, "visibleRows": 2, "isSensitive": number % 2 == 0}
    if number % 5 == 0:
        entry |= {
            "description": 'Told, "quoted"',
            "defaultValue": "",
            "fieldWidth": 150,
            "labelWidth": 100,
            "isLabelToRight": False,
            "initiallyChecked": True,
            "isMultiselect": False,
            "placeholderText": "here",
            "validationMessage": "Must be valid",
        }
    return entry


def object_fields(crm: Mapping[str, CrmTable], members: MemberTable) -> Iterator[JSON]:
    """The fields of all objects that are described, as describe has them, each with its object.

    ``_searchable`` says whether searchableFields has it.
    """
    for kind in DESCRIBED.values():
        if table := crm.get(kind.table):
            keys = {name for group in table.filters for name in group}
            for each in table.fields:
                if each.is_described:
                    found = each.name in keys
                    yield {"object": kind.table, **each.described(), "_searchable": found}
    for field in members.fields:
        own = {"_searchable": field.name in members.filters}
        yield {"object": "program_members", **field.described(), **own}


def schema(name: str, members: Sequence[MemberField]) -> list[JSON]:
    """The schema of an object's fields, with a hidden one (swagger-mapi.json, LeadField)."""
    if name == "program_members":
        fields = [(f.name, f.display, f.data_type, f.length) for f in members]
    else:
        fields = [(f.name, f.name, f.data_type, f.length) for f in BY_TABLE[name].fields]
    fields.append(("hiddenNote", "Hidden Note", "string", 255))
    return [
        {
            "displayName": display,
            "name": field,
            "description": (None, "", 'Told, "quoted" \U0001f600')[place % 3],
            "dataType": data_type,
            "length": length,
            "isHidden": field == "hiddenNote",
            "isHtmlEncodingInEmail": data_type == "string",
            "isSensitive": place % 4 == 0,
            "isCustom": place % 3 == 0,
            "isApiCreated": False,
        }
        for place, (field, display, data_type, length) in enumerate(fields)
    ]
