"""Custom objects that bulk extract does not give: their one sync, and the exports that find them.

What an edge object's rows say may change without a bridge's row, and the state holds no keys. So
each sync that reads the rows exports all keys again, from the first row on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tap_marketo.errors import AccessDeniedError
from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.family import MARKETO_BEGAN, ExportPlan, RecordBlock, SyncContext
from tap_marketo.marketo.by_keys import compound_value
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import LinkMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.streams.account import Account
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY
from tap_marketo.streams.keys_family import KeysFamily, SearchRead
from tap_marketo.streams.object_links import COMPANY_KEY, LEADS, KeyPath
from tap_marketo.streams.permissions import READ_LEAD
from tap_marketo.streams.scan import LOOKBACK
from tap_marketo.streams.stream_read import ReadEstimate, Steps, is_since, log_not_due
from tap_marketo.times import before, to_marketo

PREFIX = "links_of/"
"""What the names of these families begin with; the path part of their exports follows."""


def source_of(stream: str, path: KeyPath) -> str:
    """Return what a search calls the values by which rows of a stream are asked for."""
    return f"{stream}.{path.filter}"


class LinkedFamily(KeysFamily):
    """The exports of one bulk object whose rows name rows of some streams."""

    lookback = timedelta()

    def __init__(
        self,
        bulk_object: str,
        unfinished: Mapping[str, set[str]],
        search: KeySearch,
        context: SyncContext,
        lead_fields: Collection[str],
    ) -> None:
        """Serve the streams of a search to whose rows those of a bulk object lead.

        ``unfinished`` has, for each stream, the bulk objects that this run has not exported to the
        end. Where ``lead_fields`` have the key of a company, only leads with one are followed.
        """
        self.name = f"{PREFIX}{bulk_object}"
        self.bulk_object = bulk_object
        self._unfinished = unfinished
        self._paths = [
            (name, path)
            for name, table in search.tables.items()
            for path in table.declared.paths
            if path.bulk_object == bulk_object
        ]
        streams = dict.fromkeys(name for name, _ in self._paths)
        lookback = timedelta(hours=context.config.leads_lookback_hours)
        # Rows are news to which one that has changed since then leads.
        self._news_since = {name: _since(context, name, lookback) for name in streams}
        of_leads = bulk_object == LEADS
        has_keys = of_leads and COMPANY_KEY in find_names([COMPANY_KEY], lead_fields)
        self._needs_key = has_keys and context.config.companies == "linked"
        exported = [name for _, path in self._paths for name in path.fields.values()]
        more = [COMPANY_KEY] if self._needs_key else []
        columns = list(dict.fromkeys([REPLICATION_KEY, *more, *exported]))
        super().__init__(search, streams, columns)
        if of_leads:
            self.further_permissions = (READ_LEAD,)
        self._served: Collection[str] = ()
        self._has_rows = False

    # How far it is -------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        """What the state calls the exports: rows begin elsewhere by another date."""
        return self.bulk_object + (" by createdAt" if self._goes_by_creation else "")

    def cursor(self, context: SyncContext, stream: str) -> Cursor:
        mark = context.state.mark(LinkMark, stream)
        reached = mark.reached_by.get(self._place) if is_under_way(context, stream) else None
        # Links are older than what they lead to: start_date says nothing of them.
        earliest = mark.begins_by.get(self._place, MARKETO_BEGAN)
        return Cursor(reached, None, earliest, self.lookback)

    def begin(self, context: SyncContext) -> Position | None:
        marks = {name: context.state.mark(LinkMark, name) for name in self.streams}
        new = {
            name: replace(mark, read_at=context.now, reached_by={})
            for name, mark in marks.items()
            if not is_under_way(context, name)
        }
        # A bookmark without a mark is of exports, which bring none of these rows.
        forgotten = {name for name in new if marks[name].read_at is None}
        return Position(marks=new, forgotten=forgotten) if new else None

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        marks, bookmarks = {}, {}
        for name in plan.streams:
            if name not in self._search.live:
                continue
            mark = context.state.mark(LinkMark, name)
            reached = self.cursor(context, name).after(plan.window, plan.made).reached
            begins = dict(mark.begins_by)
            if self._has_rows:
                begins.setdefault(self._place, plan.window.start)
            marks[name] = replace(
                mark, reached_by={**mark.reached_by, self._place: reached}, begins_by=begins
            )
            unfinished = self._unfinished[name]
            if plan.window.end >= context.now:
                unfinished.discard(self.bulk_object)
            if not unfinished and mark.read_at:
                marks[name] = replace(marks[name], reached_by={})
                bookmarks[name] = Bookmark(REPLICATION_KEY, mark.read_at)
        return Position(marks=marks, bookmarks=bookmarks)

    # What is found -------------------------------------------------------------------------------

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        self._served, self._has_rows = plan.streams, False
        yield from super().records(file, plan, time_extracted)

    def note(self, cells: Sequence[str | None]) -> None:
        self._has_rows = True
        row = dict(zip(self._columns, cells, strict=True))
        if self._needs_key and not row[COMPANY_KEY]:
            return
        changed = row[REPLICATION_KEY]
        for name, path in self._paths:
            value = _value(path, row)
            if value and name in self._served:
                is_news = is_since(changed, self._news_since[name])
                self._search.note(source_of(name, path), value, is_news)


def _read_at(context: SyncContext, stream: str) -> datetime | None:
    return context.state.mark(LinkMark, stream).read_at


def _since(context: SyncContext, stream: str, lookback: timedelta) -> datetime:
    """Return where what is new of a stream begins (UTC), a look-back before what was read."""
    bookmark = context.state.bookmark(stream, REPLICATION_KEY)
    if bookmark is None or _read_at(context, stream) is None:
        return context.earliest
    return before(bookmark, lookback)


def is_under_way(context: SyncContext, stream: str) -> bool:
    """Say whether a reading of a stream has begun that is not yet complete."""
    bookmark = context.state.bookmark(stream, REPLICATION_KEY)
    read_at = _read_at(context, stream)
    return read_at is not None and (bookmark is None or bookmark < read_at)


def is_fresh(context: SyncContext, stream: str) -> bool:
    """Say whether a stream was read not long ago (child_refresh_hours)."""
    read_at = _read_at(context, stream)
    if read_at is None or is_under_way(context, stream):
        return False
    return context.now - read_at < timedelta(hours=context.config.child_refresh_hours)


def _value(path: KeyPath, row: Mapping[str, str | None]) -> str | None:
    """Return what a row names; None for nothing."""
    parts = {name: row[exported] for name, exported in path.fields.items()}
    if len(parts) == 1:
        return next(iter(parts.values()))
    if not all(parts.values()):
        return None
    return compound_value(
        {
            name: int(part) if name in path.numbers and part.lstrip("-").isdecimal() else part
            for name, part in parts.items()
            if part
        }
    )


class LinkedRead(SearchRead):
    """One sync of all of them: one export of leads, and one of each bridge, serve all."""

    name = "custom objects by keys"

    def __init__(self, account: Account, context: SyncContext) -> None:
        """Prepare to read nothing yet."""
        super().__init__(account, context)
        self._interval = timedelta(hours=context.config.child_refresh_hours)

    def steps(self, emitter: Emitter) -> Steps:
        due = self._due()
        for name in self._tables.keys() - {*due}:
            if read_at := _read_at(self._context, name):
                log_not_due(name, read_at, self._interval)
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
            read_at = (_read_at(self._context, name) for name in self._tables)
            first = min(filter(None, read_at))
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
        unfinished = {each.name: {path.bulk_object for path in each.paths} for each in declared}
        objects = dict.fromkeys(path.bulk_object for each in declared for path in each.paths)
        lead_fields = self._lead_fields() if LEADS in objects else []
        families = [
            LinkedFamily(each, unfinished, search, self._context, lead_fields) for each in objects
        ]
        return search, families

    def _lead_fields(self) -> list[str]:
        try:
            return [each.name for each in self._account.lead_fields]
        except AccessDeniedError:
            # Marketo refuses the export of leads as well, and the streams that take it fail.
            return []

    def _since(self, stream: str) -> datetime:
        return _since(self._context, stream, LOOKBACK)
