"""The sync of all custom objects that bulk extract does not give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tap_marketo.errors import AccessDeniedError
from tap_marketo.exports.family import SyncContext
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import LinkMark
from tap_marketo.streams.account import Account
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY
from tap_marketo.streams.keys_family import SearchRead
from tap_marketo.streams.linked_family import LinkedFamily, LinkedStream, is_fresh
from tap_marketo.streams.object_links import LEADS
from tap_marketo.streams.scan import LOOKBACK
from tap_marketo.streams.stream_read import ReadEstimate, Steps
from tap_marketo.times import before, to_marketo


class LinkedRead(SearchRead):
    """One sync of all of them: one export of leads, and one of each bridge, serve all."""

    name = "custom objects by keys"

    def __init__(self, account: Account, context: SyncContext) -> None:
        """Prepare to read nothing yet."""
        super().__init__(account, context)
        self._interval = timedelta(hours=context.config.child_refresh_hours)
        self._lookback = timedelta(hours=context.config.leads_lookback_hours)

    def steps(self, emitter: Emitter) -> Steps:
        due = self._due()
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
        due = self._due()
        if not due:
            first = min(filter(None, map(self._read_at, self._tables)))
            return ReadEstimate(
                how=f"not before {to_marketo(first + self._interval)} (child_refresh_hours)"
            )
        search, families = self._families(due)
        return ReadEstimate(families=families, calls=search.calls)

    def _due(self) -> list[str]:
        return [name for name in self._tables if not is_fresh(self._context, name)]

    def _families(
        self, due: Sequence[str], emitter: Emitter | None = None
    ) -> tuple[KeySearch, list[LinkedFamily]]:
        """Return the search for rows of some streams, and the exports that lead to them.

        Raises:
            TapError: no stream can be read.
        """
        tables = {name: self._tables[name] for name in due}
        declared = [table.declared for table in tables.values()]
        search = KeySearch(declared, tables, self._account, emitter)
        search.prepare()
        linked = [
            LinkedStream(
                each.name,
                each.paths,
                self._since(each.name, self._lookback),
                {path.bulk_object for path in each.paths},
            )
            for each in declared
        ]
        objects = dict.fromkeys(path.bulk_object for each in linked for path in each.paths)
        lead_fields = self._lead_fields() if LEADS in objects else []
        families = [
            LinkedFamily(
                each,
                [stream for stream in linked if each in stream.unfinished],
                search,
                self._context,
                lead_fields,
            )
            for each in objects
        ]
        return search, families

    def _lead_fields(self) -> list[str]:
        try:
            return [each.name for each in self._account.lead_fields]
        except AccessDeniedError:
            # Marketo refuses the export of leads as well, and the streams that take it fail.
            return []

    def _since(self, stream: str, lookback: timedelta = LOOKBACK) -> datetime:
        bookmark = self._context.state.bookmark(stream, REPLICATION_KEY)
        if bookmark is None or self._read_at(stream) is None:
            return self._context.earliest
        return before(bookmark, lookback)

    def _read_at(self, stream: str) -> datetime | None:
        return self._context.state.mark(LinkMark, stream).read_at
