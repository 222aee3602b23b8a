"""What every kind of stream can do: be found in discovery, and be read in a sync."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_marketo.config import Config
from tap_marketo.exports.family import BulkFamily
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.streams.account import Account
from tap_marketo.streams.stream_read import StreamRead


@dataclass(frozen=True)
class SyncStart:
    """What a sync begins with.

    Attributes:
        account: what is read.
        config: the settings.
        state: where the streams stand.
        now: when the run began, whole seconds UTC.
    """

    account: Account
    config: Config
    state: State
    now: datetime


class StreamKind(ABC):
    """Streams that are found and read in one way.

    Attributes:
        name: the stream's name; for streams that are found in the account, the pattern of their
            names, such as ``activities_<type>``.
        is_exported: whether they are read by bulk exports.
        permission: what the API user's role needs to read them, empty for nothing. Discovery
            tries it.
        further_permissions: what it needs beside that.
    """

    name: str
    is_exported: bool = False
    permission: str = ""
    further_permissions: tuple[str, ...] = ()

    @abstractmethod
    def owns(self, entry: CatalogEntry) -> bool:
        """Say whether a stream of a catalog is one of these."""

    @abstractmethod
    def discover(self, account: Account) -> list[dict[str, Any]]:
        """Return the catalog entries of these streams."""

    def missing(self, entry: CatalogEntry, account: Account) -> str:
        """Say what a stream of a catalog is about that Marketo no longer has, "" if nothing is."""
        return ""

    def readings(
        self, entries: Sequence[CatalogEntry], start: SyncStart
    ) -> tuple[list[StreamRead], list[BulkFamily]]:
        """Return how selected streams of this kind are read: page by page, and exported."""
        return self.page_reads(entries, start), self.families(entries, start)

    def page_reads(self, entries: Sequence[CatalogEntry], start: SyncStart) -> list[StreamRead]:
        """Return how selected streams of this kind are read page by page, if they are."""
        return []

    def families(self, entries: Sequence[CatalogEntry], start: SyncStart) -> list[BulkFamily]:
        """Return the families in which selected streams of this kind are exported, if they are."""
        return []

    def bulk_object(self, family: str) -> str | None:
        """Return the path part of a family's exports, None if it is none of this kind."""
        return None
