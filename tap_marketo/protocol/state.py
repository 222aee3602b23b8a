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
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.protocol.position import ChildMark, ListMark, PageMark, PendingExport, Position
from tap_marketo.protocol.state_values import StateValues, child_entry, export_entry, list_entry
from tap_marketo.times import to_bookmark, whole_seconds


class State:
    """The state of one run."""

    def __init__(self, value: Mapping[str, Any] | None = None, path: str = "state") -> None:
        """Take over a state value.

        Args:
            value: what a STATE message carries; None or empty for a first run.
            path: what to call it in errors.

        Raises:
            StateError: something in it is nonsense; the message names the key.
        """
        self._read = StateValues(path)
        self._value: dict[str, Any] = copy.deepcopy(dict(value or {}))
        # Streams are read side by side here, so that no single one is "currently syncing".
        self._value.pop("currently_syncing", None)
        self._read.object(self._value, "bookmarks", "bookmarks")
        self._read.object(self._value, "exports", "exports")
        self._read.check_bookmarks(self._bookmarks)
        for family in self._exports:
            self._read.pending_exports(self._exports, family)
        self.bytes_per_day()

    @property
    def _bookmarks(self) -> dict[str, Any]:
        bookmarks: dict[str, Any] = self._value["bookmarks"]
        return bookmarks

    @property
    def _exports(self) -> dict[str, Any]:
        exports: dict[str, Any] = self._value["exports"]
        return exports

    @property
    def value(self) -> dict[str, Any]:
        """The state as a STATE message carries it."""
        return {
            key: content
            for key, content in self._value.items()
            if content or key not in ("exports", "export_bytes_per_day")
        }

    @property
    def path(self) -> str:
        """What errors call it."""
        return self._read.path

    def streams(self) -> set[str]:
        """Return all streams that are named in it."""
        return {*self._bookmarks}.union(*self.streams_with_exports().values())

    def knows(self, stream: str) -> bool:
        """Say whether a sync of the stream resumes something."""
        is_marked = any(self._bookmarks.get(stream, {}).values())
        return is_marked or any(stream in own for own in self.streams_with_exports().values())

    def check_past(self, now: datetime, skew: timedelta = timedelta()) -> None:
        """Check that no time lies in the future.

        Args:
            now: the time (UTC) by the earlier one of this machine's clock and Marketo's.
            skew: by how much the later one is ahead of it.

        Raises:
            StateError: one lies more than a day after ``now``.
        """
        self._read.check_past(self._bookmarks, self._exports, now, skew)

    def bookmark(self, stream: str, key: str) -> datetime | None:
        """Return a stream's bookmark in UTC, None when there is none.

        Raises:
            StateError: the bookmark is no time.
        """
        moment = self._read.time(self._bookmarks.get(stream, {}), key, f"bookmarks.{stream}")
        return moment and whole_seconds(moment)

    def settled(self, stream: str) -> datetime | None:
        """Return the time (UTC) before which nothing of a stream can show late any more."""
        return self._read.time(self._bookmarks.get(stream, {}), "settled", f"bookmarks.{stream}")

    def bytes_per_day(self) -> dict[str, int]:
        """Return what a day of each bulk family has cost, in bytes of export files.

        Raises:
            StateError: a number is nonsense.
        """
        return dict(self._read.sizes(self._value, "export_bytes_per_day"))

    def remember_costs(self, bytes_per_day: Mapping[str, int]) -> None:
        """Keep what a day of each bulk family costs for the next run."""
        if bytes_per_day:
            self._value["export_bytes_per_day"] = dict(bytes_per_day)

    def streams_with_exports(self) -> dict[str, set[str]]:
        """Return the streams of the jobs under way, by bulk family."""
        return {
            family: {
                stream
                for export in self._read.pending_exports(self._exports, family)
                for stream in export.streams
            }
            for family in self._exports
        }

    def page_mark(self, stream: str) -> PageMark | None:
        """Return where a stopped scan of pages goes on, None to start from the first page.

        Raises:
            StateError: the mark is nonsense.
        """
        marks = self._bookmarks.get(stream, {})
        where = f"bookmarks.{stream}"
        token = self._read.text(marks, "next_page_token", where)
        if not token:
            return None
        return PageMark(token, self._read.time(marks, "scan_started", where))

    def child_mark(self, stream: str) -> ChildMark:
        """Return where a stream with a call for each parent stands.

        Raises:
            StateError: the mark is nonsense.
        """
        return self._read.child_mark(self._bookmarks, stream)

    def list_mark(self, stream: str) -> ListMark:
        """Return where the reading of the members of all lists stands.

        Raises:
            StateError: the mark is nonsense.
        """
        return self._read.list_mark(self._bookmarks, stream)

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
        found = self._read.pending_exports(self._exports, family)
        for stream, key in replication_keys.items():
            export = self._read.other_taps_export(self._bookmarks, stream, key, earliest)
            if export:
                found.append(export)
        return found

    def apply(self, position: Position) -> None:
        """Move the state to a position, in one step: a signal finds the state before or after."""
        bookmarks = {stream: dict(marks) for stream, marks in self._bookmarks.items()}
        exports = dict(self._exports)
        for stream, bookmark in position.bookmarks.items():
            reached = self.bookmark(stream, bookmark.key)
            marks = bookmarks.setdefault(stream, {})
            if reached is None or bookmark.time >= reached:
                marks[bookmark.key] = to_bookmark(bookmark.time)
            if bookmark.settled:
                marks["settled"] = to_bookmark(bookmark.settled)
            _forget_other_taps_export(marks)
        for stream, mark in position.pages.items():
            marks = bookmarks.setdefault(stream, {})
            marks["next_page_token"] = mark.token if mark else None
            marks.pop("scan_started", None)
            if mark and mark.scan_started:
                marks["scan_started"] = to_bookmark(mark.scan_started)
        for stream, child_mark in position.children.items():
            bookmarks.setdefault(stream, {}).update(child_entry(child_mark))
        for stream, list_mark in position.lists.items():
            bookmarks.setdefault(stream, {}).update(list_entry(list_mark))
        for family, pending in position.exports.items():
            for export in pending:
                for stream in export.streams:
                    _forget_other_taps_export(bookmarks.get(stream, {}))
            exports.pop(family, None)
            if pending:
                exports[family] = [export_entry(export) for export in pending]
        self._value = {**self._value, "bookmarks": bookmarks, "exports": exports}


def _forget_other_taps_export(marks: dict[str, Any]) -> None:
    for key in ("export_id", "export_end"):
        if key in marks:
            marks[key] = None
