"""Leads, exported in bulk by the time of their last change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any

from tap_marketo.errors import (
    FieldNotFoundError,
    FilterUnavailableError,
    MarketoError,
    QuotaError,
)
from tap_marketo.exports.family import BulkFamily, RecordBlock, date_range
from tap_marketo.log import LOGGER
from tap_marketo.marketo.describe import LeadField
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry
from tap_marketo.protocol.schemas import Schema
from tap_marketo.rows.csv_rows import CsvFile
from tap_marketo.rows.fields import schema_for_data_type
from tap_marketo.rows.row_records import RowRecords
from tap_marketo.same_names import find_names
from tap_marketo.streams.account import Account
from tap_marketo.streams.kind import StreamKind, SyncStart
from tap_marketo.times import Window, to_marketo, whole_seconds

LEADS_STREAM = "leads"

_AUTOMATIC = frozenset({"id", "createdAt", "updatedAt"})

# Where discovery notes the field of a column that is called otherwise.
FIELD_NAME = "marketo.field-name"


class LeadsFamily(BulkFamily):
    """Leads, by the time of their last change (bulk-lead-extract.md)."""

    name = "leads"
    bulk_object = "leads"
    keys = ("id",)

    def __init__(
        self,
        entry: CatalogEntry,
        fields: Collection[LeadField],
        lookback: timedelta,
    ) -> None:
        """Serve the leads stream.

        Args:
            entry: the selected stream.
            fields: the lead fields that Marketo has now.
            lookback: how far before the bookmark a sync begins.
        """
        self.lookback = lookback
        keys = entry.stream_metadata("valid-replication-keys")
        self.replication_key = "createdAt" if keys in ("createdAt", ["createdAt"]) else "updatedAt"
        if self.replication_key == "createdAt":
            self._warn_of_missing_filter()
        super().__init__([entry])
        self._entry = entry
        self._known = {field.name for field in fields}
        self._exportable = {field.name for field in fields if field.is_exportable}
        self._left_out: set[str] = set()
        self._choose_columns()

    def _choose_columns(self) -> None:
        """Choose the columns to emit, and the fields to ask for: those Marketo can export."""
        entry = self._entry.keyed(self.keys, self.replication_key)
        names = {column: _field_name(entry, column) for column in entry.columns}
        found = find_names(names.values(), self._known)
        self._field_of = {
            column: found[name]
            for column, name in names.items()
            if found.get(name) in self._exportable
        }
        left_out = entry.columns.keys() - self._field_of.keys()
        self.streams = {entry.stream: entry.without(left_out - {*self.keys})}
        for column in entry.columns:
            if column in left_out - self._left_out:
                self._warn_of_missing_field(column)
        self._left_out |= left_out

    def fields(self) -> list[str]:
        return list(self._field_of.values())

    def filter(self, window: Window, streams: Sequence[str]) -> dict[str, Any]:
        # bulk-lead-extract.md: the updatedAt filter goes by a hidden time of the last change to
        # any field, so that a row's visible updatedAt may lie outside the window.
        return {self.replication_key: date_range(window)}

    def records(
        self, file: CsvFile, streams: Sequence[str], time_extracted: str
    ) -> Iterator[RecordBlock]:
        (stream,) = streams
        records = RowRecords(file.header, self.writer(stream, time_extracted), self._field_of)
        for block in file.blocks():
            yield RecordBlock({stream: len(block.rows)}, records.lines(block))

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        if self.replication_key == "createdAt":
            raise error
        self.replication_key = "createdAt"
        self._choose_columns()
        self._warn_of_missing_filter()

    def do_without_field(self, error: FieldNotFoundError) -> None:
        named = find_names(error.names, self.fields())
        unknown = [field for field in named.values() if field not in self.keys]
        if not unknown:
            raise error
        self._exportable.difference_update(unknown)
        self._choose_columns()

    @staticmethod
    def _warn_of_missing_field(column: str) -> None:
        LOGGER.warning(
            "leads.%s cannot be exported: Marketo no longer has the field, does not export it, or "
            "it is a formula. It is left out; run discovery again for a new catalog.",
            column,
        )

    def _warn_of_missing_filter(self) -> None:
        LOGGER.warning(
            "This subscription cannot filter lead exports by updatedAt: leads are read by "
            "createdAt, and changes to leads that were read before are NOT seen. Marketo Support "
            "can enable the filter; run discovery again then."
        )


class Leads(StreamKind):
    """The leads stream."""

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream == LEADS_STREAM

    def discover(self, account: Account) -> list[dict[str, Any]]:
        properties: dict[str, Schema] = {}
        inclusion: dict[str, str] = {}
        notes: dict[str, dict[str, str]] = {}
        numbers = {field.name: field.number for field in account.lead_fields}
        columns = account.naming.fields(numbers, _AUTOMATIC)
        for field in account.lead_fields:
            column = columns[field.name]
            automatic = field.name in _AUTOMATIC
            properties[column] = schema_for_data_type(field.data_type, nullable=not automatic)
            if not field.is_exportable:
                inclusion[column] = "unsupported"
            else:
                inclusion[column] = "automatic" if automatic else "available"
            if column != field.name:
                notes[column] = {FIELD_NAME: field.name}
        replication_key = "updatedAt" if _can_filter_by_update(account) else "createdAt"
        keys = LeadsFamily.keys
        return [
            catalog_entry(LEADS_STREAM, properties, keys, replication_key, inclusion, None, notes)
        ]

    def families(self, entries: Sequence[CatalogEntry], start: SyncStart) -> list[BulkFamily]:
        lookback = timedelta(hours=start.config.leads_lookback_hours)
        return [LeadsFamily(entry, start.account.lead_fields, lookback) for entry in entries]

    def bulk_object(self, family: str) -> str | None:
        return LeadsFamily.bulk_object if family == LeadsFamily.name else None


def _field_name(entry: CatalogEntry, column: str) -> str:
    """Return the field that a column of the catalog holds."""
    noted = entry.column_metadata(column, FIELD_NAME)
    return noted if isinstance(noted, str) else column


def _can_filter_by_update(account: Account) -> bool:
    """Ask for an export of one second of changes, and cancel it.

    There is no call that tells whether the subscription has the updatedAt filter; only the
    refusal of an export does (bulk-lead-extract.md, Filters).
    """
    api = ExportApi(account.client)
    end = whole_seconds(account.clock.now())
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
