"""What is new of the activities, by pages."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from tap_marketo.exports.family import SyncContext
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.activity_attributes import ATTRIBUTES
from tap_marketo.rows.page_rows import activity_block
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import ACTION_RESULT, UNKNOWN_ATTRIBUTES, extra_columns
from tap_marketo.streams.activity_exports import ActivitiesFamily
from tap_marketo.streams.activity_pages import ActivityPages, together
from tap_marketo.streams.increments import IncrementRead
from tap_marketo.times import to_time_extracted

# bulk-activity-extract.md, fields: only exports have actionResult. Attributes that have no column
# are kept by the names that a row has for them, which are other ones in files than in pages.
_ONLY_EXPORTED = (ACTION_RESULT, UNKNOWN_ATTRIBUTES)


class ActivitiesIncrement(IncrementRead):
    """Reads new activities, ten types at a time (activities.md, Query)."""

    family: ActivitiesFamily

    def __init__(self, family: ActivitiesFamily, account: Account, context: SyncContext) -> None:
        """Prepare to read what is new of the exported activities."""
        super().__init__(family, account, context)

    def _missing(self) -> str:
        for stream, entry in self.family.streams.items():
            extras = extra_columns(entry)
            for name in _ONLY_EXPORTED:
                if extras.get(name) in entry.columns:
                    return f"only exports have {stream}.{extras[name]}"
        return ""

    def _pages(self, emitter: Emitter, since: datetime, most: int) -> Generator[None, None, bool]:
        family, end = self.family, self._now
        columns = [name for name in family.fields() if name != ATTRIBUTES]
        pages = ActivityPages(self._account.client, since)
        calls = 0
        for types in together(set(family.types.values())):
            some = [stream for stream, number in family.types.items() if number in types]
            deal = family.dealer(columns, some, to_time_extracted(emitter.now()))
            for rows in pages.of(types):
                calls += 1
                if rows:
                    block = deal(activity_block(rows, columns))
                    emitter.records(block.lines, block.counts)
                yield None
                if calls > most:
                    return False
            emitter.move_to(family.position_by_pages(some, end))
        return True
