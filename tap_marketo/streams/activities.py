"""Activities of every type, exported in bulk together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import compress
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.exports.family import BulkFamily, RecordBlock, date_range
from tap_marketo.log import LOGGER
from tap_marketo.names import clean, unique_columns
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.rows.activity_records import TYPE_ID, ActivityRecords
from tap_marketo.rows.activity_stream import ActivityStream
from tap_marketo.rows.attribute_names import AttributeColumns
from tap_marketo.rows.attributes import ATTRIBUTES
from tap_marketo.rows.csv_rows import Block, CsvFile
from tap_marketo.times import Window

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


class ActivitiesFamily(BulkFamily):
    """Activities of every selected type, together in one job (bulk-activity-extract.md)."""

    name = "activities"
    bulk_object = "activities"
    key = ACTIVITY_KEY
    replication_key = ACTIVITY_REPLICATION_KEY
    document = ATTRIBUTES

    def __init__(
        self,
        entries: Collection[CatalogEntry],
        types: Mapping[int, Mapping[str, Any]],
        lookback: timedelta,
    ) -> None:
        """Serve activity streams.

        Args:
            entries: selected streams, each with its type's number in its metadata.
            types: the activity types that Marketo has now, by number.
            lookback: how far before the bookmark a sync begins.
        """
        self.lookback = lookback
        self._numbers: dict[str, int] = {}
        self._types = types
        self._gone: set[int] = set()
        served = [entry for entry in entries if self._is_served(entry)]
        super().__init__(served)

    def _is_served(self, entry: CatalogEntry) -> bool:
        try:
            number = int(entry.stream_metadata(ACTIVITY_ID))
        except (TypeError, ValueError, OverflowError):
            LOGGER.warning(
                "%s is skipped: the catalog does not say its activity type (%s). Run discovery "
                "again.", entry.stream, ACTIVITY_ID,
            )  # fmt: skip
            return False
        if number not in self._types:
            LOGGER.warning(
                "%s is skipped: Marketo no longer has activity type %d. Run discovery again.",
                entry.stream, number,
            )  # fmt: skip
            self._gone.add(number)
            return False
        self._numbers[entry.stream] = number
        return True

    def fields(self) -> list[str]:
        # Always all: a job must serve every type, and also streams selected differently when a
        # later run takes it up.
        return [*ACTIVITY_BASE.values(), *PRIMARY_BASE.values(), ATTRIBUTES]

    def filter(self, window: Window, streams: Sequence[str]) -> dict[str, Any]:
        # createdAt is the filter's name for activityDate.
        numbers = sorted(self._numbers[stream] for stream in streams)
        return {"createdAt": date_range(window), "activityTypeIds": numbers}

    def records(
        self, file: CsvFile, streams: Sequence[str], time_extracted: str
    ) -> Iterator[RecordBlock]:
        if not file.header:
            return
        # Keyed by the number as it stands in the file: no parsing per row.
        stream_of = {str(self._numbers[stream]): stream for stream in streams}
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
        return ActivityStream(
            columns,
            fixed,
            {**ACTIVITY_BASE, **PRIMARY_BASE},
            attribute_columns(entry, activity_type).find,
            self.writer(stream, time_extracted),
            self.misfits[stream],
        )


def _rows_of(block: Block, place: int, types: Collection[str]) -> Block:
    """Return the rows of a block that are of some types; the place is that of their ids."""
    is_wanted = [row[place] in types for row in block.rows]
    documents = list(compress(block.documents, is_wanted))
    return Block(list(compress(block.rows, is_wanted)), documents, block.is_text)


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
    found: dict[str, str] = {}
    for name in names:
        candidates = (noted.get(name), by_rule[name], clean(name))
        column = next((c for c in candidates if c in columns and c not in ACTIVITY_BASE), None)
        if column:
            found[name] = column
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
