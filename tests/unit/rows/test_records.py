"""Records: the right value in the right column, whatever names the row uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.errors import DataError
from tap_marketo.exact_json import loads_exactly
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.activity_records import TYPE_ID, ActivityRecords
from tap_marketo.rows.activity_stream import ActivityStream, AttributeColumns
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.page_rows import page_lines
from tap_marketo.rows.row_records import LineLayout, RowRecords
from tests.unit.rows.blocks import OneType, block_of

EXTRACTED = "2026-01-02T03:04:05.000000Z"
TEXT: Schema = {"type": ["string", "null"]}
INTEGER: Schema = {"type": ["integer", "null"]}
BOOLEAN: Schema = {"type": ["boolean", "null"]}
DATE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
ARRAY: Schema = {"type": ["array", "null"]}
BAD_TEXT = "with bytes that are no text, now U+FFFD"


def layout_of(
    columns: Mapping[str, Schema], issues: ConversionIssues, key: str = "id"
) -> LineLayout:
    return LineLayout("the stream", columns, [key], EXTRACTED, issues)


def record(line: bytes) -> dict[str, Any]:
    """Check what surrounds a record and return it, its columns in order."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    message = json.loads(line)
    assert list(message) == ["type", "stream", "record", "time_extracted"]
    assert message["type"] == "RECORD"
    assert message["stream"] == "the stream"
    assert message["time_extracted"] == EXTRACTED
    taken: dict[str, Any] = message["record"]
    return taken


def leads(
    header: Sequence[str], rows: list[list[str]], columns: Mapping[str, Schema]
) -> tuple[list[dict[str, Any]], list[str]]:
    issues = ConversionIssues()
    lines = RowRecords(header, layout_of(columns, issues)).lines(block_of(rows))
    return [record(line) for line in lines.splitlines(keepends=True)], issues.summary()


# Rows whose columns are the stream's.


def test_cells_are_found_by_name_whatever_the_order_and_letter_case_of_the_header() -> None:
    columns = {"id": INTEGER, "email": TEXT, "firstName": TEXT, "isLead": BOOLEAN}
    header = ["FirstName", "ISLEAD", "unknown", "Email", "ID"]
    records, issues = leads(header, [["Ann", "true", "x", "a@b.c", "7"]], columns)
    assert records == [{"id": 7, "email": "a@b.c", "firstName": "Ann", "isLead": True}]
    assert list(records[0]) == list(columns)
    assert issues == []


def test_columns_that_differ_in_letter_case_only_keep_their_own_values() -> None:
    columns = {"id": INTEGER, "createdAt": DATE_TIME, "createdat": TEXT, "Size": TEXT, "size": TEXT}
    header = ["id", "createdat", "size", "createdAt", "Size"]
    records, issues = leads(header, [["1", "batch 7", "s", "2026-01-01", "S"]], columns)
    assert records == [
        {
            "id": 1,
            "createdAt": "2026-01-01T00:00:00+00:00",
            "createdat": "batch 7",
            "Size": "S",
            "size": "s",
        }
    ]
    assert issues == []


def test_a_column_does_not_take_the_values_of_another_that_differs_in_letter_case() -> None:
    columns = {"id": INTEGER, "createdAt": DATE_TIME, "createdat": TEXT}
    records, _ = leads(["id", "createdat"], [["1", "batch 7"]], columns)
    assert records == [{"id": 1, "createdAt": None, "createdat": "batch 7"}]
    records, _ = leads(["id", "CREATEDAT"], [["1", "batch 7"]], columns)
    assert records == [{"id": 1, "createdAt": None, "createdat": None}]


def test_a_column_the_file_lacks_is_null_in_every_row() -> None:
    columns = {"id": INTEGER, "gone": TEXT, "goneCount": INTEGER}
    records, issues = leads(["id"], [["1"], ["2"]], columns)
    assert records == [
        {"id": 1, "gone": None, "goneCount": None},
        {"id": 2, "gone": None, "goneCount": None},
    ]
    assert issues == []


def test_the_only_column_of_a_stream_is_found_in_a_file_of_many() -> None:
    records, _ = leads(["email", "id"], [["a@b.c", "1"]], {"id": INTEGER})
    assert records == [{"id": 1}]


@pytest.mark.parametrize("schema", [TEXT, INTEGER, BOOLEAN, DATE_TIME, ARRAY])
@pytest.mark.parametrize("absent", ["", "null"])
def test_absent_cells_are_null_in_columns_of_every_type(schema: Schema, absent: str) -> None:
    records, issues = leads(["id", "c"], [["1", absent]], {"id": INTEGER, "c": schema})
    assert records == [{"id": 1, "c": None}]
    assert issues == []


