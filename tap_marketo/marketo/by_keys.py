"""Rows of the lead database that have one of some values in a field (lead-database.md, Query)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tap_marketo.errors import TooManyMatchesError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, query_pages

MOST_VALUES = 300
"""So many values a call (lead-database.md, Query)."""


class KeyedRows:
    """Asks for the rows of one object by the values of one of its fields.

    Where Marketo says that too many rows match, it is asked for half as many values at once from
    then on.
    """

    def __init__(self, client: MarketoClient, path: str, endpoint: str, field: str) -> None:
        """Ask for nothing yet.

        Args:
            client: makes the calls.
            path: of the object.
            endpoint: the calls' name in logs and metrics.
            field: whose values are asked for; it must be searchable.
        """
        self._client = client
        self._path = path
        self._endpoint = endpoint
        self._field = field
        self._most = MOST_VALUES

    def pages(self, values: Sequence[str], fields: Sequence[str]) -> Iterator[list[Row]]:
        """Yield the rows of some values, a page at a time; a value may have none, one or many.

        Args:
            values: without commas, which stand between them.
            fields: those of each row; empty where the call takes none.

        Raises:
            TooManyMatchesError: one value matches too many rows.
            MarketoError: a call failed.
            DataError: the pages make no sense.
        """
        left = list(values)
        while left:
            some = left[: self._most]
            query = {"filterType": self._field, "filterValues": ",".join(some)}
            if fields:
                query["fields"] = ",".join(fields)
            pages = query_pages(self._client, self._path, self._endpoint, query)
            try:
                first = next(pages)
            except TooManyMatchesError as error:
                if len(some) == 1:
                    raise
                self._most = len(some) // 2
                LOGGER.info("Asking for %d values at once from now on. %s", self._most, error.brief)
                continue
            yield first.rows
            for page in pages:
                yield page.rows
            left = left[len(some) :]
