"""Columns of activities that are off by default: found in any catalog, in nobody's way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tap_marketo.exports.reader import missing_columns
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.activity_columns import (
    EXTRA_COLUMNS,
    attribute_columns,
    extra_columns,
    extras_beside,
)
from tap_marketo.streams.activity_exports import ActivitiesFamily

TEXT = {"type": ["string", "null"]}
OBJECT = {"type": ["null", "object"]}
NOTE = "marketo.extra-column"
VISITS, DELETIONS = 1, 37
VISIT_TYPE = {"primaryAttribute": {"name": "Webpage ID"}}


def entry(
    columns: Mapping[str, dict[str, Any]],
    notes: Mapping[str, dict[str, Any]] | None = None,
    selected: tuple[str, ...] = (),
) -> CatalogEntry:
    """Return a stream of visits that has these columns beside its key."""
    schema = {"properties": {"marketoGUID": TEXT, **columns}}
    metadata: dict[tuple[str, ...], Mapping[str, Any]] = {(): {"marketo.activity-id": VISITS}}
    metadata |= {("properties", column): note for column, note in (notes or {}).items()}
    own = {name: schema["properties"][name] for name in ("marketoGUID", *selected)}
    return CatalogEntry("activities_x", schema, own, metadata)


@pytest.mark.parametrize(
    ("columns", "result", "unknown"),
    [
        ([], "actionResult", "unknown_attributes"),
        # Letter case is nothing to a warehouse.
        (["actionresult"], "actionResult_2", "unknown_attributes"),
        (["unknown_attributes"], "actionResult", "unknown_attributes_2"),
        (["actionresult", "actionresult_2"], "actionResult_3", "unknown_attributes"),
    ],
)
def test_they_take_no_attribute_s_column(columns: list[str], result: str, unknown: str) -> None:
    assert extras_beside(columns, VISIT_TYPE, VISITS) == {
        "actionResult": result,
        "unknown_attributes": unknown,
    }
    # Of deletions Marketo tells neither.
    assert extras_beside(columns, VISIT_TYPE, DELETIONS) == {}


def test_a_type_without_a_primary_attribute_has_the_columns_of_its_value_too() -> None:
    columns = ["primary_attribute_value"]
    assert extras_beside(columns, {"primaryAttribute": None}, DELETIONS) == {
        "primary_attribute_value": "primary_attribute_value_2",
        "primary_attribute_value_id": "primary_attribute_value_id",
    }
    attribute = {"primary_attribute_value": {"marketo.attribute-name": "Primary Attribute Value"}}
    note = {"primary_attribute_value_2": {NOTE: "primary_attribute_value"}}
    shown = entry(dict.fromkeys([*attribute, *note], TEXT), {**attribute, **note})
    assert extra_columns(shown) == {"primary_attribute_value": "primary_attribute_value_2"}


def test_what_the_catalog_notes_is_what_they_are() -> None:
    columns = {"actionResult": TEXT, "actionResult_2": TEXT, "unknown": TEXT}
    notes = {"actionResult_2": {NOTE: "actionResult"}, "unknown": {NOTE: "unknown_attributes"}}
    assert extra_columns(entry(columns, notes)) == {
        "actionResult": "actionResult_2",
        "unknown_attributes": "unknown",
    }


def test_those_added_to_a_catalog_by_hand_are_known_by_name_and_type() -> None:
    added = {"actionResult": TEXT, "unknown_attributes": OBJECT}
    assert extra_columns(entry(added)) == {name: name for name in EXTRA_COLUMNS}


@pytest.mark.parametrize(
    ("columns", "notes"),
    [
        ({}, {}),
        ({"actionresult": TEXT, "unknown_attributes": TEXT}, {}),
        ({"unknown_attributes": OBJECT}, {"marketo.attribute-name": "Unknown Attributes"}),
        ({"unknown_attributes": TEXT}, {NOTE: "something else"}),
        ({"unknown_attributes": TEXT}, {NOTE: ["unknown_attributes"]}),
    ],
)
def test_an_attribute_s_column_is_none_of_them(
    columns: dict[str, dict[str, Any]], notes: dict[str, Any]
) -> None:
    assert extra_columns(entry(columns, {"unknown_attributes": notes})) == {}


ATTRIBUTES = {"attributes": [{"name": "Unknown Attributes"}, {"name": "ActionResult"}]}
NAMES = ("Unknown Attributes", "ActionResult", "unknown_attributes", "actionResult")


def test_attributes_of_the_same_names_keep_their_columns_in_an_older_catalog() -> None:
    find = attribute_columns(
        entry({"actionresult": TEXT, "unknown_attributes": TEXT}), ATTRIBUTES
    ).find
    assert [find(name) for name in NAMES[:2]] == ["unknown_attributes", "actionresult"]


def test_no_attribute_s_value_goes_into_them() -> None:
    columns = {"actionResult": TEXT, "unknown_attributes": OBJECT}
    for activity_type in ({}, ATTRIBUTES):
        find = attribute_columns(entry(columns), activity_type).find
        assert [find(name) for name in NAMES] == [None] * 4


def test_the_result_of_actions_is_asked_for_only_where_a_stream_selects_it() -> None:
    columns = {"actionResult_2": TEXT}
    notes = {"actionResult_2": {NOTE: "actionResult"}}
    without, asking = (
        ActivitiesFamily([entry(columns, notes, selected)], {VISITS: {}}, timedelta(0), 0)
        for selected in ((), ("actionResult_2",))
    )
    assert set(asking.fields()) - set(without.fields()) == {"actionResult"}
    # A job of an earlier run serves if its file has what is asked for now, and may have more.
    assert missing_columns(asking, without.fields()) == ["actionResult"]
    assert missing_columns(without, asking.fields()) == []
