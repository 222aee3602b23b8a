"""Objects that only leads lead to: an export of references finds their keys.

Marketo lists neither companies nor what belongs to them, and cannot be asked what has changed. A
lead names its company and its sales person. A small export of that, of all leads at first and then
by the time of their last change, finds the keys by which the rows are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tap_marketo.errors import FieldNotFoundError, FilterUnavailableError
from tap_marketo.exports.family import MARKETO_BEGAN, ExportPlan, SyncContext, date_range
from tap_marketo.exports.windows import Cursor
from tap_marketo.log import LOGGER
from tap_marketo.marketo.retention import CHANGE_DATA_VALUE, find_gap
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ReadMark
from tap_marketo.protocol.position import Position
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import REPLICATION_KEY
from tap_marketo.streams.keys_family import KeysFamily
from tap_marketo.streams.role_changes import LEAD
from tap_marketo.times import to_marketo

NAME = "lead_references"
BULK_OBJECT = "leads"
COMPANY, COMPANY_KEY, SALES_PERSON = LINKS = (
    "contactCompany", "externalCompanyId", "externalSalesPersonId",
)  # fmt: skip
"""Fields of a lead: its company by id and by key, its sales person."""
LEADS_COMPANY = "company of a lead"
"""What the search calls companies' keys that leads name. Their ids, and all keys of sales persons,
have the names of the fields."""
_CREATED = "createdAt"


class ReferencesFamily(KeysFamily):
    """Exports of which companies and sales persons leads name; what they lead to is searched."""

    name = NAME
    bulk_object = BULK_OBJECT

    def __init__(
        self,
        search: KeySearch,
        fields: Sequence[str],
        context: SyncContext,
        by_lead: bool,
        emitter: Emitter | None = None,
    ) -> None:
        """Serve the streams of a search.

        Args:
            search: what the keys are for.
            fields: those of ``LINKS`` that leads have.
            context: what the sync begins with.
            by_lead: whether the leads themselves are keys of what is searched.
            emitter: takes SCHEMA messages; None where nothing is read.
        """
        super().__init__(search, search.tables, ("id", *LINKS), emitter)
        self.lookback = timedelta(hours=context.config.leads_lookback_hours)
        self._fields = ["id", *fields]
        self._by_lead = by_lead
        self._filter = REPLICATION_KEY
        self._refresh = timedelta(days=context.config.crm_refresh_days)
        self._all_companies = context.config.companies == "all"

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        return {self._filter: date_range(plan.window)}

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
        if self._filter == _CREATED:
            gap = find_gap(CHANGE_DATA_VALUE, bookmark, self.lookback, context.now)
            return str(gap or "")
        return ""

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        live = tuple(stream for stream in plan.streams if stream in self._search.live)
        return super().position_after(context, replace(plan, streams=live))

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        if self._filter == _CREATED:
            raise error
        self._filter = _CREATED
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
