"""The bytes of RECORD lines: the same by the fast path and by the slow one, and as ever.

The files in ``rows/`` are exports of the sandbox, with rows of odd cells of every type added, and
the lines that were made of them when every cell was still converted by itself; only times with an
offset have been written in UTC since.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_marketo.exact_json import loads_exactly
from tap_marketo.exports.family import BulkFamily, ExportPlan
from tap_marketo.exports.windows import Plan
from tap_marketo.marketo.describe import Field
from tap_marketo.protocol.catalog import Schema, selected_entries
from tap_marketo.rows.activity_stream import AttributeColumns
from tap_marketo.rows.column_types import ConversionIssues, converter, mend_text, value_converter
from tap_marketo.rows.columns import Column
from tap_marketo.rows.csv_cells import escaped_cell, from_latin1, text_of
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.rows.row_records import LineLayout, RowRecords
from tap_marketo.streams.activity_exports import ActivitiesFamily
from tap_marketo.streams.leads import LeadsFamily
from tap_marketo.times import Window
from tests.fuzzing import budget
from tests.unit.rows.blocks import OneType

ROWS = Path(__file__).with_name("data")
EXTRACTED = "2026-01-02T03:04:05.000000Z"
_DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
WINDOW = Window(_DAY, _DAY + timedelta(days=1))
ABSENT = ("", "null")
BAD_TEXT = "with bytes that are no text, now U+FFFD"
NO_OBJECT = "not a JSON object, their columns now null"
UNKNOWN = "of an attribute the catalog lacks (discover again)"
TWICE = "of an attribute given twice in a row, the first kept"

SCHEMAS: dict[str, Schema] = {
    "text": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "time": {"type": ["string", "null"], "format": "date-time"},
    "array": {"type": ["array", "null"]},
    "object": {"type": ["object", "null"]},
    "any": {},
}
# What the fast paths are made for.
USUAL: dict[str, tuple[str, ...]] = {
    "text": ("plain", "Zürich", "null", "漢字", "a, b"),
    "integer": ("5", "0", "-12", "null", "9007199254740993"),
    "number": ("1.5", "-0.25", "null", "5", "0"),
    "boolean": ("true", "false", "null"),
    "time": ("2026-05-01T10:00:00Z", "null", "2024-12-31T23:59:59Z"),
    "array": ("null",),
    "object": ("null",),
    "any": ("null",),
}
# What they must leave alone, or must not be fooled by.
ODD = (
    "", "null", "nullable", ' null', "NULL", "-0", "-0.0", "007", "+5", "1,234", "12.0", "12.50",
    " 5", "5 ", "1e5", "1E2", "1e400", "1e-400", "1" * 30, "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "0.1234567890123456789", "true", "TRUE", "yes", "[1]",
    "[1", "2]", '"', '""', '"a', '{"a":"null"}', '["null"]', ':"null"', "x:", "\\",
    "\\u0000", "\x01", "\x7f", "\t", "\r", "\n", "\r\n", "a\nb", "\u2028", "\udcff", "\ufeff", ",",
    ",,", "2026-02-30", "2024-02-29", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "2026-05-01",
    "0000-01-01T00:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T10:00:00Z\n2026-05-01T10:00:00Z",
    "2026-05-01T10:00:00+02:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00",
    "2026-W01-1", "٣", "NaN", "Infinity", "inf",
)  # fmt: skip
FUZZ = settings(max_examples=budget(100, soak=400), deadline=None)


def account() -> tuple[LeadsFamily, ActivitiesFamily]:
    told = loads_exactly(read("account.json"))
    entries = selected_entries(json.loads(read("account.json"))["catalog"], "catalog.json")
    (leads,) = (entry for entry in entries if entry.stream == "leads")
    fields = [Field(name, "string", is_exportable=True) for name in leads.columns]
    types = {int(activity_type["id"]): activity_type for activity_type in told["types"]}
    others = [entry for entry in entries if entry.stream != "leads"]
    day = timedelta(days=1)
    return LeadsFamily(leads, fields, day), ActivitiesFamily(others, types, day, 0)


def read(name: str) -> bytes:
    return gzip.decompress((ROWS / f"{name}.gz").read_bytes())


@pytest.mark.parametrize("size", [1 << 20, 4096, 100])
def test_lines_are_the_same_bytes_as_ever(size: int) -> None:
    made: list[bytes] = []
    issues: dict[str, list[str]] = {}
    families: tuple[BulkFamily, ...] = account()
    for family in families:
        content = read(f"{family.name}.csv")
        chunks = [content[start : start + size] for start in range(0, len(content), size)]
        file = CsvFile(chunks, family.name, family.document)
        plan: ExportPlan = Plan(WINDOW, tuple(family.streams))
        blocks = family.records(file, plan, EXTRACTED)
        lines = b"".join(block.lines for block in blocks)
        made += lines.splitlines(keepends=True)
        issues |= {stream: m.summary() for stream, m in family.issues.items() if m.counts}
    assert made == read("records.jsonl").splitlines(keepends=True)
    assert issues == json.loads((ROWS / "issues.json").read_text(encoding="utf-8"))


# Cells of a column.


def cells_of(kind: str) -> st.SearchStrategy[list[str]]:
    """Return a strategy for some cells, all of them usual or with odd ones between."""
    usual = st.sampled_from(USUAL[kind])
    return st.lists(usual, min_size=1, max_size=6) | st.lists(
        usual | st.sampled_from(ODD) | st.text(max_size=4), min_size=1, max_size=6
    )


@FUZZ
@given(
    st.sampled_from(list(SCHEMAS)).flatmap(lambda kind: st.tuples(st.just(kind), cells_of(kind)))
)
def test_a_column_s_fragments_are_the_json_of_the_values_of_its_cells(
    drawn: tuple[str, list[str]],
) -> None:
    kind, cells = drawn
    fast, slow = ConversionIssues(), ConversionIssues()
    convert = converter("c", SCHEMAS[kind], slow) or str
    values = [None if cell in ABSENT else convert(cell) for cell in cells]
    column = Column("c", SCHEMAS[kind], fast)
    fragments = column.fragments(list(map(escaped_cell, cells)), text_of)
    found = [from_latin1(text).replace("\0", ",") for text in column.quoted(fragments)]
    assert found == list(map(written, values))
    for value in values:
        if mend_text(value) != value:
            slow.add("c", BAD_TEXT)
    assert fast.counts == slow.counts


def written(value: Any) -> str:
    return orjson.dumps(mend_text(value)).decode()


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        (2**63 - 1, True),
        (-(2**63), True),
        (2**63, False),
        (-(2**63) - 1, False),
        (2**64 - 1, False),
        (2**64, False),
    ],
)
def test_an_integer_beyond_64_bits_is_counted_among_usual_ones(number: int, fits: bool) -> None:
    issues = ConversionIssues()
    column = Column("c", SCHEMAS["integer"], issues)
    assert column.fragments(["5", str(number), "null"], text_of) == ["5", str(number), "null"]
    assert issues.summary() == ([] if fits else ["c: 1 beyond 64 bits"])


# Rows whose columns are the stream's.


def slow_line(record: Mapping[str, Any], stream: str, issues: ConversionIssues) -> bytes:
    """Write a RECORD line as one object, text that is no text mended and counted."""
    mended = {}
    for column, value in record.items():
        mended[column] = mend_text(value)
        if mended[column] != value:
            issues.add(column, BAD_TEXT)
    message = {"type": "RECORD", "stream": stream, "record": mended, "time_extracted": EXTRACTED}
    return orjson.dumps(message) + b"\n"


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Draw a header and rows: most cells usual, so that many rows hold nothing else."""
    kinds = draw(st.lists(st.sampled_from(list(SCHEMAS)), max_size=5))
    header = ["id", *(f"{kind} {number}" for number, kind in enumerate(kinds))]
    odd_share = draw(st.sampled_from((0, 0, 1, 5)))
    rows = []
    for number in range(draw(st.integers(1, 6))):
        row = [str(number)]
        for kind in kinds:
            is_odd = draw(st.integers(0, 9)) < odd_share
            row.append(draw(st.sampled_from(ODD if is_odd else USUAL[kind])))
        rows.append(row)
    return header, rows


