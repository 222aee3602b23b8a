"""Lists that are read by offset while rows are created, changed and removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.errors import DataError
from tap_marketo.marketo.moving_list import rows_of_moving_list
from tap_marketo.marketo.pages import Row

FULL = 40
PLACES = st.floats(0, 1, exclude_max=True)


@dataclass
class MovingList:
    """A list that changes before each page but the first.

    Attributes:
        change: is given the rows and the offset that is asked for.
        calls: how often a page was asked for.
        stayed: the ids of the rows that stood in the list from the first page on.
    """

    rows: list[dict[str, Any]]
    change: Callable[[list[dict[str, Any]], int], None]
    calls: int = 0
    stayed: set[int] = field(default_factory=set)

    def page(self, offset: int) -> list[Row]:
        if self.calls:
            self.change(self.rows, offset)
            self.stayed &= self._ids()
        else:
            self.stayed = self._ids()
        self.calls += 1
        return [dict(row) for row in self.rows[offset : offset + FULL]]

    def read(self) -> list[int]:
        pages = rows_of_moving_list("/list.json", self.page, lambda row: row["id"], FULL)
        return [row["id"] for page in pages for row in page]

    def _ids(self) -> set[int]:
        return {row["id"] for row in self.rows}


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"id": number, "updatedAt": 0} for number in range(count)]


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 1), (1, 2), (39, 2), (40, 2), (41, 3), (79, 3), (80, 4), (391, 11)]
)
def test_a_list_that_stands_still_is_read_once_with_one_call_that_proves_the_end(
    count: int, calls: int
) -> None:
    still = MovingList(rows_of(count), lambda rows, offset: None)
    assert still.read() == list(range(count))
    assert still.calls == calls


@st.composite
def changes(draw: st.DrawFn) -> Callable[[list[dict[str, Any]], int], None]:
    """Draw what happens before each page: rows created, changed and removed anywhere."""
    kinds = st.sampled_from(["create", "change", "move to the end", "remove", "nothing"])
    # At the head, before the seam of two pages, at it, or anywhere.
    plan = draw(st.lists(st.tuples(kinds, st.sampled_from(["head", "seam", "any"]), PLACES)))
    steps = iter(plan * 50)

    def change(rows: list[dict[str, Any]], offset: int) -> None:
        kind, where, share = next(steps, ("nothing", "any", 0.0))
        if not rows:
            return
        seam = min(offset, len(rows) - 1)
        place = {"head": 0, "seam": seam, "any": int(share * len(rows))}[where]
        stamp = 1 + max(row["updatedAt"] for row in rows)
        if kind == "create":
            rows.insert(place, {"id": 1000 + max(row["id"] for row in rows), "updatedAt": stamp})
        elif kind == "remove":
            del rows[place]
        elif kind != "nothing":
            changed = {**rows[place], "updatedAt": stamp}
            if kind == "change":
                rows[place] = changed
            else:
                del rows[place]
                rows.append(changed)

    return change


@given(st.integers(0, 400), changes())
def test_whatever_stands_in_a_list_throughout_comes_at_one_change_a_page(
    count: int, change: Callable[[list[dict[str, Any]], int], None]
) -> None:
    moving = MovingList(rows_of(count), change)
    found = moving.read()
    assert moving.stayed <= set(found)
    # Most pages bring at least half of themselves.
    assert moving.calls <= 25 + count // 10


def test_a_list_whose_end_grows_with_each_page_comes_to_an_end() -> None:
    def change(rows: list[dict[str, Any]], offset: int) -> None:
        rows.append({"id": len(rows), "updatedAt": 0})

    moving = MovingList(rows_of(100), change)
    found = moving.read()
    assert set(found) >= moving.stayed == set(range(100))
    assert moving.calls < 30


@given(st.integers(100, 400), st.integers(1, 150))
def test_many_rows_at_once_lose_none_either(count: int, at_once: int) -> None:
    done: list[int] = []

    def change(rows: list[dict[str, Any]], offset: int) -> None:
        if not done:
            done.append(offset)
            rows[:] = rows[at_once:] if at_once % 2 else [*rows_of(at_once), *rows]
            for row in rows[: 0 if at_once % 2 else at_once]:
                row["id"] += 1000

    moving = MovingList(rows_of(count), change)
    found = moving.read()
    assert moving.stayed <= set(found)


def test_a_list_that_has_nothing_in_common_with_itself_is_given_up() -> None:
    def change(rows: list[dict[str, Any]], offset: int) -> None:
        for row in rows:
            row["updatedAt"] += 1

    moving = MovingList(rows_of(500), change)
    with pytest.raises(DataError, match="changes faster than it can be read"):
        moving.read()
    assert moving.calls < 100
