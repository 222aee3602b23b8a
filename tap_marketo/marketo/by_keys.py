"""Rows of the lead database that have one of some values in a field (lead-database.md, Query)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tap_marketo.errors import TooManyMatchesError
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import DEDUPE_FIELDS
from tap_marketo.marketo.pages import Row, query_pages

MOST_VALUES = 300
"""The most values that a call takes (lead-database.md, Query)."""


class KeyedRows:
    """Asks for the rows of one object by the values of one of its fields.

    Where Marketo says that too many rows match, it is asked for half as many values at once from
    then on.
    """

    def __init__(
        self,
        client: MarketoClient,
        path: str,
        endpoint: str,
        field: str,
        *,
        is_compound: bool = False,
    ) -> None:
        """Ask for nothing yet; the field must be searchable.

        If it is compound, the object's key of several fields is asked for in its place, by values
        of ``compound_value``. The endpoint is the calls' name in logs and metrics.
        """
        self.is_compound = is_compound
        self._client = client
        self._path = path
        self._endpoint = endpoint
        self._field = field
        self._most = MOST_VALUES

    def pages(self, values: Sequence[str], fields: Sequence[str]) -> Iterator[list[Row]]:
        """Yield the rows of some values, a page at a time; a value may have none, one or many.

        Values have no commas, which stand between them, unless they are of a compound key. A call
        that takes no fields is given none.

        Raises:
            TooManyMatchesError: one value matches too many rows.
            MarketoError: a call failed.
            DataError: the pages make no sense.
        """
        left = list(values)
        while left:
            some = left[: self._most]
            query = self._query(some, fields)
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

    def _query(self, values: Sequence[str], fields: Sequence[str]) -> dict[str, Any]:
        if self.is_compound:
            inputs = [json.loads(value) for value in values]
            query: dict[str, Any] = {"filterType": DEDUPE_FIELDS, "input": inputs}
            return {**query, "fields": [*fields]} if fields else query
        query = {"filterType": self._field, "filterValues": ",".join(values)}
        return {**query, "fields": ",".join(fields)} if fields else query


def compound_value(parts: Mapping[str, Any]) -> str:
    """Return the value of a key of several fields, given those (custom-objects.md, Query)."""
    return json.dumps(parts)
