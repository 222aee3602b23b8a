"""Exports of activities: one kind of job for all selected types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

from tap_marketo.errors import odd_data
from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.family import (
    BulkFamily,
    ExportPlan,
    RecordBlock,
    SyncContext,
    date_range,
)
from tap_marketo.exports.windows import cursors_after, expiring_first
from tap_marketo.log import LOGGER
from tap_marketo.marketo.retention import HIGH_VOLUME, HIGH_VOLUME_KEPT, asked_since, midnight
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.rows.activity_records import TYPE_ID, ActivityRecords
from tap_marketo.rows.activity_stream import ATTRIBUTES, ActivityStream
from tap_marketo.rows.csv_file import Block, CsvFile
from tap_marketo.streams.activity_columns import (
    ACTION_RESULT,
    ACTIVITY_BASE,
    ACTIVITY_ID,
    ACTIVITY_KEY,
    ACTIVITY_REPLICATION_KEY,
    PRIMARY_ATTRIBUTE,
    PRIMARY_BASE,
    PRIMARY_NAME,
    UNKNOWN_ATTRIBUTES,
    attribute_columns,
    extra_columns,
    type_number,
)
from tap_marketo.times import to_marketo

# What is older than this is read before all else where days are too small: the rest has so much
# more time.
_SOON = timedelta(days=30)


class ActivitiesFamily(BulkFamily):
    """Activities of every selected type, together in one job (bulk-activity-extract.md).

    Attributes:
        numbers: of the streams' types.
    """

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
        kept_months: int,
    ) -> None:
        """Serve selected streams, given the activity types that Marketo has now, by number.

        ``kept_months`` is how old what is asked for may be (activities_kept_months).
        """
        self.lookback = lookback
        self._kept_months = kept_months
        self.numbers: dict[str, int] = {}
        self._types = types
        self._gone: set[int] = set()
        super().__init__([entry for entry in entries if self._is_served(entry)])

    def _is_served(self, entry: CatalogEntry) -> bool:
        number = type_number(entry)
        if number is None:
            LOGGER.warning(
                "%s is skipped: the catalog does not say its activity type (%s). Run discovery "
                "again.", entry.stream, ACTIVITY_ID,
            )  # fmt: skip
            return False
        if number not in self._types:
            LOGGER.warning(
                "%s is skipped: Marketo no longer has %s. Run discovery again.",
                entry.stream, spelled(number),
            )  # fmt: skip
            self._gone.add(number)
            return False
        self.numbers[entry.stream] = number
        return True

    def cursor(self, context: SyncContext, stream: str) -> Cursor:
        cursor = super().cursor(context, stream)
        horizon = asked_since(self._type_name(stream), context.now, self._kept_months)
        return replace(cursor, horizon=horizon, earliest=max(horizon, cursor.earliest))

    def reads_ahead_until(self, context: SyncContext) -> datetime | None:
        # Of whole days, so that some hours later the windows are the same.
        return midnight(context.now - HIGH_VOLUME_KEPT) if self._expiring() else None

    def expiring_first(
        self, context: SyncContext, made: Sequence[ExportPlan], plans: Sequence[ExportPlan]
    ) -> Sequence[ExportPlan]:
        since = self.reads_ahead_until(context)
        if since is None:
            return plans
        cursors = {stream: self.cursor(context, stream) for stream in self.streams}
        reached, soon = cursors_after(cursors, made), midnight(context.now - _SOON)
        ordered = expiring_first(plans, reached, self._expiring(), since, soon)
        if ordered and ordered[0].window.start != plans[0].window.start:
            LOGGER.info(
                "activities: not everything fits into today. What Marketo deletes next is read "
                "first, from %s on; what is older is read at last.",
                to_marketo(ordered[0].window.start),
            )
        return ordered

    def _expiring(self) -> set[str]:
        """Return the streams of which each day some activities are deleted."""
        return {stream for stream in self.streams if self._type_name(stream) in HIGH_VOLUME}

    def _type_name(self, stream: str) -> str:
        return str(self._types[self.numbers[stream]].get("name"))

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
        numbers = sorted(self.numbers[stream] for stream in plan.streams)
        return {"createdAt": date_range(plan.window), "activityTypeIds": numbers}

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        if not file.header:
            return
        deal = self.dealer(file.columns, plan.streams, time_extracted)
        for block in file.blocks():
            yield deal(block)

    def dealer(
        self, columns: Sequence[str], streams: Sequence[str], time_extracted: str
    ) -> Callable[[Block], RecordBlock]:
        """Return what turns rows into RECORD lines of some streams, and leaves out others.

        The columns are those of the rows, without that of the attributes.
        """
        # Keyed by the number as it stands in the file: no parsing per row.
        stream_of = {str(self.numbers[stream]): stream for stream in streams}
        of_type = {
            number: self._stream(stream, columns, time_extracted)
            for number, stream in stream_of.items()
        }
        records = ActivityRecords(columns, of_type)
        place = columns.index(TYPE_ID)

        def deal(block: Block) -> RecordBlock:
            counts = Counter(row[place] for row in block.rows)
            others = counts.keys() - of_type.keys()
            for number in others:
                # A job of an earlier run may carry types deselected or removed since.
                if not number.isdecimal() or int(number) not in {*self._types, *self._gone}:
                    raise odd_data(
                        f"Marketo sent an activity of type {number!r}, which was not asked for"
                    )
            served = _rows_of(block, place, of_type) if others else block
            return RecordBlock(
                {name: counts[n] for n, name in stream_of.items() if n in counts},
                records.lines(served) if served.rows else b"",
            )

        return deal

    def _stream(self, stream: str, columns: Sequence[str], time_extracted: str) -> ActivityStream:
        entry = self.streams[stream]
        activity_type = self._types[self.numbers[stream]]
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
            self.layout(stream, time_extracted),
            self.issues[stream],
            extras.get(UNKNOWN_ATTRIBUTES),
        )


def spelled(number: int) -> str:
    """Name an activity type in a message by its number."""
    return f"activity type {number}"


def _rows_of(block: Block, place: int, types: Collection[str]) -> Block:
    """Return the rows of a block that are of some types; the place is that of their ids."""
    is_wanted = [row[place] in types for row in block.rows]
    documents = list(compress(block.documents, is_wanted))
    return Block(list(compress(block.rows, is_wanted)), documents, block.is_text)
