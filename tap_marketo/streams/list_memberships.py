"""Who is on which static list: read once list by list, then kept up to date from activities."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from tap_marketo.errors import NotFoundError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW, Calls
from tap_marketo.exports.windows import Cursor
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import Row, token_pages
from tap_marketo.marketo.retention import ADD_TO_LIST
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, ListMark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvent, ChangeEvents
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.estimate import ACTIVITY_CALLS, IN_FULL, ReadEstimate
from tap_marketo.streams.log_reach import Gap, find_gap
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_LEAD
from tap_marketo.streams.stream_read import Steps, StreamRead, id_of, is_created_since
from tap_marketo.times import Window, to_marketo

STREAM = "list_memberships"
_LISTS = "/rest/v1/lists.json"
_REMOVE_FROM_LIST = "Remove from List"
# The state keeps the times of lists' readings no finer than this.
_GRAIN = timedelta(minutes=1)
# Of so many pairs of list and lead the last event is kept. Events come in order of time: beyond
# that number, a pair is emitted more than once at worst.
_MOST_PAIRS = 200_000


class MembershipsRead(StreamRead):
    """One sync of the list memberships (list-membership.md)."""

    def __init__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, stream.keys, stream.replication_key)
        self._client = account.client
        self._account = account
        self._now = context.now
        state, name = context.state, entry.stream
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        bookmark = state.bookmark(name, "updatedAt")
        self._cursor = Cursor(bookmark, state.settled(name), context.earliest, lookback)
        self._mark = state.mark(ListMark, name)
        self._gap = stream.gap(context)
        if self._gap:
            self._mark = ListMark()
        self._firsts = sorted(self._mark.readings)

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        self._announce(emitter)
        if self._gap or self._cursor.bookmark is None:
            yield from self._read_all(emitter, now)
        else:
            yield from self._follow(emitter, now)

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        lists = sizes.by_token(_LISTS, "lists")
        calls = Calls(lists.calls, "" if lists.is_whole else "one for each list beyond these")
        if self._gap or self._cursor.bookmark is None:
            reached = self._mark.reached
            behind = "" if reached is None else f", behind list {reached}"
            how = f"{ANEW if self._gap else IN_FULL}, list by list{behind}"
            left = lists.about(lambda row: reached is None or id_of(row, "list") > reached)
            calls += Calls(left, "one more for each 300 members of a list")
            return ReadEstimate(how=how, calls=calls, why_anew=str(self._gap or ""))
        since = self._cursor.start(self._now)
        new = lists.about(lambda row: is_created_since(row, since))
        calls += ACTIVITY_CALLS + Calls(new, "one more for each 300 members of a new list")
        return ReadEstimate(how="changes by activities", since=since, calls=calls)

    # The first sync -----------------------------------------------------------------------------

    def _read_all(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        mark = self._mark
        began = mark.scan_started or self._now
        # A reading that an earlier version began has rows without it.
        read_at = mark.read_at if mark.scan_started else began
        lists = yield from self._lists()
        if self._gap:
            self._begin_anew(emitter, len(lists))
        behind = -1 if mark.reached is None else mark.reached
        left = sorted(number for number in lists if number > behind)
        LOGGER.info(
            "%s: reading the members of %s%s.", self.stream, counted(len(left), "list"),
            f", behind list {mark.reached}" if mark.reached is not None else "",
        )  # fmt: skip
        self.parents = len(left)
        goes_on = mark.next_page_token is not None and left[:1] == [mark.reading]
        # If the very first list is gone in which a run was stopped, nothing has been read yet.
        readings = dict(mark.readings) if goes_on or mark.reached is not None else {}
        for number in left:
            # A page of a list that was stopped in goes with the time its reading began.
            is_resumed = goes_on and number == left[0]
            reading = (mark.read_since if is_resumed else None) or now().replace(microsecond=0)
            if not readings or reading - max(readings.values()) >= _GRAIN:
                readings[number] = reading
            token = mark.next_page_token if is_resumed else None
            for rows, following in self._members(number, token):
                self._emit(_rows(number, rows, reading, read_at), emitter, now())
                if following:
                    at = ListMark(
                        reached=mark.reached,
                        scan_started=began,
                        read_at=read_at,
                        reading=number,
                        next_page_token=following,
                        read_since=reading,
                        readings=readings,
                    )
                    emitter.move_to(Position(marks={self.stream: at}))
                yield None
            mark = ListMark(reached=number, scan_started=began, read_at=read_at, readings=readings)
            emitter.move_to(Position(marks={self.stream: mark}))
            self.parents_read += 1
        self._reach(emitter, began, None, ListMark(read_at=read_at, readings=readings))

    def _begin_anew(self, emitter: Emitter, lists: int) -> None:
        """Forget how far the table was kept up to date: a stopped run resumes a first sync."""
        LOGGER.warning(
            "%s is read from the beginning once more: %s. That takes a call for each of %s, and "
            "one more for each 300 members.",
            self.stream, self._gap, counted(lists, "list"),
        )  # fmt: skip
        begun = ListMark(scan_started=self._now, read_at=self._now)
        emitter.move_to(Position(forgotten={self.stream}, marks={self.stream: begun}))

    # What has changed since ---------------------------------------------------------------------

    def _follow(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        window = Window(self._cursor.start(self._now), self._now)
        lists = yield from self._lists()
        created = {number for number, row in lists.items() if is_created_since(row, window.start)}
        last: dict[tuple[int, int], ChangeEvent] = {}
        read_at = self._mark.read_at

        def emit() -> None:
            rows = [
                _row(number, lead, event.type == ADD_TO_LIST, event.date, read_at)
                for (number, lead), event in sorted(last.items(), key=itemgetter(0))
                # The members of a new list are read below.
                if not (event.type == ADD_TO_LIST and number in created)
            ]
            self._emit(rows, emitter, now())
            last.clear()

        for events in ChangeEvents(self._account, (ADD_TO_LIST, _REMOVE_FROM_LIST), "List").pages(
            window.start
        ):
            for event in events:
                if event.subject is not None and self._is_newer(event, event.subject):
                    pair = (event.subject, event.lead)
                    # The last event counts; within one second it is what Marketo sent last.
                    if pair not in last or last[pair].date <= event.date:
                        last[pair] = event
            if len(last) > _MOST_PAIRS:
                emit()
            yield None
        emit()
        for number in sorted(created):
            reading = now().replace(microsecond=0)
            for members, _ in self._members(number, None):
                self._emit(_rows(number, members, reading, read_at), emitter, now())
                yield None
        settled = self._cursor.after(window, self._now).settled
        kept = self._mark.readings
        if settled and all(reading <= settled for reading in kept.values()):
            kept = {}
        self._reach(emitter, self._now, settled, ListMark(read_at=read_at, readings=kept))

    def _is_newer(self, event: ChangeEvent, number: int) -> bool:
        """Say whether an activity may be newer than the reading of its list."""
        place = bisect_right(self._firsts, number)
        return place == 0 or event.date >= self._mark.readings[self._firsts[place - 1]]

    # Common -------------------------------------------------------------------------------------

    def _reach(
        self, emitter: Emitter, time: datetime, settled: datetime | None, mark: ListMark
    ) -> None:
        bookmark = Bookmark("updatedAt", time, settled)
        emitter.move_to(Position(bookmarks={self.stream: bookmark}, marks={self.stream: mark}))

    def _lists(self) -> Generator[None, None, dict[int, Row]]:
        """Ask for all lists, by their ids (static-lists.md, Get Lists)."""
        found: dict[int, Row] = {}
        for page in token_pages(self._client, _LISTS, "lists", None):
            for row in page.rows:
                found[id_of(row, "list")] = row
            yield
        return found

    def _members(
        self, number: int, token: str | None
    ) -> Generator[tuple[list[Row], str | None], None, None]:
        """Read the members of a list, a page at a time; one that is gone by now has none."""
        path = f"/rest/v1/lists/{number}/leads.json"
        try:
            for page in token_pages(self._client, path, "list_members", token, {"fields": "id"}):
                yield page.rows, page.next_token
        except NotFoundError:
            # It is read once only, so that Marketo's word on its members alone is not enough.
            if self._exists(number):
                raise

    def _exists(self, number: int) -> bool:
        pages = token_pages(self._client, _LISTS, "lists", None)
        return any(id_of(row, "list") == number for page in pages for row in page.rows)


def _rows(
    number: int, leads: Sequence[Row], reading: datetime, read_at: datetime | None
) -> list[Row]:
    return [_row(number, id_of(lead, "lead"), True, reading, read_at) for lead in leads]


def _row(
    number: int, lead: int, is_member: bool, date: datetime, read_at: datetime | None
) -> dict[str, Any]:
    return {
        "listId": str(number),
        "leadId": str(lead),
        "isMember": is_member,
        "updatedAt": to_marketo(date),
        "readAt": read_at and to_marketo(read_at),
    }


class ListMemberships(DeclaredStream):
    """The stream of list memberships, which activities keep up to date."""

    def gap(self, context: SyncContext) -> Gap | None:
        bookmark = context.state.bookmark(STREAM, "updatedAt")
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        return find_gap(ADD_TO_LIST, bookmark, lookback, context.now)


LIST_MEMBERSHIPS = ListMemberships(
    name=STREAM,
    read=MembershipsRead,
    permission=READ_LEAD,
    further_permissions=(READ_ACTIVITY,),
    keys=("listId", "leadId"),
)
