"""An activity of a page becomes the record that the same activity of a file becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.exact_json import loads_exactly
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.activity_records import ActivityRecords
from tap_marketo.rows.activity_stream import ATTRIBUTES, ActivityStream, AttributeColumns
from tap_marketo.rows.column_types import ConversionIssues, schema_for_data_type
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.page_rows import activity_block
from tap_marketo.rows.row_records import LineLayout
from tests.unit.rows.test_value_rows import (
    DATA_TYPES,
    IDS,
    TEXTS,
    VALUES,
    Number,
    Rows,
    Told,
    cell_of,
    quoted,
    spelled,
)

BASE: Mapping[str, Schema] = {
    "marketoGUID": {"type": ["null", "string"]},
    "leadId": {"type": ["null", "integer"]},
    "activityDate": {"type": ["null", "string"], "format": "date-time"},
    "activityTypeId": {"type": ["null", "integer"]},
    "campaignId": {"type": ["null", "integer"]},
    "primaryAttributeValueId": {"type": ["null", "string"]},
    "primaryAttributeValue": {"type": ["null", "string"]},
}
HEADER = [*BASE, ATTRIBUTES]
NAME_OF = {data_type: data_type.title() for data_type in DATA_TYPES}


def records(columns: Sequence[str], issues: ConversionIssues) -> ActivityRecords:
    attributes = {name: schema_for_data_type(name, nullable=True) for name in DATA_TYPES}
    layout = LineLayout("the stream", {**BASE, **attributes}, ["marketoGUID"], "now", issues)
    names = AttributeColumns({name: column for column, name in NAME_OF.items()}, {}, ())
    stream = ActivityStream(columns, {}, {name: name for name in BASE}, names, layout, issues)
    return ActivityRecords(columns, {"6": stream})


def told_by_a_file(rows: Rows) -> Told:
    """Return the RECORD lines of a file that holds activities, and what was counted."""
    cells = [[cell_of(row.get(name)) for name in BASE] for row in rows]
    # An empty attribute is left out there.
    filled = [{n: v for n, v in row[ATTRIBUTES].items() if v not in (None, "")} for row in rows]
    lines = [HEADER, *([*row, spelled(of)] for row, of in zip(cells, filled, strict=True))]
    text = "".join(f"{','.join(map(quoted, line))}\n" for line in lines)
    file = CsvFile([text.encode()], "the file", ATTRIBUTES)
    issues = ConversionIssues()
    made = records(file.columns, issues)
    return b"".join(map(made.lines, file.blocks())).split(b"\n"), issues.counts


def told_by_a_page(rows: Rows) -> Told:
    """Return the RECORD lines of a page that holds activities, and what was counted."""
    listed = [
        {**row, ATTRIBUTES: [{"name": n, "value": v} for n, v in row[ATTRIBUTES].items()]}
        for row in rows
    ]
    return told(spelled(listed))


def told(page: str) -> Told:
    issues = ConversionIssues()
    block = activity_block(loads_exactly(page), [*BASE])
    return records([*BASE], issues).lines(block).split(b"\n"), issues.counts


ATTRIBUTES_OF_A_ROW = st.fixed_dictionaries(
    {}, optional={NAME_OF[data_type]: VALUES[data_type] for data_type in DATA_TYPES}
)
ACTIVITIES = st.lists(
    st.fixed_dictionaries(
        {
            "marketoGUID": st.sampled_from(["783957693", "a-b", "0", "é,\n"]),
            "leadId": IDS,
            "activityDate": VALUES["datetime"],
            "activityTypeId": st.just(Number(6)),
            ATTRIBUTES: st.tuples(
                ATTRIBUTES_OF_A_ROW, st.dictionaries(TEXTS, VALUES["string"], max_size=2)
            ).map(lambda both: both[0] | both[1]),
        },
        optional={
            "campaignId": IDS,
            "primaryAttributeValueId": IDS,
            "primaryAttributeValue": VALUES["string"],
        },
    ),
    min_size=1,
    max_size=5,
)


@given(rows=ACTIVITIES)
def test_whatever_the_values_the_record_is_that_of_the_same_activity_in_a_file(rows: Rows) -> None:
    assert told_by_a_page(rows) == told_by_a_file(rows)


def page_of(attributes: str) -> str:
    return f'[{{"marketoGUID":"1","activityTypeId":6,"attributes":{attributes}}}]'


@pytest.mark.parametrize("attributes", ["null", "[]", "{}", '[{"name":"Email","value":null}]'])
def test_no_attributes_are_none(attributes: str) -> None:
    lines, counts = told(page_of(attributes))
    assert json.loads(lines[0])["record"]["email"] is None
    assert not counts


@pytest.mark.parametrize(
    "attributes",
    ['"text"', "5", "[5]", '[{"value":5}]', '[{"name":null,"value":5}]', "[" * 900 + "]" * 900],
)
def test_what_is_no_list_of_names_and_values_is_counted(attributes: str) -> None:
    lines, counts = told(page_of(attributes))
    assert json.loads(lines[0])["record"]["email"] is None
    assert sum(counts.values()) == 1
    assert {name for name, _ in counts} == {ATTRIBUTES}


def test_half_a_character_is_mended_and_counted() -> None:
    lines, counts = told(page_of('[{"name":"Email","value":"a\\ud83d, b"}]'))
    assert json.loads(lines[0])["record"]["email"] == "a\ufffd, b"
    assert sum(counts.values()) == 1
