"""Deleted leads: the one activity type that is not exported in bulk, read page by page instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Page, Row, date_token, dated_pages
from tap_marketo.marketo.retention import DELETIONS_KEPT
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import (
    ACTIVITY_BASE,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    DELETE_LEAD,
    PRIMARY_ATTRIBUTE,
    PRIMARY_BASE,
    PRIMARY_NAME,
    attribute_columns,
    is_of_deletions,
)
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.estimate import ACTIVITY_CALLS, BY_DATE
from tap_marketo.streams.page_read import PageRead, Scan
from tap_marketo.streams.permissions import READ_ACTIVITY
from tap_marketo.streams.stream_read import StreamRead

_PATH = "/rest/v1/activities/deletedleads.json"
# What is so much older than Marketo keeps is still asked for.
_MARGIN = timedelta(days=1)


class Deletions(StreamDefinition):
    """The stream of deleted leads (activities.md, Deleted Leads).

    It is found with the other types of activities.
    """

    name = "activities_delete_lead"
    permission = READ_ACTIVITY

    def owns(self, entry: CatalogEntry) -> bool:
        return is_of_deletions(entry)

    def discover(self, account: Account) -> list[dict[str, Any]]:
        return []

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[StreamRead | BulkFamily]:
        return [self._read(entry, account, context) for entry in entries]

    def _read(self, entry: CatalogEntry, account: Account, context: SyncContext) -> PageRead:
        key, stream = ACTIVITY_REPLICATION_KEY, entry.stream
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        scan = Scan.of(context, stream, (ACTIVITY_KEY,), key, lookback)
        scan = replace(scan, since=max(scan.since, context.now - DELETIONS_KEPT - _MARGIN))
        record = _record_maker(entry, account.activity_types)
        pages = _pages(account.client, scan, record)
        return PageRead(entry, scan, pages, lambda _: ACTIVITY_CALLS, BY_DATE)


def _pages(client: MarketoClient, scan: Scan, record: Callable[[Row], Row]) -> Iterator[Page]:
    def start() -> str:
        return date_token(client, scan.since)

    for page in dated_pages(client, _PATH, scan.stream, start, scan.token):
        yield replace(page, rows=list(map(record, page.rows)))


def _record_maker(
    entry: CatalogEntry, types: Mapping[int, Mapping[str, Any]]
) -> Callable[[Row], Row]:
    """Return what turns an activity as pages hold it into a record."""
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

    return record
