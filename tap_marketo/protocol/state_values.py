"""The values of a state as JSON holds them: checked as they are read, nonsense named by its key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import StateError
from tap_marketo.protocol.position import ChildMark, ListMark, Parent, PendingExport
from tap_marketo.times import Window, parse_utc, to_bookmark, whole_seconds

# What may stand in a stream's bookmark. Anything else there is left alone.
_TIMES = (
    *("updatedAt", "createdAt", "activityDate", "settled"),
    *("export_end", "scan_started", "refreshed", "read_since"),
)
# The other tap may have set the end of its export into the future.
_PAST = tuple(key for key in _TIMES if key != "export_end")
_NUMBERS = ("reached", "reading")
_LIST_ID = re.compile(r"\d{1,18}")
_TEXTS = ("export_id", "next_page_token", "parent")
# The clock of the run that wrote a state may have been ahead of this one's, but not so far.
_MOST_AHEAD = timedelta(days=1)
_MEND = "Mend it, or leave the key out to read that stream from start_date."


class StateValues:
    """Reads the values of one state. Whatever it cannot read is a StateError that names the key."""

    def __init__(self, path: str) -> None:
        """Read from a state that errors call by its path."""
        self.path = path

    def nonsense(self, key: str, why: str, remedy: str = _MEND) -> StateError:
        """Return the error for a key that cannot be read."""
        return StateError(f"The state file {self.path} cannot be used: {key} {why}. {remedy}")

    def object(self, holder: dict[str, Any], key: str, where: str) -> dict[str, Any]:
        """Return the object under a key, which is put there if there is none."""
        value = holder.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.nonsense(where, "must be an object")
        holder[key] = value
        return value

    def text(self, holder: Mapping[str, Any], key: str, where: str) -> str | None:
        value = holder.get(key)
        if value is not None and not isinstance(value, str):
            raise self.nonsense(f"{where}.{key}", "must be a string")
        return value

    def number(self, holder: Mapping[str, Any], key: str, where: str) -> int | None:
        """Return a whole number."""
        value = holder.get(key)
        if value is not None and type(value) is not int:
            raise self.nonsense(f"{where}.{key}", "must be a whole number")
        return value

    def time(self, holder: Mapping[str, Any], key: str, where: str) -> datetime | None:
        """Return a time in UTC."""
        text = self.text(holder, key, where)
        if text is None:
            return None
        try:
            return parse_utc(text)
        except ValueError:
            raise self.nonsense(f"{where}.{key}", f"is no date-time: {text!r}") from None

    def sizes(self, holder: dict[str, Any], key: str) -> dict[str, int]:
        """Return an object of whole numbers."""
        sizes = self.object(holder, key, key)
        for name, size in sizes.items():
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise self.nonsense(f"{key}.{name}", "must be a whole number")
        return sizes

    def check_bookmarks(self, bookmarks: dict[str, Any]) -> None:
        """Check all that may stand in streams' bookmarks."""
        for stream in list(bookmarks):
            where = f"bookmarks.{stream}"
            marks = self.object(bookmarks, stream, where)
            for key in _TIMES:
                self.time(marks, key, where)
            for key in _TEXTS:
                self.text(marks, key, where)
            for key in _NUMBERS:
                self.number(marks, key, where)
            self._readings(marks, where)

    def check_past(
        self,
        bookmarks: Mapping[str, Any],
        exports: Mapping[str, Any],
        now: datetime,
        skew: timedelta,
    ) -> None:
        """Check that all times lie before a time (UTC): of what lies behind nothing is read.

        Args:
            bookmarks: of the state.
            exports: of the state.
            now: the time by the earlier one of this machine's clock and Marketo's.
            skew: by how much the later one is ahead of it.
        """
        for stream, marks in bookmarks.items():
            where = f"bookmarks.{stream}"
            for key in _PAST:
                self._check_past(marks, key, where, now, skew)
            readings = marks.get("readings") or {}
            for number in readings:
                self._check_past(readings, number, f"{where}.readings", now, skew)
        for family, entries in exports.items():
            for index, entry in enumerate(entries or ()):
                for key in ("start", "end", "made"):
                    self._check_past(entry, key, f"exports.{family}[{index}]", now, skew)

    def _check_past(
        self, holder: Mapping[str, Any], key: str, where: str, now: datetime, skew: timedelta
    ) -> None:
        moment = self.time(holder, key, where)
        if moment is None or moment <= now or moment - now <= _MOST_AHEAD:
            return
        if moment - now - skew <= _MOST_AHEAD:
            days = skew / timedelta(days=1)
            raise StateError(
                f"This machine's clock and Marketo's differ by {days:.1f} days. By the earlier one "
                f"{where}.{key} of the state file {self.path} lies in the future, "
                f"{holder[key]!r}. "
                "Set this machine's clock right and run again; leave the state file as it is."
            )
        raise self.nonsense(
            f"{where}.{key}",
            f"lies in the future: {holder[key]!r}",
            "Compare this machine's clock first. If it is right, set the key to a time before "
            "which everything has been loaded.",
        )

    def child_mark(self, bookmarks: Mapping[str, Any], stream: str) -> ChildMark:
        """Return the mark of a stream with a call for each parent."""
        marks = bookmarks.get(stream, {})
        where = f"bookmarks.{stream}"
        text = self.text(marks, "parent", where)
        try:
            reached = Parent.read(text) if text else None
        except ValueError:
            raise self.nonsense(f"{where}.parent", f"is no parent: {text!r}") from None
        started = self.time(marks, "scan_started", where)
        if reached and not started:
            # What has changed of those that were read would be missed.
            raise self.nonsense(f"{where}.parent", "stands without scan_started")
        return ChildMark(reached, started, self.time(marks, "refreshed", where))

    def list_mark(self, bookmarks: Mapping[str, Any], stream: str) -> ListMark:
        """Return the mark of the stream of list memberships."""
        marks = bookmarks.get(stream, {})
        where = f"bookmarks.{stream}"
        mark = ListMark(
            self.number(marks, "reached", where),
            self.time(marks, "scan_started", where),
            self.number(marks, "reading", where),
            self.text(marks, "next_page_token", where) or None,
            self.time(marks, "read_since", where),
            self._readings(marks, where),
        )
        # What has happened to lists that were read would be missed.
        page = {
            "reading": mark.reading,
            "next_page_token": mark.token,
            "read_since": mark.read_since,
        }
        missing = [key for key, value in page.items() if value is None]
        if 0 < len(missing) < len(page):
            alone = next(key for key in page if key not in missing)
            raise self.nonsense(f"{where}.{alone}", f"stands without {' and '.join(missing)}")
        begun = [key for key in ("reached", "reading") if getattr(mark, key) is not None]
        if begun and mark.scan_started is None:
            raise self.nonsense(f"{where}.{begun[0]}", "stands without scan_started")
        if mark.scan_started and mark.reached is None and mark.readings.keys() - {mark.reading}:
            raise self.nonsense(f"{where}.readings", "stands without reached")
        return mark

    def _readings(self, marks: Mapping[str, Any], where: str) -> dict[int, datetime]:
        told = marks.get("readings") or {}
        where = f"{where}.readings"
        if not isinstance(told, dict) or not all(map(_LIST_ID.fullmatch, told)):
            raise self.nonsense(where, "must be an object with times by the lists' ids")
        times = {int(number): self.time(told, number, where) for number in told}
        return {number: moment for number, moment in times.items() if moment}

    def pending_exports(self, exports: Mapping[str, Any], family: str) -> list[PendingExport]:
        """Return the jobs that the state's ``exports`` hold of a family."""
        entries = exports.get(family) or []
        if not isinstance(entries, list):
            raise self.nonsense(f"exports.{family}", "must be a list")
        return [
            self._pending_export(entry, f"exports.{family}[{index}]")
            for index, entry in enumerate(entries)
        ]

    def other_taps_export(
        self, bookmarks: Mapping[str, Any], stream: str, replication_key: str, earliest: datetime
    ) -> PendingExport | None:
        """Return the job that singer-io's tap left within a stream's bookmark."""
        marks = bookmarks.get(stream, {})
        where = f"bookmarks.{stream}"
        export_id = self.text(marks, "export_id", where)
        if not export_id:
            return None
        end = self.time(marks, "export_end", where)
        if end is None:
            raise self.nonsense(f"{where}.export_end", "is missing beside export_id")
        # It began at the bookmark or later, and what lies between had been emitted.
        start = self.time(marks, replication_key, where) or earliest
        window = Window(whole_seconds(start), whole_seconds(end))
        return PendingExport(export_id, window, (stream,), replication_key)

    def _pending_export(self, entry: Any, where: str) -> PendingExport:
        if not isinstance(entry, dict):
            raise self.nonsense(where, "must be an object")
        export_id = self.text(entry, "export_id", where)
        key = self.text(entry, "replication_key", where)
        start = self.time(entry, "start", where)
        end = self.time(entry, "end", where)
        streams = entry.get("streams")
        if not isinstance(streams, list) or not all(isinstance(s, str) for s in streams):
            raise self.nonsense(f"{where}.streams", "must be a list of stream names")
        if not export_id or not key or start is None or end is None:
            raise self.nonsense(where, "must have export_id, replication_key, start and end")
        made = self.time(entry, "made", where)
        ids = entry.get("ids", [])
        if not isinstance(ids, list) or not all(type(number) is int for number in ids):
            raise self.nonsense(f"{where}.ids", "must be a list of whole numbers")
        return PendingExport(export_id, Window(start, end), tuple(streams), key, made, tuple(ids))


