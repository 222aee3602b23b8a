"""The streams that are read page by page: one declaration each, and the one way they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Page, offset_pages, single_page, token_pages
from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry
from tap_marketo.protocol.state import Bookmark, PageMark, Position
from tap_marketo.rows.fields import Misfits
from tap_marketo.rows.records import RecordWriter, object_lines
from tap_marketo.times import parse_utc, to_marketo, to_time_extracted

Row = Mapping[str, Any]

# How long before the bookmark rows are wanted again: a row shows a moment after its date, and the
# clocks by which it was dated and the scan began may differ by minutes.
PAGED_LOOKBACK = timedelta(minutes=15)


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


Reader = Callable[[MarketoClient, "PagedStream", Scan], Iterator[Page]]


def whole_list(client: MarketoClient, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read a list without pages."""
    return single_page(client, stream.path, stream.name)


def by_token(client: MarketoClient, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read a list of the lead database; it has no filter by date."""
    token = scan.mark.token if scan.mark else None
    return token_pages(client, stream.path, stream.name, token)


def by_update_range(client: MarketoClient, stream: PagedStream, scan: Scan) -> Iterator[Page]:
    """Read the assets updated in a range of time (programs.md, By Date Range)."""
    return offset_pages(
        client,
        stream.path,
        stream.name,
        {
            "earliestUpdatedAt": to_marketo(scan.since),
            "latestUpdatedAt": to_marketo(scan.now),
        },
    )


@dataclass(frozen=True)
class PagedStream:
    """A stream that is read page by page.

    Attributes:
        name: tap_stream_id, and of its schema file.
        path: of the list.
        read: how its pages follow each other.
        automatic: columns that are always emitted, beside the key.
        replication_key: None for a list that is emitted in full each time.
        key: the key column.
    """

    name: str
    path: str
    read: Reader
    automatic: frozenset[str]
    replication_key: str | None = "updatedAt"
    key: str = "id"

    def discover(self) -> dict[str, Any]:
        """Return the stream's catalog entry."""
        schema = resources.files("tap_marketo.streams") / "schemas" / f"{self.name}.json"
        properties = json.loads(schema.read_text(encoding="utf-8"))["properties"]
        automatic = {self.key, *self.automatic}
        inclusion = {
            column: "automatic" if column in automatic else "available" for column in properties
        }
        return catalog_entry(self.name, properties, [self.key], self.replication_key, inclusion)


PAGED_STREAMS = {
    stream.name: stream
    for stream in (
        PagedStream(
            "activity_types",
            "/rest/v1/activities/types.json",
            whole_list,
            frozenset({"name"}),
            replication_key=None,
        ),
        PagedStream(
            "campaigns", "/rest/v1/campaigns.json", by_token, frozenset({"createdAt", "updatedAt"})
        ),
        PagedStream(
            "lists",
            "/rest/v1/lists.json",
            by_token,
            frozenset({"name", "createdAt", "updatedAt"}),
        ),
        PagedStream(
            "programs",
            "/rest/asset/v1/programs.json",
            by_update_range,
            frozenset({"createdAt", "updatedAt"}),
        ),
    )
}


class PagedRead:
    """One sync of a paged stream."""

    def __init__(self, stream: PagedStream, entry: CatalogEntry, scan: Scan) -> None:
        """Prepare to read.

        Args:
            stream: the declaration.
            entry: the selected stream of the catalog.
            scan: what to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        self.stream = stream
        self.entry = entry.keyed(stream.key)
        self.misfits = Misfits()
        self._scan = scan

    def steps(
        self, client: MarketoClient, now: Callable[[], datetime]
    ) -> Iterator[tuple[list[bytes], Position | None]]:
        """Read page after page: yield its RECORD lines and the position they lead to.

        Args:
            client: makes the calls.
            now: tells the time of a page, UTC.
        """
        name, key = self.stream.name, self.stream.replication_key
        mark = self._scan.mark
        # A change made while the scan runs may be on a page already read: the bookmark is the
        # time the scan began. A mark without it was left by another tap; the bookmark then stays.
        began = mark.scan_started if mark else self._scan.now
        leaves_mark = mark is not None
        for page in self.stream.read(client, self.stream, self._scan):
            if page.restarted:
                began = self._scan.now
            writer = RecordWriter(
                name,
                self.entry.columns,
                self.stream.key,
                to_time_extracted(now()),
                self.misfits,
            )
            wanted = (row for row in page.rows if self._is_wanted(row))
            lines = object_lines(wanted, writer)
            token = page.next_token
            leaves_mark = leaves_mark or token is not None
            yield lines, Position(pages={name: PageMark(token, began)}) if token else None
        bookmarks = {name: Bookmark(key, began)} if key and began else {}
        pages = {name: None} if leaves_mark else {}
        if bookmarks or pages:
            yield [], Position(bookmarks=bookmarks, pages=pages)

    def _is_wanted(self, row: Row) -> bool:
        if self.stream.replication_key is None:
            return True
        changed = row.get(self.stream.replication_key)
        try:
            return parse_utc(changed) >= self._scan.since if isinstance(changed, str) else True
        except ValueError:
            # What cannot be compared is not left out.
            return True
