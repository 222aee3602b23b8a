"""Leads that have left a program: no export has them, the activities that say so do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tap_marketo.marketo.pages import Row
from tap_marketo.streams.change_events import ChangeEvent
from tap_marketo.streams.member_passes import REPLICATION_KEY
from tap_marketo.times import to_marketo

CHANGE_STATUS = "Change Status in Progression"
# The status that leads have who are members no longer (channels.md).
_LEFT = "Not in Program"
_STATUS = "statusName"
# The rows of so many are kept at once.
_MOST = 200_000


class Leavers:
    """The leads that have left a program and have not returned, by the activities noted."""

    def __init__(self, field_of: Mapping[str, str]) -> None:
        """Know of none yet, given the field of each column."""
        self._column_of = {field: column for column, field in field_of.items()}
        self._left: dict[tuple[int, int], ChangeEvent] = {}

    @property
    def are_many(self) -> bool:
        """Whether they are as many as are kept at once."""
        return len(self._left) > _MOST

    def note(self, event: ChangeEvent) -> None:
        """Take in an activity; of each lead in each program the last one counts."""
        if event.type != CHANGE_STATUS or event.subject is None:
            return
        key = (event.subject, event.lead)
        self._left.pop(key, None)
        if event.attributes.get("New Status") == _LEFT:
            self._left[key] = event

    def rows(self) -> Iterator[Row]:
        """Return a row for each of them, and forget them."""
        left, self._left = self._left, {}
        return map(self._row, left.values())

    def _row(self, event: ChangeEvent) -> Row:
        row: dict[str, Any] = {
            "programId": str(event.subject),
            "leadId": str(event.lead),
            REPLICATION_KEY: to_marketo(event.date),
        }
        if _STATUS in self._column_of:
            row[self._column_of[_STATUS]] = _LEFT
        return row
