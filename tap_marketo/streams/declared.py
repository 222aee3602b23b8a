"""Streams that are declared: a name, keys, and a schema file that holds the columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from tap_marketo.protocol.catalog import CatalogEntry, catalog_entry
from tap_marketo.streams.account import Account
from tap_marketo.streams.details import Details
from tap_marketo.streams.kind import StreamKind

# Where a stream has it, it is emitted always, as its replication key is.
_CREATED = "createdAt"


@dataclass(frozen=True, kw_only=True)
class DeclaredStream(StreamKind):
    """One stream with columns that are known beforehand.

    Attributes:
        name: tap_stream_id, and of its schema file.
        permission: as of any kind.
        further_permissions: the same.
        replication_key: None for a list that is emitted in full each time.
        keys: the key columns.
        automatic: columns that are always emitted, beside the keys, the replication key and
            createdAt.
        details: columns that take a call for each row.
    """

    name: str
    permission: str = ""
    further_permissions: tuple[str, ...] = ()
    replication_key: str | None = "updatedAt"
    keys: tuple[str, ...] = ("id",)
    automatic: frozenset[str] = frozenset()
    details: Details | None = None

    def owns(self, entry: CatalogEntry) -> bool:
        return entry.stream == self.name

    def discover(self, account: Account) -> list[dict[str, Any]]:
        schema = resources.files("tap_marketo.streams") / "schemas" / f"{self.name}.json"
        properties = json.loads(schema.read_text(encoding="utf-8"))["properties"]
        automatic = {*self.keys, *self.automatic, self.replication_key, _CREATED}
        inclusion = {
            column: "automatic" if column in automatic else "available" for column in properties
        }
        costly = self.details.columns if self.details and not self.details.by_default else ()
        unselected = {column: {"selected-by-default": False} for column in costly}
        key = self.replication_key
        return [
            catalog_entry(
                self.name, properties, self.keys, key, inclusion, column_metadata=unselected
            )
        ]
