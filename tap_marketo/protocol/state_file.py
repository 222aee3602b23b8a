"""The state file: read, taken out of what is wrapped around it, and understood or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from tap_marketo.errors import StateError
from tap_marketo.log import LOGGER
from tap_marketo.protocol.messages import unwritable
from tap_marketo.protocol.state import KEYS, State

# What holds a state and nothing else: a STATE message, what Meltano's state commands print, and
# what its backends keep. Where a partial state stands beside, it is not certain which counts.
_WRAPPERS: Mapping[str, Mapping[str, Any]] = {
    "value": {"type": "STATE"},
    "singer_state": {},
    "completed": {"partial": {}},
}


def load_state(path: str | None) -> State:
    """Read a state file; no path means a first run.

    Raises:
        StateError: the file cannot be read, or holds no state that is understood.
    """
    if path is None:
        return State()
    value = _read(path)
    if not isinstance(value, dict):
        raise StateError(f"The state file {path} must hold a JSON object.")
    value = _unwrapped(value, path)
    _refuse_what_is_no_state(value, path)
    # All of it is written again, also what is not ours.
    if reason := unwritable(value):
        raise StateError(f"The state file {path} cannot be used, nor written again: {reason}.")
    return State(value, path)


def _read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise StateError(f"Cannot read the state file {path}: {error.strerror}.") from error
    except ValueError as error:
        raise StateError(f"The state file {path} is not valid JSON: {error}.") from None
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        if _has_several_lines(text):
            raise StateError(
                f"The state file {path} holds several lines of JSON, as a target writes them. Give "
                "the last line only: it says how far the target has come."
            ) from None
        raise StateError(f"The state file {path} is not valid JSON: {error}.") from None


def _has_several_lines(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        return len(lines) > 1 and all(isinstance(json.loads(line), dict) for line in lines)
    except (ValueError, RecursionError):
        return False


def _unwrapped(value: dict[str, Any], path: str) -> dict[str, Any]:
    """Take a state out of what is certainly wrapped around it."""
    names = []
    while wrapper := _wrapper_of(value):
        names.append(wrapper)
        value = value[wrapper]
    if names:
        LOGGER.info("The state is taken from %s of the state file %s.", ".".join(names), path)
    return value


def _wrapper_of(value: Mapping[str, Any]) -> str | None:
    for name, beside in _WRAPPERS.items():
        others = {key: other for key, other in value.items() if key != name}
        if isinstance(value.get(name), dict) and others.items() <= beside.items():
            return name
    return None


def _refuse_what_is_no_state(value: Mapping[str, Any], path: str) -> None:
    """Refuse an object that no tap of this name has written: everything would be read again."""
    if not value or set(value) & set(KEYS):
        return
    unknown = ", ".join(f'"{key}"' for key in value)
    close = [match for key in value for match in get_close_matches(key.lower(), KEYS, n=1)]
    meant = f' Is "{close[0]}" meant?' if close else ""
    raise StateError(
        f"The state file {path} holds nothing of a state of this tap, only {unknown}.{meant} Give "
        'the value of the last STATE message, which has the key "bookmarks", or leave --state out '
        "to read everything from start_date."
    )
