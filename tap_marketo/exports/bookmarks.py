"""How far streams have been read, between the state and the windows that are laid out."""

from __future__ import annotations

from datetime import datetime, timedelta

from tap_marketo.exports.windows import Cursor
from tap_marketo.protocol.position import Ahead, Bookmark
from tap_marketo.protocol.state import State


def cursor_at(
    state: State, stream: str, replication_key: str, earliest: datetime, lookback: timedelta
) -> Cursor:
    """Return how far the state says that a stream has been read.

    Args:
        state: of the last run.
        stream: by its name there.
        replication_key: of its bookmark.
        earliest: where a stream without a bookmark begins.
        lookback: how long after its date a row may show.
    """
    ahead = None
    if span := state.ahead(stream):
        ahead = Cursor(span.end, span.settled, span.start, lookback)
    bookmark, settled = state.bookmark(stream, replication_key), state.settled(stream)
    return Cursor(bookmark, settled, earliest, lookback, ahead).joined()


def bookmark_at(cursor: Cursor, replication_key: str) -> Bookmark:
    """Return what the state is to say of a stream that has been read so far."""
    span, ahead = cursor.ahead, None
    if span:
        ahead = Ahead(span.earliest, span.reached, span.settled)
    return Bookmark(replication_key, cursor.reached, cursor.settled, ahead, cursor.rows_change)
