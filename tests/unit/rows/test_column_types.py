"""Fields: each value either keeps its exact meaning, or is null and counted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.exact_json import loads_exactly
from tap_marketo.protocol.catalog import Schema, schema_types
from tap_marketo.rows.column_types import (
    ConversionIssues,
    converter,
    schema_for_data_type,
    value_converter,
)

INTEGER = schema_for_data_type("integer", nullable=True)
NUMBER = schema_for_data_type("float", nullable=True)
BOOLEAN = schema_for_data_type("boolean", nullable=True)
DATE_TIME = schema_for_data_type("datetime", nullable=True)
ARRAY = schema_for_data_type("array", nullable=True)
TEXT = schema_for_data_type("string", nullable=True)
OBJECT: Schema = {"type": ["object", "null"]}

DECIMALS_DROPPED = "with decimals dropped, as Marketo calls the field an integer"
BEYOND = "beyond 64 bits"
NO_INTEGER = "not a whole number, now null"
NO_NUMBER = "not a number, now null"
NO_BOOLEAN = "neither true nor false, now null"
NO_DATE = "not a date, now null"
NO_OBJECT = "not an object, now null"


def convert(schema: Schema, value: Any) -> tuple[Any, list[str]]:
    """Return what stands in the written JSON for a value, and what was counted."""
    issues = ConversionIssues()
    converted = value_converter("c", schema, issues)(value)
    written = json.loads(orjson.dumps({"value": converted}), parse_float=Decimal)["value"]
    return written, [what for (_, what), n in issues.counts.items() for _ in range(n)]


def from_json(text: str) -> Any:
    return loads_exactly(text)


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        ("integer", "integer"),
        ("percent", "integer"),
        ("score", "integer"),
        ("float", "number"),
        ("currency", "number"),
        ("boolean", "boolean"),
        ("array", "array"),
        ("string", "string"),
        ("email", "string"),
        ("textarea", "string"),
        ("reference", "string"),
        ("something new", "string"),
    ],
)
def test_each_data_type_has_the_schema_type_warehouses_know(data_type: str, kind: str) -> None:
    schema = schema_for_data_type(data_type, nullable=False)
    assert schema["type"] == kind
    assert "format" not in schema
    assert schema_for_data_type(data_type, nullable=True) == {**schema, "type": [kind, "null"]}


@pytest.mark.parametrize("data_type", ["datetime", "date"])
def test_dates_are_date_time_strings(data_type: str) -> None:
    assert schema_for_data_type(data_type, nullable=True) == {
        "type": ["string", "null"],
        "format": "date-time",
    }


def test_array_items_may_be_numbers_text_or_null() -> None:
    assert schema_for_data_type("array", nullable=False)["items"] == {
        "type": ["integer", "number", "string", "null"]
    }


def test_a_schema_handed_out_can_be_changed_without_changing_the_next() -> None:
    schema_for_data_type("datetime", nullable=False)["type"] = "changed"
    assert schema_for_data_type("datetime", nullable=False)["type"] == "string"


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [({"type": "string"}, ["string"]), ({"type": ["a", "null"]}, ["a", "null"]), ({}, [])],
)
def test_schema_types_are_a_list_however_the_schema_spells_them(
    schema: Schema, kinds: list[str]
) -> None:
    assert schema_types(schema) == kinds


@pytest.mark.parametrize(
    ("cell", "value", "counted"),
    [
        ("12", 12, []),
        ("-12", -12, []),
        ("+12", 12, []),
        ("007", 7, []),
        ("0", 0, []),
        ("12%", 12, []),
        ("12 %", 12, []),
        (" 12 ", 12, []),
        ("12.0", 12, []),
        ("1e3", 1000, []),
        ("1,234", 1234, []),
        ("-1,234,567", -1234567, []),
        (".5", 0, [DECIMALS_DROPPED]),
        ("12.9", 12, [DECIMALS_DROPPED]),
        ("-12.9", -12, [DECIMALS_DROPPED]),
        ("12.5%", 12, [DECIMALS_DROPPED]),
        ("1,234.5", 1234, [DECIMALS_DROPPED]),
        ("999999999999999999", 10**18 - 1, []),
        ("1000000000000000000", 10**18, []),
        ("9007199254740993", 2**53 + 1, []),
        ("9007199254740993.0", 2**53 + 1, []),
        ("9223372036854775807", 2**63 - 1, []),
        ("-9223372036854775808", -(2**63), []),
        ("9223372036854775807.0", 2**63 - 1, []),
        ("9223372036854775808", 2**63, [BEYOND]),
        ("-9223372036854775809", -(2**63) - 1, [BEYOND]),
        ("18446744073709551615", 2**64 - 1, [BEYOND]),
        ("18446744073709551617", 2**64 + 1, [BEYOND]),
        ("-18446744073709551617", -(2**64) - 1, [BEYOND]),
        ("18,446,744,073,709,551,617", 2**64 + 1, [BEYOND]),
        ("18446744073709551617.5", 2**64 + 1, [DECIMALS_DROPPED, BEYOND]),
        ("1e30", 10**30, [BEYOND]),
        ("٣", 3, []),
        ("1٣", 13, []),
        ("1,23", None, [NO_INTEGER]),
        ("12,34,567", None, [NO_INTEGER]),
        ("1.234,5", None, [NO_INTEGER]),
        ("1 234", None, [NO_INTEGER]),
        ("1_000", None, [NO_INTEGER]),
        ("0x10", None, [NO_INTEGER]),
        ("²", None, [NO_INTEGER]),
        ("--5", None, [NO_INTEGER]),
        ("1e400", None, [NO_INTEGER]),
        ("nan", None, [NO_INTEGER]),
        ("inf", None, [NO_INTEGER]),
        ("-Infinity", None, [NO_INTEGER]),
        ("%", None, [NO_INTEGER]),
        (".", None, [NO_INTEGER]),
        ("many", None, [NO_INTEGER]),
        (" ", None, [NO_INTEGER]),
    ],
)
def test_integer_cells(cell: str, value: int | None, counted: list[str]) -> None:
    assert convert(INTEGER, cell) == (value, counted)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", "12"),
        ("12.5", "12.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("12.5%", "12.5"),
        ("-1,234.75", "-1234.75"),
        ("1e3", "1000"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("123456789012345", "123456789012345"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551617", "18446744073709551617"),
        ("12345678901234567.89", "12345678901234567.89"),
        ("+12345678901234567.89", "12345678901234567.89"),
        ("0012345678901234567.89", "12345678901234567.89"),
        ("12,345,678,901,234,567.89", "12345678901234567.89"),
        ("1٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣.٥", "1333333333333333333.5"),
        ("1" + "0" * 400, "1" + "0" * 400),
    ],
)
def test_number_cells_keep_every_digit(cell: str, value: str) -> None:
    written, counted = convert(NUMBER, cell)
    assert written == Decimal(value)
    assert counted == []


@pytest.mark.parametrize(
    "cell", ["nan", "NaN", "inf", "-inf", "Infinity", "1e400", "--5", "1_0", "1,2", "a", ".", "-"]
)
def test_number_cells_that_are_no_number_are_null_and_counted(cell: str) -> None:
    assert convert(NUMBER, cell) == (None, [NO_NUMBER])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("true", True),
        ("TRUE", True),
        ("True", True),
        (" true ", True),
        ("1", True),
        ("yes", True),
        ("false", False),
        ("FALSE", False),
        ("0", False),
        ("No", False),
        (True, True),
        (False, False),
        (from_json("1"), True),
        (from_json("0"), False),
    ],
)
def test_boolean_values(value: Any, written: bool) -> None:
    assert convert(BOOLEAN, value) == (written, [])


@pytest.mark.parametrize("value", ["2", "maybe", " ", from_json("2"), from_json("[]"), {"a": True}])
def test_boolean_values_of_no_certain_meaning_are_null_and_counted(value: Any) -> None:
    assert convert(BOOLEAN, value) == (None, [NO_BOOLEAN])


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("2022-02-13T14:06:20Z", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13T14:06:20Z+0000", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13T14:06:20+0000", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13T14:06:20-06:00", "2022-02-13T20:06:20+00:00"),
        ("2022-02-13T14:06:20+05:30", "2022-02-13T08:36:20+00:00"),
        ("2022-01-01T03:06:20+0530", "2021-12-31T21:36:20+00:00"),
        ("2022-02-13T14:06:20-00:00", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13T14:06:20.25-06:00", "2022-02-13T20:06:20.250000+00:00"),
        ("2022-02-13T14:06:20.5Z", "2022-02-13T14:06:20.500000+00:00"),
        ("2022-02-13T14:06:20", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13 14:06:20", "2022-02-13T14:06:20+00:00"),
        (" 2022-02-13T14:06:20Z ", "2022-02-13T14:06:20+00:00"),
        ("2022-02-13", "2022-02-13T00:00:00+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31", "9999-12-31T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_date_cells(cell: str, written: str) -> None:
    assert convert(DATE_TIME, cell) == (written, [])


@pytest.mark.parametrize(
    "value",
    [
        "2022-02-30",
        "2022-02-30T00:00:00Z",
        "2023-02-29",
        "0000-00-00",
        "2022-13-01T00:00:00Z",
        "2022-02-13T25:00:00Z",
        "2022-02-13T14:06:20+99:99",
        # In UTC the first is in the year 0 and the second in the year 10000.
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-05:00",
        "2022-02-13T14+05:00Z",
        "2022-02-13T14:06+05Z",
        "13/02/2022",
        "20220213",
        "14:06:20",
        "P1Y",
        "2022-02-13/2022-02-14",
        "yesterday",
        " ",
        from_json("20220213"),
        from_json("[20220213]"),
        True,
        {str(n): "x" for n in range(20)},
        ["x"] * 20,
    ],
)
def test_dates_that_do_not_exist_or_are_none_are_null_and_counted(value: Any) -> None:
    assert convert(DATE_TIME, value) == (None, [NO_DATE])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('["a", 1, 2.5, null]', ["a", 1, Decimal("2.5"), None]),
        ("[]", []),
        (["a", None], ["a", None]),
        (from_json("[18446744073709551617, 1e400]"), [2**64 + 1, Decimal("1e400")]),
        (from_json('[{"a": [1]}]'), [{"a": [1]}]),
    ],
)
def test_array_values(value: Any, written: list[Any]) -> None:
    assert convert(ARRAY, value) == (written, [])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a;b", ["a;b"]),
        ('{"a": 1}', ['{"a": 1}']),
        ("[1", ["[1"]),
        ("7", ["7"]),
        (from_json("7"), [7]),
        (from_json("7.50"), [Decimal("7.50")]),
        (True, [True]),
        (from_json('{"a": 1}'), [{"a": 1}]),
    ],
)
def test_anything_else_becomes_an_array_of_one_item(value: Any, written: list[Any]) -> None:
    assert convert(ARRAY, value) == (written, [])


def test_object_values_stay_objects_with_numbers_as_sent() -> None:
    value = from_json('{"a": {"b": 9007199254740993}, "c": "9"}')
    assert convert(OBJECT, value) == ({"a": {"b": 2**53 + 1}, "c": "9"}, [])


@pytest.mark.parametrize("value", ["{}", from_json("7"), True, ["a"]])
def test_object_values_that_are_none_are_null_and_counted(value: Any) -> None:
    assert convert(OBJECT, value) == (None, [NO_OBJECT])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("as it is ", "as it is "),
        ("NULL", "NULL"),
        ("12.50", "12.50"),
        (from_json("12.50"), "12.50"),
        (from_json("18446744073709551617"), "18446744073709551617"),
        (from_json("NaN"), "NaN"),
        (from_json('"a\\u0000b"'), "ab"),
        (True, "true"),
        (from_json('{"a":[1.0,"x",null]}'), '{"a":[1.0,"x",null]}'),
    ],
)
def test_text_values_stay_as_they_are_and_other_json_becomes_its_text(
    value: Any, written: str
) -> None:
    assert convert(TEXT, value) == (written, [])


@pytest.mark.parametrize("schema", [INTEGER, NUMBER, BOOLEAN, DATE_TIME, ARRAY, TEXT, OBJECT, {}])
@pytest.mark.parametrize("absent", [None, "", "null"])
def test_absent_values_are_null_and_not_counted(schema: Schema, absent: str | None) -> None:
    assert convert(schema, absent) == (None, [])


@pytest.mark.parametrize(
    ("schema", "cell", "written"),
    [
        (
            {"type": ["string", "null"], "format": "date-time"},
            "2022-02-13",
            "2022-02-13T00:00:00+00:00",
        ),
        ({"type": ["string", "integer"]}, "12", 12),
        ({"type": ["number", "string"]}, "12", "12"),
        ({"type": ["boolean", "number"]}, "1", Decimal("1.0")),
    ],
)
def test_a_column_of_several_types_is_read_as_date_integer_text_number_boolean(
    schema: Schema, cell: str, written: Any
) -> None:
    result, counted = convert(schema, cell)
    assert (type(result), result, counted) == (type(written), written, [])


def test_a_column_without_a_type_takes_json_as_it_is() -> None:
    assert convert({}, from_json('{"a": [1, 2.50, "x"]}')) == (
        {"a": [1, Decimal("2.50"), "x"]},
        [],
    )


def test_text_columns_of_a_file_need_no_converter() -> None:
    assert converter("c", TEXT, ConversionIssues()) is None


def test_issues_are_summed_up_by_column_and_issue() -> None:
    issues = ConversionIssues()
    read_age = value_converter("age", INTEGER, issues)
    read_born = value_converter("born", DATE_TIME, issues)
    for n in range(1200):
        read_age(f"{n}.5")
    read_age("old")
    read_born("long ago")
    assert issues.summary() == [
        "age: 1 not a whole number, now null",
        "age: 1,200 with decimals dropped, as Marketo calls the field an integer",
        "born: 1 not a date, now null",
    ]


def test_columns_whose_names_are_data_are_summed_up_together() -> None:
    issues = ConversionIssues()
    for _ in range(2):
        for number in range(1_000):
            issues.add(f"name {number:03}", "of an attribute the catalog lacks")
    summary = issues.summary()
    assert summary[:2] == [
        "(other names): 1,600 of an attribute the catalog lacks",
        "name 000: 2 of an attribute the catalog lacks",
    ]
    assert len(summary) == 201


# Round trips: what is written as JSON is exactly what the text said.

BIG = st.integers() | st.integers(-(10**60), 10**60) | st.sampled_from((2**53 + 1, 2**63, 2**64))


def beyond_64_bits(number: int) -> list[str]:
    return [] if -(2**63) <= number < 2**63 else [BEYOND]


@given(BIG, st.sampled_from(("{}", "{:,}", "{}%", " {} ", "{}.0", "{:+}")))
def test_integers_of_any_size_and_spelling_are_exact(number: int, spelling: str) -> None:
    assert convert(INTEGER, spelling.format(number)) == (number, beyond_64_bits(number))


@given(BIG)
def test_integers_from_json_are_exact(number: int) -> None:
    assert convert(INTEGER, from_json(str(number))) == (number, beyond_64_bits(number))


@given(st.integers(4000, 20_000), st.sampled_from("19"))
def test_integers_longer_than_python_converts_are_written_as_they_are(
    digits: int, digit: str
) -> None:
    issues = ConversionIssues()
    converted = value_converter("c", INTEGER, issues)(digit * digits)
    assert orjson.dumps(converted) == (digit * digits).encode()
    assert issues.summary() == [f"c: 1 {BEYOND}"]


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=9) | st.decimals(
    min_value=-(10**30), max_value=10**30, places=20
)


@given(DECIMALS, st.sampled_from(("{:f}", "{:,f}", "{:f}%", "{:+f}")))
def test_decimals_of_any_length_and_spelling_are_exact(number: Decimal, spelling: str) -> None:
    written, counted = convert(NUMBER, spelling.format(number))
    assert written == number
    assert counted == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_from_json_are_exact(number: float) -> None:
    text = json.dumps(number)
    if abs(Decimal(text).adjusted()) < 99:
        written, counted = convert(NUMBER, from_json(text))
        assert written == Decimal(text)
        assert counted == []


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_decimals_in_an_integer_column_lose_their_fraction_and_are_counted(
    number: Decimal,
) -> None:
    whole = int(number)
    counted = [] if whole == number else [DECIMALS_DROPPED]
    counted += beyond_64_bits(whole)
    assert convert(INTEGER, f"{number:f}") == (whole, counted)


@given(st.datetimes(), st.sampled_from(("T{}Z", " {}", "T{}Z+0000", "T{}+00:00", "T{}")))
def test_date_times_of_every_spelling_name_the_same_moment(moment: Any, spelling: str) -> None:
    moment = moment.replace(microsecond=0)
    text = f"{moment:%Y}".zfill(4) + f"{moment:-%m-%d}" + spelling.format(f"{moment:%H:%M:%S}")
    assert convert(DATE_TIME, text) == (moment.isoformat() + "+00:00", [])


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(timezones=OFFSETS))
def test_date_times_with_any_offset_are_written_in_utc_or_counted(moment: datetime) -> None:
    try:
        written = moment.astimezone(timezone.utc).isoformat()
    except OverflowError:
        assert convert(DATE_TIME, moment.isoformat()) == (None, [NO_DATE])
    else:
        assert convert(DATE_TIME, moment.isoformat()) == (written, [])


@given(st.booleans(), st.data())
def test_booleans_in_any_letter_case_are_exact(value: bool, data: st.DataObject) -> None:
    cases = [data.draw(st.sampled_from((c, c.upper()))) for c in str(value).lower()]
    assert convert(BOOLEAN, "".join(cases)) == (value, [])


# Hostile values: never an exception, and no value disappears uncounted.

# Includes lone surrogates, which JSON can carry.
LONE = st.sampled_from(("\ud800", "a\udc80", "\udfff\ud800"))
ANY_TEXT = st.text() | LONE | st.text("0123456789+-.,eE%٣²½ ", max_size=24)
DATE_LIKE = st.from_regex(
    r"\A[0-9]{4}-[0-9W]{2}-[0-9]{1,2}[T x][0-9:.,+\-Z]{0,12}(Z|/P1D|Z\+0000)?\Z"
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=21) | st.dictionaries(ANY_TEXT, inner, max_size=21),
    max_leaves=25,
)
SCHEMAS = st.sampled_from((INTEGER, NUMBER, BOOLEAN, DATE_TIME, ARRAY, TEXT, OBJECT, {}))


def assert_written_or_counted(schema: Schema, value: Any) -> None:
    issues = ConversionIssues()
    converted = value_converter("c", schema, issues)(value)
    assert (converted is None) == (
        value in (None, "", "null")
        or (issues.counts.total() == 1 and not written_all_the_same(issues))
    )
    if schema is DATE_TIME and converted is not None:
        assert len(converted) >= len("2022-02-13T14:06:20+00:00")
        assert converted.endswith("+00:00")


def written_all_the_same(issues: ConversionIssues) -> int:
    return issues.counts["c", DECIMALS_DROPPED] + issues.counts["c", BEYOND]


@given(SCHEMAS, ANY_TEXT | DATE_LIKE)
def test_no_cell_raises_and_every_null_is_counted(schema: Schema, cell: str) -> None:
    assert_written_or_counted(schema, cell)


@given(SCHEMAS, ANY_JSON)
def test_no_json_value_raises_and_every_null_is_counted(schema: Schema, value: Any) -> None:
    assert_written_or_counted(schema, from_json(json.dumps(value)))


@given(st.sampled_from((INTEGER, NUMBER, BOOLEAN, DATE_TIME)), ANY_TEXT | DATE_LIKE)
def test_whatever_cell_is_converted_is_written_as_valid_json(schema: Schema, cell: str) -> None:
    kinds: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, Decimal),
        "boolean": (bool,),
        "string": (str,),
    }
    written, _ = convert(schema, cell)
    assert written is None or isinstance(written, kinds[schema["type"][0]])


@pytest.mark.parametrize("schema", [ARRAY, TEXT, OBJECT, {}])
def test_text_that_is_no_unicode_inside_json_does_not_raise(schema: Schema) -> None:
    assert_written_or_counted(schema, from_json('["\\ud800", {"\\udc80": "\\ud83d"}]'))
    assert_written_or_counted(schema, from_json('{"a": "\\ud800"}'))


@pytest.mark.parametrize("schema", [ARRAY, TEXT, OBJECT, {}])
@pytest.mark.parametrize("depth", [100, 300, 700])
def test_json_nested_however_deep_does_not_raise(schema: Schema, depth: int) -> None:
    value: Any = []
    for _ in range(depth):
        value = [value]
    assert_written_or_counted(schema, value)


@pytest.mark.parametrize("cell", ["[" * 100_000, "[" * 700 + "]" * 700])
def test_a_cell_of_json_nested_however_deep_does_not_raise(cell: str) -> None:
    assert_written_or_counted(ARRAY, cell)


def test_json_is_parsed_with_a_byte_order_mark_and_every_digit() -> None:
    value = loads_exactly(b'\xef\xbb\xbf{"a": [1.10, 9007199254740993, "\xc3\xa9", true]}')
    assert value == {"a": ["1.10", "9007199254740993", "é", True]}


@pytest.mark.parametrize("text", ["", "{", "<html>", "{'a': 1}", b"\xff"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads_exactly(text)
