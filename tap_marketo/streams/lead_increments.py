"""What is new of the leads, by pages: found by activities, read by id."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from functools import cached_property
from math import ceil

from tap_marketo.errors import DataError, MarketoError
from tap_marketo.marketo.pages import BATCH_SIZE
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.described import DescribedFamily
from tap_marketo.streams.increments import IncrementRead
from tap_marketo.streams.lead_changes import EVENT_TYPES
from tap_marketo.streams.leads_by_id import LeadsById

# Of these every account has some.
_NEW_LEAD = "New Lead"
_NEEDED = {_NEW_LEAD, "Change Data Value"}


class LeadsIncrement(IncrementRead):
    """Reads new and changed leads; new ones alone where these are all that is exported."""

    family: DescribedFamily

    @property
    def _types(self) -> Sequence[str]:
        return EVENT_TYPES if self.family.replication_key == "updatedAt" else [_NEW_LEAD]

    @cached_property
    def _events(self) -> ChangeEvents:
        return ChangeEvents(self._account, self._types)

    def _missing(self) -> str:
        try:
            missing = (_NEEDED & {*self._types}) - self._events.found
        except (MarketoError, DataError) as error:
            return f"activities do not tell of changes: {error}"
        return f"the account has no activities {', '.join(sorted(missing))}" if missing else ""

    def _pages(self, emitter: Emitter, since: datetime, most: int) -> Generator[None, None, bool]:
        family, end = self.family, self._now
        ids: set[int] = set()
        for calls, events in enumerate(self._events.pages(since), start=1):
            ids.update(event.lead for event in events)
            if calls + ceil(len(ids) / BATCH_SIZE) > most:
                return False
            yield None
        reader = LeadsById(self._account.client, family, emitter, needs_all_fields=True)
        for block in reader.blocks(ids):
            emitter.records(block.lines, block.counts)
            yield None
        emitter.move_to(family.position_by_pages([family.stream], end))
        return True
