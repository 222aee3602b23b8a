"""One sync of a list that is read page by page: what is wanted, emitted, and reached by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import PageMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.estimate import BY_DATE, IN_FULL, ReadEstimate
from tap_marketo.streams.row_completion import RowCompletion
from tap_marketo.streams.stream_read import Steps, StreamRead
from tap_marketo.times import before, parse_utc

# Rows are wanted from this long before the bookmark: a row shows a moment after its date, and the
# clock that dated it and the clock of the scan may differ by minutes.
LOOKBACK = timedelta(minutes=15)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Scan:
    """One reading of a list.

    Attributes:
        stream: the name of the stream, which the calls bear in logs and metrics.
        keys: the key columns.
        replication_key: None for a list that is emitted in full each time.
        since: rows changed from this time on are wanted, UTC.
        now: when the run began, UTC.
        mark: where a stopped scan continues.
        failed: the rows that earlier runs could not complete, with their last changes (UTC).
        until: rows changed from this time on are not asked for; None for no end.
        wants_all: whether all rows are wanted, and asked for without a filter.
    """

    stream: str
    keys: tuple[str, ...]
    replication_key: str | None
    since: datetime
    now: datetime
    mark: PageMark
    failed: Mapping[str, datetime] = field(default_factory=dict)
    until: datetime | None = None
    wants_all: bool = False

    @classmethod
    def of(
        cls,
        context: SyncContext,
        stream: str,
        keys: tuple[str, ...],
        replication_key: str | None,
        lookback: timedelta = LOOKBACK,
    ) -> Scan:
        """Return what is to be read of a stream, from a look-back before its bookmark on."""
        state = context.state
        bookmark = state.bookmark(stream, replication_key) if replication_key else None
        since = before(bookmark, lookback) if bookmark else context.earliest
        mark, failed = state.mark(PageMark, stream), state.failed(stream)
        return cls(stream, keys, replication_key, since, context.now, mark, failed)

    def at(self, time: datetime) -> Scan:
        """Return a scan of the rows that changed within the second of a time."""
        since = time.replace(microsecond=0)
        return replace(self, since=since, until=since + _SECOND)

    @classmethod
    def whole(cls, stream: DeclaredStream, now: datetime) -> Scan:
        """Return a scan of the whole list of a stream, from its first row on."""
        return cls(stream.name, stream.keys, None, now, now, PageMark(), wants_all=True)

    @property
    def token(self) -> str | None:
        """The page token at which a stopped scan continues."""
        return self.mark.next_page_token

    def identity(self, row: Row) -> object:
        """Return what distinguishes a row, as Marketo sends it, from the others."""
        return [row.get(key) for key in self.keys]

    def since_of(self, part: str) -> datetime:
        """Return from which time on rows of a part of the list are wanted, UTC."""
        return min(self.since, self.failed.get(part, self.since))

    def wants(self, row: Row, part: str = "") -> bool:
        """Say whether a row of a part is emitted: it has changed, or cannot be compared."""
        if self.replication_key is None or self.wants_all:
            return True
        changed = row.get(self.replication_key)
        try:
            return parse_utc(changed) >= self.since_of(part) if isinstance(changed, str) else True
        except ValueError:
            return True


class ListWatcher(Protocol):
    """Is shown a whole list, page by page."""

    def begin(self, time: datetime) -> None:
        """Note that the first page is asked for now (UTC)."""

    def add(self, page: Page, time: datetime) -> None:
        """Take a page with all of its rows, fetched at a time (UTC)."""

    def end(self, emitter: Emitter) -> None:
        """Note that the list has been read to its end."""


class PageRead(StreamRead):
    """One sync of a stream that is read page by page.

    Attributes:
        is_whole: whether it reads the whole list, from its first row on.
        has_ended: whether it has read everything that it was to read.
        watcher: is shown what it reads; None for nobody.
    """

    has_ended = False
    watcher: ListWatcher | None = None

    def __init__(
        self,
        entry: CatalogEntry,
        scan: Scan,
        pages: Iterable[Page],
        calls: Callable[[ListSizes], Calls],
        how: str,
        rows: RowCompletion | None = None,
        is_one_call: bool = False,
    ) -> None:
        """Prepare to read.

        Args:
            entry: the selected stream of the catalog.
            scan: the list, and where to begin.
            pages: its pages; each is asked for when it is needed.
            calls: returns what the scan costs.
            how: how the rows that have changed are found.
            rows: completes the rows; None where they are complete.
            is_one_call: whether one call returns all rows.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, scan.keys, scan.replication_key)
        self._pages = pages
        self._scan = scan
        self._calls = calls
        self._how = how if scan.replication_key else IN_FULL
        self._rows = rows or RowCompletion(
            None, scan.keys, scan.replication_key, self.failed, None, scan.now
        )
        self.is_one_call = is_one_call
        self.is_whole = how != BY_DATE and scan.token is None
        self.failed = self._rows.failed

    def remarks(self) -> list[str]:
        return self._rows.remarks()

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        how = self._how
        if self._scan.token:
            how += ", from the page on that a stopped run has reached"
        since = self._scan.since if self._replication_key else None
        calls = self._calls(sizes) + Calls(self._rows.calls_again)
        return ReadEstimate(how=how, since=since, calls=calls)

    def steps(self, emitter: Emitter) -> Steps:
        name, key = self.stream, self._replication_key
        self._announce(emitter)
        # A change made while the scan runs may be on a page already read: the bookmark is the
        # time the scan began. A mark without it was left by another tap; the bookmark then stays.
        leaves_mark = self._scan.token is not None
        began = self._scan.mark.scan_started if leaves_mark else self._scan.now
        if self.watcher:
            self.watcher.begin(emitter.now())
        is_complete = True
        for page in self._pages:
            if page.restarted:
                began = self._scan.now
            if self.watcher:
                self.watcher.add(page, emitter.now())
            rows = self._rows.not_held(page.rows)
            wanted = [row for row in rows if self._scan.wants(row, page.part)]
            rows = yield from self._rows.completed(wanted)
            self._emit(rows, emitter)
            if page.error:
                is_complete = False
                self.failed.add(page.part, self._scan.since_of(page.part), page.error)
            self._note_failed(emitter)
            self.failed.check()
            leaves_mark = leaves_mark or page.next_token is not None
            if page.next_token:
                mark = PageMark(next_page_token=page.next_token, scan_started=began)
                emitter.move_to(Position(marks={name: mark}))
            yield None
        for rows in self._rows.again():
            self._emit(rows, emitter)
            yield None
        bookmarks = {name: Bookmark(key, began)} if key and began else {}
        ended = {name: PageMark()} if leaves_mark else {}
        if bookmarks or ended:
            failed = {name: self.failed.remembered}
            emitter.move_to(Position(bookmarks=bookmarks, marks=ended, failed=failed))
        else:
            self._note_failed(emitter)
        self.has_ended = is_complete
        if self.watcher and is_complete:
            self.watcher.end(emitter)

    def _note_failed(self, emitter: Emitter) -> None:
        """Move the state to the rows that cannot be completed, if there are or were any."""
        if self.failed.remembered or self._scan.failed:
            emitter.move_to(Position(failed={self.stream: self.failed.remembered}))
