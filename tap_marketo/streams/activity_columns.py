"""Columns of activity streams: which every type has, and which its attributes go to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_marketo.names import clean, unique_columns
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.rows.attribute_names import AttributeColumns

ACTIVITY_STREAM_PREFIX = "activities_"
ACTIVITY_KEY = "marketoGUID"
ACTIVITY_REPLICATION_KEY = "activityDate"

# Columns of an activity stream that are columns of the export file, with the names they have
# there (bulk-activity-extract.md, fields).
ACTIVITY_BASE = {
    "marketoGUID": "marketoGUID",
    "leadId": "leadId",
    "activityDate": "activityDate",
    "activityTypeId": "activityTypeId",
    "campaignId": "campaignId",
}
PRIMARY_NAME = "primary_attribute_name"
PRIMARY_BASE = {
    "primary_attribute_value": "primaryAttributeValue",
    "primary_attribute_value_id": "primaryAttributeValueId",
}

# Where discovery notes, on the stream and on a column, what they are in Marketo.
ACTIVITY_ID = "marketo.activity-id"
PRIMARY_ATTRIBUTE = "marketo.primary-attribute-name"
ATTRIBUTE_NAME = "marketo.attribute-name"
# bulk-activity-extract.md: the type that an export refuses.
DELETE_LEAD = 37


def is_of_deletions(entry: CatalogEntry) -> bool:
    """Say whether a stream of activities is that of deleted leads."""
    return str(entry.stream_metadata(ACTIVITY_ID)) == str(DELETE_LEAD)


def base_columns(activity_type: Mapping[str, Any]) -> list[str]:
    """Return the columns a stream of this activity type has beside its attributes."""
    primary = [PRIMARY_NAME, *PRIMARY_BASE] if activity_type.get("primaryAttribute") else []
    return [*ACTIVITY_BASE, *primary]


def attributes_of(activity_type: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return an activity type's secondary attributes that have a name."""
    attributes = activity_type.get("attributes")
    return [
        attribute
        for attribute in (attributes if isinstance(attributes, list) else [])
        if isinstance(attribute, dict) and isinstance(attribute.get("name"), str)
    ]


def attribute_columns(entry: CatalogEntry, activity_type: Mapping[str, Any]) -> AttributeColumns:
    """Find which column each attribute of a stream goes to.

    The catalog's own note counts; a catalog without it was made by the rule alone.
    """
    attributes = attributes_of(activity_type)
    names = list(dict.fromkeys(attribute["name"] for attribute in attributes))
    by_rule = unique_columns(names, base_columns(activity_type))
    columns = entry.schema["properties"]
    noted: dict[str, str] = {}
    for column in columns:
        name = entry.column_metadata(column, ATTRIBUTE_NAME)
        if isinstance(name, str):
            noted[name] = column
    # A new attribute whose name cleans to another's column must not write into it.
    taken = {column: name for name, column in noted.items() if name in by_rule}
    found: dict[str, str | None] = {}
    for name in names:
        candidates = [noted.get(name), by_rule[name], clean(name)]
        free = [c for c in candidates if c not in ACTIVITY_BASE and taken.get(str(c), name) == name]
        found[name] = next((column for column in free if column in columns), None)
    # An attribute that Marketo has removed may still stand in old rows.
    found = {**noted, **found}
    own = {*base_columns({"primaryAttribute": True}), *found.values()}
    others = [column for column in columns if column not in own]
    api_names = {
        attribute["apiName"]: attribute["name"]
        for attribute in attributes
        if isinstance(attribute.get("apiName"), str)
    }
    return AttributeColumns(found, api_names, others)
