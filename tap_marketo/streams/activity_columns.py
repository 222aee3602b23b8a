"""Columns of activity streams: which every type has, and which its attributes go to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tap_marketo.names import clean, free_column, unique_columns
from tap_marketo.protocol.catalog import CatalogEntry, Schema
from tap_marketo.rows.activity_stream import AttributeColumns
from tap_marketo.rows.column_types import column_type
from tap_marketo.streams.descriptions import declared_columns

ACTIVITY_STREAM_PREFIX = "activities_"
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
ACTION_RESULT = "actionResult"
UNKNOWN_ATTRIBUTES = "unknown_attributes"
EXTRA_COLUMNS: Mapping[str, Schema] = {
    # bulk-activity-extract.md, fields: "succeeded", "skipped" or "failed".
    ACTION_RESULT: COLUMNS[ACTION_RESULT],
    # Attributes that have no column, by the names that a row has for them.
    UNKNOWN_ATTRIBUTES: COLUMNS[UNKNOWN_ATTRIBUTES],
}

# Of a type without a primary attribute. Real activities of such types, as New Lead, have a value
# of one all the same.
PRIMARY_COLUMNS: Mapping[str, Schema] = {column: COLUMNS[column] for column in PRIMARY_BASE}

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


def is_of_deletions(entry: CatalogEntry) -> bool:
    """Say whether a stream of activities is that of deleted leads."""
    return type_number(entry) == DELETE_LEAD


def base_columns(activity_type: Mapping[str, Any]) -> list[str]:
    """Return the columns a stream of this activity type has beside its attributes."""
    primary = [PRIMARY_NAME, *PRIMARY_BASE] if activity_type.get("primaryAttribute") else []
    return [*ACTIVITY_BASE, *primary]


def extras_beside(
    columns: Collection[str], activity_type: Mapping[str, Any], number: int
) -> dict[str, str]:
    """Return the column of each extra one that a new stream has beside others.

    Args:
        columns: the others.
        activity_type: of the stream.
        number: of the type. Deletions have no column that is off by default: as pages tell of
            them they have neither results nor attributes (activities.md, Deleted Leads).
    """
    primary = {} if activity_type.get("primaryAttribute") else PRIMARY_COLUMNS
    extras = [*primary, *(EXTRA_COLUMNS if number != DELETE_LEAD else {})]
    return {extra: free_column(extra, columns) for extra in extras}


def extra_columns(entry: CatalogEntry) -> dict[str, str]:
    """Return the column, selected or not, of each of the extra ones that a catalog has.

    The catalog's own note counts. One that somebody added by hand is known by its name and type:
    no attribute's column has capitals, or holds objects. Columns of a primary attribute are known
    by their names.
    """
    found: dict[str, str] = {}
    for column, definition in entry.schema["properties"].items():
        if entry.column_metadata(column, ATTRIBUTE_NAME) is not None:
            continue
        usual = EXTRA_COLUMNS.get(column)
        if column in PRIMARY_COLUMNS or (usual and column_type(definition) is column_type(usual)):
            found[column] = column
    for column in entry.schema["properties"]:
        note = entry.column_metadata(column, EXTRA_COLUMN)
        if isinstance(note, str) and (note in EXTRA_COLUMNS or note in PRIMARY_COLUMNS):
            found[note] = column
    return found


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
    own = {*base_columns({"primaryAttribute": True}), *found.values()}
    others = [column for column in columns if column not in own]
    api_names = {
        attribute["apiName"]: attribute["name"]
        for attribute in attributes
        if isinstance(attribute.get("apiName"), str)
    }
    return AttributeColumns(found, api_names, others)
