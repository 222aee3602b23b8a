"""How long lists are: the right number, by few pages."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_marketo.errors import DataError
from tap_marketo.marketo.list_sizes import measure

PAGE = 200


@given(st.integers(0, 100_000))
@example(0)
@example(1)
@example(199)
@example(200)
@example(201)
@example(400)
@example(5_000)
def test_a_list_of_any_length_is_measured_by_few_pages(length: int) -> None:
    asked: list[int] = []

    def rows_from(offset: int) -> range:
        asked.append(offset)
        return range(offset, min(offset + PAGE, length)) if offset < length else range(0)

    number, seen = measure(rows_from, "/list")
    assert number == length
    assert len(asked) <= 3 + 2 * log2(max(1, length / PAGE))
    assert len(set(asked)) == len(asked)
    assert sorted(set(seen)) == sorted(seen)
    if length <= PAGE:
        assert seen == list(range(length))


def test_a_list_that_has_rows_at_any_offset_is_an_error() -> None:
    with pytest.raises(DataError, match="rows at any offset"):
        measure(lambda offset: range(PAGE), "/list")
