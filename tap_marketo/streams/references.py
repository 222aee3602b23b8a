"""What leads lead to: an export of references, and activities about roles, find the keys.

Marketo lists neither companies nor what belongs to them, and cannot be asked what has changed. A
lead names its company and its sales person. A small export of that, of all leads at first and then
by the time of their last change, finds the keys by which the rows are asked for. Roles in
opportunities come and go without a change of the lead: activities tell of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tap_marketo.errors import (
    DataError,
    FieldNotFoundError,
    FilterUnavailableError,
    MarketoError,
)
from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.family import MARKETO_BEGAN, ExportPlan, SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.retention import CHANGE_DATA_VALUE, find_gap
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ReadMark
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY
from tap_marketo.streams.keys_family import KeysFamily
from tap_marketo.streams.object_links import COMPANY, COMPANY_KEY, LEADS
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, Steps
from tap_marketo.times import Window, to_marketo

NAME = "lead_references"
SALES_PERSON = "externalSalesPersonId"
LINKS = (COMPANY, COMPANY_KEY, SALES_PERSON)
"""Fields of a lead: its company by id and by key, its sales person."""
LEADS_COMPANY = "company of a lead"
"""What the search calls companies' keys that leads name. Their ids, and all keys of sales persons,
have the names of the fields."""
LEAD = "lead"
"""What the search calls ids of leads."""
ROLES = "opportunity_roles"
ROLE_CHANGES = "opportunity_role_changes"
"""Where the state has up to when activities about roles were read."""
_ROLE_EVENTS = ("Add to Opportunity", "Remove from Opportunity")
_DATE = "activityDate"


class ReferencesFamily(KeysFamily):
    """Exports of which companies and sales persons leads name; what they lead to is searched."""

    name = NAME
    bulk_object = LEADS

    def __init__(
        self, search: KeySearch, fields: Sequence[str], context: SyncContext, by_lead: bool
    ) -> None:
        """Serve the streams of a search, given the fields of ``LINKS`` that leads have.

        The leads themselves may be keys of what is searched.
        """
        super().__init__(search, search.tables, ("id", *LINKS))
        self.lookback = timedelta(hours=context.config.leads_lookback_hours)
        self._fields = ["id", *fields]
        self._by_lead = by_lead
        self._refresh = timedelta(days=context.config.crm_refresh_days)
        self._all_companies = context.config.companies == "all"

    # What is read ---------------------------------------------------------------------------------

    def cursor(self, context: SyncContext, stream: str) -> Cursor:
        # Companies are older than their leads' last changes: start_date says nothing of them.
        cursor = replace(super().cursor(context, stream), earliest=MARKETO_BEGAN)
        is_due = self._why_again(context, stream)
        return replace(cursor, bookmark=None, settled=None) if is_due else cursor

    def why_anew(self, context: SyncContext) -> str:
        reasons = (self._why_again(context, stream) for stream in self.streams)
        return next(filter(None, reasons), "")

    def begin(self, context: SyncContext) -> Position | None:
        again = [stream for stream in self.streams if self._why_again(context, stream)]
        if again:
            LOGGER.info(
                "%s: the references of all leads are exported once more, for %s. %s.",
                NAME, ", ".join(again), self.why_anew(context),
            )  # fmt: skip
        marks = {name: context.state.mark(ReadMark, name) for name in self.streams}
        new = [stream for stream, mark in marks.items() if mark.read_at is None]
        if not again and not new:
            return None
        mark = ReadMark(read_at=context.now)
        return Position(forgotten={*again}, marks=dict.fromkeys((*again, *new), mark))

    def _why_again(self, context: SyncContext, stream: str) -> str:
        """Say why a stream is read from the beginning once more; empty if it is not."""
        bookmark = context.state.bookmark(stream, REPLICATION_KEY)
        read_at = context.state.mark(ReadMark, stream).read_at
        if bookmark is None or read_at is None or bookmark < read_at:
            # It never was, or such a reading is under way.
            return ""
        if self._refresh and context.now - read_at >= self._refresh:
            return f"they were last exported at {to_marketo(read_at)} (crm_refresh_days)"
        if self._goes_by_creation:
            gap = find_gap(CHANGE_DATA_VALUE, bookmark, self.lookback, context.now)
            return str(gap or "")
        return ""

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        live = tuple(stream for stream in plan.streams if stream in self._search.live)
        return super().position_after(context, replace(plan, streams=live))

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        super().do_without_filter(error)
        LOGGER.info(
            "%s: this subscription cannot filter lead exports by updatedAt. The references of new "
            "leads are exported by createdAt; those of others come with the next export of all.",
            ", ".join(self.streams),
        )

    def do_without_field(self, error: FieldNotFoundError) -> None:
        unknown = {*find_names(error.names, self._fields[1:]).values()}
        if not unknown:
            raise error
        self._fields = [name for name in self._fields if name not in unknown]

    def note(self, cells: Sequence[str | None]) -> None:
        lead, company, company_key, sales_person = cells
        if company and (company_key or self._all_companies):
            self._search.note(COMPANY, company)
        if company_key:
            self._search.note(LEADS_COMPANY, company_key)
        if sales_person:
            self._search.note(SALES_PERSON, sales_person)
        if lead and self._by_lead:
            self._search.note(LEAD, lead)


class RoleChanges:
    """The leads that got or lost a role since the last run: their roles are asked for."""

    def __init__(self, search: KeySearch, account: Account, context: SyncContext) -> None:
        """Ask for nothing yet."""
        self._search = search
        self._account = account
        self._now = context.now
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        state = context.state
        bookmark, settled = state.bookmark(ROLE_CHANGES, _DATE), state.settled(ROLE_CHANGES)
        self._cursor = Cursor(bookmark, settled, context.earliest, lookback)

    @property
    def calls(self) -> Calls:
        """What it takes to find the leads."""
        return ACTIVITY_CALLS if self._cursor.bookmark else Calls()

    def steps(self, emitter: Emitter) -> Steps:
        """Ask for the leads, and for their roles."""
        window = Window(self._cursor.start(self._now), self._now)
        # At first the roles are found by all else that is read.
        if self._cursor.bookmark is not None:
            try:
                for events in ChangeEvents(self._account, _ROLE_EVENTS).pages(window.start):
                    for event in events:
                        self._search.note(LEAD, str(event.lead))
                    yield from self._ask(emitter, to_the_end=False)
                    yield None
            except (MarketoError, DataError) as error:
                if isinstance(error, MarketoError) and error.ends_run:
                    raise
                self._search.fail(ROLES, error)
            yield from self._ask(emitter, to_the_end=True)
        if self._search.asks_by(ROLES, "leadId"):
            settled = self._cursor.after(window, self._now).settled
            bookmark = Bookmark(_DATE, self._now, settled)
            emitter.move_to(Position(bookmarks={ROLE_CHANGES: bookmark}))

    def _ask(self, emitter: Emitter, *, to_the_end: bool) -> Steps:
        for block in self._search.blocks(to_the_end=to_the_end):
            emitter.records(block.lines, block.counts)
            yield None
