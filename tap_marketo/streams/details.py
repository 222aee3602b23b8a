"""Calls about single things: detail columns, and what becomes of things that are gone.

The call for detail columns is made for each row that is emitted, if one of them is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
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


class NoDetailsError(TapError):
    """A row whose details cannot be looked up. The message is what keeps them from it."""


@dataclass(frozen=True)
class Details:
    """Detail columns of a stream.

    Attributes:
        columns: their names.
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

    def chosen(self, selected: Container[str]) -> list[str]:
        """Return those of the columns that are selected."""
        return [column for column in self.columns if column in selected]


class RowDetails:
    """Completes rows with the selected details of a stream.

    Attributes:
        selected: the details of which a column is selected: a call each.
    """

    def __init__(
        self,
        details: Sequence[Details],
        client: MarketoClient,
        columns: Container[str],
        keys: Sequence[str],
    ) -> None:
        """Complete nothing yet.

        Args:
            details: of the stream.
            client: makes the calls.
            columns: the columns that are selected.
            keys: the key columns, which name a row.
        """
        self.selected = [each for each in details if each.chosen(columns)]
        self._readers = [
            _DetailReader(each, client, each.chosen(columns), keys) for each in self.selected
        ]

    def __call__(self, row: Row) -> Row:
        """Return a row with its details, which are null where they cannot be looked up.

        Raises:
            NotFoundError: Marketo has answered for none of several rows.
            TapError: a call failed.
        """
        for reader in self._readers:
            row = reader(row)
        return row

    def summary(self) -> list[str]:
        """Return lines about the rows whose details could not be looked up."""
        return [line for reader in self._readers for line in reader.summary()]


class _DetailReader:
    """Completes rows with what one call tells, and counts those of which it cannot be looked up."""

    def __init__(
        self,
        details: Details,
        client: MarketoClient,
        columns: Sequence[str],
        keys: Sequence[str],
    ) -> None:
        self._read = details.read
        self._has = details.has
        self._client = client
        self._columns = columns
        self._keys = keys
        self._guard = NotFoundGuard()
        self._unknown: dict[str, list[str]] = {}

    def __call__(self, row: Row) -> Row:
        found: Row = {}
        try:
            if self._has(row):
                found = self._read(self._client, row)
                self._guard.answered()
        except NoDetailsError as error:
            self._count(row, str(error))
        except NotFoundError as error:
            self._guard.skip(error)
            self._count(row, error.problem)
        except RequestRefusedError as error:
            if error.code != _RULE:
                raise
            self._guard.answered()
            self._count(row, error.problem)
        return {**row, **{column: found.get(column) for column in self._columns}}

    def summary(self) -> list[str]:
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
        # A name may hold what stands between names.
        name = "/".join(text if text.isalnum() else repr(text) for text in self._texts(row))
        self._unknown.setdefault(reason, []).append(name)

    def _texts(self, row: Row) -> list[str]:
        return [str(row.get(key)) for key in self._keys]


def by_key(
    key: str, path: str, endpoint: str, way: Way = REST, **params: Any
) -> Callable[[MarketoClient, Row], Row]:
    """Return a function that reads a whole row by the column that stands for ``{id}`` in a path.

    The endpoint is the name of the calls in logs and metrics.
    """

    def read(client: MarketoClient, row: Row) -> Row:
        found = all_rows(client, path_with(path, row.get(key)), endpoint, params, way)
        if not found:
            raise NoDetailsError("Marketo finds nothing")
        return found[0]

    return read


def listed(column: str, path: str, endpoint: str) -> Callable[[MarketoClient, Row], Row]:
    """Return a function that reads a list about a row, which is the value of a column.

    The id of the row stands for ``{id}`` in the path.
    """

    def read(client: MarketoClient, row: Row) -> Row:
        return {column: all_rows(client, path_with(path, row.get("id")), endpoint)}

    return read


def listed_by_offset(column: str, path: str, endpoint: str) -> Callable[[MarketoClient, Row], Row]:
    """Return a function as ``listed`` does, for a list with pages: one call for 200 of its rows."""

    def read(client: MarketoClient, row: Row) -> Row:
        own = path_with(path, row.get("id"))
        found: list[Row] = []
        while True:
            page, _ = one_page(client, own, endpoint, {}, len(found))
            found += page
            if len(page) < MAX_RETURN:
                return {column: found}

    return read


def path_with(path: str, key: object) -> str:
    """Return a path with the id or name of a row in place of ``{id}``."""
    return path.format(id=quote(str(key), safe="", errors="replace"))
