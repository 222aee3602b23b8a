"""Activities of every type, exported in bulk together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import compress
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.exports.family import (
    BulkFamily,
    ExportPlan,
    RecordBlock,
    SyncContext,
    date_range,
)
from tap_marketo.log import LOGGER
from tap_marketo.names import Naming, clean
from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry
from tap_marketo.protocol.schemas import Schema
from tap_marketo.rows.activity_attributes import ATTRIBUTES
from tap_marketo.rows.activity_records import TYPE_ID, ActivityRecords
from tap_marketo.rows.activity_stream import ActivityStream
from tap_marketo.rows.column_types import schema_for_data_type
from tap_marketo.rows.csv_file import Block, CsvFile
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import (
    ACTION_RESULT,
    ACTIVITY_BASE,
    ACTIVITY_ID,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    ACTIVITY_STREAM_PREFIX,
    ATTRIBUTE_NAME,
    EXTRA_COLUMN,
    EXTRA_COLUMNS,
    PRIMARY_ATTRIBUTE,
    PRIMARY_BASE,
    PRIMARY_COLUMNS,
    PRIMARY_NAME,
    UNKNOWN_ATTRIBUTES,
    attribute_columns,
    attributes_of,
    base_columns,
    extra_columns,
    extras_beside,
    is_of_deletions,
)
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.permissions import READ_ACTIVITY
from tap_marketo.streams.stream_read import StreamRead

_NULLABLE_BASE: Mapping[str, Schema] = {
    "marketoGUID": {"type": ["null", "string"]},
    "leadId": {"type": ["null", "integer"]},
    "activityDate": {"type": ["null", "string"], "format": "date-time"},
    "activityTypeId": {"type": ["null", "integer"]},
    "campaignId": {"type": ["null", "integer"]},
}


class ActivitiesFamily(BulkFamily):
    """Activities of every selected type, together in one job (bulk-activity-extract.md)."""

    name = "activities"
    bulk_object = "activities"
    keys = (ACTIVITY_KEY,)
    replication_key = ACTIVITY_REPLICATION_KEY
    document = ATTRIBUTES

    def __init__(
        self,
        entries: Collection[CatalogEntry],
        types: Mapping[int, Mapping[str, Any]],
        lookback: timedelta,
    ) -> None:
        """Serve selected streams, given the activity types that Marketo has now, by number."""
        self.lookback = lookback
        self._numbers: dict[str, int] = {}
        self._types = types
        self._gone: set[int] = set()
        served = [entry for entry in entries if self._is_served(entry)]
        super().__init__(served)

    def _is_served(self, entry: CatalogEntry) -> bool:
        number = _type_number(entry)
        if number is None:
            LOGGER.warning(
                "%s is skipped: the catalog does not say its activity type (%s). Run discovery "
                "again.", entry.stream, ACTIVITY_ID,
            )  # fmt: skip
            return False
        if number not in self._types:
            LOGGER.warning(
                "%s is skipped: Marketo no longer has %s. Run discovery again.",
                entry.stream, _spelled(number),
            )  # fmt: skip
            self._gone.add(number)
            return False
        self._numbers[entry.stream] = number
        return True

    def fields(self) -> list[str]:
        # Nearly always all: a job must serve every type, and also streams selected differently
        # when a later run takes it up.
        is_asked = any(
            extra_columns(entry).get(ACTION_RESULT) in entry.columns
            for entry in self.streams.values()
        )
        asked = [ACTION_RESULT] if is_asked else []
        return [*ACTIVITY_BASE.values(), *PRIMARY_BASE.values(), *asked, ATTRIBUTES]

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        # createdAt is the filter's name for activityDate.
        numbers = sorted(self._numbers[stream] for stream in plan.streams)
        return {"createdAt": date_range(plan.window), "activityTypeIds": numbers}

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        if not file.header:
            return
        # Keyed by the number as it stands in the file: no parsing per row.
        stream_of = {str(self._numbers[stream]): stream for stream in plan.streams}
        of_type = {
            number: self._stream(stream, file.columns, time_extracted)
            for number, stream in stream_of.items()
        }
        records = ActivityRecords(file.columns, of_type)
        place = file.columns.index(TYPE_ID)
        for block in file.blocks():
            numbers = [row[place] for row in block.rows]
            counts = Counter(numbers)
            others = counts.keys() - of_type.keys()
            for number in others:
                if not self._is_known(number):
                    row = file.rows_read - len(numbers) + numbers.index(number) + 1
                    raise DataError(
                        f"Row {row} of an activities export is of type {number!r}, which was not "
                        "asked for. Run again; if it stays so, show it to Marketo Support."
                    )
            served = _rows_of(block, place, of_type) if others else block
            yield RecordBlock(
                {name: counts[n] for n, name in stream_of.items() if n in counts},
                records.lines(served) if served.rows else b"",
            )

    def _is_known(self, number: str) -> bool:
        # A job of an earlier run may carry types that have been deselected or removed since.
        return number.isdecimal() and (int(number) in self._types or int(number) in self._gone)

    def _stream(self, stream: str, columns: Sequence[str], time_extracted: str) -> ActivityStream:
        entry = self.streams[stream]
        activity_type = self._types[self._numbers[stream]]
        primary = entry.stream_metadata(PRIMARY_ATTRIBUTE)
        fixed = {PRIMARY_NAME: primary} if isinstance(primary, str) else {}
        extras = extra_columns(entry)
        sources = {**PRIMARY_BASE, ACTION_RESULT: ACTION_RESULT}
        of_file = {extras[name]: source for name, source in sources.items() if name in extras}
        return ActivityStream(
            columns,
            fixed,
            {**ACTIVITY_BASE, **of_file},
            attribute_columns(entry, activity_type),
            self.writer(stream, time_extracted),
            self.issues[stream],
            extras.get(UNKNOWN_ATTRIBUTES),
        )


def _type_number(entry: CatalogEntry) -> int | None:
    """Return the activity type of a stream, None if the catalog does not say it."""
    try:
        return int(entry.stream_metadata(ACTIVITY_ID))
    except (TypeError, ValueError, OverflowError):
        return None


def _spelled(number: int) -> str:
    return f"activity type {number}"


def _rows_of(block: Block, place: int, types: Collection[str]) -> Block:
    """Return the rows of a block that are of some types; the place is that of their ids."""
    is_wanted = [row[place] in types for row in block.rows]
    documents = list(compress(block.documents, is_wanted))
    return Block(list(compress(block.rows, is_wanted)), documents, block.is_text)


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
        number = _type_number(entry)
        if number is None:
            return f"its activity type, which the catalog does not say ({ACTIVITY_ID})"
        return "" if number in account.activity_types else _spelled(number)

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[StreamRead | BulkFamily]:
        if not entries:
            return []
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        return [ActivitiesFamily(entries, account.activity_types, lookback)]


def _catalog_entry(
    stream: str, number: int, activity_type: Mapping[str, Any], naming: Naming
) -> dict[str, Any]:
    base = base_columns(activity_type)
    properties: dict[str, Schema] = {
        column: dict(_NULLABLE_BASE.get(column, {"type": ["null", "string"]})) for column in base
    }
    inclusion = dict.fromkeys(base, "automatic")
    # Not every activity comes from a campaign.
    inclusion["campaignId"] = "available"
    attributes = {attribute["name"]: attribute for attribute in attributes_of(activity_type)}
    column_metadata: dict[str, dict[str, Any]] = {}
    taken = [*base, *naming.reserved([*EXTRA_COLUMNS, *PRIMARY_COLUMNS])]
    for name, column in naming.attributes(list(attributes), taken).items():
        data_type = str(attributes[name].get("dataType") or "string")
        properties[column] = schema_for_data_type(data_type, nullable=True)
        inclusion[column] = "available"
        column_metadata[column] = {ATTRIBUTE_NAME: name}
    for extra, column in extras_beside(properties, activity_type, number).items():
        properties[column] = dict({**EXTRA_COLUMNS, **PRIMARY_COLUMNS}[extra])
        inclusion[column] = "available"
        column_metadata[column] = {EXTRA_COLUMN: extra}
        if extra in EXTRA_COLUMNS:
            column_metadata[column]["selected-by-default"] = False
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
