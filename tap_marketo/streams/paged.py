"""Streams that are read page by page: how the pages follow, and which of their rows are emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import Page, Row, offset_pages, single_page, token_pages
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, PageMark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.estimate import BY_DATE, CHANGED_ROWS, IN_FULL, ReadEstimate
from tap_marketo.streams.list_watcher import ListWatcher
from tap_marketo.streams.stream_read import Steps, StreamRead
from tap_marketo.times import before, parse_utc, to_marketo

# Rows are wanted from this long before the bookmark: a row shows a moment after its date, and the
# clock that dated it and the clock of the scan may differ by minutes.
_LOOKBACK = timedelta(minutes=15)


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
        wants_all: whether all rows are wanted, and asked for without a filter.
    """

    stream: str
    keys: tuple[str, ...]
    replication_key: str | None
    since: datetime
    now: datetime
    mark: PageMark
    wants_all: bool = False

    @classmethod
    def of(
        cls,
        context: SyncContext,
        stream: str,
        keys: tuple[str, ...],
        replication_key: str | None,
        lookback: timedelta = _LOOKBACK,
    ) -> Scan:
        """Return what is to be read of a stream, from a look-back before its bookmark on."""
        state = context.state
        bookmark = state.bookmark(stream, replication_key) if replication_key else None
        since = before(bookmark, lookback) if bookmark else context.earliest
        mark = state.mark(PageMark, stream)
        return cls(stream, keys, replication_key, since, context.now, mark)

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

    def wants(self, row: Row) -> bool:
        """Say whether a row is emitted: it has changed, or cannot be compared."""
        if self.replication_key is None or self.wants_all:
            return True
        changed = row.get(self.replication_key)
        try:
            return parse_utc(changed) >= self.since if isinstance(changed, str) else True
        except ValueError:
            return True


Fetch = Callable[[Account, Scan], Iterator[Page]]
Size = Callable[[Account, Scan, ListSizes], ListSize[Row]]


@dataclass(frozen=True)
class Pages:
    """How a declared stream is read page by page: the ``read`` of its declaration.

    Attributes:
        fetch: asks for the pages of a scan.
        calls: what the pages cost, as far as that is known of any account.
        size: asks how long the list of a scan is.
        how: how the rows that have changed are found.
        prepare: gives a row the columns' names where Marketo sends others.
    """

    fetch: Fetch
    calls: Calls
    size: Size
    how: str = CHANGED_ROWS
    prepare: Callable[[Row], Row] | None = None

    def __call__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> PageRead:
        """Prepare one sync of a stream."""
        scan = Scan.of(context, stream.name, stream.keys, stream.replication_key)
        details = stream.details
        complete = details.reader(account.client, entry.columns) if details else None
        chosen = details.chosen(entry.columns) if details else []
        pages = self.pages(account, scan)
        calls = partial(self._calls, account, scan, chosen)
        return PageRead(entry, scan, pages, calls, self.how, complete, self.calls == ONE_CALL)

    @property
    def is_dated(self) -> bool:
        """Whether only rows that have changed are asked for."""
        return self.how == BY_DATE

    def pages(self, account: Account, scan: Scan) -> Iterator[Page]:
        """Ask for the pages of a scan, whose rows have the columns' names."""
        for page in self.fetch(account, scan):
            rows = list(map(self.prepare, page.rows)) if self.prepare else page.rows
            yield replace(page, rows=rows)

    def _calls(self, account: Account, scan: Scan, details: list[str], sizes: ListSizes) -> Calls:
        if self.calls == ONE_CALL and not details:
            return self.calls
        size = self.size(account, scan, sizes)
        calls = Calls(size.calls, "" if size.is_whole else self.calls.each)
        if not details:
            return calls
        each = "" if size.is_whole else f"one a row for {', '.join(details)}"
        return calls + Calls(size.about(scan.wants), each)