@FUZZ
@given(tables(), st.booleans(), st.sampled_from(("\n", "\r\n")), st.randoms(use_true_random=False))
def test_rows_are_the_same_bytes_whichever_way_they_are_written(
    table: tuple[list[str], list[list[str]]], quotes_all: bool, line_end: str, rng: Any
) -> None:
    header, rows = table
    lines = [",".join(quoted(cell, quotes_all) for cell in row) for row in [header, *rows]]
    content = line_end.join([*lines, ""])
    columns = {name: SCHEMAS[name.partition(" ")[0]] if name != "id" else SCHEMAS["integer"]
               for name in header}  # fmt: skip
    names = [*columns, "gone"] if rng.random() < 0.3 else list(columns)
    if rng.random() < 0.3:
        rng.shuffle(names)
    columns = {name: columns.get(name, SCHEMAS["integer"]) for name in names}

    slow = ConversionIssues()
    convert = {name: converter(name, schema, slow) or str for name, schema in columns.items()}
    expected = []
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        record = {
            name: None if cells.get(name, "") in ABSENT else convert[name](cells[name])
            for name in columns
        }
        expected.append(slow_line(record, "s", slow))

    fast = ConversionIssues()
    layout = LineLayout("s", columns, ["id"], EXTRACTED, fast)
    file = CsvFile([content.encode("utf-8", "surrogateescape")], "the file")
    maker = RowRecords(file.header, layout)
    assert b"".join(map(maker.lines, file.blocks())) == b"".join(expected)
    assert fast.counts == slow.counts


