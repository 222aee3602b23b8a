"""The Singer state (docs/state.md shows one): the only code that changes it.

Bookmarks stand where singer-io's tap-marketo keeps them, so that a state file serves both ways.
``exports`` holds the jobs under way. The other tap's ``export_id`` and ``export_end``, which
stand within a stream's bookmark, are read as such a job of that one stream.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from tap_marketo.errors import StateError
from tap_marketo.protocol.marks import (
    AnyMark,
    FailedMark,
    moved,
    reached,
    without_outdated,
)
from tap_marketo.protocol.position import (
    Ahead,
    Bookmark,
    Entry,
    OtherTapsExport,
    PendingExport,
    Position,
    read_time,
)
from tap_marketo.times import to_bookmark, whole_seconds

_BYTES, _ROWS = _PER_DAY = ("export_bytes_per_day", "export_rows_per_day")
_MEND = "Correct it, or delete the key to read that stream from start_date."

E = TypeVar("E", bound=Entry)
T = TypeVar("T")


def unusable(path: str, what: str, remedy: str = _MEND) -> StateError:
    """Return the error of a state that cannot be used."""
    return StateError(f"The state file {path} cannot be used: {what}. {remedy}")


class State:
    """The state of one run; errors call it by its ``path``."""

    def __init__(self, value: Mapping[str, Any] | None = None, path: str = "state") -> None:
        """Take over the value of a STATE message; None and an empty one are a first run.

        Raises:
            StateError: something in it is nonsense; the message names the key.
        """
        self.path = path
        self._value: dict[str, Any] = copy.deepcopy(dict(value or {}))
        # Streams are read side by side here, so that no single one is "currently syncing".
        self._value.pop("currently_syncing", None)
        for key in ("bookmarks", "exports", *_PER_DAY):
            if self._value.get(key) is None:
                self._value[key] = {}
            if not isinstance(self._value[key], dict):
                raise unusable(self.path, f"{key} must be an object")
        for stream, marks in self._value["bookmarks"].items():
            own = {} if marks is None else marks
            values = self._read(AnyMark.values, own, f"bookmarks.{stream}")
            self._read(AnyMark.values, values.get("others", {}), f"bookmarks.{stream}.others")
            self._value["bookmarks"][stream] = without_outdated(own)
        for family in self._value["exports"]:
            self._exports_of(family)
        for key in _PER_DAY:
            for name, number in self._value[key].items():
                if type(number) is not int or number < 0:
                    raise unusable(self.path, f"{key}.{name} must be a whole number")

    @property
    def value(self) -> dict[str, Any]:
        """The state as a STATE message carries it."""
        return {
            key: content
            for key, content in self._value.items()
            if content or key not in ("exports", *_PER_DAY)
        }

    def streams(self) -> set[str]:
        """Return all streams that are named in it."""
        return {*self._value["bookmarks"]}.union(*self.streams_with_exports().values())

    def knows(self, stream: str) -> bool:
        """Say whether a sync of the stream resumes something."""
        is_marked = any(self._marks(stream).values())
        return is_marked or any(stream in own for own in self.streams_with_exports().values())

    def bookmark(self, stream: str, key: str) -> datetime | None:
        """Return a stream's bookmark in UTC, None when there is none."""
        moment = self._time(stream, key)
        return moment and whole_seconds(moment)

    def settled(self, stream: str) -> datetime | None:
        """Return the time (UTC) before which nothing of a stream can show late any more."""
        return self._time(stream, "settled")

    def ahead(self, stream: str) -> Ahead | None:
        """Return what of a stream has been read ahead of its bookmark, None for nothing."""
        holder = self._marks(stream).get("ahead")
        return None if holder is None else Ahead.read(holder)

    def mark(self, kind: type[E], stream: str) -> E:
        """Return how far a stream has been read beside its bookmark, such as its ``PageMark``.

        Raises:
            StateError: half of it is missing.
        """
        return self._read(kind.read, self._marks(stream), f"bookmarks.{stream}")

    def failed(self, stream: str, read: Callable[[str], object] = str) -> dict[str, datetime]:
        """Return the parts of a stream that could not be read, as ``Position`` has them.

        ``read`` raises a ValueError for what is no such part.

        Raises:
            StateError: a part makes no sense.
        """
        failed = dict(self._read(FailedMark.read, self._stored(stream), "").failed)
        for part in failed:
            self._read(read, part, f"bookmarks.{stream}.failed ")
        return failed

    def bytes_per_day(self) -> dict[str, int]:
        """Return what a day of each bulk family has cost, in bytes of export files."""
        return dict(self._value[_BYTES])

    def rows_per_day(self) -> dict[str, int]:
        """Return how many rows a day of each bulk family has had."""
        return dict(self._value[_ROWS])

    def remember_costs(
        self, bytes_per_day: Mapping[str, int], rows_per_day: Mapping[str, int]
    ) -> None:
        """Keep what a day of each bulk family costs, in bytes and rows, for the next run."""
        if bytes_per_day:
            self._value[_BYTES] = dict(bytes_per_day)
        if rows_per_day:
            self._value[_ROWS] = dict(rows_per_day)

    def streams_with_exports(self) -> dict[str, set[str]]:
        """Return the streams of the jobs under way, by bulk family."""
        return {
            family: {stream for export in self._exports_of(family) for stream in export.streams}
            for family in self._value["exports"]
        }

    def pending_exports(
        self, family: str, replication_keys: Mapping[str, str], earliest: datetime
    ) -> list[PendingExport]:
        """Return the jobs a stopped run left for a family of some streams, each with its key.

        A stream without a bookmark began at the ``earliest`` time, start_date.

        Raises:
            StateError: a job of the other tap has no end.
        """
        found = self._exports_of(family)
        for stream, key in replication_keys.items():
            other = self.mark(OtherTapsExport, stream)
            if other.export_id is None:
                continue
            if other.export_end is None:
                raise unusable(
                    self.path, f"bookmarks.{stream}.export_end is missing beside export_id"
                )
            # It began at the bookmark or later, and what lies between had been emitted.
            start = whole_seconds(self._time(stream, key) or earliest)
            end = whole_seconds(other.export_end)
            found.append(PendingExport(other.export_id, start, end, (stream,), key))
        return found

    def apply(self, position: Position) -> None:
        """Move the state to a position, in one step: a signal finds the state before or after."""
        bookmarks = {stream: dict(marks) for stream, marks in self._value["bookmarks"].items()}
        exports = dict(self._value["exports"])
        for stream in position.forgotten:
            _forget(bookmarks.get(stream, {}), AnyMark())
        streams = {*position.bookmarks, *position.marks, *position.failed}
        views = {stream: reached(bookmarks.get(stream, {})) for stream in streams}
        for stream, bookmark in position.bookmarks.items():
            _move(views[stream], bookmark)
        for stream, mark in position.marks.items():
            views[stream].update(mark.as_json())
        for stream, view in views.items():
            failed = position.failed.get(stream)
            marks = moved(bookmarks.get(stream, {}), view, failed)
            if marks or stream in bookmarks:
                bookmarks[stream] = marks
        for family, pending in position.exports.items():
            for export in pending:
                for stream in export.streams:
                    _forget(bookmarks.get(stream, {}), OtherTapsExport())
            exports.pop(family, None)
            if pending:
                exports[family] = [export.as_json() for export in pending]
        self._value = {**self._value, "bookmarks": bookmarks, "exports": exports}

    def _stored(self, stream: str) -> dict[str, Any]:
        marks: dict[str, Any] = self._value["bookmarks"].get(stream, {})
        return marks

    def _marks(self, stream: str) -> dict[str, Any]:
        """Return how far a stream has been read, but for its failed parts."""
        return reached(self._stored(stream))

    def _time(self, stream: str, key: str) -> datetime | None:
        moment = self._marks(stream).get(key)
        return None if moment is None else read_time(moment)

    def _read(self, read: Callable[[Any], T], holder: Any, where: str) -> T:
        try:
            return read(holder)
        except ValueError as error:
            raise unusable(self.path, f"{where}{error}") from None

    def _exports_of(self, family: str) -> list[PendingExport]:
        entries = self._value["exports"].get(family) or []
        if not isinstance(entries, list):
            raise unusable(self.path, f"exports.{family} must be a list")
        return [
            self._read(PendingExport.read, entry, f"exports.{family}[{index}]")
            for index, entry in enumerate(entries)
        ]


def _move(view: dict[str, Any], bookmark: Bookmark) -> None:
    """Move what a stream's entry says to a bookmark."""
    before = view.get(bookmark.key)
    is_later = before is None or bookmark.time >= whole_seconds(read_time(before))
    if is_later or bookmark.may_move_back:
        view[bookmark.key] = to_bookmark(bookmark.time)
    if bookmark.settled:
        view["settled"] = to_bookmark(bookmark.settled)
    if bookmark.ahead or "ahead" in view:
        view["ahead"] = bookmark.ahead and bookmark.ahead.as_json()
    _forget(view, OtherTapsExport())


def _forget(marks: dict[str, Any], empty: Entry) -> None:
    """Forget what a stream's entry says under the keys of a mark, given as it is without values."""
    marks.update({key: value for key, value in empty.as_json().items() if key in marks})