ONE_CALL = Calls(1)
CALLS_BY_TOKEN = Calls(1, "one for 300 rows")
CALLS_BY_OFFSET = Calls(1, "one for 200 rows, and one that proves the end")


def whole_list(path: str, prepare: Callable[[Row], Row] | None = None) -> Pages:
    """Read a list without pages."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return single_page(account.client, path, scan.stream)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.of_one_page(path, scan.stream)

    return Pages(fetch, ONE_CALL, size, prepare=prepare)


def by_token(path: str) -> Pages:
    """Read a list of the lead database, which has no filter by date."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return token_pages(account.client, path, scan.stream, scan.token)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_token(path, scan.stream, scan.token)

    return Pages(fetch, CALLS_BY_TOKEN, size)


def by_offset(path: str, prepare: Callable[[Row], Row] | None = None) -> Pages:
    """Read all assets of a type that has no filter by date (assets.md, Browse)."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return offset_pages(account.client, path, scan.stream, {}, scan.identity)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_offset(path, scan.stream, {})

    return Pages(fetch, CALLS_BY_OFFSET, size, prepare=prepare)


def by_update_range(path: str) -> Pages:
    """Read the assets that were updated since a time (programs.md, By Date Range).

    The times have whole seconds: some calls refuse others (smart-campaigns.md, static-lists.md).
    """

    def span(scan: Scan) -> dict[str, str]:
        # Without an end: a row that changes in the meantime would leave the range.
        return {} if scan.wants_all else {"earliestUpdatedAt": to_marketo(scan.since)}

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return offset_pages(account.client, path, scan.stream, span(scan), scan.identity)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_offset(path, scan.stream, span(scan))

    return Pages(fetch, CALLS_BY_OFFSET, size, how=BY_DATE)


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
        complete: Callable[[Row], Row] | None = None,
        is_one_call: bool = False,
    ) -> None:
        """Prepare to read.

        Args:
            entry: the selected stream of the catalog.
            scan: the list, and where to begin.
            pages: its pages; each is asked for when it is needed.
            calls: returns what the scan costs.
            how: how the rows that have changed are found.
            complete: adds the columns to a row that take a call; None without such columns.
            is_one_call: whether one call returns all rows.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, scan.keys, scan.replication_key)
        self._pages = pages
        self._scan = scan
        self._calls = calls
        self._how = how if scan.replication_key else IN_FULL
        self._complete = complete
        self.is_one_call = is_one_call
        self.is_whole = how != BY_DATE and scan.token is None

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        how = self._how
        if self._scan.token:
            how += ", from the page on that a stopped run has reached"
        since = self._scan.since if self._replication_key else None
        return ReadEstimate(how=how, since=since, calls=self._calls(sizes))

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        name, key = self.stream, self._replication_key
        self._announce(emitter)
        # A change made while the scan runs may be on a page already read: the bookmark is the
        # time the scan began. A mark without it was left by another tap; the bookmark then stays.
        leaves_mark = self._scan.token is not None
        began = self._scan.mark.scan_started if leaves_mark else self._scan.now
        if self.watcher:
            self.watcher.begin(now())
        for page in self._pages:
            if page.restarted:
                began = self._scan.now
            if self.watcher:
                self.watcher.add(page, now())
            rows = list(filter(self._scan.wants, page.rows))
            if self._complete:
                for place, row in enumerate(rows):
                    rows[place] = self._complete(row)
                    yield None
            self._emit(rows, emitter, now())
            leaves_mark = leaves_mark or page.next_token is not None
            if page.next_token:
                mark = PageMark(next_page_token=page.next_token, scan_started=began)
                emitter.move_to(Position(marks={name: mark}))
            yield None
        bookmarks = {name: Bookmark(key, began)} if key and began else {}
        ended = {name: PageMark()} if leaves_mark else {}
        if bookmarks or ended:
            emitter.move_to(Position(bookmarks=bookmarks, marks=ended))
        self.has_ended = True
        if self.watcher:
            self.watcher.end(emitter)
