"""The reading of a stream page by page: which rows are emitted, and the positions between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tap_marketo.marketo.pages import Page, Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, PageMark, Position
from tap_marketo.protocol.state import State
from tap_marketo.streams.outlook import Calls, Outlook
from tap_marketo.streams.stream_read import Steps, StreamRead
from tap_marketo.times import before, parse_utc


@dataclass(frozen=True)
class Scan:
    """One reading of a paged stream.

    Attributes:
        since: rows changed from here on are wanted, UTC.
        now: when the run began, UTC.
        mark: where a stopped scan goes on.
    """

    since: datetime
    now: datetime
    mark: PageMark | None

    @classmethod
    def from_bookmark(
        cls,
        state: State,
        stream: str,
        replication_key: str | None,
        lookback: timedelta,
        earliest: datetime,
        now: datetime,
    ) -> Scan:
        """Return what a stream has to read.

        Args:
            state: where it stands.
            stream: its name.
            replication_key: of its bookmark, None if it has none.
            lookback: how long before the bookmark rows are wanted again.
            earliest: where it begins without a bookmark (start_date), UTC.
            now: when the run began, UTC.
        """
        bookmark = state.bookmark(stream, replication_key) if replication_key else None
        since = before(bookmark, lookback) if bookmark else earliest
        return cls(since, now, state.page_mark(stream))


class PageRead(StreamRead):
    """One sync of a paged stream."""

    def __init__(
        self,
        entry: CatalogEntry,
        keys: Sequence[str],
        replication_key: str | None,
        pages: Iterable[Page],
        scan: Scan,
        outlook: Outlook,
        complete: Callable[[Row], Row] | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            entry: the selected stream of the catalog.
            keys: its key columns.
            replication_key: its bookmark; None for a stream that is emitted in full each time.
            pages: of the scan; asked for one by one.
            scan: what to read.
            outlook: what can be said of it beforehand.
            complete: adds to a row what a call for it tells; None where no such call is wanted.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, keys, replication_key)
        self._pages = pages
        self._scan = scan
        self._outlook = outlook
        self._complete = complete
        self.is_one_call = outlook.calls == Calls(1)

    def outlook(self) -> Outlook:
        if self._scan.mark is None:
            return self._outlook
        how = f"{self._outlook.how}, from the page on that a stopped run has reached"
        return replace(self._outlook, how=how)

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
            # What cannot be compared is not left out.
            return True
