"""Companies, sales persons, opportunities and their roles: what leads lead to.

Marketo lists none of these, and cannot be asked what has changed. A lead names its company and its
sales person. A small export of that, of all leads at first and then by the time of their last
change, finds the keys by which the rows are asked for. Roles in opportunities come and go without a
change of the lead: activities tell of them.

Where an account has a native CRM integration, lead-database.md has these objects switched off, and
companies.md has them read-only: what Marketo says of each decides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from tap_marketo.errors import (
    DataError,
    FieldNotFoundError,
    FilterUnavailableError,
    MarketoError,
)
from tap_marketo.exports.cursors import Cursor, bookmark_at, cursor_at
from tap_marketo.exports.family import MARKETO_BEGAN, ExportPlan, SyncContext
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.retention import CHANGE_DATA_VALUE, find_gap
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ReadMark
from tap_marketo.protocol.position import Position
from tap_marketo.streams.change_events import ChangeEvents
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY, KeyedStream
from tap_marketo.streams.keys_family import KeysFamily, SearchRead
from tap_marketo.streams.object_links import COMPANY, COMPANY_KEY, LEADS
from tap_marketo.streams.permissions import (
    COMPANIES_PATH,
    OPPORTUNITIES_PATH,
    READ_ACTIVITY,
    READ_COMPANY,
    READ_LEAD,
    READ_OPPORTUNITY,
    READ_SALES_PERSON,
    SALES_PERSONS_PATH,
)
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, ReadEstimate, Steps
from tap_marketo.times import Window, to_marketo

_NAME = "lead_references"
_SALES_PERSON = "externalSalesPersonId"
_LINKS = (COMPANY, COMPANY_KEY, _SALES_PERSON)
"""Fields of a lead: its company by id and by key, its sales person."""
_LEADS_COMPANY = "company of a lead"
"""What the search calls companies' keys that leads name. Their ids, and all keys of sales persons,
have the names of the fields."""
_LEAD = "lead"
"""What the search calls ids of leads."""
_ROLES = "opportunity_roles"
ROLE_CHANGES = "opportunity_role_changes"
"""Where the state has up to when activities about roles were read."""
_ROLE_EVENTS = ("Add to Opportunity", "Remove from Opportunity")
_DATE = "activityDate"
_OPPORTUNITIES = "opportunities"
_OPPORTUNITY_KEY = "externalOpportunityId"


class ReferencesFamily(KeysFamily):
    """Exports of which companies and sales persons leads name; what they lead to is searched."""

    name = _NAME
    bulk_object = LEADS

    def __init__(
        self, search: KeySearch, fields: Sequence[str], context: SyncContext, by_lead: bool
    ) -> None:
        """Serve the streams of a search, given the fields of ``_LINKS`` that leads have.

        The leads themselves may be keys of what is searched.
        """
        super().__init__(search, search.tables, ("id", *_LINKS))
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
                _NAME, ", ".join(again), self.why_anew(context),
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
            self._search.note(_LEADS_COMPANY, company_key)
        if sales_person:
            self._search.note(_SALES_PERSON, sales_person)
        if lead and self._by_lead:
            self._search.note(_LEAD, lead)


class ReferencesRead(SearchRead):
    """One sync of all streams whose rows references of leads lead to."""

    name = _NAME

    def steps(self, emitter: Emitter) -> Steps:
        search, family = self._family(emitter)
        for table in search.live.values():
            table.announce(emitter)
        yield None
        if search.asks_for(_LEAD):
            yield from self._changed_roles(search, emitter)
        yield family

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        search, family = self._family()
        calls = search.calls
        if search.asks_for(_LEAD) and self._roles_reached().bookmark:
            calls = ACTIVITY_CALLS + calls
        return ReadEstimate(families=[family], calls=calls)

    def _family(self, emitter: Emitter | None = None) -> tuple[KeySearch, ReferencesFamily]:
        """Return the search for rows, and the export of references that lead to them.

        Raises:
            TapError: no stream can be read.
        """
        search = KeySearch(CRM, self._tables, self._account, emitter)
        search.prepare()
        known = find_names(_LINKS, [each.name for each in self._account.lead_fields])
        if search.asks_for(COMPANY):
            self._warn_of_missing(known)
        # Where opportunities can be found in neither way, the leads of roles lead to them.
        by_lead = not search.asks_by(_OPPORTUNITIES, COMPANY_KEY, _SALES_PERSON)
        return search, ReferencesFamily(search, [*known.values()], self._context, by_lead)

    def _warn_of_missing(self, known: Collection[str]) -> None:
        """Warn of fields that this account has not: no company is found by them."""
        needed = [COMPANY, *([COMPANY_KEY] if self._context.config.companies == "linked" else [])]
        missing = [name for name in needed if name not in known]
        if missing:
            LOGGER.warning(
                "companies: leads have no field %s here, so that no company is found.%s",
                missing[0],
                ' To have the company of each lead, set "companies": "all".'
                if missing == [COMPANY_KEY] else "",
            )  # fmt: skip

    def _changed_roles(self, search: KeySearch, emitter: Emitter) -> Steps:
        """Ask for the roles of the leads that got or lost one, as activities report it."""
        now, cursor = self._context.now, self._roles_reached()
        window = Window(cursor.start(now), now)
        # At first the roles are found by all else that is read.
        if cursor.bookmark is not None:
            try:
                for events in ChangeEvents(self._account, _ROLE_EVENTS).pages(window.start):
                    for event in events:
                        search.note(_LEAD, str(event.lead))
                    yield from _rows(search, emitter, to_the_end=False)
                    yield None
            except (MarketoError, DataError) as error:
                if error.ends_run:
                    raise
                search.fail(_ROLES, error)
            yield from _rows(search, emitter, to_the_end=True)
        if search.asks_by(_ROLES, "leadId"):
            bookmark = bookmark_at(cursor.after(window, now), _DATE)
            emitter.move_to(Position(bookmarks={ROLE_CHANGES: bookmark}))

    def _roles_reached(self) -> Cursor:
        """Return how far activities about roles have been read."""
        context = self._context
        lookback = timedelta(hours=context.config.activities_lookback_hours)
        return cursor_at(context.state, ROLE_CHANGES, _DATE, context.earliest, lookback)


def _rows(search: KeySearch, emitter: Emitter, *, to_the_end: bool) -> Steps:
    for block in search.blocks(to_the_end=to_the_end):
        emitter.records(block.lines, block.counts)
        yield None


_found = partial(KeyedStream, read=ReferencesRead.shared, is_exported=True, families={_NAME: LEADS})

# They are asked in this order: whoever names others first, so that calls for those are full.
CRM = (
    _found(
        name="companies",
        path=COMPANIES_PATH,
        permission=READ_COMPANY,
        further_permissions=(READ_LEAD,),
        keys=("id",),
        filters={"id": COMPANY},
        own_key="id",
    ),
    _found(
        name=_OPPORTUNITIES,
        path=OPPORTUNITIES_PATH,
        permission=READ_OPPORTUNITY,
        further_permissions=(READ_LEAD, READ_ACTIVITY),
        filters={
            COMPANY_KEY: _LEADS_COMPANY,
            _SALES_PERSON: _SALES_PERSON,
            _OPPORTUNITY_KEY: _OPPORTUNITY_KEY,
        },
        own_key=_OPPORTUNITY_KEY,
        needs=(_ROLES,),
    ),
    _found(
        name=_ROLES,
        path=f"{OPPORTUNITIES_PATH}/roles",
        permission=READ_OPPORTUNITY,
        further_permissions=(READ_LEAD, READ_ACTIVITY),
        filters={_OPPORTUNITY_KEY: _OPPORTUNITY_KEY, "leadId": _LEAD},
        own_key="marketoGUID",
        needs=(_OPPORTUNITIES,),
        described_with=OPPORTUNITIES_PATH,
    ),
    _found(
        name="sales_persons",
        path=SALES_PERSONS_PATH,
        permission=READ_SALES_PERSON,
        further_permissions=(READ_LEAD,),
        keys=("id",),
        filters={_SALES_PERSON: _SALES_PERSON},
        own_key=_SALES_PERSON,
        needs=("companies", _OPPORTUNITIES),
    ),
)
