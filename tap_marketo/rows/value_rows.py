"""Rows that calls answer as JSON, as the rows of an export file.

What is a row of a file and what a call tells of the same thing become the same records so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from tap_marketo.rows.csv_rows import Block
from tap_marketo.rows.plain_csv import plain_cell


def value_block(rows: Iterable[Mapping[str, Any]], header: Sequence[str]) -> Block:
    """Return rows of values as a block.

    Args:
        rows: JSON objects; a member that is missing is absent.
        header: the names of the block's columns.
    """
    cells = [[plain_cell(_text(row.get(name))) for name in header] for row in rows]
    return Block(cells, [], is_text=True)


def _text(value: Any) -> str:
    """Return a value as a file has it; numbers are their texts already."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return orjson.dumps(value).decode()
    # Files have no NUL characters by the time they are cut into cells.
    return str(value).replace("\0", "")
