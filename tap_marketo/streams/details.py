"""Calls about single things: detail columns, and what becomes of things that are gone.

The call for detail columns is made for each row that is emitted, if one of them is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tap_marketo.errors import NotFoundError
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, single_page

# After so many not-found answers without a success, the call is taken to be wrong, not the things.
_MOST_MISSING = 5


class NotFoundGuard:
    """Skips single things that Marketo no longer has, unless it has none of them.

    Attributes:
        has_answered: whether Marketo has answered for any of them.
    """

    def __init__(self, things: int = _MOST_MISSING) -> None:
        """Begin without an answer, for so many things if their number is known."""
        self.has_answered = False
        self._most = min(things, _MOST_MISSING)
        self._missing = 0
        self._last: NotFoundError | None = None

    def answered(self) -> None:
        """Note that Marketo answered for one of them."""
        self.has_answered = True

    def skip(self, error: NotFoundError) -> None:
        """Skip one that Marketo does not have.

        Raises:
            NotFoundError: the error, if Marketo has answered for none of so many.
        """
        self._missing, self._last = self._missing + 1, error
        if self._missing >= self._most:
            self.check()

    def check(self) -> None:
        """Raise the last not-found answer if Marketo has answered for none of them."""
        if self._last and not self.has_answered:
            raise self._last


@dataclass(frozen=True)
class Details:
    """Detail columns of a stream.

    Attributes:
        columns: their names.
        read: makes the call for a row and returns their values; a missing one is null, and all of
            a row that is gone by now.
        by_default: whether they are selected like any other column, which is for streams that
            have few rows; if not, only who asks for them gets them.
    """

    columns: tuple[str, ...]
    read: Callable[[MarketoClient, Row], Row]
    by_default: bool = False

    def chosen(self, selected: Container[str]) -> list[str]:
        """Return those of the columns that are selected."""
        return [column for column in self.columns if column in selected]

    def reader(
        self, client: MarketoClient, selected: Container[str]
    ) -> Callable[[Row], Row] | None:
        """Return what completes a row; None if none of the columns is selected."""
        chosen = self.chosen(selected)
        if not chosen:
            return None

        guard = NotFoundGuard()

        def completed(row: Row) -> Row:
            found: Row = {}
            try:
                found = self.read(client, row)
                if found:
                    guard.answered()
            except NotFoundError as error:
                guard.skip(error)
            return {**row, **{column: found.get(column) for column in chosen}}

        return completed


def by_key(
    key: str, path: str, endpoint: str, **params: Any
) -> Callable[[MarketoClient, Row], Row]:
    """Return a function that reads a whole row by the column that stands for ``{id}`` in a path.

    The endpoint is the name of the calls in logs and metrics.
    """

    def read(client: MarketoClient, row: Row) -> Row:
        found = rows_of(client, path_with(path, row.get(key)), endpoint, params)
        return found[0] if found else {}

    return read


def path_with(path: str, key: object) -> str:
    """Return a path with the id or name of a row in place of ``{id}``."""
    return path.format(id=quote(str(key), safe="", errors="replace"))


def rows_of(
    client: MarketoClient, path: str, endpoint: str, params: Mapping[str, Any]
) -> list[Row]:
    """Return what a call about a single thing shows.

    Raises:
        DataError: it holds something else than objects.
    """
    (page,) = single_page(client, path, endpoint, params)
    return page.rows
