"""Whether activities still tell which leads have changed, where exports by updatedAt do not."""

from __future__ import annotations

from datetime import datetime, timedelta

from tap_marketo.exports.family import SyncContext
from tap_marketo.log import LOGGER
from tap_marketo.marketo.retention import CHANGE_DATA_VALUE, Gap, find_gap, kept_since
from tap_marketo.protocol.marks import ReadMark
from tap_marketo.times import to_marketo

LEADS_STREAM = "leads"
LEAD_CHANGES = "lead_changes"
"""Where the state has how far changed leads have been found."""
_MEGABYTE = 1_000_000


def read_up_to(context: SyncContext) -> datetime | None:
    """Return the bookmark (UTC) of leads that are exported by createdAt; None for none."""
    state = context.state
    # Other taps export by createdAt, too, and keep the bookmark under updatedAt.
    return state.bookmark(LEADS_STREAM, "createdAt") or state.bookmark(LEADS_STREAM, "updatedAt")


def gap_of(context: SyncContext) -> Gap | None:
    """Return what activities no longer tell of the leads that were read before, None if nothing."""
    read = read_up_to(context)
    if read is None or _is_first(context):
        return None
    reached = _found_up_to(context) or read
    lookback = timedelta(hours=context.config.leads_lookback_hours)
    return find_gap(CHANGE_DATA_VALUE, reached, lookback, context.now)


def log_gap(context: SyncContext, gap: Gap) -> None:
    """Log why all leads are read from the beginning, what it costs, and what does not come."""
    since = context.earliest
    a_day = context.state.bytes_per_day().get(LEADS_STREAM)
    days = (context.now - since) / timedelta(days=1)
    size = (
        "" if a_day is None else f", about {a_day * days / _MEGABYTE:,.1f} MB by their last files"
    )
    LOGGER.warning(
        "%s are read from the beginning once more: %s. That exports all leads created since %s%s. "
        "Of older leads, changes between %s and %s may be missing.",
        LEADS_STREAM, gap, to_marketo(since), size, to_marketo(gap.since), to_marketo(gap.until),
    )  # fmt: skip


def warn_of_changes_not_followed(context: SyncContext) -> None:
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
