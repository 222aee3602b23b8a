"""The state as it comes: a file, and what an orchestrator may have put around the state in it.

A state that is not understood is refused. Taken for an empty one, everything would be read again.
So is one with a time in the future: nothing before that time would be read.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import StateError
from tap_marketo.exact_json import read_json_file
from tap_marketo.log import LOGGER, some_of
from tap_marketo.protocol.marks import AnyMark
from tap_marketo.protocol.messages import unwritable
from tap_marketo.protocol.position import Ahead, PendingExport
from tap_marketo.protocol.state import State, unusable
from tap_marketo.times import to_bookmark

# What taps of this name write, this one and singer-io's.
_OWN = ("bookmarks", "exports", "export_bytes_per_day", "export_rows_per_day")
_KNOWN = (*_OWN, "currently_syncing")
# Keys that hold a state where they stand alone: of a STATE message's value, of Meltano's.
_WRAPPERS = ("value", "singer_state")
# What Meltano's state backends keep: the state of the last run that ended well, and what runs that
# did not have written since. It lays the second over the first.
_MELTANO_STORE = ("completed", "partial")
# The clock of the run that wrote a state may have been ahead of this one's, but not so far.
_MOST_AHEAD = timedelta(days=1)


def load_state(path: str | None) -> State:
    """Read a state file; no path means a first run.

    A state that stands within a wrapper which is certain is taken out of it.

    Raises:
        StateError: the file cannot be read or holds no state.
    """
    if path is None:
        return State()
    document = read_json_file(path, "state", StateError, _fault)
    if not isinstance(document, dict | None):
        raise StateError(f"The state file {path} must hold a JSON object.")
    # All of it is written again, also what is not ours.
    if reason := unwritable(document):
        raise StateError(f"The state file {path} cannot be used, nor written again: {reason}.")
    within: list[str] = []
    value = _unwrapped(document, path, within)
    if within:
        LOGGER.info("State file %s: the state is within %s.", path, " and ".join(within))
    return State(value, path)


def _fault(error: ValueError | RecursionError) -> str:
    """Say what is wrong with a file that is no JSON; empty where that is not special to states."""
    if isinstance(error, json.JSONDecodeError):
        if not error.doc.strip():
            return (
                "is empty. A target that writes to the file that the tap reads empties it first: "
                "let it write to another file. For a first run leave --state out, or put {} into "
                "the file."
            )
        if error.msg == "Extra data" and error.doc[error.pos] == "{":
            return (
                "holds several JSON values, as a target's whole output does. Give the last line "
                "alone."
            )
    return ""


def _unwrapped(value: Any, path: str, within: list[str], around: str = "") -> dict[str, Any]:
    """Return the state that a value is or holds; null and an empty object hold an empty one.

    ``around`` are the keys around the value, with dots between; ``within`` takes those of each
    state found.

    Raises:
        StateError: it holds something else.
    """
    if not value and isinstance(value, dict | None):
        return {}
    if not isinstance(value, dict):
        raise StateError(f"The state file {path} cannot be used: {around} must be an object.")

    def inner(key: str) -> dict[str, Any]:
        return _unwrapped(value.get(key), path, within, f"{around}.{key}" if around else key)

    # A STATE message, or a wrapper of Meltano's: certain where nothing else stands beside it.
    if value.keys() == {"type", "value"} and value["type"] == "STATE":
        return inner("value")
    for key in _WRAPPERS:
        if value.keys() == {key}:
            return inner(key)
    if value.keys() <= {*_MELTANO_STORE}:
        return _laid_over(*map(inner, _MELTANO_STORE))
    _check_keys(value, path)
    if around:
        within.append(around)
    return value


def _check_keys(state: Mapping[str, Any], path: str) -> None:
    """Refuse a state of unknown keys only, and one that misspells what matters most."""
    unknown = [key for key in state if key not in _KNOWN]
    meant = {
        key: close[0]
        for key in unknown
        if (close := difflib.get_close_matches(key.lower(), _KNOWN, n=1, cutoff=0.85))
    }
    misses_bookmarks = "bookmarks" not in state and "bookmarks" in meant.values()
    if not unknown or not (misses_bookmarks or state.keys().isdisjoint(_OWN)):
        return
    # Likely slips first: only so many are named.
    named = [
        f"{key!r} (did you mean {meant[key]!r}?)" if key in meant else repr(key)
        for key in sorted(unknown, key=lambda key: key not in meant)
    ]
    raise StateError(
        f"The state file {path} cannot be used: this tap writes no {some_of(named, most=5)}; "
        'it resumes from "bookmarks". Give the value of the last STATE message, or leave --state '
        "out to read everything from start_date."
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


def check_past(state: State, now: datetime, skew: timedelta = timedelta()) -> None:
    """Check that no time of a state lies in the future.

    ``now`` is the time (UTC) by the earlier one of this machine's clock and Marketo's; the later
    one is ahead of it by ``skew``.

    Raises:
        StateError: one lies more than a day after ``now``.
    """
    for key, moment in _times_of(state):
        if moment <= now or moment - now <= _MOST_AHEAD:
            continue
        if moment - now - skew <= _MOST_AHEAD:
            raise StateError(
                f"This machine's clock and Marketo's differ by {skew / timedelta(days=1):.1f} "
                f"days. By the earlier one {key} of the state file {state.path} lies in the "
                f"future, {to_bookmark(moment)!r}. "
                "Set this machine's clock right and run again; leave the state file as it is."
            )
        raise unusable(
            state.path,
            f"{key} lies in the future: {to_bookmark(moment)!r}",
            "Compare this machine's clock first. If it is right, set the key to a time before "
            "which everything has been loaded.",
        )


def _times_of(state: State) -> Iterator[tuple[str, datetime]]:
    """Yield all times of a state that must lie in the past, each with its key."""
    for stream, marks in state.value["bookmarks"].items():
        values = AnyMark.values(marks)
        others = AnyMark.values(values.pop("others", {}))
        yield from _times(f"bookmarks.{stream}", values)
        yield from _times(f"bookmarks.{stream}.others", others)
    for family, jobs in state.value.get("exports", {}).items():
        for index, job in enumerate(jobs or ()):
            yield from _times(f"exports.{family}[{index}]", PendingExport.values(job))


def _times(where: str, values: Mapping[Any, Any]) -> Iterator[tuple[str, datetime]]:
    for key, value in values.items():
        # The other tap may have set the end of its export into the future.
        if isinstance(value, datetime) and key != "export_end":
            yield f"{where}.{key}", value
        elif isinstance(value, Ahead):
            yield from _times(f"{where}.{key}", vars(value))
        elif isinstance(value, Mapping):
            yield from _times(f"{where}.{key}", value)
