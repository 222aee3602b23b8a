"""Lists that are read by offset or by the numbers of their pages while rows come, change and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tap_marketo.errors import DataError
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import MAX_RETURN, MOST_EMPTY_PAGES, Page, Row, rows_of
from tap_marketo.marketo.ways import REST, Way

# swagger-asset.json, of the Email Designer: "Maximum value is 50".
LARGEST_PAGE = 50
# Behind whichever offset a page of the Email Designer is asked for, a full one has so many rows.
_LEAST_ROWS = 24
# How many pages in a row without a row of the page before lead to the list's beginning, how often.
_RESTARTS = 5
_MOST_MISSES = 20
# Pages in a row that bring less than half of a page: near its end a list may grow for ever.
_MOST_SLOW = 10

# What distinguishes a row from the others, and when it changed last, as Marketo says it.
_Version = tuple[object, object]


def offset_pages(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any],
    identity: Callable[[Row], object],
    way: Way = REST,
) -> Iterator[Page]:
    """Read a list of assets by offset (assets.md), also while its rows come, change and go.

    Raises:
        DataError: the list changes faster than it can be read.
    """
    detector = MoveDetector(identity)

    def ask(offset: int) -> list[Row]:
        rows, _ = one_page(client, path, endpoint, params, offset, way)
        detector.add(offset, rows)
        return rows

    for rows in rows_of_moving_list(path, ask, identity, MAX_RETURN):
        yield Page(rows, moved=detector.moved)
    if detector.moved:
        # The page that proves the end may have shown it.
        yield Page([], moved=True)


def one_page(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any],
    place: int,
    way: Way = REST,
    size: int = MAX_RETURN,
) -> tuple[list[Row], int | None]:
    """Return a page, and how many rows the list has in all; None if Marketo does not say.

    ``place`` is an offset (assets.md, Browse) or, in the Email Designer, the number of the page.
    There are no rows behind the end of the list.
    """
    begin, most = way.paging
    envelope = client.get(path, endpoint, {**params, most: size, begin: place}, way=way)
    return rows_of(path, envelope), envelope.get("totalItems")


def page_at(offset: int) -> tuple[int, int]:
    """Return number and size of the page that holds an offset and reaches furthest behind it."""
    sizes = range(LARGEST_PAGE, LARGEST_PAGE // 2, -1)
    size = max(sizes, key=lambda size: (offset // size + 1) * size)
    return offset // size, size


def indexed_pages(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any],
    identity: Callable[[Row], object],
    prepare: Callable[[Row], Row],
    way: Way,
) -> Iterator[Page]:
    """Read a list of the Email Designer (emails-new.md, Filter), also while its rows move.

    Its pages have numbers: each begins where its number times its size says. To read it as safely
    as a list by offset, pages of other sizes are asked for, so that each begins within the one
    before. ``prepare`` gives a row the columns' names, updatedAt among them.

    Marketo may count rows that it leaves out of the pages, such as variants of A/B tests
    (swagger-asset.json): a short page is the end where no more rows are counted than it reaches to.
    Where none are counted, the end is a page without a new row.

    Raises:
        DataError: the list changes faster than it can be read.
    """
    first, total = one_page(client, path, endpoint, params, 0, way, LARGEST_PAGE)
    ready = [list(map(prepare, first))]
    if total is not None and total <= LARGEST_PAGE:
        yield Page(ready[0])
        return

    def ask(offset: int) -> list[Row]:
        if ready and offset == 0:
            return ready.pop()
        rows: list[Row] = []
        empty = 0
        while True:
            index, size = page_at(offset)
            page, total = one_page(client, path, endpoint, params, index, way, size)
            # Rows that are left out may be those before the offset.
            rows += page[max(0, offset - index * size - max(0, size - len(page))) :]
            offset = (index + 1) * size
            empty = 0 if page else empty + 1
            is_end = total is None or offset >= total or empty > MOST_EMPTY_PAGES
            if len(rows) >= _LEAST_ROWS or is_end:
                return list(map(prepare, rows))

    yield from map(Page, rows_of_moving_list(path, ask, identity, _LEAST_ROWS))


def rows_of_moving_list(
    path: str, ask: Callable[[int], list[Row]], identity: Callable[[Row], object], full: int
) -> Iterator[list[Row]]:
    """Yield every row that stands in a list from the first call to the last.

    A row that leaves the list moves all rows behind it up, and a row that enters moves them down.
    So each page overlaps the page before: what follows its last unchanged row is new. A page
    without such a row lies too far down. The list is then read from a page further up, and later
    pages overlap by more rows.

    A page with fewer rows than a ``full`` one, none of them new, is the end. So is a shorter page
    after many that bring little: the list grows as fast as it is read.

    Raises:
        DataError: too many pages have nothing in common with those before.
    """
    offset, overlap = 0, 1
    known: list[_Version] = []
    misses = restarts = longest = slow = 0
    while True:
        rows = ask(offset)
        versions = [(identity(row), row.get("updatedAt")) for row in rows]
        behind = _place_behind(known, versions)
        if behind is None:
            misses += 1
            overlap = min(2 * overlap + 1, full // 2)
            if offset:
                offset = max(0, offset - full + 1) if misses < _MOST_MISSES else 0
                continue
            behind, misses, restarts = 0, 0, restarts + 1
        met = [own for own, _ in known]
        has_met_all = all(own in met for own, _ in versions[behind:])
        if new := rows[behind:]:
            yield new
            known = versions
        if not has_met_all:
            misses = 0
        elif len(rows) < full:
            return
        longest = max(longest, len(rows))
        slow = slow + 1 if 2 * len(new) < longest else 0
        if slow > _MOST_SLOW and len(rows) < longest:
            return
        if restarts > _RESTARTS or slow > _MOST_MISSES * _MOST_SLOW:
            problem = "the list changes faster than it can be read. Run again at a quieter time."
            raise DataError(f"GET {path}: {problem}")
        offset = max(0, offset + len(rows) - min(overlap, max(1, longest // 2)))


def _place_behind(known: list[_Version], page: list[_Version]) -> int | None:
    """Return how many rows of a page end with the last known one; None if it has no known row."""
    if not known:
        return 0
    return next((page.index(each) + 1 for each in reversed(known) if each in page), None)


class MoveDetector:
    """Sees by what two pages have in common whether a list has moved in between."""

    def __init__(self, identity: Callable[[Row], object]) -> None:
        """Begin before the first page; ``identity`` distinguishes a row from the others."""
        self.moved = False
        self._identity = identity
        self._offset = 0
        self._last: list[object] = []

    def add(self, offset: int, rows: Sequence[Row]) -> None:
        """Compare the page that begins at an offset with the one before."""
        shown = list(map(self._identity, rows))
        place = offset - self._offset
        common = self._last[place:] if place >= 0 else []
        if self._last and (not common or shown[: len(common)] != common):
            self.moved = True
        self._offset, self._last = offset, shown