def test_one_odd_cell_is_counted_and_leaves_the_rest_of_the_row_alone() -> None:
    columns = {"id": INTEGER, "score": INTEGER, "name": TEXT}
    records, issues = leads(["id", "score", "name"], [["1", "high", "Ann"]], columns)
    assert records == [{"id": 1, "score": None, "name": "Ann"}]
    assert issues == ["score: 1 not a whole number, now null"]


@pytest.mark.parametrize("cell", ["", "null", "seven"])
def test_a_row_without_its_key_is_an_error_that_names_stream_and_key(cell: str) -> None:
    with pytest.raises(DataError, match="row of the stream without id"):
        leads(["id"], [[cell]], {"id": INTEGER})


def test_bytes_that_are_no_text_become_replacement_characters_and_are_counted() -> None:
    columns = {"id": INTEGER, "good": TEXT, "bad": TEXT}
    rows = [["1", "é😀", "a\udcffb"], ["2", "x", "\udc80"]]
    records, issues = leads(["id", "good", "bad"], rows, columns)
    assert records == [
        {"id": 1, "good": "é😀", "bad": "a\ufffdb"},
        {"id": 2, "good": "x", "bad": "\ufffd"},
    ]
    assert issues == [f"bad: 2 {BAD_TEXT}"]


@given(
    st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5), st.permutations([0, 1, 2])
)
def test_text_cells_arrive_unchanged_in_any_order_of_columns(
    texts: list[list[str]], order: list[int]
) -> None:
    header = ["id", "a", "b"]
    rows = [[str(n), *row] for n, row in enumerate(texts)]
    shuffled = [[row[place] for place in order] for row in rows]
    columns = {"id": INTEGER, "a": TEXT, "b": TEXT}
    records, _ = leads([header[place] for place in order], shuffled, columns)
    assert [[str(r["id"]), r["a"], r["b"]] for r in records] == [
        [None if cell in ("", "null") else cell for cell in row] for row in rows
    ]


# Activities.

HEADER = ["marketoGUID", "leadId", "primaryAttributeValue", "attributes"]
COLUMNS: dict[str, Schema] = {
    "marketoGUID": TEXT,
    "leadId": INTEGER,
    "primary_attribute_name": TEXT,
    "primary_attribute_value": TEXT,
    "web_page": TEXT,
    "visits": INTEGER,
    "is_robot": BOOLEAN,
    "seen_at": DATE_TIME,
    "old_attribute": TEXT,
}
FIXED = {"primary_attribute_name": "webpage_id"}
BASE = {
    "marketoGUID": "marketoGUID",
    "leadId": "leadId",
    "primary_attribute_value": "primaryAttributeValue",
}
ATTRIBUTES = {
    "Web Page": "web_page",
    "Visits": "visits",
    "Is Robot": "is_robot",
    "Seen At": "seen_at",
    "Not Selected": "not_selected",
}
API_NAMES = {"pageUrl": "Web Page", "ghost": "Never Listed"}
# Columns of attributes that activity types no longer list.
GONE = ["old_attribute"]


def activity(
    attributes: str,
    header: Sequence[str] = HEADER,
    columns: Mapping[str, Schema] = COLUMNS,
    row: Sequence[str] = ("guid-1", "12", "7"),
) -> tuple[dict[str, Any], list[str]]:
    issues = ConversionIssues()
    names = AttributeColumns(ATTRIBUTES, API_NAMES, GONE)
    layout = layout_of(columns, issues, "marketoGUID")
    records = OneType(header[:-1], FIXED, BASE, names, layout, issues, "unknown")
    (line,) = records.lines([[*row, attributes]])
    return record(line), issues.summary()


BLANK = {
    "marketoGUID": "guid-1",
    "leadId": 12,
    "primary_attribute_name": "webpage_id",
    "primary_attribute_value": "7",
    "web_page": None,
    "visits": None,
    "is_robot": None,
    "seen_at": None,
    "old_attribute": None,
}


def test_attributes_are_spread_over_their_typed_columns() -> None:
    taken, issues = activity(
        '{"Web Page": "/a", "Visits": 3.0, "Is Robot": 1, "Seen At": "2026-01-01"}'
    )
    assert taken == {
        **BLANK,
        "web_page": "/a",
        "visits": 3,
        "is_robot": True,
        "seen_at": "2026-01-01T00:00:00+00:00",
    }
    assert list(taken) == list(COLUMNS)
    assert issues == []


