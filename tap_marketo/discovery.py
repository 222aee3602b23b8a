"""Discovery: what the account has, as a Singer catalog."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tap_marketo.clock import Clock
from tap_marketo.errors import FilterUnavailableError, MarketoError, QuotaError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import activity_types, lead_fields
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.names import clean, unique_columns, unique_streams
from tap_marketo.protocol.catalog import catalog_entry
from tap_marketo.protocol.schemas import Schema
from tap_marketo.rows.fields import schema_for_data_type
from tap_marketo.streams.activities import (
    ACTIVITY_ID,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    ACTIVITY_STREAM_PREFIX,
    ATTRIBUTE_NAME,
    PRIMARY_ATTRIBUTE,
    attributes_of,
    base_columns,
)
from tap_marketo.streams.leads import LEADS_STREAM
from tap_marketo.streams.paged import PAGED_STREAMS
from tap_marketo.times import to_marketo, whole_seconds

_LEAD_AUTOMATIC = frozenset({"id", "createdAt", "updatedAt"})
_ACTIVITY_TYPES = "activity_types"
_NULLABLE_BASE: Mapping[str, Schema] = {
    "marketoGUID": {"type": ["null", "string"]},
    "leadId": {"type": ["null", "integer"]},
    "activityDate": {"type": ["null", "string"], "format": "date-time"},
    "activityTypeId": {"type": ["null", "integer"]},
    "campaignId": {"type": ["null", "integer"]},
}


def discover(client: MarketoClient, clock: Clock) -> dict[str, Any]:
    """Return the catalog of all streams the account can give."""
    client.start()
    streams = [_leads(client, clock), PAGED_STREAMS[_ACTIVITY_TYPES].discover()]
    types = activity_types(client)
    names = unique_streams(
        ((number, entry["name"]) for number, entry in types.items()), ACTIVITY_STREAM_PREFIX
    )
    streams += [_activity(names[number], number, entry) for number, entry in types.items()]
    streams += [
        stream.discover() for name, stream in PAGED_STREAMS.items() if name != _ACTIVITY_TYPES
    ]
    LOGGER.info("Discovered %d streams.", len(streams))
    return {"streams": streams}


def _leads(client: MarketoClient, clock: Clock) -> dict[str, Any]:
    properties: dict[str, Schema] = {}
    inclusion: dict[str, str] = {}
    for field in lead_fields(client):
        automatic = field.name in _LEAD_AUTOMATIC
        properties[field.name] = schema_for_data_type(field.data_type, nullable=not automatic)
        if not field.is_exportable:
            inclusion[field.name] = "unsupported"
        else:
            inclusion[field.name] = "automatic" if automatic else "available"
    replication_key = "updatedAt" if _can_filter_by_update(client, clock) else "createdAt"
    return catalog_entry(LEADS_STREAM, properties, ["id"], replication_key, inclusion)


def _can_filter_by_update(client: MarketoClient, clock: Clock) -> bool:
    """Ask for an export of one second of changes, and cancel it.

    There is no call that tells whether the subscription has the updatedAt filter; only the
    refusal of an export does (bulk-lead-extract.md, Filters).
    """
    api = ExportApi(client)
    end = whole_seconds(clock.now())
    span = {"startAt": to_marketo(end - timedelta(seconds=1)), "endAt": to_marketo(end)}
    try:
        export_id = api.create(LEADS_STREAM, ["id"], {"updatedAt": span})
    except FilterUnavailableError:
        LOGGER.warning(
            "This subscription cannot filter lead exports by updatedAt: leads will be read by "
            "createdAt, without changes to older leads. Marketo Support can enable the filter."
        )
        return False
    except QuotaError as error:
        LOGGER.warning(
            "Whether leads can be read by updatedAt could not be tried; taking it for granted. %s",
            error,
        )
        return True
    try:
        api.cancel(LEADS_STREAM, export_id)
    except MarketoError as error:
        # It was never enqueued: it costs nothing and Marketo forgets it in a week.
        LOGGER.info("The trial export could not be cancelled. %s", error)
    return True


def _activity(stream: str, number: int, activity_type: Mapping[str, Any]) -> dict[str, Any]:
    base = base_columns(activity_type)
    properties: dict[str, Schema] = {
        column: dict(_NULLABLE_BASE.get(column, {"type": ["null", "string"]})) for column in base
    }
    inclusion = dict.fromkeys(base, "automatic")
    # Not every activity comes from a campaign.
    inclusion["campaignId"] = "available"
    attributes = {attribute["name"]: attribute for attribute in attributes_of(activity_type)}
    column_metadata: dict[str, dict[str, str]] = {}
    for name, column in unique_columns(list(attributes), base).items():
        data_type = str(attributes[name].get("dataType") or "string")
        properties[column] = schema_for_data_type(data_type, nullable=True)
        inclusion[column] = "available"
        column_metadata[column] = {ATTRIBUTE_NAME: name}
    stream_metadata: dict[str, Any] = {ACTIVITY_ID: number}
    primary = activity_type.get("primaryAttribute")
    if isinstance(primary, dict):
        stream_metadata[PRIMARY_ATTRIBUTE] = clean(str(primary.get("name", "")))
    return catalog_entry(
        stream,
        properties,
        [ACTIVITY_KEY],
        ACTIVITY_REPLICATION_KEY,
        inclusion,
        stream_metadata,
        column_metadata,
    )
