"""Values of a state file, each checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tap_marketo.errors import StateError
from tap_marketo.times import parse_utc


class StateValues:
    """Reads values out of JSON objects; what is nonsense is refused with its key named."""

    def __init__(self, path: str) -> None:
        """Read from a file.

        Args:
            path: what to call it in errors.
        """
        self.path = path

    def object_in(self, holder: dict[str, Any], key: str, where: str) -> dict[str, Any]:
        """Return an object, and put an empty one where there is none."""
        value = holder.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.nonsense(where, "must be an object")
        holder[key] = value
        return value

    def text_in(self, holder: Mapping[str, Any], key: str, where: str) -> str | None:
        """Return a text, None where there is none."""
        value = holder.get(key)
        if value is not None and not isinstance(value, str):
            raise self.nonsense(f"{where}.{key}", "must be a string")
        return value

    def time_in(self, holder: Mapping[str, Any], key: str, where: str) -> datetime | None:
        """Return a time in UTC, None where there is none."""
        text = self.text_in(holder, key, where)
        if text is None:
            return None
        try:
            return parse_utc(text)
        except ValueError:
            raise self.nonsense(f"{where}.{key}", f"is no date-time: {text!r}") from None

    def nonsense(self, key: str, why: str) -> StateError:
        """Return the error that refuses a value."""
        return StateError(
            f"The state file {self.path} cannot be used: {key} {why}. "
            "Mend it, or leave the key out to read that stream from start_date."
        )
