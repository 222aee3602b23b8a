"""`make test` tries one of each so many cases, always the same ones, and each has its chance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.sampling import left_out


@given(st.integers(0, 40), st.integers(1, 6), st.text(max_size=5))
def test_one_of_each_so_many_cases_is_tried(number: int, of_each: int, test: str) -> None:
    cases = list(range(number))
    left = left_out(cases, of_each, test)
    assert left == left_out(cases, of_each, test)
    assert left == sorted({*left})
    tried = [case for case in cases if case not in left]
    assert [case // of_each for case in tried] == list(range(-(-number // of_each)))


def test_another_test_tries_other_cases() -> None:
    cases = list(range(30))
    tried = {
        case for test in "abcdefghij" for case in cases if case not in left_out(cases, 3, test)
    }
    assert {case % 3 for case in tried} == {0, 1, 2}
