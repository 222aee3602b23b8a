"""Who is on which static list: read once list by list, then kept up to date from activities."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from tap_marketo.errors import TapError
from tap_marketo.exports.cursors import cursor_at
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW, Calls
from tap_marketo.failed_parts import FailedParts
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import Row
from tap_marketo.marketo.retention import ADD_TO_LIST
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ListMark
from tap_marketo.protocol.position import Bookmark, Parent, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.list_members import (
    LIST,
    LIST_CHANGES,
    LISTS,
    ListChanges,
    all_lists,
    list_number,
    member_rows,
    needed_readings,
    pages_of,
    with_reading,
)
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_LEAD
from tap_marketo.streams.stream_read import (
    ACTIVITY_CALLS,
    IN_FULL,
    ReadEstimate,
    Steps,
    StreamRead,
    id_of,
    is_since,
)
from tap_marketo.times import Window, whole_seconds

STREAM = "list_memberships"


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
        self._account = account
        self._now = context.now
        state = context.state
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        self._cursor = cursor_at(state, STREAM, "updatedAt", context.earliest, lookback)
        self._mark = state.mark(ListMark, STREAM)
        failed = state.failed(STREAM, list_number)
        self._gap = stream.gap(context)
        if self._gap:
            self._mark, failed = ListMark(), {}
        self.failed = FailedParts(STREAM, failed)

    def steps(self, emitter: Emitter) -> Steps:
        self._announce(emitter)
        lists = yield from all_lists(self._account.client)
        for name in [*self.failed.remembered]:
            if list_number(name) not in lists:
                self.failed.forget(name)
        if self._gap or self._cursor.bookmark is None:
            read_at = yield from self._read_all(lists, emitter)
        else:
            read_at = yield from self._follow(lists, emitter)
        for name in self.failed.again():
            LOGGER.info("%s: reading %s, which could not be read before.", self.stream, name)
            yield from self._read(list_number(name), ListMark(read_at=read_at), emitter)
            self._move_to(emitter)

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        lists = sizes.by_token(LISTS, "lists")
        failed = set(map(list_number, self.failed.remembered))
        calls = Calls(lists.calls, "" if lists.is_whole else "one for each list beyond these")
        calls += Calls(len(failed))
        if self._gap or self._cursor.bookmark is None:
            behind = -1 if self._mark.reached is None else self._mark.reached
            left = lists.about(
                lambda row: (number := id_of(row, "list")) > behind and number not in failed
            )
            calls += Calls(left, "one more for each 300 members of a list")
            how = f"{ANEW if self._gap else IN_FULL}, list by list{_behind(self._mark)}"
            return ReadEstimate(how=how, calls=calls, why_anew=str(self._gap or ""))
        since = self._cursor.start(self._now)
        new = lists.about(lambda row: _is_new(row, since) and id_of(row, "list") not in failed)
        calls += ACTIVITY_CALLS + Calls(new, "one more for each 300 members of a new list")
        return ReadEstimate(how="changes by activities", since=since, calls=calls)

    # All lists ----------------------------------------------------------------------------------

    def _read_all(
        self, lists: Collection[int], emitter: Emitter
    ) -> Generator[None, None, datetime | None]:
        """Read the members of all lists; return the time that their rows have in readAt."""
        mark = self._begin_anew(emitter, len(lists)) if self._gap else self._mark
        began = mark.scan_started or self._now
        # A reading that an earlier version began has rows without it.
        read_at = mark.read_at if mark.scan_started else began
        behind = -1 if mark.reached is None else mark.reached
        left = self._not_failed(number for number in lists if number > behind)
        LOGGER.info(
            "%s: reading the members of %s%s.", self.stream, counted(len(left), "list"),
            _behind(mark),
        )  # fmt: skip
        self.parents = len(left)
        is_within_list = mark.next_page_token is not None and left[:1] == [mark.reading]
        if not is_within_list:
            # If the very first list is gone in which a run was stopped, nothing has been read yet.
            readings = mark.readings if mark.reached is not None else {}
            mark = ListMark(reached=mark.reached, scan_started=began, readings=readings)
        mark = replace(mark, scan_started=began, read_at=read_at)
        for number in left:
            readings = yield from self._read(number, mark, emitter, leaves_mark=True)
            mark = ListMark(reached=number, scan_started=began, read_at=read_at, readings=readings)
            self._move_to(emitter, mark)
            self.failed.check()
            self.parents_read += 1
        mark = ListMark(read_at=read_at, readings=mark.readings)
        self._move_to(emitter, mark, Bookmark("updatedAt", began))
        return read_at

    def _begin_anew(self, emitter: Emitter, lists: int) -> ListMark:
        """Forget how far the table was kept up to date: a stopped run resumes a first sync."""
        LOGGER.warning(
            "%s is read from the beginning once more: %s. That takes a call for each of %s, and "
            "one more for each 300 members.",
            self.stream, self._gap, counted(lists, "list"),
        )  # fmt: skip
        begun = ListMark(scan_started=self._now, read_at=self._now)
        emitter.move_to(Position(forgotten={self.stream}, marks={self.stream: begun}))
        return begun

    # What has changed since ---------------------------------------------------------------------

    def _follow(
        self, lists: Mapping[int, Row], emitter: Emitter
    ) -> Generator[None, None, datetime | None]:
        """Read what activities tell, and new lists; return the time of their rows in readAt."""
        window = Window(self._cursor.start(self._now), self._now)
        created = self._not_failed(
            number for number, row in lists.items() if _is_new(row, window.start)
        )
        read_at = self._mark.read_at
        changes = ListChanges(self._mark.readings, read_at, new_lists=created)
        for events in ChangeEvents(self._account, LIST_CHANGES, LIST).pages(window.start):
            changes.add(events)
            if changes.are_many:
                self._emit(changes.take(), emitter)
            yield None
        self._emit(changes.take(), emitter)
        for number in created:
            yield from self._read(number, ListMark(read_at=read_at), emitter)
            self._move_to(emitter)
            self.failed.check()
        settled = self._cursor.after(window, self._now).settled
        mark = ListMark(read_at=read_at, readings=needed_readings(self._mark.readings, settled))
        self._move_to(emitter, mark, Bookmark("updatedAt", self._now, settled))
        return read_at

    # Common -------------------------------------------------------------------------------------

    def _read(
        self, number: int, mark: ListMark, emitter: Emitter, *, leaves_mark: bool = False
    ) -> Generator[None, None, Mapping[int, datetime]]:
        """Read a list, from the page on that a mark names; return when lists were read.

        One that cannot be read, while others can, is remembered.
        """
        # A page of a list that was stopped in goes with the time its reading began.
        reading = mark.read_since or whole_seconds(emitter.now())
        readings = with_reading(mark.readings, number, reading)
        name = str(Parent(LIST, number))
        try:
            for rows, token in pages_of(self._account.client, number, mark.next_page_token):
                self._emit(member_rows(number, rows, reading, mark.read_at), emitter)
                if token and leaves_mark:
                    at = replace(
                        mark,
                        reading=number,
                        next_page_token=token,
                        read_since=reading,
                        readings=readings,
                    )
                    self._move_to(emitter, at)
                yield None
        except TapError as error:
            self.failed.add(name, self._now, error)
        else:
            self.failed.has_read(name)
        return readings

    def _not_failed(self, numbers: Iterable[int]) -> list[int]:
        """Return those of some lists, in order, that earlier runs have not failed to read."""
        failed = set(map(list_number, self.failed.remembered))
        return sorted(number for number in numbers if number not in failed)


def _is_new(row: Row, since: datetime) -> bool:
    return is_since(row.get("createdAt"), since)


def _behind(mark: ListMark) -> str:
    return "" if mark.reached is None else f", behind list {mark.reached}"


LIST_MEMBERSHIPS = DeclaredStream(
    name=STREAM,
    read=MembershipsRead,
    permission=READ_LEAD,
    further_permissions=(READ_ACTIVITY,),
    kept_by=ADD_TO_LIST,
    keys=("listId", "leadId"),
)
