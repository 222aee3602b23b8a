"""Lists that are read by offset while their rows come, change and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tap_marketo.errors import DataError

# How many pages in a row without a row of the page before lead to the list's beginning, how often.
_RESTARTS = 5
_MOST_MISSES = 20
# Pages in a row that bring less than half of a page: near its end a list may grow for ever.
_MOST_SLOW = 10

Row = Mapping[str, Any]
# What distinguishes a row from the others, and when it changed last, as Marketo says it.
_Version = tuple[object, object]


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
    """Sees by what two pages have in common whether a list has moved in between.

    Attributes:
        moved: whether a page did not fit the one before.
    """

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
