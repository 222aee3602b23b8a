"""Streams that are read page by page: one declaration each, and the ways their pages follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Page, offset_pages, single_page, token_pages
from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry
from tap_marketo.streams.account import Account
from tap_marketo.streams.kind import StreamKind, SyncStart
from tap_marketo.streams.page_read import PageRead, Scan
from tap_marketo.times import to_marketo

# How long before the bookmark rows are wanted again: a row shows a moment after its date, and the
# clocks by which it was dated and the scan began may differ by minutes.
_LOOKBACK = timedelta(minutes=15)

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
class PagedStream(StreamKind):
    """A stream that is read page by page.

    Attributes:
        name: tap_stream_id, and of its schema file.
        path: of the list.
        read: how its pages follow each other.
        automatic: columns that are always emitted, beside the keys.
        replication_key: None for a list that is emitted in full each time.
        keys: the key columns.
    """

    name: str
    path: str
    read: Reader
    automatic: frozenset[str]
    replication_key: str | None = "updatedAt"
    keys: tuple[str, ...] = ("id",)

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream == self.name

    def discover(self, account: Account) -> list[dict[str, Any]]:
        schema = resources.files("tap_marketo.streams") / "schemas" / f"{self.name}.json"
        properties = json.loads(schema.read_text(encoding="utf-8"))["properties"]
        automatic = {*self.keys, *self.automatic}
        inclusion = {
            column: "automatic" if column in automatic else "available" for column in properties
        }
        return [catalog_entry(self.name, properties, self.keys, self.replication_key, inclusion)]

    def page_reads(self, entries: Sequence[CatalogEntry], start: SyncStart) -> list[PageRead]:
        key = self.replication_key
        earliest = start.config.start_date
        scan = Scan.from_bookmark(start.state, self.name, key, _LOOKBACK, earliest, start.now)
        pages = self.read(start.account.client, self, scan)
        return [PageRead(entry, self.keys, key, pages, scan) for entry in entries]