def quoted(cell: str, always: bool) -> str:
    if always or set(cell) & set('",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def test_names_that_json_escapes_do_not_disturb_what_is_put_together() -> None:
    names = ["id", 'quote" :"null"', "back\\slash", "null", ","]
    issues = ConversionIssues()
    file = CsvFile([b'id,"quote"" :""null""",back\\slash,null,","\n1,x:,null,b,c\n'], "the file")
    columns = {"id": SCHEMAS["integer"]} | dict.fromkeys(names[1:], SCHEMAS["text"])
    layout = LineLayout(':"null"', columns, ["id"], EXTRACTED, issues)
    (block,) = file.blocks()
    line = RowRecords(file.header, layout).lines(block)
    record = {"id": 1, names[1]: "x:", names[2]: None, names[3]: "b", names[4]: "c"}
    assert line == slow_line(record, ':"null"', issues)


# Activities.

ATTRIBUTES = {f"The {kind}": f"the_{kind}" for kind in SCHEMAS}
ACTIVITY_COLUMNS: dict[str, Schema] = {
    "marketoGUID": SCHEMAS["text"],
    "fixed": SCHEMAS["text"],
    "value": SCHEMAS["text"],
    **{column: SCHEMAS[column.removeprefix("the_")] for column in ATTRIBUTES.values()},
}
BASE = {"marketoGUID": "marketoGUID", "value": "Value"}
LITERALS = (
    "null", "true", "false", "0", "-0", "5", " 7 ", "12.50", "0.1", "1e5", "1e400", "-0.0",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", '""', '"null"', '"text"', '"12.50"', '"-0"',
    '"a\\u0000b"', '"\\ud800"', '"2026-05-01T10:00:00Z"', "[1.50, -0]", '{"a": 1.0}', "NaN", '"é"',
)  # fmt: skip
UNKNOWN_NAMES = ("ghost", "Ghost", "gh\0ost", "\ud800", "unknown")
NAMES = (*ATTRIBUTES, "THE TEXT", "theText", "Value", *UNKNOWN_NAMES)


@st.composite
def attribute_cells(draw: st.DrawFn) -> list[str]:
    """Draw some cells, most of them with the same attributes in the same order."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4))
    usual = draw(st.booleans())
    cells = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.integers(0, 9)) == 0:
            cells.append(draw(st.sampled_from(("", "null", "{", "[1]", "7", '"a"', "{}"))))
            continue
        if draw(st.integers(0, 9)) == 0:
            names = draw(st.lists(st.sampled_from(NAMES), max_size=4))
        some = ('"text"', '"x"', "5", "true", "null") if usual else LITERALS
        members = (f"{json.dumps(name)}: {draw(st.sampled_from(some))}" for name in names)
        cells.append(f"{{{', '.join(members)}}}")
    return cells


@FUZZ
@given(
    attribute_cells(),
    st.sampled_from((None, "the_text", "fixed")),
    # What the column for unknown attributes is of, if it is selected.
    st.sampled_from((None, "object", "object", "text", "integer")),
)
def test_activities_are_the_same_bytes_as_one_by_one(
    cells: list[str], dropped: str | None, kept_as: str | None
) -> None:
    columns = {name: schema for name, schema in ACTIVITY_COLUMNS.items() if name != dropped}
    if kept_as:
        columns["unknown"] = SCHEMAS[kept_as]
    names = AttributeColumns(ATTRIBUTES, {"theText": "The text"}, ())
    slow = ConversionIssues()
    convert = {c: value_converter(c, schema, slow) for c, schema in columns.items()}
    expected = []
    for number, cell in enumerate(cells):
        record: dict[str, Any] = dict.fromkeys(columns)
        record |= {"marketoGUID": str(number), "value": "7"}
        if "fixed" in columns:
            record["fixed"] = "always"
        unknown = {}
        for name, value in attributes_in(cell, slow).items():
            column = names.find(name)
            if column is None and kept_as:
                unknown[name] = value
            elif value is None or (column is not None and column not in columns):
                continue
            elif column is None:
                slow.add(name, UNKNOWN)
            elif record[column] is not None:
                slow.add(name, TWICE)
            else:
                record[column] = convert[column](value)
        if unknown:
            record["unknown"] = convert["unknown"](unknown)
        expected.append(slow_line(record, "s", slow))

    fast = ConversionIssues()
    layout = LineLayout("s", columns, ["marketoGUID"], EXTRACTED, fast)
    fixed = {"fixed": "always"}
    maker = OneType(["marketoGUID", "Value"], fixed, BASE, names, layout, fast, "unknown")
    rows = [[str(number), "7", cell] for number, cell in enumerate(cells)]
    # Twice: what is remembered of the first rows serves the second ones.
    assert maker.lines(rows) == expected
    assert fast.counts == slow.counts
    assert maker.lines(rows) == expected


def attributes_in(cell: str, issues: ConversionIssues) -> dict[str, Any]:
    if cell in ABSENT:
        return {}
    try:
        found = loads_exactly(cell)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    issues.add("attributes", NO_OBJECT)
    return {}
