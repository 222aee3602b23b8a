"""Damaged CSV files, against a parser of its own; every data type from its cell to a record."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_marketo.errors import DataError
from tap_marketo.protocol.catalog import Schema
from tap_marketo.rows.activity_stream import AttributeColumns
from tap_marketo.rows.column_types import ConversionIssues, schema_for_data_type
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.row_records import LineLayout, RowRecords
from tests.fuzzing import budget, damaged
from tests.unit.rows.blocks import OneType, absent_alike, rows_of

EXTRACTED = "2026-01-02T03:04:05.000000Z"
TEXT: Schema = {"type": ["string", "null"]}
FUZZ = settings(max_examples=budget(100, soak=12_000))


# A parser that is no relative of Python's: RFC 4180, character by character.


def reference(data: bytes) -> tuple[list[list[str]], bool]:
    """Parse a file as its bytes say.

    Lines end with LF or CR LF; a quote begins a quoted cell only as the first character of a
    cell; a lone CR is text. NUL bytes and a byte order mark are no part of the file.

    Returns:
        The lines, each as its cells, a blank one without any; and whether the rest of the file
        is damaged: text after a closing quote, or no closing quote at all.
    """
    text = data.replace(b"\0", b"").decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    rows: list[list[str]] = []
    at, end = 0, len(text)
    while at < end:
        row: list[str] = []
        blank = re.compile(r"\r?\n").match(text, at)
        if blank:
            rows.append(row)
            at = blank.end()
            continue
        while True:
            if text[at : at + 1] == '"':
                cell, at = "", at + 1
                while True:
                    close = text.find('"', at)
                    if close < 0:
                        return rows, True
                    cell += text[at:close]
                    at = close + 1
                    if text[at : at + 1] != '"':
                        break
                    cell += '"'
                    at += 1
                if at < end and text[at] not in ",\n" and text[at : at + 2] != "\r\n":
                    return rows, True
            else:
                stop = re.compile(r",|\r?\n").search(text, at)
                cell, at = text[at : stop.start() if stop else end], stop.start() if stop else end
            row.append(cell)
            if text[at : at + 1] != ",":
                break
            at += 1
        at += 2 if text[at : at + 2] == "\r\n" else 1
        rows.append(row)
    return rows, False


@pytest.mark.parametrize(
    ("data", "rows", "is_damaged"),
    [
        (b'a,b\r\n1,"x ""y"" ,\r\n"\n', [["a", "b"], ["1", 'x "y" ,\r\n']], False),
        (b'a\n"1"2\n3\n', [["a"]], True),
        (b'a\n"1', [["a"]], True),
        (b'a,b\n1"2",\r3', [["a", "b"], ['1"2"', "\r3"]], False),
        (b'\xef\xbb\xbfa\0b\n\n""\n\xff\n', [["ab"], [], [""], ["\udcff"]], False),
    ],
)
def test_the_parser_compared_with_is_right(
    data: bytes, rows: list[list[str]], is_damaged: bool
) -> None:
    assert reference(data) == (rows, is_damaged)


FILE = (
    "id,email,note,Größe\r\n"
    '1,a@b.c,"two\r\nlines",groß\r\n'
    '2,null,"a ""quoted"" word, and a comma",\r\n'
    "3,,plain 'text' with a \" within,漢\r\n"
    '4,d@e.f,"",😀\r\n'
).encode()


def text_of(cell: str) -> str | None:
    """Return a cell as the record of a text column holds it."""
    mended = cell.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return None if cell in ("", "null") else mended


@FUZZ
@given(damaged(FILE), st.lists(st.integers(0, len(FILE)), max_size=4))
def test_a_damaged_file_gives_the_rows_it_holds_and_an_error_that_names_the_first_bad_one(
    data: bytes, places: list[int]
) -> None:
    lines, is_damaged = reference(data)
    (header, *rows) = [line for line in lines if line] or [[]]
    widths = [len(row) == len(header) for row in rows] + [not is_damaged]
    good = widths.index(False) if False in widths else len(rows)
    cuts = [0, *sorted(places), len(data)]
    chunks = [data[start:stop] for start, stop in pairwise(cuts)]

    parsed: list[list[str]] = []
    complaint = ""
    try:
        file = CsvFile(chunks, "the file")
        assert file.header == header
        for row in rows_of(file):
            parsed.append(row)
    except DataError as error:
        complaint = str(error)

    if len(set(header)) < len(header):
        assert "header of the file names a column twice" in complaint
        return
    assert parsed == list(map(absent_alike, rows[:good]))
    if False in widths:
        assert f"Row {good + 1} of the file" in complaint
    else:
        assert complaint == ""


@FUZZ
@given(damaged(FILE))
def test_the_records_of_a_damaged_file_are_its_cells(data: bytes) -> None:
    columns = dict.fromkeys(("id", "email", "note", "Größe"), TEXT)
    issues = ConversionIssues()
    layout = LineLayout("s", columns, ["id"], EXTRACTED, issues)
    records: list[list[str | None]] = []
    complaint = ""
    try:
        file = CsvFile([data], "the file")
        maker = RowRecords(file.header, layout)
        for block in file.blocks():
            lines = maker.lines(block).splitlines()
            records += [list(json.loads(line)["record"].values()) for line in lines]
    except DataError as error:
        complaint = str(error)

    (header, *rows) = [line for line in reference(data)[0] if line] or [[]]
    place = {name.lower(): index for index, name in enumerate(header)}
    for row, record in zip(rows, records, strict=False):
        assert record == [
            text_of(row[place[column.lower()]]) if column.lower() in place else None
            for column in columns
        ]
    if not complaint:
        assert len(records) == len(rows)
    else:
        assert re.search(r"Row \d+ of the file|row of s without id|header of the file", complaint)


ACTIVITIES_HEADER = "marketoGUID,leadId,attributes"
ACTIVITY_COLUMNS: dict[str, Schema] = {
    "marketoGUID": TEXT,
    "leadId": {"type": ["integer", "null"]},
    "web_page": TEXT,
    "count": {"type": ["integer", "null"]},
}
ATTRIBUTES = '{"Web Page": "/a,b\\n\\u00e9 \\"q\\"", "Count": 12, "Other": [1, {"a": null}]}'
ACTIVITIES = (
    f"{ACTIVITIES_HEADER}\n"
    + "".join('7{},10{},"{}"\n'.format(n, n, ATTRIBUTES.replace('"', '""')) for n in range(3))
).encode()


@FUZZ
@given(damaged(ACTIVITIES))
def test_the_records_of_damaged_activities_are_their_cells_and_attributes(data: bytes) -> None:
    issues = ConversionIssues()
    layout = LineLayout("s", ACTIVITY_COLUMNS, ["marketoGUID"], EXTRACTED, issues)
    names = AttributeColumns({"Web Page": "web_page", "Count": "count"}, {}, ())
    base = {"marketoGUID": "marketoGUID", "leadId": "leadId"}
    (header, *lines) = [line for line in reference(data)[0] if line] or [[]]
    records: list[dict[str, Any]] = []
    complaint = ""
    try:
        file = CsvFile([data], "the file", "attributes")
        maker = OneType(file.columns, {}, base, names, layout, issues)
        for block in file.blocks():
            records += [json.loads(line)["record"] for line in maker.lines_of(block)]
    except DataError as error:
        complaint = str(error)
    if complaint:
        assert re.search(r"Row \d+ of the file|row of s without|header of the file", complaint)
    else:
        assert len(records) == len(lines)
    counted = sum(issues.counts.values())
    for line, record in zip(lines, records, strict=False):
        cells = dict(zip(header, line, strict=True))
        assert record["marketoGUID"] == text_of(cells["marketoGUID"])
        # Space around a number is no part of it.
        lead = cells.get("leadId", "").strip()
        if re.fullmatch("[0-9]+", lead, re.ASCII):
            assert record["leadId"] == int(lead)
        else:
            assert record["leadId"] is None or counted
        attributes = attributes_of(cells.get("attributes", ""))
        for name, column in (("Web Page", "web_page"), ("Count", "count")):
            value = attributes.get(name)
            if value in (None, "", "null"):
                assert record[column] is None or counted
            elif isinstance(value, str) and column == "web_page":
                assert record[column] == text_of(value.replace("\0", ""))
            elif type(value) is int and column == "count":
                assert record[column] == value


def attributes_of(cell: str) -> dict[str, Any]:
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


# Every data type, from its cell to the record.


ALPHABET = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
WORDS = (
    st.text(ALPHABET, min_size=1, max_size=20)
    | st.sampled_from(("true", "0", "NULL", "[1]", "\r", "\n", '"', ",", "\u2028", "'", "\ufeff"))
).filter(lambda text: text != "null")
WHOLE = st.integers() | st.integers(-(10**40), 10**40)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.decimals(
    min_value=-(10**25), max_value=10**25, places=20
)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
NOTHING = st.sampled_from(("", "null"))


def cells_of(data_type: str) -> st.SearchStrategy[tuple[str, Any]]:
    """Return a strategy for cells of a data type with the value that the record must hold."""
    some: st.SearchStrategy[Any]
    if data_type in ("integer", "score", "percent"):
        some = WHOLE.map(lambda n: (str(n), n))
    elif data_type in ("float", "currency"):
        some = DECIMALS.map(lambda n: (format(n, "f"), n)) | st.floats(
            allow_nan=False, allow_infinity=False, width=32
        ).map(lambda n: (repr(n), Decimal(repr(n))))
    elif data_type == "boolean":
        some = st.sampled_from(
            (
                ("true", True),
                ("false", False),
                ("True", True),
                ("FALSE", False),
                ("1", True),
                ("0", False),
            )
        )
    elif data_type == "date":
        some = MOMENTS.map(lambda m: (m.strftime("%Y-%m-%d").zfill(10), m.date()))
    elif data_type == "datetime":
        some = moment_cells()
    elif data_type == "array":
        items = st.lists(WORDS | WHOLE | DECIMALS | st.none(), max_size=4)
        some = items.map(lambda array: (array_text(array), array)) | WORDS.filter(
            lambda text: not text.lstrip().startswith("[")
        ).map(lambda text: (text, [text]))
    else:
        some = WORDS.map(lambda text: (text, text))
    return some | NOTHING.map(lambda text: (text, None))


@st.composite
def moment_cells(draw: st.DrawFn) -> tuple[str, datetime]:
    moment = draw(MOMENTS)
    if draw(st.booleans()):
        whole = moment.replace(microsecond=0, tzinfo=timezone.utc)
        return whole.isoformat().replace("+00:00", draw(st.sampled_from(("Z", "Z+0000")))), whole
    local = moment.replace(tzinfo=draw(OFFSETS))
    return local.isoformat(), local


def array_text(array: list[Any]) -> str:
    """Write a JSON array, decimals with all their digits."""
    numbers = [
        format(item, "f") if isinstance(item, Decimal) else json.dumps(item) for item in array
    ]
    return f"[{', '.join(numbers)}]"


DATA_TYPES = ("string", "text", "email", "phone", "url", "reference", "integer", "score", "percent",
              "float", "currency", "boolean", "date", "datetime", "array")  # fmt: skip
SCHEMAS = {"id": schema_for_data_type("integer", nullable=False)} | {
    f"a {name}": schema_for_data_type(name, nullable=True) for name in DATA_TYPES
}


@settings(max_examples=budget(100, soak=6_000))
@given(
    st.lists(st.tuples(*(cells_of(name) for name in DATA_TYPES)), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_value_of_every_data_type_goes_through_file_and_record_unchanged(
    rows: list[tuple[tuple[str, Any], ...]], quotes_all: bool
) -> None:
    lines = [list(SCHEMAS)]
    lines += [[str(n), *(cell for cell, _ in row)] for n, row in enumerate(rows)]
    data = "".join(",".join(quoted(cell, quotes_all) for cell in line) + "\n" for line in lines)
    issues = ConversionIssues()
    layout = LineLayout("s", SCHEMAS, ["id"], EXTRACTED, issues)
    file = CsvFile([data.encode()], "the file")
    records = [
        json.loads(line, parse_float=Decimal)["record"]
        for block in file.blocks()
        for line in RowRecords(file.header, layout).lines(block).splitlines()
    ]
    assert len(records) == len(rows)
    for row, record in zip(rows, records, strict=True):
        for name, (cell, value) in zip(DATA_TYPES, row, strict=True):
            assert same(record[f"a {name}"], value), (name, cell)
    values = [(f"a {t}", v) for row in rows for t, (_, v) in zip(DATA_TYPES, row, strict=True)]
    assert issues.counts == beyond_64_bits(values)


ATTRIBUTES_OF_TYPE = {f"A {name}": f"a_{name}" for name in DATA_TYPES}


@settings(max_examples=budget(100, soak=6_000))
@given(st.tuples(*(cells_of(name) for name in DATA_TYPES)))
def test_a_value_of_every_data_type_goes_through_an_attribute_unchanged(
    row: tuple[tuple[str, Any], ...],
) -> None:
    members = [
        f"{json.dumps(name)}: {attribute_text(cell, value)}"
        for name, (cell, value) in zip(ATTRIBUTES_OF_TYPE, row, strict=True)
    ]
    schemas = {"marketoGUID": TEXT} | {
        f"a_{name}": schema_for_data_type(name, nullable=True) for name in DATA_TYPES
    }
    issues = ConversionIssues()
    layout = LineLayout("s", schemas, ["marketoGUID"], EXTRACTED, issues)
    maker = OneType(
        ["marketoGUID"], {}, {"marketoGUID": "marketoGUID"},
        AttributeColumns(ATTRIBUTES_OF_TYPE, {}, ()), layout, issues,
    )  # fmt: skip
    (line,) = maker.lines([["1", f"{{{', '.join(members)}}}"]])
    record = json.loads(line, parse_float=Decimal)["record"]
    for name, (cell, value) in zip(DATA_TYPES, row, strict=True):
        assert same(record[f"a_{name}"], value), (name, cell)
    values = [(f"a_{name}", value) for name, (_, value) in zip(DATA_TYPES, row, strict=True)]
    assert issues.counts == beyond_64_bits(values)


def beyond_64_bits(values: Iterable[tuple[str, Any]]) -> Counter[tuple[str, str]]:
    """Count the integers of each column that are said to be beyond 64 bits."""
    return Counter(
        (column, "beyond 64 bits")
        for column, value in values
        if type(value) is int and not -(2**63) <= value < 2**63
    )


def attribute_text(cell: str, value: Any) -> str:
    """Write a value as JSON: numbers, booleans and arrays bare, all else as text."""
    if isinstance(value, list) and cell.startswith("["):
        return array_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value if isinstance(value, int) else cell)


def quoted(cell: str, always: bool) -> str:
    if always or set(cell) & set('",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def same(found: Any, value: Any) -> bool:
    """Say whether what a record holds is the value."""
    if isinstance(value, datetime):
        return found.endswith("+00:00") and datetime.fromisoformat(found) == value
    if isinstance(value, date):
        return bool(found == f"{value.isoformat()}T00:00:00+00:00")
    if isinstance(value, Decimal):
        return isinstance(found, int | Decimal) and Decimal(found) == value
    if isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    return type(found) is type(value) and bool(found == value)
