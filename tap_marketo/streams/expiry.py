"""What Marketo no longer has of the selected activities, and how it is said.

A table has nothing of a time of which all activities were deleted before it was read.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tap_marketo.exports.cursors import Cursor, cursor_at
from tap_marketo.exports.family import SyncContext
from tap_marketo.log import some_of
from tap_marketo.marketo.retention import DELETE_LEAD, asked_since, kept_for, kept_since
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.activity_columns import ACTIVITY_REPLICATION_KEY, type_number
from tap_marketo.times import EVER, to_marketo


def remarks(
    entries: Sequence[CatalogEntry], account: Account, context: SyncContext
) -> Iterator[tuple[int, str]]:
    """Yield remarks on what Marketo has deleted of the selected streams, before a sync reads.

    Each remark is a level of the log and a sentence without its full stop.

    Raises:
        TapError: the types of activities cannot be had.
    """
    types = activity_types(entries, account)
    lookback = timedelta(hours=context.config.activities_lookback_hours)
    cursors = {
        stream: cursor_at(
            context.state, stream, ACTIVITY_REPLICATION_KEY, context.earliest, lookback
        )
        for stream in types
    }
    first = {stream: types[stream] for stream in types if cursors[stream].bookmark is None}
    for text in horizons(first, context.earliest, context.now):
        yield logging.INFO, text
    for text in _gaps(types, cursors, context.now):
        yield logging.WARNING, text
    exported = {stream: name for stream, name in types.items() if name != DELETE_LEAD}
    begins = {stream: cursors[stream].bookmark or context.earliest for stream in exported}
    months = context.config.activities_kept_months
    for text in _not_asked(exported, begins, context.now, months):
        yield logging.INFO, text


def activity_types(entries: Sequence[CatalogEntry], account: Account) -> dict[str, str]:
    """Return the names of the activity types that streams are of, by stream.

    Raises:
        TapError: they cannot be had.
    """
    numbers = {entry.stream: type_number(entry) for entry in entries}
    return {
        stream: str(account.activity_types[number].get("name"))
        for stream, number in numbers.items()
        if number is not None and number in account.activity_types
    }


def horizons(types: Mapping[str, str], begin: datetime, now: datetime) -> Iterator[str]:
    """Say how far Marketo goes back with those types that are to be read from before that."""
    gone: defaultdict[tuple[str, datetime], list[str]] = defaultdict(list)
    for stream, name in types.items():
        since = kept_since(name, now)
        if since and begin < since:
            gone[kept_for(name), since].append(stream)
    for (kept, since), streams in gone.items():
        yield (
            f"Marketo keeps activities of {some_of(streams)} for {kept}: nothing from before "
            f"{to_marketo(since)} is there"
        )


def _gaps(types: Mapping[str, str], cursors: Mapping[str, Cursor], now: datetime) -> Iterator[str]:
    """Say of what time activities are missing for good, as no run came while Marketo had them."""
    gaps: defaultdict[tuple[str, datetime, datetime], list[str]] = defaultdict(list)
    for stream, name in types.items():
        since, last = kept_since(name, now), cursors[stream].last_caught_up
        if since and last and last < since:
            gaps[name if name == DELETE_LEAD else kept_for(name), last, since].append(stream)
    for (name, last, since), streams in gaps.items():
        kept, remedy = name, ""
        if name == DELETE_LEAD:
            kept, remedy = kept_for(name), ". Compare the leads' ids with those of Marketo"
        yield (
            f"{some_of(streams)}: last read up to {to_marketo(last)}, and Marketo keeps these "
            f"activities for {kept}. Those dated from {to_marketo(last)} to {to_marketo(since)} "
            f"may be missing{remedy}"
        )


def _not_asked(
    types: Mapping[str, str], begins: Mapping[str, datetime], now: datetime, months: int
) -> Iterator[str]:
    """Say from when on activities are asked for, where they were to be read from further back."""
    since = {stream: asked_since(name, now, months) for stream, name in types.items()}
    cut = {since[stream] for stream in types if begins[stream] < since[stream]}
    for moment in cut:
        whole = [stream for stream in types if since[stream] == EVER]
        but = f", but of {some_of(whole)}" if whole else ""
        yield (
            f"activities: nothing from before {to_marketo(moment)} is asked for{but}, as Marketo "
            f"no longer has it (activities_kept_months: {months})"
        )
