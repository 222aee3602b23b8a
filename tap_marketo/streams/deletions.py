"""Deleted leads: the one activity type that is not exported in bulk, read page by page instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Page, Row, dated_pages
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.activities import (
    ACTIVITY_BASE,
    ACTIVITY_ID,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    PRIMARY_ATTRIBUTE,
    PRIMARY_BASE,
    PRIMARY_NAME,
    attribute_columns,
)
from tap_marketo.streams.paged import PagedStream, Scan

# bulk-activity-extract.md: the type that an export refuses.
DELETE_LEAD = 37
# Get Deleted Leads: "Deletions greater than 14 days old may be pruned."
_KEPT_FOR = timedelta(days=14)


def is_of_deletions(entry: CatalogEntry) -> bool:
    """Say whether a stream of activities is that of deleted leads."""
    return str(entry.stream_metadata(ACTIVITY_ID)) == str(DELETE_LEAD)


def deletions_stream(entry: CatalogEntry, types: Mapping[int, Mapping[str, Any]]) -> PagedStream:
    """Return how the stream of deleted leads is read (activities.md, Deleted Leads).

    Args:
        entry: the selected stream.
        types: the activity types that Marketo has now, by number.
    """
    find = attribute_columns(entry, types.get(DELETE_LEAD, {})).find
    name = entry.stream_metadata(PRIMARY_ATTRIBUTE)

    def record(row: Row) -> Row:
        values: dict[str, Any] = {PRIMARY_NAME: name}
        attributes = row.get("attributes")
        for attribute in attributes if isinstance(attributes, list) else []:
            if isinstance(attribute, dict) and (column := find(str(attribute.get("name")))):
                values[column] = attribute.get("value")
        sources = {**ACTIVITY_BASE, **PRIMARY_BASE}
        return values | {column: row.get(source) for column, source in sources.items()}

    def read(client: MarketoClient, stream: PagedStream, scan: Scan) -> Iterator[Page]:
        token = scan.mark.token if scan.mark else None
        for page in dated_pages(client, stream.path, stream.name, scan.since, token):
            yield replace(page, rows=list(map(record, page.rows)))

    return PagedStream(
        entry.stream,
        "/rest/v1/activities/deletedleads.json",
        read,
        frozenset(),
        ACTIVITY_REPLICATION_KEY,
        ACTIVITY_KEY,
    )


def warn_of_gap(stream: str, bookmark: datetime | None, now: datetime) -> None:
    """Say so when deletions since the last run may be gone from Marketo already."""
    if bookmark and now - bookmark > _KEPT_FOR:
        LOGGER.warning(
            "%s was last read at %s: Marketo keeps deletions for 14 days only, so that some may be "
            "missing. Compare the leads' ids with those of Marketo.",
            stream, bookmark.isoformat(),
        )  # fmt: skip
