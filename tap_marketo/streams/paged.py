"""Streams that are read page by page: how the pages follow, and which of their rows are emitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tap_marketo.exports.family import SyncContext
from tap_marketo.marketo.pages import Page, Row, offset_pages, single_page, token_pages
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, PageMark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.estimate import BY_DATE, CHANGED_ROWS, IN_FULL, Calls, ReadEstimate
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
        mark: where a stopped scan continues; None for a new scan.
    """

    stream: str
    keys: tuple[str, ...]
    replication_key: str | None
    since: datetime
    now: datetime
    mark: PageMark | None

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
        return cls(stream, keys, replication_key, since, context.now, state.page_mark(stream))

    @property
    def token(self) -> str | None:
        """The page token at which a stopped scan continues."""
        return self.mark.token if self.mark else None

    def identity(self, row: Row) -> object:
        """Return what distinguishes a row, as Marketo sends it, from the others."""
        return [row.get(key) for key in self.keys]


Fetch = Callable[[Account, Scan], Iterator[Page]]


@dataclass(frozen=True)
class Pages:
    """How a declared stream is read page by page: the ``read`` of its declaration.

    Attributes:
        fetch: asks for the pages of a scan.
        calls: what the pages cost.
        how: how the rows that have changed are found.
        prepare: gives a row the columns' names where Marketo sends others.
    """

    fetch: Fetch
    calls: Calls
    how: str = CHANGED_ROWS
    prepare: Callable[[Row], Row] | None = None

    def __call__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> PageRead:
        """Prepare one sync of a stream."""
        scan = Scan.of(context, stream.name, stream.keys, stream.replication_key)
        details = stream.details
        complete = details.reader(account.client, entry.columns) if details else None
        estimate = self._estimate(scan, details.chosen(entry.columns) if details else [])
        return PageRead(entry, scan, self._pages(account, scan), estimate, complete)

    def _pages(self, account: Account, scan: Scan) -> Iterator[Page]:
        for page in self.fetch(account, scan):
            rows = list(map(self.prepare, page.rows)) if self.prepare else page.rows
            yield replace(page, rows=rows)

    def _estimate(self, scan: Scan, details: list[str]) -> ReadEstimate:
        calls = self.calls
        if details:
            each = f"one a row for {', '.join(details)}"
            calls = replace(calls, each="; ".join(filter(None, (calls.each, each))))
        if scan.replication_key is None:
            return ReadEstimate(IN_FULL, None, calls)
        return ReadEstimate(self.how, scan.since, calls)


ONE_CALL = Calls(1)
CALLS_BY_TOKEN = Calls(1, "one for 300 rows")
CALLS_BY_OFFSET = Calls(1, "one for 200 rows, and one that proves the end")


def whole_list(path: str, prepare: Callable[[Row], Row] | None = None) -> Pages:
    """Read a list without pages."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return single_page(account.client, path, scan.stream)

    return Pages(fetch, ONE_CALL, prepare=prepare)


def by_token(path: str) -> Pages:
    """Read a list of the lead database, which has no filter by date."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return token_pages(account.client, path, scan.stream, scan.token)

    return Pages(fetch, CALLS_BY_TOKEN)


def by_offset(path: str, prepare: Callable[[Row], Row] | None = None) -> Pages:
    """Read all assets of a type that has no filter by date (assets.md, Browse)."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return offset_pages(account.client, path, scan.stream, {}, scan.identity)

    return Pages(fetch, CALLS_BY_OFFSET, prepare=prepare)


def by_update_range(path: str) -> Pages:
    """Read the assets that were updated in a range of time (programs.md, By Date Range).

    The times have whole seconds: some calls refuse others (smart-campaigns.md, static-lists.md).
    """

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        span = {
            "earliestUpdatedAt": to_marketo(scan.since),
            "latestUpdatedAt": to_marketo(scan.now),
        }
        return offset_pages(account.client, path, scan.stream, span, scan.identity)

    return Pages(fetch, CALLS_BY_OFFSET, how=BY_DATE)


class PageRead(StreamRead):
    """One sync of a stream that is read page by page."""

    def __init__(
        self,
        entry: CatalogEntry,
        scan: Scan,
        pages: Iterable[Page],
        estimate: ReadEstimate,
        complete: Callable[[Row], Row] | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            entry: the selected stream of the catalog.
            scan: what is to be read.
            pages: of the scan; each is asked for when it is needed.
            estimate: what is known before the first call.
            complete: adds the columns to a row that take a call; None without such columns.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, scan.keys, scan.replication_key)
        self._pages = pages
        self._scan = scan
        self._estimate = estimate
        self._complete = complete
        self.is_one_call = estimate.calls == ONE_CALL

    def estimate(self) -> ReadEstimate:
        if self._scan.mark is None:
            return self._estimate
        how = f"{self._estimate.how}, from the page on that a stopped run has reached"
        return replace(self._estimate, how=how)

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        name, key = self.stream, self._replication_key
        self._announce(emitter)
        mark = self._scan.mark
        # A change made while the scan runs may be on a page already read: the bookmark is the
        # time the scan began. A mark without it was left by another tap; the bookmark then stays.
        began = mark.scan_started if mark else self._scan.now
        leaves_mark = mark is not None
        for page in self._pages:
            if page.restarted:
                began = self._scan.now
            rows = list(filter(self._is_wanted, page.rows))
            if self._complete:
                for place, row in enumerate(rows):
                    rows[place] = self._complete(row)
                    yield None
            self._emit(rows, emitter, now())
            leaves_mark = leaves_mark or page.next_token is not None
            if page.next_token:
                emitter.move_to(Position(pages={name: PageMark(page.next_token, began)}))
            yield None
        bookmarks = {name: Bookmark(key, began)} if key and began else {}
        pages = {name: None} if leaves_mark else {}
        if bookmarks or pages:
            emitter.move_to(Position(bookmarks=bookmarks, pages=pages))

    def _is_wanted(self, row: Row) -> bool:
        if self._replication_key is None:
            return True
        changed = row.get(self._replication_key)
        try:
            return parse_utc(changed) >= self._scan.since if isinstance(changed, str) else True
        except ValueError:
            # A row that cannot be compared is emitted.
            return True
