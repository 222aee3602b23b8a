"""Lists of which pages have numbers: those of the Email Designer (emails-new.md, Filter).

A page begins where its number times its size says. To read such a list as safely as one by offset
(moving_list.py), pages of other sizes are asked for, so that each begins within the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.moving_list import rows_of_moving_list
from tap_marketo.marketo.pages import MOST_EMPTY_PAGES, Page, Row, rows_of
from tap_marketo.marketo.ways import Way

# swagger-asset.json: "Maximum value is 50".
LARGEST_PAGE = 50
# Behind whichever offset a page is asked for, a full one has so many rows.
_LEAST_ROWS = 24


def page_at(offset: int) -> tuple[int, int]:
    """Return number and size of the page that holds an offset and reaches furthest behind it."""
    sizes = range(LARGEST_PAGE, LARGEST_PAGE // 2, -1)
    size = max(sizes, key=lambda size: (offset // size + 1) * size)
    return offset // size, size


def first_page(
    client: MarketoClient, path: str, endpoint: str, params: Mapping[str, Any], way: Way
) -> tuple[list[Row], int | None]:
    """Return the first page, and how many rows there are in all; None if Marketo does not say."""
    return _page(client, path, endpoint, params, way, 0, LARGEST_PAGE)


def indexed_pages(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any],
    identity: Callable[[Row], object],
    prepare: Callable[[Row], Row],
    way: Way,
) -> Iterator[Page]:
    """Read a list by the numbers of its pages, also while its rows come, change and go.

    Marketo may count rows that it leaves out of the pages, such as variants of A/B tests
    (swagger-asset.json): a short page is the end where no more rows are counted than it reaches to.
    Where none are counted, the end is a page without a new row.

    Args:
        client: makes the calls.
        path: of the list.
        endpoint: the calls' name in logs and metrics.
        params: filter of the list.
        identity: distinguishes a row from the others.
        prepare: gives a row the columns' names, updatedAt among them.
        way: of the part of the API.

    Raises:
        DataError: the list changes faster than it can be read.
    """
    first, total = first_page(client, path, endpoint, params, way)
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
            page, total = _page(client, path, endpoint, params, way, index, size)
            # Rows that are left out may be those before the offset.
            rows += page[max(0, offset - index * size - max(0, size - len(page))) :]
            offset = (index + 1) * size
            empty = 0 if page else empty + 1
            is_end = total is None or offset >= total or empty > MOST_EMPTY_PAGES
            if len(rows) >= _LEAST_ROWS or is_end:
                return list(map(prepare, rows))

    yield from map(Page, rows_of_moving_list(path, ask, identity, _LEAST_ROWS))


def _page(
    client: MarketoClient,
    path: str,
    endpoint: str,
    params: Mapping[str, Any],
    way: Way,
    index: int,
    size: int,
) -> tuple[list[Row], int | None]:
    number, most = way.paging
    envelope = client.get(path, endpoint, {**params, number: index, most: size}, way=way)
    return rows_of(path, envelope), envelope.get("totalItems")
