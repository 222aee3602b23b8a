"""Static lists and their members, as Marketo gives them, and the rows of memberships."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import NotFoundError
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, token_pages
from tap_marketo.protocol.position import Parent
from tap_marketo.streams.stream_read import id_of
from tap_marketo.times import to_marketo

CLOCKS_DIFFER = timedelta(minutes=10)
"""By how much the Date of one of Marketo's answers may be ahead of an activity's date.

The last activities before a reading tell no more than what was read, so they may be read again.
"""

LISTS = "/rest/v1/lists.json"
_LIST = "List"


class ListMembers:
    """Asks for lists and for their members (static-lists.md, list-membership.md)."""

    def __init__(self, client: MarketoClient) -> None:
        """Ask for nothing yet."""
        self._client = client

    def lists(self) -> Generator[None, None, dict[int, Row]]:
        """Ask for all lists, a page a step; return them by their ids."""
        found: dict[int, Row] = {}
        for page in token_pages(self._client, LISTS, "lists", None):
            for row in page.rows:
                found[id_of(row, "list")] = row
            yield
        return found

    def pages(
        self, number: int, token: str | None = None
    ) -> Generator[tuple[list[Row], str | None], None, None]:
        """Read the members of a list, a page at a time; one that is gone by now has none.

        Yields:
            Rows, and the token of the page that follows.
        """
        path = f"/rest/v1/lists/{number}/leads.json"
        try:
            for page in token_pages(self._client, path, "list_members", token, {"fields": "id"}):
                yield page.rows, page.next_token
        except NotFoundError:
            # It is read once only, so that Marketo's word on its members alone is not enough.
            if self._exists(number):
                raise

    def _exists(self, number: int) -> bool:
        pages = token_pages(self._client, LISTS, "lists", None)
        return any(id_of(row, "list") == number for page in pages for row in page.rows)


def list_name(number: int) -> str:
    """Return what the state and messages call a list."""
    return str(Parent(_LIST, number))


def list_number(name: str) -> int:
    """Return the id of a list that the state names.

    Raises:
        ValueError: it names none.
    """
    return Parent.number(_LIST, name)


def member_rows(
    number: int, leads: Sequence[Row], reading: datetime, read_at: datetime | None
) -> list[Row]:
    """Return the rows of leads that were on a list when its reading began (UTC)."""
    return [membership(number, id_of(lead, "lead"), True, reading, read_at) for lead in leads]


def membership(
    number: int, lead: int, is_member: bool, date: datetime, read_at: datetime | None
) -> dict[str, Any]:
    """Return a row.

    Args:
        number: the id of the list.
        lead: the id of the lead.
        is_member: whether it is on the list.
        date: since when that is known, UTC.
        read_at: when the last reading of all lists began, UTC.
    """
    return {
        "listId": str(number),
        "leadId": str(lead),
        "isMember": is_member,
        "updatedAt": to_marketo(date),
        "readAt": read_at and to_marketo(read_at),
    }