def child_entry(mark: ChildMark) -> dict[str, Any]:
    """Return a mark as the bookmark of its stream holds it."""
    return {
        "parent": mark.reached and str(mark.reached),
        "scan_started": mark.scan_started and to_bookmark(mark.scan_started),
        "refreshed": mark.refreshed and to_bookmark(mark.refreshed),
    }


def list_entry(mark: ListMark) -> dict[str, Any]:
    """Return a mark as the bookmark of list memberships holds it."""
    return {
        "reached": mark.reached,
        "scan_started": mark.scan_started and to_bookmark(mark.scan_started),
        "reading": mark.reading,
        "next_page_token": mark.token,
        "read_since": mark.read_since and to_bookmark(mark.read_since),
        "readings": {str(number): to_bookmark(time) for number, time in mark.readings.items()},
    }


def export_entry(export: PendingExport) -> dict[str, Any]:
    """Return a job as ``exports`` hold it."""
    made = {"made": to_bookmark(export.made)} if export.made else {}
    ids = {"ids": list(export.ids)} if export.ids else {}
    return {
        **made,
        **ids,
        "export_id": export.export_id,
        "start": to_bookmark(export.window.start),
        "end": to_bookmark(export.window.end),
        "streams": list(export.streams),
        "replication_key": export.replication_key,
    }
