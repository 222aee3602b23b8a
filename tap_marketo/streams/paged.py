"""Lists that streams are read from page by page: how the pages follow, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tap_marketo.errors import NOT_HERE, MarketoError, TapError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.failed_parts import FailedParts, concerns_one_part
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Page, Row, all_rows, token_pages
from tap_marketo.marketo.ways import REST, Way
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import Details, RowDetails
from tap_marketo.streams.estimate import BY_DATE, CHANGED_ROWS
from tap_marketo.streams.page_read import PageRead, Scan
from tap_marketo.streams.row_completion import RowCompletion
from tap_marketo.times import to_marketo

Fetch = Callable[[Account, Scan], Iterator[Page]]
Size = Callable[[Account, Scan, ListSizes], ListSize[Row]]
Part = Callable[[], Iterable[Page]]


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
        details = RowDetails(stream.details, account.client, entry.columns, scan.keys)
        pages = self.pages(account, scan)
        calls = partial(self._calls, account, scan, details.selected)
        rows = RowCompletion(
            details,
            scan.keys,
            scan.replication_key,
            FailedParts(stream.name, scan.failed),
            # Without a filter by date all rows are in the pages.
            (lambda time: self.pages(account, scan.at(time))) if self.is_dated else None,
            scan.now,
        )
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

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        yield Page(all_rows(account.client, path, scan.stream, way=way))

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.of_one_page(path, scan.stream, way)

    return Pages(fetch, ONE_CALL, size, prepare=prepare)


def by_token(path: str) -> Pages:
    """Read a list of the lead database, which has no filter by date."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return token_pages(account.client, path, scan.stream, scan.token)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_token(path, scan.stream, scan.token)

    return Pages(fetch, CALLS_BY_TOKEN, size)


def by_offset(path: str, prepare: Callable[[Row], Row] | None = None, way: Way = REST) -> Pages:
    """Read all assets of a type that has no filter by date (assets.md, Browse)."""

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return offset_pages(account.client, path, scan.stream, {}, scan.identity, way)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_offset(path, scan.stream, {}, way)

    return Pages(fetch, CALLS_BY_OFFSET, size, prepare=prepare)


def by_update_range(path: str) -> Pages:
    """Read the assets that were updated since a time (programs.md, By Date Range).

    The times have whole seconds: some calls refuse others (smart-campaigns.md, static-lists.md).
    """

    def span(scan: Scan) -> dict[str, str]:
        # A scan has no end: a row that changes in the meantime would leave the range.
        end = {"latestUpdatedAt": to_marketo(scan.until)} if scan.until else {}
        return {} if scan.wants_all else {"earliestUpdatedAt": to_marketo(scan.since), **end}

    def fetch(account: Account, scan: Scan) -> Iterator[Page]:
        return offset_pages(account.client, path, scan.stream, span(scan), scan.identity)

    def size(account: Account, scan: Scan, sizes: ListSizes) -> ListSize[Row]:
        return sizes.by_offset(path, scan.stream, span(scan))

    return Pages(fetch, CALLS_BY_OFFSET, size, how=BY_DATE)


def pages_of_parts(what: str, parts: Mapping[str, Part]) -> Iterator[Page]:
    """Read the lists of some objects; each row says of which object it is.

    An object whose list Marketo refuses is logged, and the others are read. So they are where one
    list fails; the stream then fails at its end.

    Args:
        what: is not there of such an object, in the log.
        parts: ask for the list of each object.

    Raises:
        TapError: a list failed; or all are refused, and this is the first refusal.
    """
    refusals: list[MarketoError] = []
    failures: list[TapError] = []
    for name, ask in parts.items():
        try:
            pages = list(ask())
        except NOT_HERE as error:
            LOGGER.info("%s of %s cannot be listed. %s", what, name, error)
            refusals.append(error)
        except TapError as error:
            if not concerns_one_part(error):
                raise
            LOGGER.warning("%s of %s cannot be read, others are. %s", what, name, error)
            failures.append(error)
        else:
            for page in pages:
                yield Page([{**row, "object": name} for row in page.rows])
    if failures:
        raise failures[0]
    if refusals and len(refusals) == len(parts):
        raise refusals[0]
