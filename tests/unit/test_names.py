"""Names: the warehouse's names stay as they were, and no two meet."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.names import Naming, clean, unique_columns

# Few letters, so that names meet often; "a_2" meets what a suffix makes.
NAMES = st.text("aAbB _2", min_size=1, max_size=4) | st.sampled_from(("a_2", "A 2", "a_3", "ß"))


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Client IP Address", "client_ip_address"),
        ("Visit Webpage", "visit_webpage"),
        ("Add to Nurture / Change (v2.0)", "add_to_nurture_/_change_(v2.0)"),
        ("two  spaces", "two__spaces"),
        ("tab\tand-dash", "tab\tand-dash"),
        ("ÄRGER", "ärger"),
    ],
)
def test_names_are_lower_case_with_underscores_and_otherwise_as_they_were(
    name: str, cleaned: str
) -> None:
    assert clean(name) == cleaned


@given(st.lists(NAMES, unique=True, max_size=8), st.lists(NAMES.map(clean), max_size=3))
def test_no_two_attributes_nor_an_attribute_and_a_base_column_meet(
    names: list[str], taken: list[str]
) -> None:
    columns = unique_columns(names, taken)
    assert list(columns) == names
    folded = [column.lower() for column in columns.values()]
    assert len(set(folded)) == len(folded)
    assert not set(folded) & {column.lower() for column in taken}
    for name, column in columns.items():
        assert re.fullmatch(re.escape(clean(name)) + r"(_\d+)?", column)


@given(st.lists(NAMES, unique=True, max_size=8), st.randoms())
def test_columns_do_not_hang_on_the_order_of_the_attributes(
    names: list[str], random: Random
) -> None:
    shuffled = names.copy()
    random.shuffle(shuffled)
    assert unique_columns(shuffled, ["a"]) == unique_columns(names, ["a"])


def test_a_name_that_meets_nothing_keeps_its_plain_column() -> None:
    assert unique_columns(["Web Page", "URL"], ["leadId"]) == {
        "Web Page": "web_page",
        "URL": "url",
    }


def test_the_first_in_alphabetical_order_keeps_the_column_and_others_are_numbered_from_2() -> None:
    assert unique_columns(["web page", "Web Page", "WEB PAGE"], []) == {
        "WEB PAGE": "web_page",
        "Web Page": "web_page_2",
        "web page": "web_page_3",
    }


def test_an_attribute_gives_way_to_a_base_column_in_another_letter_case() -> None:
    assert unique_columns(["LeadID"], ["leadId"]) == {"LeadID": "leadid_2"}


@given(
    # Small numbers, so that a number as suffix makes names that exist already.
    st.dictionaries(st.integers(1, 4) | st.integers(100_001), NAMES, max_size=6),
    st.randoms(),
)
def test_no_two_activity_types_share_a_stream_whatever_their_order(
    types: dict[int, str], random: Random
) -> None:
    streams = Naming().streams(types.items(), "activities_")
    assert streams.keys() == types.keys()
    assert len({stream.lower() for stream in streams.values()}) == len(streams)
    for number, stream in streams.items():
        plain = "activities_" + clean(types[number])
        assert re.fullmatch(rf"{re.escape(plain)}(_{number})*", stream)
    shuffled = list(types.items())
    random.shuffle(shuffled)
    assert Naming().streams(shuffled, "activities_") == streams


def test_a_number_as_suffix_does_not_meet_a_name_that_ends_in_it() -> None:
    streams = Naming().streams([(1, "a 3"), (2, "a"), (3, "A")], "activities_")
    assert len(set(streams.values())) == 3


def test_the_type_with_the_lowest_number_keeps_the_stream() -> None:
    streams = Naming().streams([(100_002, "Visit webpage"), (1, "Visit Webpage")], "activities_")
    assert streams == {1: "activities_visit_webpage", 100_002: "activities_visit_webpage_100002"}
