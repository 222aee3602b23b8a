"""How long lists are, found out with a few calls: no answer of Marketo has a total."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import Any, Generic, TypeVar, cast

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.moving_list import one_page
from tap_marketo.marketo.pages import MAX_RETURN, Row, all_rows, endless, token_pages
from tap_marketo.marketo.ways import REST, Way

T = TypeVar("T")
S = TypeVar("S")

# A list without offsets is read from its beginning, so many pages at most.
_MOST_TOKEN_PAGES = 20
# No list has so many pages: Marketo pays no heed to the offset.
_MOST_OFFSET_PAGES = 1 << 20


@dataclass(frozen=True)
class ListSize(Generic[T]):
    """How many items a list has, and how many calls it takes to read them.

    The items ``seen`` are those of the pages that were asked for: of a long list not all, unless
    the list is whole.
    """

    number: int
    calls: int
    seen: Sequence[T]
    is_whole: bool = True

    def about(self, is_meant: Callable[[T], bool]) -> int:
        """Return how many items are meant: as many as of those seen."""
        if not self.seen:
            return 0
        return round(self.number * sum(map(is_meant, self.seen)) / len(self.seen))

    def of(self, as_item: Callable[[T], S]) -> ListSize[S]:
        """Return the size of the list with other items."""
        return ListSize(self.number, self.calls, list(map(as_item, self.seen)), self.is_whole)

    def __add__(self, other: ListSize[T]) -> ListSize[T]:
        """Return the size of two lists together."""
        return ListSize(
            self.number + other.number,
            self.calls + other.calls,
            [*self.seen, *other.seen],
            self.is_whole and other.is_whole,
        )


class ListSizes:
    """Asks how long lists are, of each list once; ``calls`` counts what was asked."""

    def __init__(self, client: MarketoClient) -> None:
        self.client = client
        self.calls = 0
        self._known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Return what calls answer, which are made once, and counted."""
        if key not in self._known:
            # Within it others may be asked and counted.
            before = self.client.successes - self.calls
            try:
                self._known[key] = ask()
            finally:
                self.calls = self.client.successes - before
        return cast("T", self._known[key])

    def of_one_page(self, path: str, endpoint: str, way: Way = REST) -> ListSize[Row]:
        """Return the size of a list that comes whole in one answer."""

        def ask() -> ListSize[Row]:
            rows = all_rows(self.client, path, endpoint, way=way)
            return ListSize(len(rows), 1, rows)

        return self.once(path, ask)

    def by_token(self, path: str, endpoint: str, token: str | None = None) -> ListSize[Row]:
        """Return the size of a list of the lead database; of a very long one not all of it."""

        def ask() -> ListSize[Row]:
            pages = list(islice(token_pages(self.client, path, endpoint, token), _MOST_TOKEN_PAGES))
            rows = [row for page in pages for row in page.rows]
            return ListSize(len(rows), len(pages), rows, pages[-1].next_token is None)

        return self.once((path, token), ask)

    def by_offset(
        self, path: str, endpoint: str, params: Mapping[str, Any], way: Way = REST
    ) -> ListSize[Row]:
        """Return the size of a list of assets, by a few of its pages.

        Raises:
            DataError: the list has no end.
        """

        def ask() -> ListSize[Row]:
            def rows(offset: int) -> list[Row]:
                return one_page(self.client, path, endpoint, params, offset, way)[0]

            number, seen = measure(rows, path)
            # Each page but the first begins with the last row of the page before; one more call
            # proves the end.
            pages = 1 + ceil(max(0, number - MAX_RETURN) / (MAX_RETURN - 1))
            return ListSize(number, pages + (number > 0), seen)

        return self.once((path, *sorted(params.items())), ask)


def measure(rows_from: Callable[[int], Sequence[T]], path: str) -> tuple[int, list[T]]:
    """Return how many rows a list has, and those of the pages that were asked for.

    Pages twice as far away are asked for until one is not full, and then those in the middle. So a
    list of up to 199 rows takes one call, and one of 5,000 eleven.

    Raises:
        DataError: the list has no end.
    """
    seen: list[T] = []
    # The last page known to be full, and the first known not to be.
    full, end, page = -1, _MOST_OFFSET_PAGES, 0
    while end - full > 1:
        rows = rows_from(page * MAX_RETURN)
        seen += rows
        if 0 < len(rows) < MAX_RETURN:
            return page * MAX_RETURN + len(rows), seen
        if rows:
            full = page
        else:
            end = page
        page = (2 * full or 1) if end == _MOST_OFFSET_PAGES else (full + end) // 2
        if page >= _MOST_OFFSET_PAGES:
            raise endless(path, "sends rows at any offset")
    return end * MAX_RETURN, seen
