"""Names: found as they stand, letter case aside only where nothing else could be meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.names import find_names

NAMES = st.lists(st.sampled_from(("a", "A", "ab", "aB", "Ab", "AB", "ß", "ss", "c")), unique=True)


@pytest.mark.parametrize(
    ("wanted", "there", "found"),
    [
        (["createdAt"], ["createdAt"], {"createdAt": "createdAt"}),
        (["createdAt"], ["CREATEDAT"], {"createdAt": "CREATEDAT"}),
        (["createdAt"], ["createdat", "createdAt"], {"createdAt": "createdAt"}),
        (["createdAt", "createdat"], ["createdat"], {"createdat": "createdat"}),
        (["createdAt"], ["createdat", "CreatedAt"], {}),
        (["createdAt", "createdat"], ["CREATEDAT"], {}),
        (["createdAt", "createdat"], ["CREATEDAT", "createdat"],
         {"createdat": "createdat", "createdAt": "CREATEDAT"}),
        (["createdAt"], ["created_at"], {}),
        (["createdAt"], [], {}),
    ],
)  # fmt: skip
def test_a_name_is_found_as_it_stands_or_where_it_leaves_one_candidate(
    wanted: list[str], there: list[str], found: dict[str, str]
) -> None:
    assert find_names(wanted, there) == found


@given(NAMES, NAMES)
def test_no_name_is_found_twice_and_an_exact_one_always(
    wanted: list[str], there: list[str]
) -> None:
    found = find_names(wanted, there)
    assert len(set(found.values())) == len(found)
    assert {name for name in wanted if name in there} <= {n for n, f in found.items() if n == f}
    assert all(name.casefold() == other.casefold() for name, other in found.items())
    assert [name for name in wanted if name in found] == list(found)
