"""CSV: whatever a cell holds comes back, however the file is cut; damage is named."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.errors import DataError
from tap_marketo.rows.csv_cells import escaped_cell, from_latin1, text_of, to_latin1
from tap_marketo.rows.csv_file import CsvFile
from tests.unit.rows.blocks import absent_alike, rows_of

# Quotes and line ends of every kind, what str.splitlines() takes for line ends, text of two,
# three and four bytes, and a byte order mark where it is text.
AWKWARD = ("\n", "\r\n", "\r", '"', '""', ",", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c",
           "\x1c", "😀", "é", "漢", "\ufeff", " ", "null", "a", "'", "\\")  # fmt: skip
ALPHABET = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CELLS = st.lists(st.sampled_from(AWKWARD) | st.text(ALPHABET, max_size=5), max_size=8).map("".join)
MUST_QUOTE = frozenset('",\r\n')


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """Cut bytes at the places, which may repeat (an empty chunk) or lie past the end."""
    start = 0
    for place in sorted(places):
        yield data[start:place]
        start = max(start, min(place, len(data)))
    yield data[start:]


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    header = [f"column {n}" for n in range(width)]
    return [header, *draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5))]


@st.composite
def written(draw: st.DrawFn, table: list[list[str]]) -> bytes:
    """Write a table as RFC 4180 allows, quoting more than needed now and then."""
    line_end = draw(st.sampled_from(("\n", "\r\n")))
    quote_all = draw(st.booleans())
    lines = [
        ",".join(
            quoted(cell)
            if quote_all or MUST_QUOTE & set(cell) or (not cell and len(row) == 1)
            else cell
            for cell in row
        )
        for row in table
    ]
    return (line_end.join(lines) + draw(st.sampled_from((line_end, "")))).encode()


def parse(data: bytes) -> list[list[str]]:
    return list(rows_of(CsvFile([data], "the file")))


@given(st.data())
def test_any_table_parses_back_equal_wherever_the_file_is_cut(data: st.DataObject) -> None:
    table = data.draw(tables())
    content = data.draw(written(table))
    places = data.draw(st.lists(st.integers(0, len(content)), max_size=8))
    file = CsvFile(cut(content, places), "the file")
    assert file.header == table[0]
    assert list(rows_of(file)) == list(map(absent_alike, table[1:]))
    assert file.rows_read == len(table) - 1


def test_a_file_that_arrives_byte_by_byte_parses_equal() -> None:
    content = 'id,text\r\n1,"😀 ""漢""\r\né"\r\n2,\u2028\r\n'.encode()
    file = CsvFile((content[n : n + 1] for n in range(len(content))), "the file")
    assert [file.header, *rows_of(file)] == [["id", "text"], ["1", '😀 "漢"\r\né'], ["2", "\u2028"]]


@given(
    st.lists(st.lists(st.text("ab\r", max_size=5), min_size=2, max_size=2), min_size=1, max_size=4),
    st.sampled_from(("\n", "\r\n")),
    st.booleans(),
)
def test_a_lone_carriage_return_outside_quotes_is_text(
    rows: list[list[str]], line_end: str, ends_with_line_end: bool
) -> None:
    # Each cell ends in a letter: a carriage return before "\n" would be part of the line end.
    rows = [[cell + "z" for cell in row] for row in rows]
    lines = ["a,b", *(",".join(row) for row in rows)]
    content = line_end.join(lines) + (line_end if ends_with_line_end else "")
    assert parse(content.encode()) == rows


def test_a_carriage_return_doubled_at_the_end_of_a_line_stays_once_in_the_cell() -> None:
    assert parse(b"a,b\r\n1,2\r\r\n") == [["1", "2\r"]]


@given(st.text("ab\0,\n", max_size=30), st.lists(st.integers(0, 40), max_size=5))
def test_nul_characters_are_removed_and_nothing_else_is(text: str, places: list[int]) -> None:
    cell = quoted(text).encode()
    file = CsvFile(cut(b"a\n" + cell + b"\n", places), "the file")
    assert list(rows_of(file)) == [absent_alike([text.replace("\0", "")])]


@pytest.mark.parametrize("size", [131_072, 131_073, 400_000])
def test_a_cell_may_be_longer_than_the_parser_s_default_limit(size: int) -> None:
    cell = "é" * size
    assert parse(f"a,b\n{cell},1\n".encode()) == [[cell, "1"]]


def test_an_empty_file_has_no_header_and_no_rows() -> None:
    file = CsvFile([], "the file")
    assert file.header == []
    assert list(rows_of(file)) == []


def test_a_file_of_empty_chunks_is_empty() -> None:
    assert CsvFile([b"", b"\0", b""], "the file").header == []


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\r\n"])
def test_a_header_alone_is_a_file_without_rows(content: bytes) -> None:
    file = CsvFile([content], "the file")
    assert file.header == ["a", "b"]
    assert list(rows_of(file)) == []
    assert file.rows_read == 0


@pytest.mark.parametrize("cut_at", [0, 1, 2, 3])
def test_a_byte_order_mark_is_no_part_of_the_first_name(cut_at: int) -> None:
    content = b"\xef\xbb\xbfid,name\n1,x\n"
    file = CsvFile([content[:cut_at], content[cut_at:]], "the file")
    assert file.header == ["id", "name"]


@given(st.binary(max_size=20).filter(lambda b: not set(b) & set(b'\0\r\n",')))
def test_bytes_that_are_no_utf_8_survive_as_surrogates(raw: bytes) -> None:
    ((cell, after),) = parse(b"a,b\n" + raw + b",after\n")
    assert cell.encode("utf-8", "surrogateescape") == (raw or b"null")
    assert after == "after"


@pytest.mark.parametrize(("row", "cells"), [(b"3", 1), (b"3,4,5", 3), (b'"3,4"', 1), (b"3,4,", 3)])
def test_a_ragged_row_is_named_with_its_number_and_both_counts(row: bytes, cells: int) -> None:
    file = CsvFile([b"a,b\n1,2\n" + row + b"\n5,6\n"], "leads export 1f3a")
    rows = rows_of(file)
    assert next(rows) == ["1", "2"]
    with pytest.raises(
        DataError, match=rf"^Row 2 of leads export 1f3a has {cells} cells .* header has 2"
    ):
        next(rows)
    assert file.rows_read == 1


def test_blank_lines_are_no_rows() -> None:
    file = CsvFile([b"a,b\n1,2\n\r\n\n3,4\n\n"], "the file")
    assert list(rows_of(file)) == [["1", "2"], ["3", "4"]]
    assert file.rows_read == 2


@pytest.mark.parametrize("broken", [b'"3"x,4\n', b'3,"4\n5,6\n', b'3,"4'])
def test_broken_quoting_is_named_with_its_row(broken: bytes) -> None:
    rows = rows_of(CsvFile([b"a,b\n1,2\n", broken], "leads export 1f3a"))
    assert next(rows) == ["1", "2"]
    with pytest.raises(DataError, match=r"^Row 2 of leads export 1f3a is not valid CSV"):
        list(rows)


def test_broken_quoting_in_the_header_is_an_error_at_once() -> None:
    with pytest.raises(DataError, match="not valid CSV"):
        CsvFile([b'a,"b\n1,2\n'], "the file")


def test_a_header_that_names_a_column_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"header of the file names a column twice"):
        CsvFile([b"a,b,a\n1,2,3\n"], "the file")


def test_rows_are_handed_out_before_the_rest_of_the_file_arrives() -> None:
    arrived: list[int] = []

    def chunks() -> Iterator[bytes]:
        yield b"a,b\n"
        for number in range(50):
            arrived.append(number)
            yield b"%d,%s\n" % (number, b"x" * 20_000)

    rows = rows_of(CsvFile(chunks(), "the file"))
    assert next(rows)[0] == "0"
    assert len(arrived) < 25


@pytest.mark.parametrize("cell", [b'"a\nb"', b'"a"', b"a"])
def test_blocks_do_not_grow_with_the_file(cell: bytes) -> None:
    # Whatever the rows are, also where every block ends within one.
    content = b"a,b\n" + b"1," + b"\n2,".join([cell] * 100_000)
    sizes = [len(block.rows) for block in CsvFile([content], "the file").blocks()]
    assert sum(sizes) == 100_000
    assert max(sizes) < 50_000


@given(st.lists(CELLS, min_size=1, max_size=4), st.sampled_from(("document", "other", "")))
def test_a_column_that_is_handed_out_apart_stays_as_it_stands(
    cells: list[str], document: str
) -> None:
    lines = "".join(f'{n},"a,b",{quoted(cell)}\n' for n, cell in enumerate(cells))
    file = CsvFile([f"id,other,document\n{lines}".encode()], "the file", document or None)
    (block,) = file.blocks()
    rows = [list(map(text_of, row)) for row in block.rows]
    assert len(rows) == len(cells)
    if document == "document":
        assert file.columns == ["id", "other"]
        assert block.documents == absent_alike(cells)
        assert rows == [[str(n), "a,b"] for n in range(len(cells))]
    elif document == "other":
        assert file.columns == ["id", "document"]
        assert block.documents == ["a,b"] * len(cells)
        assert rows == [[str(n), cell or "null"] for n, cell in enumerate(cells)]
    else:
        assert file.columns == file.header
        assert block.documents == []


OBJECTS = st.sampled_from(
    ("{}", "null", "", '{"a":"b"}', '{"a":"}","b":",{"}', '{"a":"x}\\"\\n"}', '{"a": 1}\n', "{",
     '{"a":"é😀"}', '{"a":\r\n"b"}', '}","{', "[{}]", '{"a":"\udcff"}', "{\0}", '"}')
)  # fmt: skip


@given(
    st.lists(st.tuples(CELLS, OBJECTS), min_size=1, max_size=6),
    st.sampled_from(("\n", "\r\n")),
    st.lists(st.integers(0, 300), max_size=3),
)
def test_documents_are_those_of_their_rows_whatever_stands_beside_them(
    pairs: list[tuple[str, str]], line_end: str, places: list[int]
) -> None:
    def as_needed(cell: str) -> str:
        return quoted(cell) if MUST_QUOTE & set(cell) else cell

    lines = [f"{as_needed(cell)},{as_needed(text)}" for cell, text in pairs]
    content = line_end.join(["other,document", *lines, ""]).encode("utf-8", "surrogateescape")
    file = CsvFile(cut(content, places), "the file", "document")
    found = [
        (text_of(row[0]), text)
        for block in file.blocks()
        for row, text in zip(block.rows, block.documents, strict=True)
    ]

    def alike(text: str) -> str:
        return "{}" if text in ("", "null") else text

    assert [(cell, alike(text)) for cell, text in found] == [
        (cell or "null", alike(text.replace("\0", ""))) for cell, text in pairs
    ]


@given(st.text(st.characters(exclude_characters="\0"), max_size=10))
def test_plain_cells_are_json_without_quotes_and_come_back(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    cell = escaped_cell(text)
    assert text_of(cell) == (text or "null")
    assert "," not in cell
    assert from_latin1(to_latin1(text)) == text
    if text:
        assert json.loads(f'"{from_latin1(cell)}"'.replace("\0", ",")) == text
