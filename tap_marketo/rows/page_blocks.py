"""Rows of pages as blocks of an export's file: both become the same records, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tap_marketo.exact_json import dumps_exactly
from tap_marketo.rows.activity_attributes import ATTRIBUTES
from tap_marketo.rows.column_types import to_text
from tap_marketo.rows.csv_cells import Row, escaped_cell
from tap_marketo.rows.csv_file import Block

# JSON can spell half a character. In a file it would be a byte that is no UTF-8, which becomes
# such a lone surrogate, and is mended and counted with the column.
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_BAD_BYTE = "\udcff"
# activities.md, Describe: what is empty is left out of an activity; not so in the page's example.
_EMPTY = (None, "")


def value_block(rows: Iterable[Mapping[str, Any]], header: Sequence[str]) -> Block:
    """Return rows of JSON that a call returned as a block of a file with such a header.

    A member that a row lacks is absent (leads.md, Query).
    """
    return Block([_cells(row, header) for row in rows], [], is_text=False)


def activity_block(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Block:
    """Return activities of a page as a block of a file with such columns beside the attributes.

    Pages have the attributes as a list of names and values (activities.md, Query), files as one
    JSON object (bulk-activity-extract.md, Retrieving Your Data).
    """
    documents = [_document(row.get(ATTRIBUTES)) for row in rows]
    return Block([_cells(row, columns) for row in rows], documents, is_text=False)


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> Row:
    return [escaped_cell(_cell_text(row.get(name))) for name in names]


def _document(attributes: Any) -> str:
    """Return the text of the attributes as a file has it."""
    if attributes is None:
        return "{}"
    if isinstance(attributes, list):
        named = [_named_value(each) for each in attributes]
        if None not in named:
            attributes = {name: value for name, value in filter(None, named) if value not in _EMPTY}
    try:
        return dumps_exactly(attributes)
    except RecursionError:
        # As no file could be read either: it is no object then.
        return "[]"


def _named_value(attribute: Any) -> tuple[str, Any] | None:
    """Return the name and the value of an attribute; None where it has no name."""
    name = attribute.get("name") if isinstance(attribute, Mapping) else None
    return (name, attribute.get("value")) if isinstance(name, str) else None


def _cell_text(value: Any) -> str:
    """Return a value as a file has it."""
    if value is None:
        return ""
    try:
        text = to_text(value)
    except ValueError:
        # Nested too deep for a column of arrays, which counts that when it reads this JSON.
        text = json.dumps(value)
    return _HALF_A_CHARACTER.sub(_BAD_BYTE, text)