@pytest.mark.parametrize("name", ["Web Page", "web page", "WEB PAGE", "pageUrl", "PAGEURL"])
def test_an_attribute_is_found_by_display_name_or_api_name_in_any_letter_case(name: str) -> None:
    assert activity(json.dumps({name: "/a"})) == ({**BLANK, "web_page": "/a"}, [])


@pytest.mark.parametrize("name", ["ghost", "Never Listed", "web-page", ""])
def test_an_attribute_the_catalog_lacks_is_counted_by_its_name(name: str) -> None:
    assert activity(json.dumps({name: "x", "Visits": 1})) == (
        {**BLANK, "visits": 1},
        [f"{name}: 1 of an attribute the catalog lacks (discover again)"],
    )


OBJECT: Schema = {"type": ["object", "null"]}
KEEPING = {**COLUMNS, "unknown": OBJECT}


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        ('{"ghost": "x"}', {"ghost": "x"}),
        ('{"Ghost": 5, "GHOST": true}', {"Ghost": 5, "GHOST": True}),
        # As Marketo sent it, what means an absent value elsewhere too.
        ('{"ghost": null, "g 2": "", "g 3": "null"}', {"ghost": None, "g 2": "", "g 3": "null"}),
        ('{"ghost": [1, {"a": null}]}', {"ghost": [1, {"a": None}]}),
        ('{"unknown": "x", "": false}', {"unknown": "x", "": False}),
        # NUL characters are removed as everywhere.
        ('{"gh\\u0000ost": "a\\u0000b"}', {"ghost": "ab"}),
        ('{"Visits": 1}', None),
        ('{"Not Selected": "x"}', None),
        ("{}", None),
        ("", None),
    ],
)
def test_attributes_that_are_not_known_are_kept_in_the_column_for_them(
    attributes: str, kept: Any
) -> None:
    visits = 1 if "Visits" in attributes else None
    expected = {**BLANK, "visits": visits, "unknown": kept}
    assert activity(attributes, columns=KEEPING) == (expected, [])


@pytest.mark.parametrize(
    "number", ["12.50", "-0", "18446744073709551616", "0.1234567890123456789", "1e5", "9" * 40]
)
def test_numbers_kept_have_the_digits_that_marketo_sent(number: str) -> None:
    issues = ConversionIssues()
    layout = layout_of(KEEPING, issues, "marketoGUID")
    names = AttributeColumns(ATTRIBUTES, API_NAMES, GONE)
    records = OneType(HEADER[:-1], FIXED, BASE, names, layout, issues, "unknown")
    (line,) = records.lines([["guid-1", "12", "7", f'{{"ghost": {number}, "Visits": 1}}']])
    assert f'"unknown":{{"ghost":{number}}}'.encode() in line
    assert issues.summary() == []


def test_a_column_for_unknown_attributes_that_is_made_a_text_has_their_json() -> None:
    columns = {**COLUMNS, "unknown": TEXT}
    for value in ("7", "7.50"):
        taken, issues = activity(f'{{"ghost": {value}}}', columns=columns)
        assert taken == {**BLANK, "unknown": f'{{"ghost":{value}}}'}
        assert issues == []


def test_each_stream_of_a_block_keeps_or_counts_unknown_attributes_as_it_was_asked() -> None:
    counts = {"1": ConversionIssues(), "2": ConversionIssues()}
    names = AttributeColumns(ATTRIBUTES, API_NAMES, GONE)
    columns = {"1": COLUMNS, "2": KEEPING}
    header = [*HEADER[:-1], TYPE_ID]
    streams = {
        number: ActivityStream(
            header, FIXED, BASE, names, layout_of(columns[number], issues, "marketoGUID"),
            issues, "unknown",
        )
        for number, issues in counts.items()
    }  # fmt: skip
    documents = ['{"ghost": 1}', '{"ghost": 2, "Visits": 3}', '{"ghost": 4.50}', '{"ghost": 5.50}']
    rows = [[f"guid-{n}", "12", "7", number] for n, number in enumerate("2121")]
    lines = ActivityRecords(header, streams).lines(block_of(rows, documents))
    kept = [record(line).get("unknown") for line in lines.splitlines(keepends=True)]
    assert kept == [{"ghost": 1}, None, {"ghost": 4.5}, None]
    assert counts["1"].summary() == ["ghost: 2 of an attribute the catalog lacks (discover again)"]
    assert counts["2"].summary() == []


