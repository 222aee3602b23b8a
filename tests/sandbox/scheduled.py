"""Changes that happen just before a call is answered, as between two pages of a scan."""

from __future__ import annotations

from typing import Any

from tests.sandbox.calls import KINDS, Call
from tests.sandbox.database import Database


class Scheduled:
    """Changes waiting for a call; the owner's lock guards them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: list[dict[str, Any]] = []

    def add(self, entry: dict[str, Any]) -> None:
        """Let a change happen before the nth next call of a kind; ValueError for nonsense."""
        known = {"call", "nth", "change"}
        if set(entry) - known or entry.get("call") not in KINDS:
            raise ValueError(f"call must be one of {', '.join(KINDS)}; members: {sorted(known)}")
        nth = entry.get("nth", 1)
        if not isinstance(nth, int) or nth < 1 or not isinstance(entry.get("change"), dict):
            raise ValueError("nth must be a positive integer, change an object")
        self._entries.append({"call": entry["call"], "nth": nth, "change": entry["change"]})

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def shown(self) -> list[dict[str, Any]]:
        """All entries; one that happened has `done` (what it changed) or `failed` (why not)."""
        return [dict(entry) for entry in self._entries]

    def before(self, call: Call, now: float) -> None:
        """Carry out what is due before this call."""
        for entry in self._entries:
            if entry["call"] != call.kind or entry["nth"] == 0:
                continue
            entry["nth"] -= 1
            if entry["nth"] == 0:
                try:
                    entry["done"] = self._database.change(entry["change"], now)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    entry["failed"] = f"{type(error).__name__}: {error}"
