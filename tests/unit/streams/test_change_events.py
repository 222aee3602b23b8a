"""What an activity is about: the program or list that its type or its attributes name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.exact_json import NumberText
from tap_marketo.streams.change_events import subject_of

ADD_TO_LIST = {"id": 24, "primaryAttribute": {"name": "List ID", "dataType": "integer"}}
CHANGE_STATUS = {"id": 104, "primaryAttribute": {"name": "Program", "dataType": "string"}}
ABOUT_ELSE = {"id": 9, "primaryAttribute": {"name": "Campaign", "dataType": "string"}}
ABOUT_NOTHING = {"id": 10}


def row(number: Any = None) -> dict[str, Any]:
    """Return an activity; what is empty is left out (activities.md)."""
    return {"leadId": 1} | ({} if number is None else {"primaryAttributeValueId": number})


@given(number=st.integers(0, 2**63))
def test_it_is_the_primary_attribute_where_that_is_called_so(number: int) -> None:
    for said in (number, str(number), NumberText(number)):
        assert subject_of(ADD_TO_LIST, row(said), {"List ID": 5}, "list") == number
        assert subject_of(CHANGE_STATUS, row(said), {"Program ID": 5}, "program") == number


@pytest.mark.parametrize(
    "name", ["Program ID", "Program Id", "programId", "program_id", "PROGRAM ID"]
)
@pytest.mark.parametrize("kind", [ABOUT_ELSE, ABOUT_NOTHING, CHANGE_STATUS])
def test_else_it_is_the_attribute_of_its_id(name: str, kind: dict[str, Any]) -> None:
    others = {"Program": "A name", "Program Name": "7", "List ID": "8", "Program ID 2": "9"}
    about = None if kind is CHANGE_STATUS else 3
    for attributes in ({name: "1003", **others}, {**others, name: "1003"}):
        assert subject_of(kind, row(about), attributes, "program") == 1003


def test_a_primary_attribute_that_is_something_else_is_none() -> None:
    assert subject_of(ABOUT_ELSE, row(3), {}, "program") is None
    assert subject_of(ADD_TO_LIST, row(3), {}, "program") is None


@pytest.mark.parametrize("attributes", [{}, {"List ID": None}, {"List ID": ""}, {"Lists": 4}])
@pytest.mark.parametrize(
    "kind",
    [ADD_TO_LIST, ABOUT_NOTHING, {"primaryAttribute": None}, {"primaryAttribute": {}}],
)
def test_an_activity_may_tell_of_none(kind: dict[str, Any], attributes: dict[str, Any]) -> None:
    assert subject_of(kind, row(), attributes, "list") is None


@pytest.mark.parametrize("number", ["A name", "12.5", [1], True])
def test_what_is_no_number_is_not_taken_for_one(number: Any) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        subject_of(ADD_TO_LIST, row(number), {}, "list")
