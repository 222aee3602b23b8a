"""What rows of pages say of themselves: their ids, and when they came to be."""

from __future__ import annotations

from datetime import datetime

from tap_marketo.errors import DataError
from tap_marketo.marketo.pages import Row
from tap_marketo.times import parse_utc


def raw_id(row: Row) -> object:
    """Return the id of a row as Marketo sent it."""
    return row.get("id")


def id_of(row: Row, what: str) -> int:
    """Return the id of a row.

    Args:
        row: as Marketo sent it.
        what: what it is a row of, for the error.

    Raises:
        DataError: it has none.
    """
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        raise DataError(
            f"Marketo sent a {what} without an id. Run again; if it stays so, show it to Marketo "
            "Support."
        ) from None


def is_created_since(row: Row, since: datetime) -> bool:
    """Say whether a row came to be at a time (UTC) or later; one that does not tell may have."""
    try:
        return parse_utc(str(row.get("createdAt"))) >= since
    except ValueError:
        return True
