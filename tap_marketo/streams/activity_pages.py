"""Activities page by page, of as many types as one likes (activities.md, Query)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import Row, date_token, dated_pages

PATH = "/rest/v1/activities.json"
# So many types a call.
_MOST_TYPES = 10


class ActivityPages:
    """Reads activities since a time. One token stands for the time in all scans."""

    def __init__(self, client: MarketoClient, since: datetime) -> None:
        """Begin at a time (UTC), that second included; nothing is called yet."""
        self._client = client
        self._since = since
        self._token: str | None = None

    def of(self, types: Sequence[int]) -> Iterator[list[Row]]:
        """Yield the activities of types that go into one call, given by number, page by page.

        Raises:
            DataError: pages that lead nowhere, or make no sense.
            MarketoError: a call was refused.
        """
        filter_ = {"activityTypeIds": ",".join(map(str, types))}
        for page in dated_pages(self._client, PATH, "activities", self._start, None, filter_):
            yield page.rows

    def _start(self) -> str:
        self._token = self._token or date_token(self._client, self._since)
        return self._token


def together(types: Collection[int]) -> list[list[int]]:
    """Return types by number, those together that go into one call."""
    numbers = sorted(types)
    return [numbers[start : start + _MOST_TYPES] for start in range(0, len(numbers), _MOST_TYPES)]
