"""Tables of assets: rows that come, change and go."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.clock import DAY

Which = int | list[Any]
"""Which rows a change is about: so many of them, or those with these keys."""


@dataclass
class Asset:
    """One row: what is fixed about it, and how often it has changed."""

    id: int
    created: int
    updated: int
    dated: bool = True
    """Whether updatedAt is shown; where it is not, the record says null."""
    version: int = 0
    more: dict[str, Any] = field(default_factory=dict)
    parent: tuple[str, int] | None = None
    """Type and id of the parent: Folder or Program of a token, a folder; Segmentation."""


Make = Callable[[random.Random, int, int], Asset]
Show = Callable[[Asset], dict[str, Any]]


class AssetTable:
    """One kind of asset, in order of id."""

    def __init__(
        self, rows: list[Asset], make: Make, show: Show, rng: random.Random, key: str = "id"
    ) -> None:
        self.rows = rows
        self.key = key
        self._make = make
        self._show = show
        self._rng = rng
        self._next = rows[-1].id + 1 if rows else 1
        self._cache: dict[int, tuple[tuple[int, int], dict[str, Any]]] = {}

    def add(self, moment: int) -> Any:
        """A new record, created at the moment; gives its key."""
        made = self._make(self._rng, self._next, moment)
        self._next = made.id + 1
        made.created = made.updated = moment
        self.rows.append(made)
        return self.key_of(made)

    def update(self, which: Which, moment: int) -> list[Any]:
        """Change some records; gives their keys."""
        chosen = self._chosen(which, range(len(self.rows)))
        for place in chosen:
            row = self.rows[place]
            row.version += 1
            row.updated = moment
            row.dated = True
        return sorted(self.key_of(self.rows[place]) for place in chosen)

    def remove(self, which: Which) -> list[Any]:
        """Delete some records; gives their keys."""
        chosen = self._chosen(which, self.removable())
        keys = sorted(self.key_of(self.rows[place]) for place in chosen)
        for place in sorted(chosen, reverse=True):
            del self.rows[place]
        return keys

    def removable(self) -> list[int]:
        """Places of the rows that may be deleted: all, where no page forbids it."""
        return list(range(len(self.rows)))

    def _chosen(self, which: Which, places: range | list[int]) -> list[int]:
        if isinstance(which, int):
            return self._rng.sample(places, min(which, len(places)))
        found = {self.key_of(self.rows[place]): place for place in places}
        wanted = [tuple(each) if isinstance(each, list) else each for each in which]
        if strange := [each for each in wanted if each not in found]:
            raise ValueError(f"no such row, or it cannot go: {strange}")
        return [found[each] for each in wanted]

    def key_of(self, row: Asset) -> Any:
        """The key of a row as the API shows it."""
        return row.id if self.key == "id" else self.shown_row(row)[self.key]

    def shown_row(self, row: Asset) -> dict[str, Any]:
        """One record as the API writes it."""
        state = (row.version, row.updated)
        known = self._cache.get(row.id)
        if known is None or known[0] != state:
            known = self._cache[row.id] = (state, self._show(row))
        return known[1]

    def shown(self, rows: list[Asset] | None = None) -> list[dict[str, Any]]:
        """Records as the API writes them."""
        return [self.shown_row(row) for row in (self.rows if rows is None else rows)]

    def children(self, parent: tuple[str, int]) -> list[Asset]:
        """Rows of one parent."""
        return [row for row in self.rows if row.parent == parent]

    def find(self, key: object) -> Asset | None:
        """The row of a key."""
        return next((row for row in self.rows if self.key_of(row) == key), None)


class View(AssetTable):
    """The rows of another table as another endpoint shows them."""

    def __init__(self, base: AssetTable, show: Show) -> None:
        super().__init__(base.rows, base._make, show, base._rng)
        self._base = base

    def add(self, moment: int) -> Any:
        """A new record of the table behind the view."""
        return self._base.add(moment)


def draw_times(rng: random.Random, start: int, history_days: float) -> tuple[int, int]:
    """When a record was created and last changed."""
    created = start - rng.randint(3600, max(int(history_days * DAY), 7200))
    return created, created + int((start - created) * rng.random())
