"""The sync of all custom objects that bulk extract does not give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tap_marketo.errors import AccessDeniedError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.by_keys import MOST_VALUES
from tap_marketo.marketo.describe import Field
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import LinkMark
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.streams.account import Account
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY, KeyedStream
from tap_marketo.streams.keyed_table import KeyedTable
from tap_marketo.streams.linked_family import (
    LinkedFamily,
    LinkedStream,
    is_fresh,
)
from tap_marketo.streams.object_links import LEADS, KeyPath
from tap_marketo.streams.permissions import READ_CUSTOM_OBJECT
from tap_marketo.streams.scan import LOOKBACK
from tap_marketo.streams.stream_read import Read, ReadEstimate, Steps
from tap_marketo.times import before, to_marketo

_NAME = "custom objects by keys"


@dataclass(frozen=True, kw_only=True, eq=False)
class LinkedObject(KeyedStream):
    """A type of custom objects that bulk extract does not give, as it is read.

    Attributes:
        paths: what leads to its rows; empty where nobody asks, as they were read not long ago.
        fields: those that each row has.
    """

    permission: str = READ_CUSTOM_OBJECT
    paths: Sequence[KeyPath]
    fields: Sequence[Field] = field(default=())

    def always(self) -> list[Field]:
        return list(self.fields)


class LinkedRead(Read):
    """One sync of all of them: one export of leads, and one of each bridge, serve all."""

    finds_families = True

    def __init__(self, account: Account, context: SyncContext) -> None:
        """Prepare to read nothing yet."""
        self._account = account
        self._context = context
        self._interval = timedelta(hours=context.config.child_refresh_hours)
        self._lookback = timedelta(hours=context.config.leads_lookback_hours)
        self._declared: dict[str, LinkedObject] = {}
        self._tables: dict[str, KeyedTable] = {}

    def add(self, entry: CatalogEntry, declared: LinkedObject) -> None:
        """Read one more selected stream.

        Raises:
            CatalogError: the entry has no key column.
        """
        since = self._since(entry.stream, LOOKBACK)
        self._declared[entry.stream] = declared
        self._tables[entry.stream] = KeyedTable(entry, declared, self._context.now, since)

    @property
    def name(self) -> str:
        return _NAME

    @property
    def streams(self) -> list[str]:
        return [*self._tables]

    @property
    def issues_of(self) -> Mapping[str, ConversionIssues]:
        return {name: table.issues for name, table in self._tables.items()}

    @property
    def unknown(self) -> set[str]:
        tables = self._tables.items()
        return {f"{name}.{key}" for name, table in tables for key in table.unknown}

    def steps(self, emitter: Emitter) -> Steps:
        due = [name for name in self._tables if not is_fresh(self._context, name)]
        for name in self._tables.keys() - {*due}:
            LOGGER.info(
                "%s was read at %s, and is read again %g hours later (child_refresh_hours).",
                name, str(self._read_at(name)), self._interval / timedelta(hours=1),
            )  # fmt: skip
        if not due:
            return
        search, families = self._families(due, emitter)
        for table in search.live.values():
            table.announce(emitter)
        yield None
        yield from families

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        due = [name for name in self._tables if not is_fresh(self._context, name)]
        if not due:
            first = min(filter(None, map(self._read_at, self._tables)))
            return ReadEstimate(
                how=f"not before {to_marketo(first + self._interval)} (child_refresh_hours)"
            )
        _, families = self._families(due)
        keys = f"one for {MOST_VALUES} keys of {', '.join(due)}"
        return ReadEstimate(families=families, calls=Calls(0, keys))

    def _families(
        self, due: Sequence[str], emitter: Emitter | None = None
    ) -> tuple[KeySearch, list[LinkedFamily]]:
        """Return the search for rows of some streams, and the exports that lead to them.

        Raises:
            TapError: no stream can be read.
        """
        search = KeySearch((self._declared[name] for name in due), self._account)
        search.tables.update({name: self._tables[name] for name in due})
        search.prepare()
        if not search.live:
            raise next(iter(search.failed.values()))
        linked = [
            LinkedStream(
                name,
                self._declared[name].paths,
                self._since(name, self._lookback),
                {path.bulk_object for path in self._declared[name].paths},
            )
            for name in due
        ]
        objects = dict.fromkeys(path.bulk_object for each in linked for path in each.paths)
        lead_fields = self._lead_fields() if LEADS in objects else []
        families = [
            LinkedFamily(
                each,
                [stream for stream in linked if each in stream.unfinished],
                search, self._context, lead_fields, emitter,
            )
            for each in objects
        ]  # fmt: skip
        return search, families

    def _lead_fields(self) -> list[str]:
        try:
            return [each.name for each in self._account.lead_fields]
        except AccessDeniedError:
            # Marketo refuses the export of leads as well, and the streams that take it fail.
            return []

    def _since(self, stream: str, lookback: timedelta) -> datetime:
        """Return the time (UTC) from which on changed rows are emitted."""
        bookmark = self._context.state.bookmark(stream, REPLICATION_KEY)
        if bookmark is None or self._read_at(stream) is None:
            return self._context.earliest
        return before(bookmark, lookback)

    def _read_at(self, stream: str) -> datetime | None:
        return self._context.state.mark(LinkMark, stream).read_at


def read_by_links(
    entry: CatalogEntry, declared: KeyedStream, account: Account, context: SyncContext
) -> LinkedRead | None:
    """Let one read have all of these streams: one export of a bridge serves them."""
    if not isinstance(declared, LinkedObject):
        raise TypeError(f"{declared.name} has no links")
    read = account.shared(LinkedRead, lambda: LinkedRead(account, context))
    is_first = not read.streams
    read.add(entry, declared)
    return read if is_first else None
