"""Streams that are read page by page: one declaration each, and the ways their pages follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from tap_marketo.marketo.pages import Page, Row, offset_pages, single_page, token_pages
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.declared import DeclaredStream
from tap_marketo.streams.kind import SyncStart
from tap_marketo.streams.outlook import BY_DATE, CHANGED_ROWS, IN_FULL, Calls, Outlook
from tap_marketo.streams.page_read import PageRead, Scan
from tap_marketo.streams.stream_read import StreamRead
from tap_marketo.times import to_marketo

# How long before the bookmark rows are wanted again: a row shows a moment after its date, and the
# clocks by which it was dated and the scan began may differ by minutes.
_LOOKBACK = timedelta(minutes=15)

Reader = Callable[[Account, "PagedStream", Scan], Iterator[Page]]


def whole_list(account: Account, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read a list without pages."""
    return single_page(account.client, stream.path, stream.name)


def by_token(account: Account, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read a list of the lead database; it has no filter by date."""
    token = scan.mark.token if scan.mark else None
    return token_pages(account.client, stream.path, stream.name, token)


def by_offset(account: Account, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read all assets of a kind that has no filter by date (assets.md, Browse)."""
    return offset_pages(account.client, stream.path, stream.name, {}, stream.identity)


def by_update_range(account: Account, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read the assets updated in a range of time (programs.md, By Date Range).

    The times have whole seconds: some calls refuse others (smart-campaigns.md, static-lists.md).
    """
    span = {
        "earliestUpdatedAt": to_marketo(scan.since),
        "latestUpdatedAt": to_marketo(scan.now),
    }
    return offset_pages(account.client, stream.path, stream.name, span, stream.identity)


_OFFSETS = Calls(1, "one for 200 rows, and one that proves the end")
_CALLS: Mapping[Reader, Calls] = {
    whole_list: Calls(1),
    by_token: Calls(1, "one for 300 rows"),
    by_offset: _OFFSETS,
    by_update_range: _OFFSETS,
}


@dataclass(frozen=True, kw_only=True)
class PagedStream(DeclaredStream):
    """A stream that is read page by page.

    Attributes:
        path: of the list.
        read: how its pages follow each other.
        calls: what its pages cost; None where its way to be read says so.
        prepare: makes a row with the columns' names of what Marketo sends, where that differs.
    """

    path: str = ""
    read: Reader
    calls: Calls | None = None
    prepare: Callable[[Row], Row] | None = None

    def identity(self, row: Row) -> object:
        """Return what tells a row, as Marketo sends it, from the others."""
        prepared = self.prepare(row) if self.prepare else row
        return [prepared.get(key) for key in self.keys]

    def page_reads(self, entries: Sequence[CatalogEntry], start: SyncStart) -> list[StreamRead]:
        key = self.replication_key
        earliest = start.config.start_date
        scan = Scan.from_bookmark(start.state, self.name, key, _LOOKBACK, earliest, start.now)
        pages = self._pages(start.account, scan)
        return [
            PageRead(
                entry,
                self.keys,
                key,
                pages,
                scan,
                self._outlook(entry, scan),
                self._completion(entry, start),
            )
            for entry in entries
        ]

    def _completion(self, entry: CatalogEntry, start: SyncStart) -> Callable[[Row], Row] | None:
        if self.details is None:
            return None
        return self.details.reader(start.account.client, entry.columns)

    def _outlook(self, entry: CatalogEntry, scan: Scan) -> Outlook:
        calls = self.calls or _CALLS[self.read]
        if self.details and (columns := self.details.chosen(entry.columns)):
            each = f"one a row for {', '.join(columns)}"
            calls = replace(calls, each="; ".join(filter(None, (calls.each, each))))
        if self.replication_key is None:
            return Outlook(IN_FULL, None, calls)
        how = BY_DATE if self.read is by_update_range else CHANGED_ROWS
        return Outlook(how, scan.since, calls)

    def _pages(self, account: Account, scan: Scan) -> Iterator[Page]:
        for page in self.read(account, self, scan):
            rows = list(map(self.prepare, page.rows)) if self.prepare else page.rows
            yield replace(page, rows=rows)
