"""Leads, exported in bulk by the time of their last change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import (
    ExportQuotaError,
    FeatureUnavailableError,
    FilterUnavailableError,
    MarketoError,
    ResourceNotFoundError,
)
from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext, date_range
from tap_marketo.log import LOGGER, MEGABYTE
from tap_marketo.marketo.describe import Field
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.marketo.retention import CHANGE_DATA_VALUE, Gap, find_gap, kept_since
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.marks import ReadMark
from tap_marketo.protocol.position import Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import StreamDefinition
from tap_marketo.streams.described import DescribedFamily, described_entry
from tap_marketo.streams.lead_changes import LeadChangesFamily, LeadChangesRead, LeadsIncrement
from tap_marketo.streams.leads_by_id import LEAD_CHANGES
from tap_marketo.streams.permissions import READ_LEAD
from tap_marketo.streams.stream_read import Read
from tap_marketo.times import to_marketo, whole_seconds

LEADS_STREAM = "leads"
_AUTOMATIC = frozenset({"id", "createdAt", "updatedAt"})


def goes_by_creation(entry: CatalogEntry) -> bool:
    """Say whether the catalog has leads exported by createdAt."""
    return entry.stream_metadata("valid-replication-keys") in ("createdAt", ["createdAt"])


class LeadsFamily(DescribedFamily):
    """Leads, by the time of their last change (bulk-lead-extract.md)."""

    name = "leads"
    bulk_object = "leads"
    keys = ("id",)
    rows_change = True

    def __init__(
        self,
        entry: CatalogEntry,
        fields: Collection[Field],
        lookback: timedelta,
        with_changes: bool = True,
        *,
        by_creation: bool = False,
    ) -> None:
        """Serve the leads stream, given the fields that Marketo has now.

        ``with_changes`` says whether activities find changed leads where the filter by updatedAt is
        missing; ``by_creation``, whether it is known to be missing, whatever the catalog says.
        """
        by_creation = by_creation or goes_by_creation(entry)
        self.replication_key = "createdAt" if by_creation else "updatedAt"
        self._with_changes = with_changes
        super().__init__(entry, fields, lookback)
        if self.replication_key == "createdAt":
            self._log_missing_filter()

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        # bulk-lead-extract.md: the updatedAt filter goes by a hidden time of the last change to
        # any field, so that a row's visible updatedAt may lie outside the window.
        return {self.replication_key: date_range(plan.window)}

    def cursor(self, context: SyncContext, stream: str) -> Cursor:
        cursor = super().cursor(context, stream)
        if self.replication_key == "updatedAt":
            return cursor
        if self._gap(context):
            return replace(cursor, bookmark=None, settled=None)
        return replace(cursor, bookmark=_read_up_to(context))

    def begin(self, context: SyncContext) -> Position | None:
        if self.replication_key == "updatedAt" or not self._with_changes:
            return None
        gap = self._gap(context)
        if gap:
            _log_gap(context, gap)
        elif _read_up_to(context):
            _warn_of_changes_not_followed(context)
            return None
        forgotten = {self.stream} if gap else ()
        return Position(forgotten=forgotten, marks={LEAD_CHANGES: ReadMark(read_at=context.now)})

    def why_anew(self, context: SyncContext) -> str:
        return str(self._gap(context) or "")

    def _gap(self, context: SyncContext) -> Gap | None:
        """Return what activities no longer tell of leads, None if nothing or if none is asked."""
        is_followed = self.replication_key == "createdAt" and self._with_changes
        return _gap_of(context) if is_followed else None

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        if self.replication_key == "createdAt":
            raise error
        self.replication_key = "createdAt"
        self._choose_columns()
        self._log_missing_filter()

    def _log_missing_filter(self) -> None:
        if self._with_changes:
            LOGGER.info(
                "leads: this subscription cannot filter lead exports by updatedAt. New leads are "
                "exported by createdAt, changed ones are found by their activities."
            )
        else:
            LOGGER.warning(
                "leads: this subscription cannot filter lead exports by updatedAt. Leads are read "
                "by createdAt; changes to leads that were read before are NOT seen, because "
                "lead_changes is false."
            )


# Whether activities still tell which leads have changed, where exports by updatedAt do not.


def _read_up_to(context: SyncContext) -> datetime | None:
    """Return the bookmark (UTC) of leads that are exported by createdAt; None for none."""
    state = context.state
    # Other taps export by createdAt, too, and keep the bookmark under updatedAt.
    return state.bookmark(LEADS_STREAM, "createdAt") or state.bookmark(LEADS_STREAM, "updatedAt")


def _gap_of(context: SyncContext) -> Gap | None:
    """Return what activities no longer tell of the leads that were read before, None if nothing."""
    read = _read_up_to(context)
    if read is None or _is_first(context):
        return None
    reached = _found_up_to(context) or read
    lookback = timedelta(hours=context.config.leads_lookback_hours)
    return find_gap(CHANGE_DATA_VALUE, reached, lookback, context.now)


def _log_gap(context: SyncContext, gap: Gap) -> None:
    """Log why all leads are read from the beginning, what it costs, and what does not come."""
    since = context.earliest
    a_day = context.state.bytes_per_day().get(LEADS_STREAM)
    days = (context.now - since) / timedelta(days=1)
    size = "" if a_day is None else f", about {a_day * days / MEGABYTE:,.1f} MB by their last files"
    LOGGER.warning(
        "%s are read from the beginning once more: %s. That exports all leads created since %s%s. "
        "Of older leads, changes between %s and %s may be missing.",
        LEADS_STREAM, gap, to_marketo(since), size, to_marketo(gap.since), to_marketo(gap.until),
    )  # fmt: skip


def _warn_of_changes_not_followed(context: SyncContext) -> None:
    """Warn where the state is of a tap that did not look for changed leads."""
    if _found_up_to(context) or _is_first(context):
        return
    kept = kept_since(CHANGE_DATA_VALUE, context.now)
    if kept and context.earliest < kept:
        LOGGER.warning(
            "%s: the state does not say up to when changed leads were found. Changes before %s of "
            "leads that were read before may be missing, as Marketo keeps the activities %s no "
            "longer. To read all leads from the beginning, delete bookmarks.%s in the state.",
            LEADS_STREAM, to_marketo(kept), CHANGE_DATA_VALUE, LEADS_STREAM,
        )  # fmt: skip


def _found_up_to(context: SyncContext) -> datetime | None:
    """Return up to when all changes are in what was read (UTC); None where that is not known."""
    found = context.state.bookmark(LEAD_CHANGES, "activityDate")
    read = context.state.mark(ReadMark, LEAD_CHANGES).read_at
    return max((time for time in (found, read) if time), default=None)


def _is_first(context: SyncContext) -> bool:
    """Say whether an earlier version began to read all leads, and its search is under way."""
    return _found_up_to(context) is None and bool(context.pending(LEAD_CHANGES))


class Leads(StreamDefinition):
    """The leads stream."""

    name = LEADS_STREAM
    is_exported = True
    permission = READ_LEAD
    families = {family.name: family.bulk_object for family in (LeadsFamily, LeadChangesFamily)}

    def discover(self, account: Account) -> list[dict[str, Any]]:
        replication_key = "updatedAt" if _takes_filter_by_update(account) else "createdAt"
        return [
            described_entry(
                LEADS_STREAM,
                account.lead_fields,
                _AUTOMATIC,
                LeadsFamily.keys,
                replication_key,
                account.naming,
            )
        ]

    def gap(self, context: SyncContext) -> Gap | None:
        return _gap_of(context) if context.config.lead_changes else None

    def readings(
        self, entries: Sequence[CatalogEntry], account: Account, context: SyncContext
    ) -> Sequence[Read | BulkFamily]:
        if not entries:
            return []
        (entry,) = entries
        lookback = timedelta(hours=context.config.leads_lookback_hours)
        with_changes = context.config.lead_changes
        # A stopped run has met with the refusal of the filter: its jobs are resumed.
        left = context.pending(LeadsFamily.name)
        by_creation = any(job.replication_key == "createdAt" for job in left)
        fields = account.lead_fields
        family = LeadsFamily(entry, fields, lookback, with_changes, by_creation=by_creation)
        changes = [LeadChangesRead(family, account, context)] if with_changes else []
        return [*changes, *LeadsIncrement(family, account, context).readings()]


def can_filter_by_update(account: Account) -> bool:
    """Ask for an export of one second of changes, and cancel it.

    There is no call that tells whether the subscription has the updatedAt filter, and the list
    of jobs does not show with which filters those of the past were made: only the refusal of an
    export tells (bulk-lead-extract.md, Filters). A job that is never enqueued takes no slot in
    the queue and exports nothing (bulk-extract.md, Queue).

    Raises:
        ExportQuotaError: today's bytes are spent, and with them no job can be created.
        MarketoError: it could not be found out.
    """
    api = ExportApi(account.client)
    end = whole_seconds(account.clock.now())
    span = {"startAt": to_marketo(end - timedelta(seconds=1)), "endAt": to_marketo(end)}
    try:
        export_id = api.create(LEADS_STREAM, ["id"], {"updatedAt": span})
    except FilterUnavailableError:
        return False
    try:
        api.cancel(LEADS_STREAM, export_id)
    except MarketoError as error:
        # It was never enqueued: it costs nothing and Marketo forgets it in a week.
        LOGGER.info("The trial export could not be cancelled. %s", error)
    return True


def _takes_filter_by_update(account: Account) -> bool:
    """Say whether a new catalog has leads exported by updatedAt."""
    try:
        can_filter = can_filter_by_update(account)
    except (ExportQuotaError, FeatureUnavailableError, ResourceNotFoundError) as error:
        LOGGER.warning(
            "leads: the filter by updatedAt could not be tried; the catalog assumes it. %s",
            error,
        )
        return True
    if not can_filter:
        LOGGER.info(
            "leads: this subscription cannot filter lead exports by updatedAt. Leads are read by "
            "createdAt, changed ones are found by their activities."
        )
    return can_filter
