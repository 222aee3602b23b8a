"""The state as it comes: a file, and what an orchestrator may have put around the state in it.

A state that is not understood is refused. Taken for an empty one, everything would be read again.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from tap_marketo.errors import StateError
from tap_marketo.exact_json import json_fault
from tap_marketo.log import LOGGER
from tap_marketo.protocol.messages import unwritable
from tap_marketo.protocol.state import State

# What taps of this name write, this one and singer-io's.
_OWN = ("bookmarks", "exports", "export_bytes_per_day")
_KNOWN = (*_OWN, "currently_syncing")
# Keys that hold a state where they stand alone: of a STATE message's value, of Meltano's.
_WRAPPERS = ("value", "singer_state")
# What Meltano's state backends keep: the state of the last run that ended well, and what runs that
# did not have written since. It lays the second over the first.
_MELTANO_STORE = ("completed", "partial")
_MOST_NAMED = 5


def load_state(path: str | None) -> State:
    """Read a state file; no path means a first run.

    A state that stands within a wrapper which is certain is taken out of it.

    Raises:
        StateError: the file cannot be read or holds no state.
    """
    if path is None:
        return State()
    document = _document(path)
    # All of it is written again, also what is not ours.
    if reason := unwritable(document):
        raise StateError(f"The state file {path} cannot be used, nor written again: {reason}.")
    found = _Unwrapped(path)
    value = found.state(document)
    if found.within:
        LOGGER.info(
            "The state in %s stands within %s: going on from that.",
            path,
            " and ".join(found.within),
        )
    return State(value, path)


def _document(path: str) -> Any:
    text = ""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        if not text.strip():
            raise StateError(
                f"The state file {path} is empty. A target that writes to the file that the tap "
                "reads empties it first: let it write to another file. For a first run leave "
                "--state out, or put {} into the file."
            )
        document = json.loads(text)
    except OSError as error:
        raise StateError(f"Cannot read the state file {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        if _goes_on(text):
            raise StateError(
                f"The state file {path} holds several JSON values, as a target's whole output "
                "does. Give the last line alone."
            ) from None
        raise StateError(f"The state file {path} is not valid JSON: {json_fault(error)}.") from None
    if not isinstance(document, dict | None):
        raise StateError(f"The state file {path} must hold a JSON object.")
    return document


def _goes_on(text: str) -> bool:
    """Say whether another JSON object begins behind the first value of a text."""
    text = text.lstrip()
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[end:].lstrip().startswith("{")


class _Unwrapped:
    """Takes states out of what stands around them.

    Attributes:
        within: the keys around each state found, outermost first and with dots between.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.within: list[str] = []

    def state(self, value: Any, around: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the state that a value is or holds; null and an empty object hold an empty one."""
        if not value and isinstance(value, dict | None):
            return {}
        if not isinstance(value, dict):
            raise StateError(
                f"The state file {self._path} cannot be used: {'.'.join(around)} must be an object."
            )
        # A STATE message, or a wrapper of Meltano's: certain where nothing else stands beside it.
        if value.keys() == {"type", "value"} and value["type"] == "STATE":
            return self.state(value["value"], (*around, "value"))
        for key in _WRAPPERS:
            if value.keys() == {key}:
                return self.state(value[key], (*around, key))
        if value.keys() <= set(_MELTANO_STORE):
            states = [self.state(value.get(key), (*around, key)) for key in _MELTANO_STORE]
            return _laid_over(*states)
        self._check_keys(value)
        if around:
            self.within.append(".".join(around))
        return value

    def _check_keys(self, state: Mapping[str, Any]) -> None:
        """Refuse a state of unknown keys only, and one that misspells what matters most."""
        meant = {
            key: close[0]
            for key in state
            if key not in _KNOWN
            if (close := difflib.get_close_matches(key.lower(), _KNOWN, n=1, cutoff=0.85))
        }
        misses_bookmarks = "bookmarks" not in state and "bookmarks" in meant.values()
        if state.keys() <= {*_KNOWN}:
            return
        if not misses_bookmarks and not state.keys().isdisjoint(_OWN):
            return
        # Likely slips first: only so many are named.
        unknown = sorted((key for key in state if key not in _KNOWN), key=lambda k: k not in meant)
        named = [
            repr(key) + (f" (did you mean {meant[key]!r}?)" if key in meant else "")
            for key in unknown[:_MOST_NAMED]
        ]
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise StateError(
            f"The state file {self._path} cannot be used: this tap writes no {', '.join(named)}"
            f'{more}; it goes on from "bookmarks". Give the value of the last STATE message, or '
            "leave --state out to read everything from start_date."
        )


def _laid_over(lower: dict[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lower state with what the upper one says, object by object, as Meltano does it.

    A null says nothing of an object.
    """
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _laid_over(below, value)
        elif value is not None or not isinstance(below, dict):
            merged[key] = value
    return merged
