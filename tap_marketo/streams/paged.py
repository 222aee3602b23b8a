"""Streams that are read page by page: one sync, how the pages follow, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Page, Row, all_rows, token_pages
from tap_marketo.marketo.ways import REST, Way
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import PageMark
from tap_marketo.protocol.position import Bookmark
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import DetailReader, Details
from tap_marketo.streams.scan import RowCompletion, Scan
from tap_marketo.streams.stream_read import (
    BY_DATE,
    CHANGED_ROWS,
    IN_FULL,
    ReadEstimate,
    Steps,
    StreamRead,
)
from tap_marketo.times import to_marketo


class ListWatcher(Protocol):
    """Is shown a whole list, page by page."""

    def begin(self, time: datetime) -> None:
        """Note that the first page is asked for now (UTC)."""

    def add(self, page: Page, time: datetime) -> None:
        """Take a page with all of its rows, fetched at a time (UTC)."""

    def end(self, emitter: Emitter) -> None:
        """Note that the list has been read to its end."""


class PageRead(StreamRead):
    """One sync of a stream that is read page by page, and shown to its watcher.

    Attributes:
        is_whole: whether it reads the whole list, from its first row on.
        has_ended: whether it has read everything that it was to read.
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

        ``calls`` returns what the scan costs, and ``how`` says how it reads. ``pages`` asks for
        each page when it is needed. Without ``rows`` the pages have complete rows.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, scan.keys, scan.replication_key)
        self._pages = pages
        self._scan = scan
        self._calls = calls
        self._how = how if scan.replication_key else IN_FULL
        self._rows = rows or RowCompletion(scan)
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
        key = self._replication_key
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
                self._move_to(emitter, mark)
            yield None
        for rows in self._rows.again():
            self._emit(rows, emitter)
            yield None
        bookmark = Bookmark(key, began) if key and began else None
        ended = PageMark() if leaves_mark else None
        if bookmark or ended:
            self._move_to(emitter, ended, bookmark)
        else:
            self._note_failed(emitter)
        self.has_ended = is_complete
        if self.watcher and is_complete:
            self.watcher.end(emitter)

    def _note_failed(self, emitter: Emitter) -> None:
        """Move the state to the rows that cannot be completed, if there are or were any."""
        if self.failed.remembered or self._scan.failed:
            self._move_to(emitter)


@dataclass(frozen=True)
class Pages:
    """How a declared stream is read page by page: the ``read`` of its declaration.

    Attributes:
        fetch: asks for the pages of a scan.
        calls: what they cost, as far as that is known of any account.
        size: asks how long the list of a scan is.
        prepare: gives a row the columns' names where Marketo sends others.
    """

    fetch: Callable[[Account, Scan], Iterator[Page]]
    calls: Calls
    size: Callable[[Account, Scan, ListSizes], ListSize[Row]]
    how: str = CHANGED_ROWS
    prepare: Callable[[Row], Row] | None = None

    def __call__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> PageRead:
        """Prepare one sync of a stream."""
        scan = Scan.of(context, stream.name, stream.keys, stream.replication_key)
        readers = [
            DetailReader(each, account.client, chosen, scan.keys)
            for each in stream.details
            if (chosen := [column for column in each.columns if column in entry.columns])
        ]
        # Without a filter by date all rows are in the pages.
        look_up = (lambda time: self.pages(account, scan.at(time))) if self.is_dated else None
        pages = self.pages(account, scan)
        calls = partial(self._calls, account, scan, [each.details for each in readers])
        rows = RowCompletion(scan, readers, look_up)
        return PageRead(entry, scan, pages, calls, self.how, rows, self.calls == ONE_CALL)

    @property
    def is_dated(self) -> bool:
        """Whether only rows that have changed are asked for."""
        return self.how == BY_DATE

    def pages(self, account: Account, scan: Scan) -> Iterator[Page]:
        """Ask for the pages of a scan, whose rows have the columns' names."""
        for page in self.fetch(account, scan):
            rows = list(map(self.prepare, page.rows)) if self.prepare else page.rows
            yield replace(page, rows=rows)

    def _calls(
        self, account: Account, scan: Scan, details: Sequence[Details], sizes: ListSizes
    ) -> Calls:
        if self.calls == ONE_CALL and not details:
            return self.calls
        size = self.size(account, scan, sizes)
        calls = Calls(size.calls, "" if size.is_whole else self.calls.each)
        for each in details:
            more = "" if size.is_whole else f"one a row for {', '.join(each.columns)}"
            calls += Calls(size.about(partial(_has_details, scan, each)), more)
        return calls


def _has_details(scan: Scan, details: Details, row: Row) -> bool:
    return scan.wants(row) and details.has(row)


ONE_CALL = Calls(1)
CALLS_BY_TOKEN = Calls(1, "one for 300 rows")
CALLS_BY_OFFSET = Calls(1, "one for 200 rows, and one that proves the end")


def whole_list(path: str, prepare: Callable[[Row], Row] | None = None, way: Way = REST) -> Pages:
    """Read a list without pages."""
    return Pages(
        lambda account, scan: iter([Page(all_rows(account.client, path, scan.stream, way=way))]),
        ONE_CALL,
        lambda account, scan, sizes: sizes.of_one_page(path, scan.stream, way),
        prepare=prepare,
    )


def known_list(
    rows: Callable[[Account], Sequence[Row]], prepare: Callable[[Row], Row] | None = None
) -> Pages:
    """Read a list without pages that other streams need as well, so that it is asked for once."""
    return Pages(
        lambda account, scan: iter([Page(list(rows(account)))]),
        ONE_CALL,
        lambda account, scan, sizes: ListSize(len(rows(account)), 1, rows(account)),
        prepare=prepare,
    )


def by_token(path: str) -> Pages:
    """Read a list of the lead database, which has no filter by date."""
    return Pages(
        lambda account, scan: token_pages(account.client, path, scan.stream, scan.token),
        CALLS_BY_TOKEN,
        lambda account, scan, sizes: sizes.by_token(path, scan.stream, scan.token),
    )


def by_offset(
    path: str,
    prepare: Callable[[Row], Row] | None = None,
    way: Way = REST,
    how: str = CHANGED_ROWS,
    params: Callable[[Scan], Mapping[str, str]] = lambda scan: {},
) -> Pages:
    """Read the assets of a type (assets.md, Browse); ``params`` returns the filter of a scan."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        filter_ = params(scan)
        return offset_pages(account.client, path, scan.stream, filter_, scan.identity, way)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_offset(path, scan.stream, params(scan), way)

    return Pages(fetch, CALLS_BY_OFFSET, size, how, prepare)


def by_update_range(path: str) -> Pages:
    """Read the assets that were updated since a time (programs.md, By Date Range).

    The times have whole seconds: some calls refuse others (smart-campaigns.md, static-lists.md).
    """

    def span(scan: Scan) -> dict[str, str]:
        # A scan has no end: a row that changes in the meantime would leave the range.
        end = {"latestUpdatedAt": to_marketo(scan.until)} if scan.until else {}
        return {} if scan.wants_all else {"earliestUpdatedAt": to_marketo(scan.since), **end}

    return by_offset(path, how=BY_DATE, params=span)
