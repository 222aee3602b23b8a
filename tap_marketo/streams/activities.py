"""Streams of activities: one for each type, exported in bulk, and that of deleted leads.

What is new of the exported ones may come by pages. Deleted leads always do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.marketo.pages import Row, date_token, dated_pages
from tap_marketo.marketo.retention import DELETIONS_KEPT
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.activity_stream import ATTRIBUTES
from tap_marketo.rows.page_rows import activity_block
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import (
    ACTIVITY_BASE,
    ACTIVITY_ID,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    DELETE_LEAD,
    EXTRA_COLUMNS,
    PRIMARY_ATTRIBUTE,
    PRIMARY_BASE,
    PRIMARY_NAME,
    activity_entry,
    attribute_columns,
    extra_columns,
    type_number,
)
from tap_marketo.streams.activity_exports import ActivitiesFamily, spelled
from tap_marketo.streams.change_events import activity_pages
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.increments import IncrementRead
from tap_marketo.streams.paged import PageRead
from tap_marketo.streams.permissions import READ_ACTIVITY
from tap_marketo.streams.scan import Scan
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, BY_DATE, Read
from tap_marketo.times import to_time_extracted

_PREFIX = "activities_"
_DELETED_LEADS = "/rest/v1/activities/deletedleads.json"
# What is so much older than Marketo keeps is still asked for.
_MARGIN = timedelta(days=1)


class Activities(StreamDefinition):
    """The activity streams that are exported in bulk."""

    name = f"{_PREFIX}<type>"
    is_exported = True
    permission = READ_ACTIVITY
    families = {ActivitiesFamily.name: ActivitiesFamily.bulk_object}

    def bulk_objects(self, account: Account) -> Mapping[str, str]:
        return self.families

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream.startswith(_PREFIX) and type_number(entry) != DELETE_LEAD

    def discover(self, account: Account) -> list[dict[str, Any]]:
        types = account.activity_types
        names = account.naming.streams(
            [(number, entry["name"]) for number, entry in types.items()], _PREFIX
        )
        return [
            activity_entry(names[number], number, entry, account.naming)
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
        family = ActivitiesFamily(
            entries,
            account.activity_types,
            timedelta(hours=context.config.activities_lookback_hours),
            context.config.activities_kept_months,
        )
        return ActivitiesIncrement(family, account, context).readings()


class ActivitiesIncrement(IncrementRead):
    """Reads new activities by pages, ten types at a time (activities.md, Query)."""

    family: ActivitiesFamily

    def _missing(self) -> str:
        # bulk-activity-extract.md, fields: only exports have actionResult. Attributes that have no
        # column are kept by the names that a row has for them, which are other ones in files than
        # in pages.
        for stream, entry in self.family.streams.items():
            extras = extra_columns(entry)
            for name in EXTRA_COLUMNS:
                if extras.get(name) in entry.columns:
                    return f"only exports have {stream}.{extras[name]}"
        return ""

    def _pages(self, emitter: Emitter, since: datetime, most: int) -> Generator[None, None, bool]:
        family, end = self.family, self._now
        columns = [name for name in family.fields() if name != ATTRIBUTES]
        calls = 0
        for types, pages in activity_pages(self._account.client, since, family.numbers.values()):
            some = [stream for stream, number in family.numbers.items() if number in types]
            deal = family.dealer(columns, some, to_time_extracted(emitter.now()))
            for page in pages:
                calls += 1
                if page.rows:
                    block = deal(activity_block(page.rows, columns))
                    emitter.records(block.lines, block.counts)
                yield None
                if calls > most:
                    return False
            emitter.move_to(family.position_by_pages(some, end))
        return True


class Deletions(StreamDefinition):
    """The stream of deleted leads, a type that is not exported (activities.md, Deleted Leads).

    It is found with the other types of activities.
    """

    name = "activities_delete_lead"
    permission = READ_ACTIVITY

    def owns(self, entry: CatalogEntry) -> bool:
        return type_number(entry) == DELETE_LEAD

    def discover(self, account: Account) -> list[dict[str, Any]]:
        return []

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[Read | BulkFamily]:
        return [self._read(entry, account, context) for entry in entries]

    def _read(self, entry: CatalogEntry, account: Account, context: SyncContext) -> PageRead:
        key, stream = ACTIVITY_REPLICATION_KEY, entry.stream
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        scan = Scan.of(context, stream, (ACTIVITY_KEY,), key, lookback)
        scan = replace(scan, since=max(scan.since, context.now - DELETIONS_KEPT - _MARGIN))
        start = partial(date_token, account.client, scan.since)
        pages = dated_pages(account.client, _DELETED_LEADS, stream, start, scan.token)
        record = _record_maker(entry, account.activity_types)
        records = (replace(page, rows=list(map(record, page.rows))) for page in pages)
        return PageRead(entry, scan, records, lambda _: ACTIVITY_CALLS, BY_DATE)


def _record_maker(
    entry: CatalogEntry, types: Mapping[int, Mapping[str, Any]]
) -> Callable[[Row], Row]:
    """Return what turns an activity as pages hold it into a record."""
    find = attribute_columns(entry, types.get(DELETE_LEAD, {})).find
    name = entry.stream_metadata(PRIMARY_ATTRIBUTE)
    sources = {**ACTIVITY_BASE, **PRIMARY_BASE}

    def record(row: Row) -> Row:
        values: dict[str, Any] = {PRIMARY_NAME: name}
        attributes = row.get("attributes")
        for attribute in attributes if isinstance(attributes, list) else []:
            if isinstance(attribute, dict) and (column := find(str(attribute.get("name")))):
                values[column] = attribute.get("value")
        return values | {column: row.get(source) for column, source in sources.items()}

    return record
