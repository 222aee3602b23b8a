"""The state as it comes: a file that the orchestrator gives."""

from __future__ import annotations

import json

from tap_marketo.errors import StateError
from tap_marketo.protocol.messages import unwritable
from tap_marketo.protocol.state import State


def load_state(path: str | None) -> State:
    """Read a state file; no path means a first run.

    Raises:
        StateError: the file cannot be read or holds no state.
    """
    if path is None:
        return State()
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        value = json.loads(text) if text.strip() else {}
    except OSError as error:
        raise StateError(f"Cannot read the state file {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise StateError(f"The state file {path} is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise StateError(f"The state file {path} must hold a JSON object.")
    # All of it is written again, also what is not ours.
    if reason := unwritable(value):
        raise StateError(f"The state file {path} cannot be used, nor written again: {reason}.")
    return State(value, path)
