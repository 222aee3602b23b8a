"""Rows of pages: objects and arrays as their columns declare them, whatever Marketo sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_marketo.exact_json import loads_exactly
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.page_rows import RowFitter, describe_unknown, page_lines
from tap_marketo.rows.row_records import LineLayout

TEXT: Schema = {"type": ["string", "null"]}
INTEGER: Schema = {"type": ["integer", "null"]}
DATE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}


def closed(**properties: Schema) -> Schema:
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def array_of(items: Schema) -> Schema:
    return {"type": ["array", "null"], "items": items}


COLUMNS: dict[str, Schema] = {
    "id": {"type": "integer"},
    "folder": closed(id=INTEGER, type=TEXT),
    "rules": array_of(closed(name=TEXT, at=DATE_TIME, values=array_of(TEXT), inner=closed(a=TEXT))),
    "open": {"type": ["object", "null"], "properties": {"a": TEXT}},
    "plain": {"type": ["object", "null"]},
    "odd": {"type": ["object", "null"], "properties": 7, "additionalProperties": False},
    "odder": {"type": ["object", "null"], "properties": {"a": 7, "b": {"type": 7}}},
    "mixed": array_of({"type": ["integer", "string", "null"]}),
}


def fitted(text: str) -> tuple[dict[str, Any], set[str], list[str]]:
    """Return the record of a row, the unknown keys, and what did not fit."""
    issues = ConversionIssues()
    fit = RowFitter(COLUMNS, issues)
    layout = LineLayout("s", COLUMNS, ["id"], "now", issues)
    (line,) = page_lines([fit(loads_exactly(text))], layout)
    record = json.loads(line)["record"]
    assert record.pop("id") == 1
    return (
        {name: value for name, value in record.items() if value is not None},
        fit.unknown,
        issues.summary(),
    )


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ('"folder": {"id": 12, "type": "Folder"}', {"folder": {"id": 12, "type": "Folder"}}),
        ('"folder": {"id": null, "type": ""}', {"folder": {"id": None, "type": ""}}),
        ('"folder": {}', {"folder": {}}),
        ('"folder": null', {}),
        # A text takes either, at any depth; numbers keep their digits.
        ('"folder": {"type": 12.50}', {"folder": {"type": "12.50"}}),
        ('"folder": {"type": true}', {"folder": {"type": "true"}}),
        ('"folder": {"type": {"b": [1, "x"]}}', {"folder": {"type": '{"b":[1,"x"]}'}}),
        ('"folder": {"id": 9007199254740993}', {"folder": {"id": 9007199254740993}}),
        ('"folder": {"id": "5"}', {"folder": {"id": 5}}),
        ('"rules": [{"at": "2015-05-21T22:45:13Z+0000"}, null]',
         {"rules": [{"at": "2015-05-21T22:45:13+00:00"}, None]}),
        ('"rules": [{"values": [1, "a", null], "inner": {"a": 3}}]',
         {"rules": [{"values": ["1", "a", None], "inner": {"a": "3"}}]}),
        ('"rules": []', {"rules": []}),
        ('"plain": {"x": {"y": 1.0}}', {"plain": {"x": {"y": 1.0}}}),
        ('"open": {"a": 1, "b": 2}', {"open": {"a": "1", "b": 2}}),
        # A catalog may have been written by hand.
        ('"odd": {"a": 1}', {"odd": {"a": 1}}),
        ('"odder": {"a": 1, "b": ["x"]}', {"odder": {"a": 1, "b": ["x"]}}),
        ('"mixed": [1, "a", null]', {"mixed": [1, "a", None]}),
    ],
)  # fmt: skip
def test_values_are_as_the_column_declares_them(sent: str, held: dict[str, Any]) -> None:
    record, unknown, odd = fitted(f'{{"id": 1, {sent}}}')
    assert record == held
    assert not unknown
    assert not odd


def test_what_no_column_has_is_left_out_and_remembered() -> None:
    record, unknown, odd = fitted(
        '{"id": 1, "extra": 1, "folder": {"x": 1, "id": 2}, "rules": [{"inner": {"y": {}}}]}'
    )
    assert record == {"folder": {"id": 2}, "rules": [{"inner": {}}]}
    assert unknown == {"extra", "folder.x", "rules.inner.y"}
    assert not odd


def test_what_does_not_fit_within_a_column_is_null_and_counted_by_its_path() -> None:
    record, _, odd = fitted('{"id": 1, "folder": {"id": "x"}, "rules": [{"at": "x"}, 5]}')
    assert record == {"folder": {"id": None}, "rules": [{"at": None}, None]}
    assert odd == [
        "folder.id: 1 not a whole number, now null",
        "rules: 1 not an object, now null",
        "rules.at: 1 not a date, now null",
    ]


def test_what_is_said_stays_short() -> None:
    said = describe_unknown({f"key{number:03}" for number in range(100)})
    assert "key000, key001" in said
    assert said.endswith("and 80 more")


def test_keys_that_are_data_do_not_fill_the_memory() -> None:
    fit = RowFitter(COLUMNS, ConversionIssues())
    for number in range(2_000):
        row = {f"key{number}": 1, "folder": {f"inner{number}": 1, "id": str(number)}}
        assert fit(row)["folder"] == {"id": number}
    assert len(fit.unknown) == 1_000
    assert describe_unknown(fit.unknown).endswith(" and at least 980 more")
