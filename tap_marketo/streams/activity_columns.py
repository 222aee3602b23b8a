"""Columns of activity streams: which every type has, and which its attributes go to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tap_marketo.names import Naming, clean, free_column, unique_columns
from tap_marketo.protocol.catalog import CatalogEntry, Schema, catalog_entry
from tap_marketo.rows.activity_stream import AttributeColumns
from tap_marketo.rows.column_types import column_type, schema_for_data_type
from tap_marketo.streams.descriptions import declared_columns, of_attribute

ACTIVITY_KEY = "marketoGUID"
ACTIVITY_REPLICATION_KEY = "activityDate"

# What streams of activities have beside attributes, with what it means.
COLUMNS: Mapping[str, Schema] = declared_columns("activities")

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

# Columns that are off by default. An attribute's name may clean to one of theirs; it keeps its
# column then, and these take a suffix.
# bulk-activity-extract.md, fields: "succeeded", "skipped" or "failed".
ACTION_RESULT = "actionResult"
# Attributes that have no column, by the names that a row has for them.
UNKNOWN_ATTRIBUTES = "unknown_attributes"
EXTRA_COLUMNS = (ACTION_RESULT, UNKNOWN_ATTRIBUTES)
# Beside them the columns of the primary attribute, of a type without one. Real activities of such
# types, as New Lead, have a value of one all the same.
_EXTRAS = (*EXTRA_COLUMNS, *PRIMARY_BASE)

# Where discovery notes, on the stream and on a column, what they are in Marketo.
ACTIVITY_ID = "marketo.activity-id"
PRIMARY_ATTRIBUTE = "marketo.primary-attribute-name"
ATTRIBUTE_NAME = "marketo.attribute-name"
EXTRA_COLUMN = "marketo.extra-column"
# bulk-activity-extract.md: the type that an export refuses.
DELETE_LEAD = 37


def type_number(entry: CatalogEntry) -> int | None:
    """Return the activity type of a stream, None if the catalog does not say it."""
    try:
        return int(entry.stream_metadata(ACTIVITY_ID))
    except (TypeError, ValueError, OverflowError):
        return None


def activity_entry(
    stream: str, number: int, activity_type: Mapping[str, Any], naming: Naming
) -> dict[str, Any]:
    """Write the catalog entry of the stream of an activity type."""
    base = _base_columns(activity_type)
    properties: dict[str, Schema] = {column: dict(COLUMNS[column]) for column in base}
    # Not every activity comes from a campaign.
    inclusion = dict.fromkeys({*base} - {"campaignId"}, "automatic")
    attributes = {attribute["name"]: attribute for attribute in _attributes_of(activity_type)}
    column_metadata: dict[str, dict[str, Any]] = {}
    taken = [*base, *naming.reserved(_EXTRAS)]
    for name, column in naming.attributes(list(attributes), taken).items():
        data_type = str(attributes[name].get("dataType") or "string")
        properties[column] = schema_for_data_type(data_type, nullable=True)
        properties[column]["description"] = of_attribute(name, activity_type)
        column_metadata[column] = {ATTRIBUTE_NAME: name}
    for extra, column in extras_beside(properties, activity_type, number).items():
        properties[column] = dict(COLUMNS[extra])
        column_metadata[column] = {EXTRA_COLUMN: extra}
        if extra in EXTRA_COLUMNS:
            column_metadata[column]["selected-by-default"] = False
    stream_metadata: dict[str, Any] = {ACTIVITY_ID: number}
    primary = activity_type.get("primaryAttribute")
    if isinstance(primary, dict):
        name = str(primary.get("name", ""))
        stream_metadata[PRIMARY_ATTRIBUTE] = clean(name)
        for column in PRIMARY_BASE.keys() & {*base}:
            properties[column]["description"] += f" {of_attribute(name, activity_type)}"
    return catalog_entry(
        stream,
        properties,
        [ACTIVITY_KEY],
        ACTIVITY_REPLICATION_KEY,
        inclusion,
        stream_metadata,
        column_metadata,
    )


def _base_columns(activity_type: Mapping[str, Any]) -> list[str]:
    """Return the columns a stream of this activity type has beside its attributes."""
    primary = [PRIMARY_NAME, *PRIMARY_BASE] if activity_type.get("primaryAttribute") else []
    return [*ACTIVITY_BASE, *primary]


def extras_beside(
    columns: Collection[str], activity_type: Mapping[str, Any], number: int
) -> dict[str, str]:
    """Return the column of each extra one that a new stream has beside others.

    Deletions have no column that is off by default: as pages tell of them they have neither results
    nor attributes (activities.md, Deleted Leads).
    """
    primary = () if activity_type.get("primaryAttribute") else PRIMARY_BASE
    extras = [*primary, *(EXTRA_COLUMNS if number != DELETE_LEAD else ())]
    return {extra: free_column(extra, columns) for extra in extras}


def extra_columns(entry: CatalogEntry) -> dict[str, str]:
    """Return the column, selected or not, of each of the extra ones that a catalog has.

    The catalog's own note counts. One that somebody added by hand is known by its name and type:
    no attribute's column has capitals, or holds objects. Columns of a primary attribute are known
    by their names.
    """
    found: dict[str, str] = {}
    for column, definition in entry.schema["properties"].items():
        if entry.column_metadata(column, ATTRIBUTE_NAME) is not None or column not in _EXTRAS:
            continue
        if column in PRIMARY_BASE or column_type(definition) is column_type(COLUMNS[column]):
            found[column] = column
    for column in entry.schema["properties"]:
        note = entry.column_metadata(column, EXTRA_COLUMN)
        if note in _EXTRAS:
            found[note] = column
    return found


def _attributes_of(activity_type: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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
    attributes = _attributes_of(activity_type)
    names = list(dict.fromkeys(attribute["name"] for attribute in attributes))
    by_rule = unique_columns(names, _base_columns(activity_type))
    extras = extra_columns(entry).values()
    columns = [column for column in entry.schema["properties"] if column not in extras]
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
    own = {*_base_columns({"primaryAttribute": True}), *found.values()}
    others = [column for column in columns if column not in own]
    api_names = {
        attribute["apiName"]: attribute["name"]
        for attribute in attributes
        if isinstance(attribute.get("apiName"), str)
    }
    return AttributeColumns(found, api_names, others)
