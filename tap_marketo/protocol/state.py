"""The Singer state: the only code that reads or changes it.

Bookmarks stand where singer-io's tap-marketo keeps them, so that a state file serves both ways::

    {"bookmarks": {"leads": {"updatedAt": "2026-01-01T00:00:00+00:00"},
                   "lists": {"updatedAt": "...", "next_page_token": "...", "scan_started": "..."},
                   "tokens": {"parent": "Folder/12", "scan_started": "...", "refreshed": "..."}},
     "exports": {"leads": [{"export_id": "...", "start": "...", "end": "...",
                            "made": "...", "streams": ["leads"],
                            "replication_key": "updatedAt"}]}}

``exports`` holds the jobs under way. The other tap's ``export_id`` and ``export_end``, which
stand within a stream's bookmark, are read as such a job of that one stream.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tap_marketo.protocol.position import ChildMark, PageMark, Parent, PendingExport, Position
from tap_marketo.protocol.state_values import StateValues
from tap_marketo.times import Window, to_bookmark, whole_seconds

KEYS = ("bookmarks", "currently_syncing", "exports", "export_bytes_per_day")
"""What may stand in a state that a tap of this name has written."""

# What may stand in a stream's bookmark. Anything else there is left alone.
_TIMES = (
    *("updatedAt", "createdAt", "activityDate", "settled"),
    *("export_end", "scan_started", "refreshed"),
)
_TEXTS = ("export_id", "next_page_token", "parent")


class State:
    """The state of one run."""

    def __init__(self, value: Mapping[str, Any] | None = None, path: str = "state") -> None:
        """Take over a state value.

        Args:
            value: the Singer state as read from its file; None or empty for a first run.
            path: what to call it in errors.

        Raises:
            StateError: something in it is nonsense; the message names the key.
        """
        self._read = StateValues(path)
        self._value: dict[str, Any] = copy.deepcopy(dict(value or {}))
        # Streams are read side by side here, so that no single one is "currently syncing".
        self._value.pop("currently_syncing", None)
        self._bookmarks = self._read.object_in(self._value, "bookmarks", "bookmarks")
        self._exports = self._read.object_in(self._value, "exports", "exports")
        for stream in list(self._bookmarks):
            marks = self._read.object_in(self._bookmarks, stream, f"bookmarks.{stream}")
            for key in _TIMES:
                self._read.time_in(marks, key, f"bookmarks.{stream}")
            for key in _TEXTS:
                self._read.text_in(marks, key, f"bookmarks.{stream}")
        for family in self._exports:
            self.pending_exports(family, {}, datetime.min)
        self.bytes_per_day()

    @property
    def value(self) -> dict[str, Any]:
        """The state as a STATE message carries it."""
        return {
            key: content
            for key, content in self._value.items()
            if content or key not in ("exports", "export_bytes_per_day")
        }

    def bookmark(self, stream: str, key: str) -> datetime | None:
        """Return a stream's bookmark in UTC, None when there is none.

        Raises:
            StateError: the bookmark is no time.
        """
        moment = self._read.time_in(self._bookmarks.get(stream, {}), key, f"bookmarks.{stream}")
        return moment and whole_seconds(moment)

    def settled(self, stream: str) -> datetime | None:
        """Return the time (UTC) before which nothing of a stream can show late any more."""
        return self._read.time_in(self._bookmarks.get(stream, {}), "settled", f"bookmarks.{stream}")

    def bytes_per_day(self) -> dict[str, int]:
        """Return what a day of each bulk family has cost, in bytes of export files.

        Raises:
            StateError: a number is nonsense.
        """
        costs = self._read.object_in(self._value, "export_bytes_per_day", "export_bytes_per_day")
        for family, size in costs.items():
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise self._read.nonsense(
                    f"export_bytes_per_day.{family}", "must be a whole number"
                )
        return dict(costs)

    def remember_costs(self, bytes_per_day: Mapping[str, int]) -> None:
        """Keep what a day of each bulk family costs for the next run."""
        if bytes_per_day:
            self._value["export_bytes_per_day"] = dict(bytes_per_day)

    def families_with_exports(self) -> list[str]:
        """Return the bulk families that have jobs under way."""
        return list(self._exports)

    def page_mark(self, stream: str) -> PageMark | None:
        """Return where a stopped scan of pages goes on, None to start from the first page.

        Raises:
            StateError: the mark is nonsense.
        """
        marks = self._bookmarks.get(stream, {})
        where = f"bookmarks.{stream}"
        token = self._read.text_in(marks, "next_page_token", where)
        if not token:
            return None
        return PageMark(token, self._read.time_in(marks, "scan_started", where))

    def child_mark(self, stream: str) -> ChildMark:
        """Return where a stream with a call for each parent stands.

        Raises:
            StateError: the mark is nonsense.
        """
        marks, where = self._bookmarks.get(stream, {}), f"bookmarks.{stream}"
        text = self._read.text_in(marks, "parent", where)
        try:
            reached = Parent.read(text) if text else None
        except ValueError:
            raise self._read.nonsense(f"{where}.parent", f"is no parent: {text!r}") from None
        started, refreshed = (
            self._read.time_in(marks, key, where) for key in ("scan_started", "refreshed")
        )
        return ChildMark(reached, started, refreshed)

    def pending_exports(
        self, family: str, replication_keys: Mapping[str, str], earliest: datetime
    ) -> list[PendingExport]:
        """Return the jobs a stopped run left for a family.

        Args:
            family: the family's name.
            replication_keys: the family's streams with their replication keys.
            earliest: start_date, where a stream without a bookmark began.

        Raises:
            StateError: an entry is nonsense.
        """
        found: list[PendingExport] = []
        entries = self._exports.get(family) or []
        if not isinstance(entries, list):
            raise self._read.nonsense(f"exports.{family}", "must be a list")
        for index, entry in enumerate(entries):
            found.append(self._pending(entry, f"exports.{family}[{index}]"))
        for stream, key in replication_keys.items():
            export = self._other_taps_export(stream, key, earliest)
            if export:
                found.append(export)
        return found

    def apply(self, position: Position) -> None:
        """Move the state to a position."""
        for stream, bookmark in position.bookmarks.items():
            reached = self.bookmark(stream, bookmark.key)
            marks = self._bookmarks.setdefault(stream, {})
            if reached is None or bookmark.time >= reached:
                marks[bookmark.key] = to_bookmark(bookmark.time)
            if bookmark.settled:
                marks["settled"] = to_bookmark(bookmark.settled)
            self._forget_other_taps_export(stream)
        for stream, mark in position.pages.items():
            marks = self._bookmarks.setdefault(stream, {})
            marks["next_page_token"] = mark.token if mark else None
            marks.pop("scan_started", None)
            if mark and mark.scan_started:
                marks["scan_started"] = to_bookmark(mark.scan_started)
        for stream, child_mark in position.children.items():
            self._bookmarks[stream] = {
                **self._bookmarks.get(stream, {}),
                **_child_entry(child_mark),
            }
        for family, exports in position.exports.items():
            for export in exports:
                for stream in export.streams:
                    self._forget_other_taps_export(stream)
            self._exports.pop(family, None)
            if exports:
                self._exports[family] = [_entry(export) for export in exports]

    def _forget_other_taps_export(self, stream: str) -> None:
        marks = self._bookmarks.get(stream, {})
        for key in ("export_id", "export_end"):
            if key in marks:
                marks[key] = None

    def _other_taps_export(
        self, stream: str, replication_key: str, earliest: datetime
    ) -> PendingExport | None:
        marks = self._bookmarks.get(stream, {})
        where = f"bookmarks.{stream}"
        export_id = self._read.text_in(marks, "export_id", where)
        if not export_id:
            return None
        end = self._read.time_in(marks, "export_end", where)
        if end is None:
            raise self._read.nonsense(f"{where}.export_end", "is missing beside export_id")
        # It began at the bookmark or later, and what lies between had been emitted.
        start = self.bookmark(stream, replication_key) or earliest
        window = Window(start, whole_seconds(end))
        return PendingExport(export_id, window, (stream,), replication_key)

    def _pending(self, entry: Any, where: str) -> PendingExport:
        if not isinstance(entry, dict):
            raise self._read.nonsense(where, "must be an object")
        export_id = self._read.text_in(entry, "export_id", where)
        key = self._read.text_in(entry, "replication_key", where)
        start = self._read.time_in(entry, "start", where)
        end = self._read.time_in(entry, "end", where)
        streams = entry.get("streams")
        if not isinstance(streams, list) or not all(isinstance(s, str) for s in streams):
            raise self._read.nonsense(f"{where}.streams", "must be a list of stream names")
        if not export_id or not key or start is None or end is None:
            raise self._read.nonsense(where, "must have export_id, replication_key, start and end")
        made = self._read.time_in(entry, "made", where)
        return PendingExport(export_id, Window(start, end), tuple(streams), key, made)


def _child_entry(mark: ChildMark) -> dict[str, Any]:
    return {
        "parent": mark.reached and str(mark.reached),
        "scan_started": mark.scan_started and to_bookmark(mark.scan_started),
        "refreshed": mark.refreshed and to_bookmark(mark.refreshed),
    }


def _entry(export: PendingExport) -> dict[str, Any]:
    made = {"made": to_bookmark(export.made)} if export.made else {}
    return {
        **made,
        "export_id": export.export_id,
        "start": to_bookmark(export.window.start),
        "end": to_bookmark(export.window.end),
        "streams": list(export.streams),
        "replication_key": export.replication_key,
    }
