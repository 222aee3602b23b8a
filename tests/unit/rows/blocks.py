"""Blocks of rows as a file hands them out, made of the texts of their cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tap_marketo.rows.activity_records import ActivityRecords
from tap_marketo.rows.activity_stream import ActivityStream, AttributeColumns
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.rows.csv_cells import ABSENT, escaped_cell, text_of
from tap_marketo.rows.csv_file import Block, CsvFile
from tap_marketo.rows.row_records import LineLayout

TYPE = "7"
TYPE_ID = "activityTypeId"


def absent_alike(row: Sequence[str]) -> list[str]:
    """Return a row's texts with the word null for an empty one, which means the same."""
    return [cell or ABSENT for cell in row]


def rows_of(file: CsvFile) -> Iterator[list[str]]:
    """Yield the texts of a file's rows, the word null for an absent one."""
    for block in file.blocks():
        assert block.rows
        for row in block.rows:
            yield list(map(text_of, row))


def block_of(rows: Sequence[Sequence[str]], documents: Sequence[str] = ()) -> Block:
    """Make a block of the texts of rows; those of bytes that are no UTF-8 hold surrogates."""
    is_text = all(_is_text(cell) for row in (*rows, documents) for cell in row)
    return Block([list(map(escaped_cell, row)) for row in rows], list(documents), is_text=is_text)


def _is_text(cell: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in cell)


class OneType:
    """Records of one stream of activities; the rows of its file need not say their type."""

    def __init__(
        self,
        file_columns: Sequence[str],
        fixed: Mapping[str, str],
        base: Mapping[str, str],
        names: AttributeColumns,
        layout: LineLayout,
        issues: ConversionIssues,
        unknown: str | None = None,
    ) -> None:
        """Prepare; the file's columns are those without the attributes."""
        columns = [*file_columns, TYPE_ID]
        stream = ActivityStream(columns, fixed, base, names, layout, issues, unknown)
        self._records = ActivityRecords(columns, {TYPE: stream})

    def lines_of(self, block: Block) -> list[bytes]:
        """Return the lines of a block."""
        typed = block._replace(rows=[[*row, TYPE] for row in block.rows])
        return self._records.lines(typed).splitlines(keepends=True)

    def lines(self, rows: Sequence[Sequence[str]]) -> list[bytes]:
        """Return the lines of rows, each with its attributes' JSON at its end."""
        return self.lines_of(block_of([row[:-1] for row in rows], [row[-1] for row in rows]))
