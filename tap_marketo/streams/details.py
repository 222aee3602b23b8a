"""Calls about single things: detail columns, and what becomes of things that are gone.

The call for detail columns is made for each row that is emitted, if one of them is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tap_marketo.errors import NotFoundError, RequestRefusedError, TapError
from tap_marketo.log import counted, some_of
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.moving_list import one_page
from tap_marketo.marketo.pages import MAX_RETURN, Row, all_rows
from tap_marketo.marketo.ways import REST, Way

# After so many not-found answers without a success, the call is taken to be wrong, not the things.
_MOST_MISSING = 5
# error-codes.md, 709: a rule of Marketo's is in the way, for this one thing.
_RULE = "709"
# A line names no more reasons.
_MOST_NAMED = 3


class NotFoundGuard:
    """Skips single things that Marketo no longer has, unless it has answered for none of them."""

    def __init__(self, things: int = _MOST_MISSING) -> None:
        """Begin without an answer, for so many things if their number is known."""
        self.has_answered = False
        self._most = min(things, _MOST_MISSING)
        self._missing = 0
        self._last: NotFoundError | None = None

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


class NoDetailsError(TapError):
    """A row whose details cannot be looked up. The message is what keeps them from it."""


@dataclass(frozen=True)
class Details:
    """Detail columns of a stream.

    Attributes:
        read: makes the call for a row and returns their values, a missing one being null; raises
            a NoDetailsError for a row of which all are null.
        by_default: whether they are selected like any other column, which is for streams that
            have few rows; if not, only who asks for them gets them.
        has: says which rows have them; of the others they are null, and no call is made.
    """

    columns: tuple[str, ...]
    read: Callable[[MarketoClient, Row], Row]
    by_default: bool = False
    has: Callable[[Row], bool] = lambda row: True


class DetailReader:
    """Completes rows by one call each, and counts those whose details cannot be looked up."""

    def __init__(
        self,
        details: Details,
        client: MarketoClient,
        columns: Sequence[str],
        keys: Sequence[str],
    ) -> None:
        """Complete nothing yet, and then the columns that are selected; the keys name a row."""
        self.details = details
        self._client = client
        self._columns = columns
        self._keys = keys
        self._guard = NotFoundGuard()
        self._unknown: dict[str, list[str]] = {}

    def __call__(self, row: Row) -> Row:
        """Return a row with its details, which are null where they cannot be looked up.

        Raises:
            NotFoundError: Marketo has answered for none of several rows.
            TapError: the call failed.
        """
        found: Row = {}
        try:
            if self.details.has(row):
                found = self.details.read(self._client, row)
                self._guard.has_answered = True
        except NoDetailsError as error:
            self._count(row, str(error))
        except NotFoundError as error:
            self._guard.skip(error)
            self._count(row, error.problem)
        except RequestRefusedError as error:
            if error.code != _RULE:
                raise
            self._guard.has_answered = True
            self._count(row, error.problem)
        return {**row, **{column: found.get(column) for column in self._columns}}

    def summary(self) -> list[str]:
        """Return a line about the rows whose details could not be looked up, if there are any."""
        reasons = sorted(self._unknown.items(), key=lambda item: -len(item[1]))
        number = sum(len(names) for _, names in reasons)
        if not number:
            return []
        each = [f"{reason} ({some_of(names)})" for reason, names in reasons]
        more = f"; {len(each) - _MOST_NAMED} more reasons" if len(each) > _MOST_NAMED else ""
        return [
            f"{', '.join(self._columns)} could not be looked up of {counted(number, 'row')}, now "
            f"null: {'; '.join(each[:_MOST_NAMED])}{more}"
        ]

    def _count(self, row: Row, reason: str) -> None:
        texts = [str(row.get(key)) for key in self._keys]
        # A name may hold what stands between names.
        name = "/".join(text if text.isalnum() else repr(text) for text in texts)
        self._unknown.setdefault(reason, []).append(name)


def by_key(
    columns: tuple[str, ...],
    path: str,
    endpoint: str,
    key: str = "id",
    way: Way = REST,
    *,
    by_default: bool = False,
    **params: Any,
) -> Details:
    """Return details that a whole row has, which a call shows.

    The value of the key column stands for ``{id}`` in the path. The endpoint is the name of the
    calls in logs and metrics.
    """

    def read(client: MarketoClient, row: Row) -> Row:
        return one_row(client, path_with(path, row.get(key)), endpoint, params, way)

    return Details(columns, read, by_default)


def listed(column: str, path: str, endpoint: str) -> Details:
    """Return a detail that is a list about a row, whose id stands for ``{id}`` in the path."""

    def read(client: MarketoClient, row: Row) -> Row:
        return {column: all_rows(client, path_with(path, row.get("id")), endpoint)}

    return Details((column,), read)


def listed_by_offset(column: str, path: str, endpoint: str) -> Details:
    """Return a detail as ``listed`` does, for a list with pages: one call for 200 of its rows."""

    def read(client: MarketoClient, row: Row) -> Row:
        own = path_with(path, row.get("id"))
        found: list[Row] = []
        while True:
            page, _ = one_page(client, own, endpoint, {}, len(found))
            found += page
            if len(page) < MAX_RETURN:
                return {column: found}

    return Details((column,), read)


def path_with(path: str, key: object) -> str:
    """Return a path with the id or name of a row in place of ``{id}``."""
    return path.format(id=quote(str(key), safe="", errors="replace"))


def one_row(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any],
    way: Way = REST,
) -> Row:
    """Return the row that a call about a single thing shows.

    Raises:
        NoDetailsError: it shows none.
        DataError: it shows something else than objects.
    """
    found = all_rows(client, path, endpoint, params, way)
    if not found:
        raise NoDetailsError("Marketo finds nothing")
    return found[0]