def test_attributes_whose_names_are_data_leave_the_others_where_they_belong() -> None:
    issues = ConversionIssues()
    names = AttributeColumns(ATTRIBUTES, API_NAMES, GONE)
    layout = layout_of(COLUMNS, issues, "marketoGUID")
    records = OneType(HEADER[:-1], FIXED, BASE, names, layout, issues)
    many = {f"name {number}": number for number in range(20_000)}
    late = {"name 19999": 1, "Is Robot": True, "pageUrl": "/a", "old_attribute": "x"}
    twice = {"Web Page": "/a", "PAGEURL": "/b"}
    rows = [["guid-1", "12", "7", json.dumps(document)] for document in (many, late, twice)]
    taken = [record(line) for row in rows for line in records.lines([row])]
    assert taken == [
        BLANK,
        {**BLANK, "is_robot": True, "web_page": "/a", "old_attribute": "x"},
        {**BLANK, "web_page": "/a"},
    ]
    assert "PAGEURL: 1 of an attribute given twice" in "".join(issues.summary())
    assert sum(issues.counts.values()) == 20_002
    assert len(issues.counts) < 300


def test_an_attribute_that_is_not_selected_is_left_out_and_not_counted() -> None:
    assert activity('{"Not Selected": "x"}') == (BLANK, [])


def test_an_attribute_under_two_names_keeps_the_first_and_counts_the_second() -> None:
    assert activity('{"Web Page": "/first", "pageUrl": "/second"}') == (
        {**BLANK, "web_page": "/first"},
        ["pageUrl: 1 of an attribute given twice in a row, the first kept"],
    )


@pytest.mark.parametrize("value", ["null", '""', '"null"'])
def test_absent_attribute_values_are_null_and_not_counted(value: str) -> None:
    assert activity(f'{{"Web Page": {value}, "Visits": {value}}}') == (BLANK, [])


@pytest.mark.parametrize("cell", ["", "null", "{}"])
def test_a_row_without_attributes_has_nulls(cell: str) -> None:
    assert activity(cell) == (BLANK, [])


@pytest.mark.parametrize("cell", ["{", "[1]", '"a"', "7", "{'a': 1}", "[" * 100_000])
def test_an_attributes_cell_that_is_no_json_object_is_counted_and_the_row_kept(cell: str) -> None:
    assert activity(cell) == (
        BLANK,
        ["attributes: 1 not a JSON object, their columns now null"],
    )


def test_an_attribute_value_of_the_wrong_type_is_counted_in_its_column() -> None:
    assert activity('{"Visits": "often", "Web Page": 12.50}') == (
        {**BLANK, "web_page": "12.50"},
        ["visits: 1 not a whole number, now null"],
    )


def test_a_base_column_the_file_lacks_is_null() -> None:
    header = ["marketoGUID", "leadId", "attributes"]
    taken, issues = activity('{"Visits": 1}', header, row=("guid-1", "12"))
    assert taken == {**BLANK, "primary_attribute_value": None, "visits": 1}
    assert issues == []


def test_absent_base_cells_are_null() -> None:
    taken, issues = activity("", row=("guid-1", "null", ""))
    assert taken == {**BLANK, "leadId": None, "primary_attribute_value": None}
    assert issues == []


def test_an_activity_without_its_key_is_an_error() -> None:
    with pytest.raises(DataError, match="row of the stream without marketoGUID"):
        activity("{}", row=("null", "12", "7"))


def test_attributes_are_not_even_parsed_when_none_is_selected() -> None:
    columns = {name: COLUMNS[name] for name in ("marketoGUID", "primary_attribute_name")}
    assert activity("{ no JSON", columns=columns) == (
        {"marketoGUID": "guid-1", "primary_attribute_name": "webpage_id"},
        [],
    )


def test_rows_do_not_leak_into_each_other() -> None:
    issues = ConversionIssues()
    names = AttributeColumns(ATTRIBUTES, API_NAMES, GONE)
    layout = layout_of(COLUMNS, issues, "marketoGUID")
    records = OneType(HEADER[:-1], FIXED, BASE, names, layout, issues)
    rows = [
        ["guid-0", "1", "2", '{"Visits": 9, "Web Page": "/x", "odd": 1}'],
        ["guid-1", "12", "7", "{}"],
        ["guid-2", "1", "2", '{"odd": 1}'],
    ]
    assert record(records.lines(rows)[1]) == BLANK
    assert issues.summary() == ["odd: 2 of an attribute the catalog lacks (discover again)"]


