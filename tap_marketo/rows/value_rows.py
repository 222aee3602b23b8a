"""Rows that calls answer as JSON, as the rows of an export file.

What is a row of a file and what a call tells of the same thing become the same records so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tap_marketo.rows.csv_rows import Block
from tap_marketo.rows.json_values import to_text
from tap_marketo.rows.plain_csv import plain_cell

# JSON can spell half a character. In a file it would be a byte that is no UTF-8, which is kept as
# such a lone surrogate, and mended and counted with the column.
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_BAD_BYTE = "\udcff"


def value_block(rows: Iterable[Mapping[str, Any]], header: Sequence[str]) -> Block:
    """Return rows of values as a block.

    Args:
        rows: JSON objects, as :func:`loads_exactly` returns them; a member that is missing is
            absent.
        header: the names of the block's columns.
    """
    cells = [[plain_cell(_text(row.get(name))) for name in header] for row in rows]
    return Block(cells, [], is_text=False)


def _text(value: Any) -> str:
    """Return a value as a file has it."""
    if value is None:
        return ""
    try:
        text = to_text(value)
    except ValueError:
        # Nested too deep for a column of arrays, which says so when it is given as its JSON.
        text = json.dumps(value)
    return _HALF_A_CHARACTER.sub(_BAD_BYTE, text)
