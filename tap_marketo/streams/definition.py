"""What a stream is: how discovery finds it, what it takes to read it, and how a sync reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.marketo.retention import Gap, find_gap
from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry
from tap_marketo.streams.account import Account
from tap_marketo.streams.descriptions import declared_columns
from tap_marketo.streams.details import Details
from tap_marketo.streams.stream_read import Read


class StreamDefinition(ABC):
    """One stream, or the streams that are found in the account and read in one way.

    Attributes:
        name: the stream's name. For streams that are found in the account, the pattern of their
            names, such as ``activities_<type>``.
        is_exported: whether bulk exports read them.
        permission: the permission that reading them takes; empty for none. Discovery probes it.
        further_permissions: permissions that reading them takes beside that.
        families: the path part of the exports of each of their families, by its name.
        kept_by: of the activity types that keep them up to date, the one that Marketo deletes
            first; empty for streams that are read in another way.
    """

    name: str
    is_exported: bool = False
    permission: str = ""
    further_permissions: tuple[str, ...] = ()
    families: Mapping[str, str] = MappingProxyType({})
    kept_by: str = ""

    @property
    def permissions(self) -> list[str]:
        """All permissions that reading these streams takes."""
        return [name for name in (self.permission, *self.further_permissions) if name]

    def bulk_objects(self, account: Account) -> Mapping[str, str]:
        """Return the bulk objects of these streams: the path part of each by its name.

        It takes the permission of these streams to list the jobs of such an object.

        Raises:
            TapError: the account could not be asked what it has.
        """
        return {name: path for name, path in self.families.items() if name == self.name}

    def owns(self, entry: CatalogEntry) -> bool:
        """Say whether a stream of a catalog is one of these."""
        return entry.stream == self.name

    def is_offered(self, account: Account) -> bool:
        """Say whether the config leaves these streams in the catalog."""
        return True

    @abstractmethod
    def discover(self, account: Account) -> list[dict[str, Any]]:
        """Return the catalog entries of these streams."""

    @abstractmethod
    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[Read | BulkFamily]:
        """Return how a sync reads selected streams of this definition; there may be none.

        Raises:
            TapError: these streams cannot be read; the others can.
        """

    def permissions_of(self, entry: CatalogEntry, account: Account) -> Sequence[str]:
        """Return further permissions of one stream, as far as they are known without a call for it.

        Raises:
            TapError: the account could not be asked what it has.
        """
        return ()

    def gap(self, context: SyncContext) -> Gap | None:
        """Return what activities no longer tell of a stream that they keep up to date.

        None for nothing, and for a stream that activities do not keep up to date.
        """
        if not self.kept_by:
            return None
        reached = context.state.bookmark(self.name, "updatedAt")
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        return find_gap(self.kept_by, reached, lookback, context.now)

    def missing(self, entry: CatalogEntry, account: Account) -> str:
        """Name what a stream of a catalog is about and Marketo no longer has; empty for nothing."""
        return ""

    def bulk_object_of(self, family: str) -> str | None:
        """Return the path part of a family's exports; None if it is no family of these streams."""
        return self.families.get(family)


@dataclass(frozen=True, kw_only=True)
class SingleStream(StreamDefinition):
    """One stream. What is known of its columns is in ``schemas/<name>.json``.

    Attributes:
        name: tap_stream_id, and the name of the schema file.
        read: makes one sync of the stream: ``Pages`` of a list, ``Children`` of parents, or a
            subclass of ``Read``; None if the sync of another stream reads it.
        replication_key: None for a list that is emitted in full each time.
        offered: says whether the config leaves the stream in the catalog.
    """

    name: str
    read: Callable[[CatalogEntry, Any, Account, SyncContext], Read | None]
    is_exported: bool = False
    permission: str = ""
    further_permissions: tuple[str, ...] = ()
    kept_by: str = ""
    replication_key: str | None = "updatedAt"
    keys: tuple[str, ...] = ("id",)
    offered: Callable[[Account], object] = lambda account: True

    def is_offered(self, account: Account) -> bool:
        return bool(self.offered(account))

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[Read | BulkFamily]:
        reads = (self.read(entry, self, account, context) for entry in entries)
        return [read for read in reads if read]


@dataclass(frozen=True, kw_only=True)
class DeclaredStream(SingleStream):
    """One stream whose columns are all known.

    Attributes:
        automatic: columns that are always emitted, beside the keys, the replication key and
            createdAt.
        details: columns that take a call for each row; each of them a call of its own.
        by_default: whether a catalog in which nothing is marked may select the stream.
    """

    automatic: frozenset[str] = frozenset()
    details: tuple[Details, ...] = ()
    by_default: bool = True

    def discover(self, account: Account) -> list[dict[str, Any]]:
        properties = declared_columns(self.name)
        automatic = {*self.keys, *self.automatic, self.replication_key, "createdAt"}
        inclusion = dict.fromkeys(filter(None, automatic), "automatic")
        costly = [each for each in self.details if not each.by_default]
        unselected = {
            column: {"selected-by-default": False} for each in costly for column in each.columns
        }
        key = self.replication_key
        own = {} if self.by_default else {"selected-by-default": False}
        return [catalog_entry(self.name, properties, self.keys, key, inclusion, own, unselected)]


def in_full(
    name: str,
    read: Callable[[CatalogEntry, Any, Account, SyncContext], Read | None],
    permission: str = "",
    *details: Details,
    **more: Any,
) -> DeclaredStream:
    """Declare a stream that is emitted in full each time."""
    return DeclaredStream(
        name=name, read=read, permission=permission, details=details, replication_key=None, **more
    )
