"""A row that a call answers as JSON becomes the record that the same row of a file becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.exact_json import loads_exactly
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.column_types import ConversionIssues, schema_for_data_type
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.page_rows import value_block
from tap_marketo.rows.row_records import LineLayout, RowRecords

DATA_TYPES = (
    "string", "email", "text", "integer", "score", "percent", "float", "currency", "boolean",
    "date", "datetime", "array",
)  # fmt: skip
COLUMNS: Mapping[str, Schema] = {
    "id": {"type": "integer"},
    **{name: schema_for_data_type(name, nullable=True) for name in DATA_TYPES},
}
BAD_TEXT = "with bytes that are no text, now U+FFFD"

Rows = Sequence[Mapping[str, Any]]
Told = tuple[list[bytes], Mapping[tuple[str, str], int]]


class Number(str):
    """A number as it is spelled, in JSON and in a file alike."""


def spelled(value: Any) -> str:
    """Return a value's JSON, its numbers as they are spelled."""
    if isinstance(value, Number):
        return value[:]
    if isinstance(value, list):
        return f"[{','.join(map(spelled, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(k)}:{spelled(v)}' for k, v in value.items())}}}"
    return json.dumps(value)


def cell_of(value: Any) -> str:
    """Return a value's cell of an export file (bulk-lead-extract.md)."""
    if value is None:
        return "null"
    return value[:] if isinstance(value, str) else spelled(value)


def quoted(cell: str) -> str:
    """Return a cell as RFC 4180 writes it."""
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if re.search('[,"\r\n]', cell) else cell


def records(header: Sequence[str], issues: ConversionIssues) -> RowRecords:
    return RowRecords(header, LineLayout("leads", COLUMNS, ["id"], "2026-01-01T00:00Z", issues))


def told_by_a_file(rows: Rows, header: Sequence[str]) -> Told:
    """Return the RECORD lines of a file that holds rows, and what was counted."""
    lines = [header, *([cell_of(row.get(name)) for name in header] for row in rows)]
    text = "".join(f"{','.join(map(quoted, line))}\n" for line in lines)
    file = CsvFile([text.encode()], "the file")
    issues = ConversionIssues()
    made = records(header, issues)
    told = b"".join(map(made.lines, file.blocks()))
    return told.split(b"\n"), issues.counts


def told_by_a_call(rows: Rows, header: Sequence[str]) -> Told:
    """Return the RECORD lines of an answer that holds rows, and what was counted."""
    issues = ConversionIssues()
    answer = loads_exactly(f'{{"result":{spelled(list(rows))}}}')
    lines = records(header, issues).lines(value_block(answer["result"], header))
    return lines.split(b"\n"), issues.counts


NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.sampled_from(["-0", "-0.0", "1.50", "1E2", "1e-7", "0.1234567890123456789", "1e400"]),
).map(Number)
ODD_CHARACTERS = ' ,";\\\r\n\t\0\x01\x7fnul5.-eTZ:[]{}é漢\u2028\ufeff😀'
ODD_TEXTS = (
    "null", "", "Null", "true", "YES", "no", "5", "007", "1,234", "12.0", "[1, 2]", '["a"', "NaN",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.text(st.sampled_from(ODD_CHARACTERS), max_size=9),
    st.sampled_from(ODD_TEXTS),
    st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='seconds')}Z"),
    st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='seconds')}+05:30"),
    st.dates().map(str),
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
# No page says how a file spells an array in a column of text.
ARRAYS = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=4),
    st.lists(st.lists(PLAIN, max_size=2), max_size=2),
    st.lists(st.dictionaries(TEXTS, PLAIN, max_size=2), max_size=2),
)
VALUES = {name: ARRAYS if name == "array" else PLAIN for name in DATA_TYPES}
IDS = st.integers(1, 10**12).map(str).map(Number)
ROWS = st.lists(
    st.fixed_dictionaries({"id": IDS}, optional=VALUES),
    min_size=1,
    max_size=6,
)


@given(rows=ROWS, header=st.permutations(list(COLUMNS)))
def test_whatever_the_values_the_record_is_that_of_the_same_row_in_a_file(
    rows: Rows, header: list[str]
) -> None:
    assert told_by_a_call(rows, header) == told_by_a_file(rows, header)


@given(data=st.data())
@pytest.mark.parametrize("name", DATA_TYPES)
def test_so_it_is_of_many_values_of_one_type(name: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[name], min_size=1, max_size=8))
    rows = [{"id": Number(number), name: value} for number, value in enumerate(values, 1)]
    assert told_by_a_call(rows, ["id", name]) == told_by_a_file(rows, ["id", name])


def test_what_is_left_out_is_null_as_what_is_said_to_be() -> None:
    left_out, said = {"id": Number(1)}, {"id": Number(1), **dict.fromkeys(DATA_TYPES)}
    lines, _ = told_by_a_call([left_out, said], list(COLUMNS))
    assert lines[0] == lines[1]


@pytest.mark.parametrize("half", ["\\ud83d", "\\udc80", "\\udcff", "\\udfff"])
def test_half_a_character_is_mended_and_counted(half: str) -> None:
    odd, whole = f'{{"id":1,"string":"a{half}, b"}}', '{"id":2,"string":"é\\ud83d\\ude00"}'
    answer = loads_exactly(f"[{odd},{whole}]")
    issues = ConversionIssues()
    header = ["id", "string"]
    lines = records(header, issues).lines(value_block(answer, header)).splitlines()
    texts = [json.loads(line)["record"]["string"] for line in lines]
    assert texts == ["a\ufffd, b", "é😀"]
    assert issues.counts == {("string", BAD_TEXT): 1}


@pytest.mark.parametrize("name", ["array", "string"])
def test_what_is_nested_without_end_is_no_crash(name: str) -> None:
    deep: Any = Number(1)
    for _ in range(300):
        deep = [deep]
    rows = [{"id": Number(1), name: deep}, {"id": Number(2), name: "plain"}]
    lines, _ = told_by_a_call(rows, ["id", name])
    assert [json.loads(line)["record"]["id"] for line in lines[:-1]] == [1, 2]
