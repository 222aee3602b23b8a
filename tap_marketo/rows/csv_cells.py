r"""CSV to escaped cells, a block of text at once.

An **escaped cell** is the JSON of its text without the quotes around it: all that JSON escapes is
escaped as JSON does it. Only a comma within is a NUL character, so that ``str.split`` finds cells.
The escaped cell of an absent value is the word null, whether the file has that word or nothing.

To look at each character, or only at each cell, would cost more than all else that is done with it.
Here a few calls that run in C go over the whole block, whatever the cells hold. What is not quoted
as RFC 4180 says is left to a parser that goes character by character.

Text here is **Latin-1 text**: a file's bytes as Latin-1, one character for each. Cutting and
joining take the same time for any language, and bytes that are no UTF-8 stay as they are.
"""

from __future__ import annotations

import orjson

Row = list[str]

ABSENT = "null"
"""The cell of an absent value (bulk-lead-extract.md)."""

# A comma within a cell. Files have no NUL characters any more, and escaped text has no control
# characters at all.
_COMMA = "\0"
# The backslash first, for the other escapes bring more of them. Quotes and line ends come later.
_ESCAPES = [
    (char, orjson.dumps(char).decode()[1:-1])
    for char in ("\\", *(chr(code) for code in range(1, 32) if chr(code) not in "\r\n"))
]
_ESCAPED_QUOTE = '\\"'
_BETWEEN_CELLS = frozenset(("", ",", "\n"))

_DOCUMENT_END = "\0"
_BETWEEN_DOCUMENTS = f"}}{_DOCUMENT_END}{{"


def to_latin1(text: str) -> str:
    """Return the Latin-1 text of a text decoded with ``surrogateescape``."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def from_latin1(latin1: str) -> str:
    """Return the text; bytes that are no UTF-8 become lone surrogates U+DC80 to U+DCFF."""
    if latin1.isascii():
        return latin1
    return latin1.encode("latin-1").decode("utf-8", "surrogateescape")


def escaped_cell(text: str) -> str:
    """Return the escaped cell of a text decoded with ``surrogateescape``."""
    if not text:
        return ABSENT
    return orjson.dumps(to_latin1(text)).decode()[1:-1].replace(",", _COMMA)


def text_of(cell: str) -> str:
    """Return the text of an escaped cell, decoded with ``surrogateescape``."""
    if cell.isascii() and "\\" not in cell and _COMMA not in cell:
        return cell
    text: str = orjson.loads(f'"{with_commas(cell)}"')
    return from_latin1(text)


def with_commas(cells: str) -> str:
    """Return a text that is put together from escaped cells, with the commas within them."""
    return cells.replace(_COMMA, ",") if _COMMA in cells else cells


def escaped_rows(latin1: str, width: int) -> tuple[list[Row], int] | None:
    """Cut whole lines of a file into rows of escaped cells.

    The lines hold no NUL characters, each has its line end, and the first one begins a row.

    Returns:
        The rows, and how many characters of the lines they are: what is left over is a row that
        continues behind them. None where a row has not ``width`` cells or is not quoted as RFC 4180
        says: Python's parser decides what it is.
    """
    end = _end_of_last_row(latin1)
    if not end:
        return [], 0
    text = _escaped(latin1[:end])
    has_returns = "\r" in text
    if '"' in text:
        unquoted = _unquoted(text.split('"'), has_returns=has_returns)
        if unquoted is None:
            return None
        text = unquoted
    elif has_returns:
        text = _with_plain_line_ends(text)
    while ",," in text:
        text = text.replace(",,", f",{ABSENT},")
    rows = [line.split(",") for line in text.split("\n")]
    # Behind the last line end there is nothing.
    rows.pop()
    if set(map(len, rows)) != {width}:
        return None
    if "" in [row[0] for row in rows] or "" in [row[-1] for row in rows]:
        if width == 1:
            # A blank line holds no row. Where rows have several cells, it has shown already.
            return None
        for row in rows:
            row[0], row[-1] = row[0] or ABSENT, row[-1] or ABSENT
    return rows, end


def rows_and_documents(latin1: str, width: int) -> tuple[list[Row], list[str]] | None:
    """Cut whole lines, as :func:`escaped_rows` takes them, whose last cell is a JSON object.

    A row then ends with a brace, a quote and a line end, and the object begins after a comma and a
    quote with a brace: a quoted cell holds no such single quote.

    Returns:
        The rows without their last cell, and the texts of that, an empty object for an absent
        one. None where some row is not like that, or not whole.
    """
    if "\r" in latin1:
        latin1 = latin1.replace('}"\r\n', '}"\n')
    lines = latin1.split('}"\n')
    if latin1.count("\n") >= len(lines):
        # Some rows may have no object.
        for nothing in ("{}", ABSENT):
            latin1 = latin1.replace(f",{nothing}\n", ',"{}"\n')
        lines = latin1.split('}"\n')
    if lines.pop():
        return None
    before, begins, within = zip(*[line.partition(',"{') for line in lines], strict=True)
    # A quote open at the end of a line would hide where the next row begins.
    if "" in begins or 1 in [line.count('"') % 2 for line in before]:
        return None
    joined = "{" + _BETWEEN_DOCUMENTS.join(within) + "}"
    documents = joined.replace('""', '"')
    if documents.count('"') != len(joined) - len(documents):
        # Some quote is not doubled.
        return None
    cut = escaped_rows("\n".join((*before, "")), width - 1)
    if cut is None or len(cut[0]) != len(lines):
        return None
    texts = documents.split(_DOCUMENT_END)
    if not documents.isascii():
        # One by one: a character beyond Latin would make all others wide and slow.
        texts = [text if text.isascii() else from_latin1(text) for text in texts]
    return cut[0], texts


def _escaped(text: str) -> str:
    """Escape what JSON escapes, but for quotes and line ends, of which some are no text."""
    for char, escape in _ESCAPES:
        if char in text:
            text = text.replace(char, escape)
    return text


def _unquoted(pieces: list[str], *, has_returns: bool) -> str | None:
    """Remove the quotes that are no text; what stays within a cell is escaped or replaced.

    The pieces are a text cut at its quotes: every second one stands between two of them. None
    where a quote stands elsewhere than around a cell or doubled in a quoted one.
    """
    outside = pieces[::2]
    within = '"'.join(pieces[1::2])
    if has_returns:
        within = within.replace("\r", "\\r")
        joined = '"'.join(outside)
        if "\r" in joined:
            outside = _with_plain_line_ends(joined).split('"')
    # Between two quoted pieces there is the rest of a row or, where a quote is doubled, nothing.
    starts = {piece[:1] for piece in outside[1:]}
    ends = {piece[-1:] for piece in outside[:-1]}
    if not (starts <= _BETWEEN_CELLS and ends <= _BETWEEN_CELLS):
        return None
    if "" in starts:
        outside[1:] = [piece or _ESCAPED_QUOTE for piece in outside[1:]]
    pieces[::2] = outside
    pieces[1::2] = within.replace(",", _COMMA).replace("\n", "\\n").split('"')
    return "".join(pieces)


def _with_plain_line_ends(text: str) -> str:
    """Let lines end with a line feed alone; any other carriage return is text."""
    return text.replace("\r\n", "\n").replace("\r", "\\r")


def _end_of_last_row(latin1: str) -> int:
    """Return where the last row ends that is whole, 0 where none is: outside of quotes."""
    end, quotes = len(latin1), latin1.count('"')
    while end and quotes % 2:
        start = latin1.rfind("\n", 0, end - 1) + 1
        quotes -= latin1.count('"', start, end)
        end = start
    return end
