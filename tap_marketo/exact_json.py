"""JSON without losing a digit: numbers stay the texts they were; and JSON files of the user."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tap_marketo.errors import TapError


class NumberText(str):
    """A JSON number as its text, so that no digit is lost before its column's type is known."""

    __slots__ = ()


_EXACT = json.JSONDecoder(parse_float=NumberText, parse_int=NumberText, parse_constant=NumberText)


def loads_exactly(data: bytes | str) -> Any:
    """Parse JSON with every number kept as :class:`NumberText`.

    Raises:
        ValueError: the data is not JSON.
    """
    return _EXACT.decode(data if isinstance(data, str) else data.decode("utf-8-sig"))


def dumps_exactly(value: Any) -> str:
    """Return the JSON of what :func:`loads_exactly` returns, with every number as it was.

    Raises:
        RecursionError: it is nested too deep.
    """
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(dumps_exactly, value))}]"
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}:{dumps_exactly(each)}" for name, each in value.items())
        return f"{{{','.join(members)}}}"
    return json.dumps(value)


# What a character at which JSON ends to be JSON usually means.
_USUAL_FAULTS = {
    **dict.fromkeys("\u201c\u201d\u201e\u2018\u2019", 'quotes are typographic; write "'),
    **dict.fromkeys("/#", "JSON has no comments"),
    "'": "texts stand in \", not in '",
    **dict.fromkeys("}],", "there may be a comma too many"),
}


def read_json_file(
    path: str,
    what: str,
    fault: type[TapError],
    explain: Callable[[ValueError | RecursionError], str] = lambda error: "",
) -> Any:
    """Return what a JSON file holds; ``what`` is what an error calls it, such as "config".

    ``explain`` may say, behind the file's name, what is wrong with a file that is no JSON.

    Raises:
        TapError: the file cannot be read or is no JSON; its class is ``fault``.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except OSError as error:
        raise fault(f"Cannot read the {what} file {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        why = explain(error) or f"is not valid JSON: {_json_fault(error)}."
        raise fault(f"The {what} file {path} {why}") from None


def _json_fault(error: ValueError | RecursionError) -> str:
    """Return why a file is no JSON and what to do; nothing of the file's content is quoted."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8; save it as UTF-8, which PowerShell's > does not"
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if not error.doc.strip():
        return "it is empty; the command that should have written it has probably failed"
    usual = _USUAL_FAULTS.get(error.doc[error.pos : error.pos + 1])
    if error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip()):
        usual = "it may be cut off"
    return f"{error}{f'; {usual}' if usual else ''}"
