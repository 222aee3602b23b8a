"""Partitions and types of custom objects (custom-objects.md)."""

from __future__ import annotations

from typing import Any

from tests.sandbox.assets import linked_types
from tests.sandbox.assets.draw import JSON, Draw
from tests.sandbox.clock import bulk_time
from tests.sandbox.hostile import ROUGH_FIELDS

CRM_TYPE = "sfdcCampaign_crm"
"""The type that the native CRM sync brings: its fields are all managed by the CRM."""
ROUGH_TYPE = "rough_c"
"""The type of a hostile account, with fields that are hard to take."""

_CUSTOM = (
    ("isOwner", "Is Owner", "boolean"),
    ("mileage", "Mileage", "float"),
    ("dealerMail", "Dealer Mail", "email"),
    ("price", "Price", "currency"),
    ("boughtOn", "Bought On", "date"),
    ("servicedAt", "Serviced At", "datetime"),
    ("dealerPhone", "Dealer Phone", "phone"),
    ("remarks", "Remarks", "text"),
)
"""One field of each data type that there may be (custom-objects.md, "List Field Data Types") and
that no other field has."""

_FIRST = (("car_c", "Car", "vIN"), ("visit_c", "Visit", "visitNo"))


def partition(draw: Draw) -> JSON:
    """A lead partition (swagger-mapi.json, LeadPartition)."""
    name = "Default" if draw.number == 1 else draw.name("Partition")
    record: JSON = {"id": draw.number, "name": name, "description": draw.description()}
    if draw.number % 3 == 0:
        del record["description"]
    return record


def custom_object_type(draw: Draw) -> JSON:
    """A type as customobjects.json lists it, without its fields (custom-objects.md, "List")."""
    crm = draw.asset.more.get("crm", False)
    name, display, key = f"thing{draw.number:02d}_c", draw.name("Thing"), "no"
    if draw.number <= len(_FIRST):
        name, display, key = _FIRST[draw.number - 1]
    if crm:
        name, display, key = CRM_TYPE, "Campaign (SFDC)", "sfdcId"
    if draw.asset.more.get("rough", False):
        name, display, key = ROUGH_TYPE, 'Rough "Thing" \U0001f600', "no"
    keys = [key]
    # custom-objects.md, Describe Object: compound keys stand beside single ones.
    searchable = [[key, "marketoGUID"], ["marketoGUID"], ["leadID"]]
    relations = [_relation("relatedTo")]
    if kind := linked_type(draw):
        name, display, keys, searchable = kind.name, kind.display, kind.keys, kind.searchable
        relations = linked_types.relationships(kind, draw.asset.more["edges_tell"])
    record: JSON = {
        "name": name,
        "displayName": display,
        "description": draw.description(),
        "createdAt": bulk_time(draw.asset.created),
        "updatedAt": bulk_time(draw.asset.updated),
        "idField": "marketoGUID",
        "dedupeFields": keys,
        "searchableFields": searchable,
        "relationships": relations,
    }
    if draw.number % 3 == 0:
        # In swagger-mapi.json, and in the answers about types under schema.
        record["pluralName"] = f"{display}s"
        record["apiName"] = name
        record["state"] = "approved"
        record["version"] = "approved"
    return record


def linked_type(draw: Draw) -> linked_types.LinkedType | None:
    """The declaration of a type that is linked in another way than all others."""
    return linked_types.BY_NAME.get(draw.asset.more.get("linked", ""))


def _relation(word: str) -> JSON:
    return {"field": "leadID", "type": "child", word: {"name": "Lead", "field": "Id"}}


def type_details(draw: Draw) -> JSON:
    """What describe adds: the fields; one example writes `object` for `relatedTo`."""
    crm = draw.asset.more.get("crm", False)
    key = custom_object_type(draw)["dedupeFields"][0]
    kind = linked_type(draw)

    def field(name: str, display: str | None, kind: str, updateable: bool, **more: Any) -> JSON:
        entry: JSON = {"name": name, "displayName": display, "dataType": kind, **more}
        return {**entry, "updateable": updateable, "crmManaged": crm}

    fields = [
        field("createdAt", "Created At", "datetime", False),
        field("marketoGUID", "Marketo GUID", "string", False, length=36),
        field("updatedAt", "Updated At", "datetime", False),
    ]
    if kind:
        own = {name: data_type for name, _, _, data_type in kind.links} | dict(kind.dedupe)
        fields += [field(name, name, data_type, True) for name, data_type in own.items()]
    else:
        fields += [
            field(key, "VIN", "string", True, length=255, description="Identification, unique"),
            field("leadID", "Lead ID", "integer", True),
        ]
    fields += [
        field("year", "Year", "integer", True),
        # One example writes the type with a capital.
        field("color", "Color", "String", True, length=255),
    ]
    more = ROUGH_FIELDS if draw.asset.more.get("rough", False) else _CUSTOM
    fields += [field(name, display, kind, True) for name, display, kind in more]
    if draw.number % 2 == 0 and not crm:
        # The first example of describe has no crmManaged.
        for entry in fields:
            entry.pop("crmManaged")
    word = "object" if draw.number % 2 == 0 else "relatedTo"
    relations = [_relation(word)]
    if kind:
        relations = linked_types.relationships(kind, draw.asset.more["edges_tell"], word)
    return {"relationships": relations, "fields": fields}
