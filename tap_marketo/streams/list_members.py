"""Static lists: their members as Marketo gives them, who came and who left as activities tell.

An activity that is older than the last reading of its list is ignored: what was read includes it.
So the state keeps when lists were read (``readings`` of :class:`ListMark`), for as long as older
activities may still show.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter

from tap_marketo.errors import NotFoundError
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, token_pages
from tap_marketo.marketo.retention import ADD_TO_LIST
from tap_marketo.protocol.position import Parent
from tap_marketo.streams.change_events import ChangeEvent
from tap_marketo.streams.stream_read import id_of
from tap_marketo.times import EVER, to_marketo

LISTS = "/rest/v1/lists.json"
LIST = "List"
"""The kind of these parents; and what a list is called where an activity has its id."""
list_number = partial(Parent.number, LIST)
"""Returns the id of a list that the state names; raises a ValueError where it names none."""
LIST_CHANGES = (ADD_TO_LIST, "Remove from List")
"""The types of the activities."""
# By how much the Date of one of Marketo's answers may be ahead of an activity's date. The last
# activities before a reading tell no more than what was read, so they may be read again.
_CLOCKS_DIFFER = timedelta(minutes=10)
# Of so many pairs of list and lead the last event is kept. Events come in order of time: beyond
# that number, a pair is emitted more than once at worst.
_MOST_PAIRS = 200_000
# The state keeps the times of lists' readings no finer than this.
_GRAIN = timedelta(minutes=1)


def all_lists(client: MarketoClient) -> Generator[None, None, dict[int, Row]]:
    """Ask for all lists (static-lists.md), a page a step; return them by their ids."""
    found: dict[int, Row] = {}
    for page in token_pages(client, LISTS, "lists", None):
        for row in page.rows:
            found[id_of(row, "list")] = row
        yield
    return found


def pages_of(
    client: MarketoClient, number: int, token: str | None
) -> Generator[tuple[list[Row], str | None], None, None]:
    """Read the members of a list (list-membership.md); one that is gone by now has none.

    Yields:
        Rows, and the token of the page that follows.
    """
    path = f"/rest/v1/lists/{number}/leads.json"
    try:
        for page in token_pages(client, path, "list_members", token, {"fields": "id"}):
            yield page.rows, page.next_token
    except NotFoundError:
        # It is read once only, so that Marketo's word on its members alone is not enough.
        pages = token_pages(client, LISTS, "lists", None)
        if any(id_of(row, "list") == number for page in pages for row in page.rows):
            raise


def member_rows(
    number: int, leads: Sequence[Row], reading: datetime, read_at: datetime | None
) -> list[Row]:
    """Return the rows of leads that were on a list when its reading began (UTC)."""
    return [_membership(number, id_of(lead, "lead"), True, reading, read_at) for lead in leads]


def _membership(
    number: int, lead: int, is_member: bool, date: datetime, read_at: datetime | None
) -> Row:
    """Return a row of what is known since a date (UTC).

    The last reading of all lists began at ``read_at`` (UTC).
    """
    return {
        "listId": str(number),
        "leadId": str(lead),
        "isMember": is_member,
        "updatedAt": to_marketo(date),
        "readAt": read_at and to_marketo(read_at),
    }


class ListChanges:
    """The last event of each list and lead, but for those that were in a reading of the list."""

    def __init__(
        self,
        readings: Mapping[int, datetime],
        read_at: datetime | None,
        new_lists: Collection[int],
    ) -> None:
        """Know of no event yet; the members of new lists are read in this run."""
        self._readings = readings
        self._firsts = sorted(readings)
        self._read_at = read_at
        self._new_lists = new_lists
        self._last: dict[tuple[int, int], ChangeEvent] = {}

    def add(self, events: Iterable[ChangeEvent]) -> None:
        """Keep those of some events that are the last."""
        for event in events:
            if event.subject is None:
                continue
            if event.date + _CLOCKS_DIFFER >= self._time_of_reading(event.subject):
                pair = (event.subject, event.lead)
                # The last event counts; within one second it is what Marketo sent last.
                if pair not in self._last or self._last[pair].date <= event.date:
                    self._last[pair] = event

    @property
    def are_many(self) -> bool:
        """Whether they are so many that they are to be taken."""
        return len(self._last) > _MOST_PAIRS

    def take(self) -> list[Row]:
        """Return the rows of the events that are kept, and forget these."""
        rows = [
            self._row_of(event, number)
            for (number, _), event in sorted(self._last.items(), key=itemgetter(0))
            # The members of a new list are read.
            if not (event.type == ADD_TO_LIST and number in self._new_lists)
        ]
        self._last.clear()
        return rows

    def _row_of(self, event: ChangeEvent, number: int) -> Row:
        is_member, date = event.type == ADD_TO_LIST, event.date
        if is_member:
            # A member that was read already has the time of the reading.
            date = max(date, self._time_of_reading(number))
        return _membership(number, event.lead, is_member, date, self._read_at)

    def _time_of_reading(self, number: int) -> datetime:
        """Return when a list was read, EVER if what was read is older than all activities."""
        place = bisect_right(self._firsts, number)
        return self._readings[self._firsts[place - 1]] if place else EVER


def with_reading(
    readings: Mapping[int, datetime], number: int, time: datetime
) -> Mapping[int, datetime]:
    """Return when lists were read, after one more of them has been read at a time (UTC)."""
    if readings and time - max(readings.values()) < _GRAIN:
        return readings
    return {**readings, number: time}


def needed_readings(
    readings: Mapping[int, datetime], settled: datetime | None
) -> Mapping[int, datetime]:
    """Return when lists were read, nothing if no activity can show any more from before that."""
    is_over = settled and all(time <= settled for time in readings.values())
    return {} if is_over else readings