def test_attributes_that_differ_in_letter_case_only_are_found_by_their_exact_names_alone() -> None:
    find = AttributeColumns({"Page": "page", "PAGE": "page_2"}, {}, ["page_2"]).find
    assert (find("Page"), find("PAGE"), find("page")) == ("page", "page_2", None)


def test_an_attribute_that_the_catalog_lacks_does_not_go_to_one_that_differs_in_letter_case() -> (
    None
):
    find = AttributeColumns({"Page": "page", "PAGE": None}, {"thePage": "PAGE"}, []).find
    assert (find("Page"), find("PAGE"), find("page"), find("thepage")) == ("page", *[None] * 3)


def test_an_exact_api_name_wins_over_a_display_name_in_another_letter_case() -> None:
    names = {"Url": "url", "Link": "link"}
    find = AttributeColumns(names, {"url": "Link", "href": "Link", "Link": "Url"}, []).find
    assert [find(name) for name in ("Url", "url", "URL", "HREF", "Link", "link")] == [
        "url", "link", None, "link", "link", None,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Old Attribute", "old attribute", "old_attribute"])
def test_an_attribute_no_longer_listed_is_found_by_its_cleaned_name(name: str) -> None:
    assert activity(json.dumps({name: "x"})) == ({**BLANK, "old_attribute": "x"}, [])


# JSON objects.


def objects(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Schema]
) -> tuple[list[dict[str, Any]], list[str]]:
    issues = ConversionIssues()
    lines = page_lines(iter(rows), layout_of(columns, issues))
    return [record(line) for line in lines], issues.summary()


def test_objects_are_taken_column_by_column_and_missing_values_are_null() -> None:
    folder: Schema = {"type": ["object", "null"]}
    columns = {"id": INTEGER, "name": TEXT, "active": BOOLEAN, "createdAt": DATE_TIME, "f": folder}
    rows = loads_exactly(
        '[{"id": 9007199254740993, "name": "x", "active": true, "more": 1,'
        ' "createdAt": "2015-05-21T22:45:13Z+0000", "f": {"value": 416}}, {"id": 2, "name": null}]'
    )
    records, issues = objects(rows, columns)
    assert records == [
        {
            "id": 2**53 + 1,
            "name": "x",
            "active": True,
            "createdAt": "2015-05-21T22:45:13+00:00",
            "f": {"value": 416},
        },
        {"id": 2, "name": None, "active": None, "createdAt": None, "f": None},
    ]
    assert issues == []


def test_an_object_without_its_key_is_an_error() -> None:
    with pytest.raises(DataError, match="row of the stream without id"):
        objects([{"name": "x"}], {"id": INTEGER, "name": TEXT})


LONE = st.sampled_from(("\ud800", "a\udc80", "\udfff\ud800"))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | LONE,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | LONE, inner, max_size=4)
    ),
    max_leaves=10,
)
SCHEMAS: tuple[Schema, ...] = (
    TEXT,
    INTEGER,
    BOOLEAN,
    DATE_TIME,
    ARRAY,
    {"type": ["object", "null"]},
    {},
)


@given(st.lists(ANY_JSON, min_size=len(SCHEMAS), max_size=len(SCHEMAS)))
def test_any_json_values_make_one_line_of_valid_json(values: list[Any]) -> None:
    columns = {"id": TEXT, **{f"c{n}": schema for n, schema in enumerate(SCHEMAS)}}
    row = {"id": "1", **{f"c{n}": value for n, value in enumerate(values)}}
    records, _ = objects([loads_exactly(json.dumps(row))], columns)
    assert records[0]["id"] == "1"
    assert list(records[0]) == list(columns)


@pytest.mark.parametrize("schema", [ARRAY, TEXT, {"type": ["object", "null"]}, {}])
@pytest.mark.parametrize(
    "value", ['["\\ud800"]', '{"a": "\\udc80b"}', "[" * 300 + "]" * 300, '{"\\ud800": 1}']
)
def test_odd_text_inside_lists_and_objects_does_not_stop_the_stream(
    schema: Schema, value: str
) -> None:
    rows = loads_exactly(f'[{{"id": "1", "c": {value}}}, {{"id": "2", "c": null}}]')
    records, _ = objects(rows, {"id": TEXT, "c": schema})
    assert [r["id"] for r in records] == ["1", "2"]
