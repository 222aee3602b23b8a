"""The reading of a stream page by page: which rows are emitted, and the positions between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tap_marketo.marketo.pages import Page, Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Bookmark, PageMark, Position
from tap_marketo.protocol.state import State
from tap_marketo.rows.fields import Misfits
from tap_marketo.rows.records import RecordWriter, object_lines
from tap_marketo.times import before, parse_utc, to_time_extracted


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


class PageRead:
    """One sync of a paged stream."""

    def __init__(
        self,
        entry: CatalogEntry,
        keys: Sequence[str],
        replication_key: str | None,
        pages: Iterable[Page],
        scan: Scan,
    ) -> None:
        """Prepare to read.

        Args:
            entry: the selected stream of the catalog.
            keys: its key columns.
            replication_key: its bookmark; None for a stream that is emitted in full each time.
            pages: of the scan; asked for one by one.
            scan: what to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        self.entry = entry.keyed(keys, replication_key)
        self.misfits = Misfits()
        self._keys = keys
        self._replication_key = replication_key
        self._pages = pages
        self._scan = scan

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.entry.stream

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Iterator[None]:
        """Read and emit page after page; each step is one.

        Args:
            emitter: takes rows and positions.
            now: tells the time of a page, UTC.
        """
        name, key = self.stream, self._replication_key
        emitter.schema(self.entry, self._keys, [key] if key else [])
        mark = self._scan.mark
        # A change made while the scan runs may be on a page already read: the bookmark is the
        # time the scan began. A mark without it was left by another tap; the bookmark then stays.
        began = mark.scan_started if mark else self._scan.now
        leaves_mark = mark is not None
        for page in self._pages:
            if page.restarted:
                began = self._scan.now
            writer = RecordWriter(
                name,
                self.entry.columns,
                self._keys,
                to_time_extracted(now()),
                self.misfits,
            )
            lines = object_lines(filter(self._is_wanted, page.rows), writer)
            emitter.records(b"".join(lines), {name: len(lines)})
            leaves_mark = leaves_mark or page.next_token is not None
            if page.next_token:
                emitter.move_to(Position(pages={name: PageMark(page.next_token, began)}))
            yield
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
