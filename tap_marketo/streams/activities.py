"""Streams of activities: one for each type that is exported in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tap_marketo.exports.family import (
    BulkFamily,
    SyncContext,
)
from tap_marketo.names import Naming, clean
from tap_marketo.protocol.catalog import CatalogEntry, Schema, catalog_entry
from tap_marketo.rows.column_types import schema_for_data_type
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import (
    ACTIVITY_ID,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    ACTIVITY_STREAM_PREFIX,
    ATTRIBUTE_NAME,
    COLUMNS,
    EXTRA_COLUMN,
    EXTRA_COLUMNS,
    PRIMARY_ATTRIBUTE,
    PRIMARY_BASE,
    PRIMARY_COLUMNS,
    attributes_of,
    base_columns,
    extras_beside,
    is_of_deletions,
    type_number,
)
from tap_marketo.streams.activity_exports import ActivitiesFamily, spelled
from tap_marketo.streams.activity_increments import ActivitiesIncrement
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.descriptions import of_attribute
from tap_marketo.streams.permissions import READ_ACTIVITY
from tap_marketo.streams.stream_read import Read


class Activities(StreamDefinition):
    """The activity streams that are exported in bulk."""

    name = f"{ACTIVITY_STREAM_PREFIX}<type>"
    is_exported = True
    permission = READ_ACTIVITY
    families = {ActivitiesFamily.name: ActivitiesFamily.bulk_object}

    def bulk_objects(self, account: Account) -> Mapping[str, str]:
        return self.families

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream.startswith(ACTIVITY_STREAM_PREFIX) and not is_of_deletions(entry)

    def discover(self, account: Account) -> list[dict[str, Any]]:
        types = account.activity_types
        names = account.naming.streams(
            [(number, entry["name"]) for number, entry in types.items()], ACTIVITY_STREAM_PREFIX
        )
        return [
            _catalog_entry(names[number], number, entry, account.naming)
            for number, entry in types.items()
        ]

    def missing(self, entry: CatalogEntry, account: Account) -> str:
        number = type_number(entry)
        if number is None:
            return f"its activity type, which the catalog does not say ({ACTIVITY_ID})"
        return "" if number in account.activity_types else spelled(number)

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[Read | BulkFamily]:
        if not entries:
            return []
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        kept_months = context.config.activities_kept_months
        family = ActivitiesFamily(entries, account.activity_types, lookback, kept_months)
        return ActivitiesIncrement(family, account, context).readings()


def _catalog_entry(
    stream: str, number: int, activity_type: Mapping[str, Any], naming: Naming
) -> dict[str, Any]:
    base = base_columns(activity_type)
    properties: dict[str, Schema] = {column: dict(COLUMNS[column]) for column in base}
    inclusion = dict.fromkeys(base, "automatic")
    # Not every activity comes from a campaign.
    inclusion["campaignId"] = "available"
    attributes = {attribute["name"]: attribute for attribute in attributes_of(activity_type)}
    column_metadata: dict[str, dict[str, Any]] = {}
    taken = [*base, *naming.reserved([*EXTRA_COLUMNS, *PRIMARY_COLUMNS])]
    for name, column in naming.attributes(list(attributes), taken).items():
        data_type = str(attributes[name].get("dataType") or "string")
        properties[column] = schema_for_data_type(data_type, nullable=True)
        properties[column]["description"] = of_attribute(name, activity_type)
        inclusion[column] = "available"
        column_metadata[column] = {ATTRIBUTE_NAME: name}
    for extra, column in extras_beside(properties, activity_type, number).items():
        properties[column] = dict(COLUMNS[extra])
        inclusion[column] = "available"
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
