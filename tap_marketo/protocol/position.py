"""What a state holds, as values.

A dataclass that is an :class:`Entry` is read from an object of the state and written to one: its
fields have the names of the keys, and their annotations say which values these hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

from tap_marketo.times import Window, parse_utc, to_bookmark

E = TypeVar("E", bound="Entry")

_ID = re.compile(r"\d{1,18}")


@dataclass(frozen=True, order=True)
class Parent:
    """Something whose children take a call of their own: its type, Folder for one, and its id."""

    type: str
    id: int

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"

    @classmethod
    def read(cls, text: str) -> Parent:
        """Read one as it is written.

        Raises:
            ValueError: the text is none.
        """
        kind, _, number = text.rpartition("/")
        if not kind or not number.isdecimal():
            raise ValueError(f"is no parent: {text!r}")
        return cls(kind, int(number))

    @classmethod
    def number(cls, kind: str, text: str) -> int:
        """Return the id of one of a type, as it is written.

        Raises:
            ValueError: the text is none, or of another type.
        """
        parent = cls.read(text)
        if parent.type != kind:
            raise ValueError(f"is no {kind}: {text!r}")
        return parent.id


def _text(value: Any) -> str | None:
    """Return a text; an empty one is none."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value or None


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("must be a whole number")
    return value


def read_time(value: Any) -> datetime:
    """Return a time in UTC.

    Raises:
        ValueError: it is none.
    """
    _text(value)
    try:
        return parse_utc(value)
    except ValueError:
        raise ValueError(f"is no date-time: {value!r}") from None


def _parent(value: Any) -> Parent | None:
    text = _text(value)
    return Parent.read(text) if text else None


def _times_by_id(value: Any) -> dict[int, datetime]:
    if not isinstance(value, dict) or not all(map(_ID.fullmatch, value)):
        raise ValueError("must be an object with times by ids")
    return {int(number): time for number, time in _times(value).items()}


def _times(value: Any) -> dict[str, datetime]:
    return {name: read_time(time) for name, time in _object(value).items() if time is not None}


def _numbers(value: Any) -> dict[str, int]:
    return {name: _number(number) for name, number in _object(value).items()}


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _list_of(kind: type, what: str) -> Callable[[Any], tuple[Any, ...]]:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(type(each) is kind for each in value):
            raise ValueError(f"must be a list of {what}")
        return tuple(value)

    return read


def _ahead(value: Any) -> Ahead:
    try:
        return Ahead.read(value)
    except ValueError:
        raise ValueError(f"must have a start and an end after it: {value!r}") from None


# What reads a value, by the annotation of its field; a ValueError says what is wrong with it.
_READERS: Mapping[Any, Callable[[Any], Any]] = {
    "str": _text,
    "int": _number,
    "datetime": read_time,
    "Parent": _parent,
    "Ahead": _ahead,
    "Mapping[int, datetime]": _times_by_id,
    "Mapping[str, datetime]": _times,
    "Mapping[str, int]": _numbers,
    "Mapping[str, Any]": _object,
    "tuple[str, ...]": _list_of(str, "stream names"),
    "tuple[int, ...]": _list_of(int, "whole numbers"),
}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_bookmark(value)
    if isinstance(value, Mapping):
        return {str(key): _written(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Entry):
        return value.as_json()
    return str(value) if isinstance(value, Parent) else value


@dataclass(frozen=True)
class Entry:
    """What an object of the state says, beside keys that are not its own."""

    @classmethod
    def values(cls, holder: Any) -> dict[str, Any]:
        """Return what an object has under its keys, without null.

        Raises:
            ValueError: what is wrong, to stand behind the name of the object.
        """
        if not isinstance(holder, dict):
            raise ValueError(" must be an object")
        values = {}
        for own in fields(cls):
            if (value := holder.get(own.name)) is not None:
                try:
                    values[own.name] = _READERS[str(own.type).removesuffix(" | None")](value)
                except ValueError as error:
                    raise ValueError(f".{own.name} {error}") from None
        required = [
            own.name for own in fields(cls) if own.default is own.default_factory is MISSING
        ]
        if any(values.get(key) is None for key in required):
            raise ValueError(f" must have {', '.join(required)}")
        return values

    @classmethod
    def read(cls: type[E], holder: Any) -> E:
        """Return what an object says; what is wrong is raised as by ``values``."""
        return cls(**cls.values(holder))

    def as_json(self) -> dict[str, Any]:
        """Return it as the state has it."""
        return {own.name: _written(getattr(self, own.name)) for own in fields(self)}


@dataclass(frozen=True)
class Ahead(Entry):
    """What has been emitted of a stream ahead of its bookmark (UTC).

    ``settled`` is as in :class:`Bookmark`, within it.
    """

    start: datetime
    end: datetime
    settled: datetime | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(" must end after its start")


@dataclass(frozen=True)
class Bookmark:
    """All changes of a stream before ``time`` (UTC), by ``key``, have been emitted.

    ``settled`` is the time before which nothing can show late any more, None if there is no such
    notion for the stream. ``ahead`` is what has been emitted beyond ``time``, with a gap between.
    ``may_move_back`` says that rows before the old bookmark may have been emitted again, older than
    they were: what is new since ``time`` has to come once more.
    """

    key: str
    time: datetime
    settled: datetime | None = None
    ahead: Ahead | None = None
    may_move_back: bool = False


@dataclass(frozen=True)
class OtherTapsExport(Entry):
    """The export job that singer-io's tap keeps within a stream's bookmark, if it keeps one."""

    export_id: str | None = None
    export_end: datetime | None = None


@dataclass(frozen=True)
class PendingExport(Entry):
    """An export job that exists in Marketo and has not been read to its end.

    ``made`` is the time (UTC) at which it was made, None where that is not known; ``ids`` are of
    what its rows belong to, programs for instance, none where it exports all rows.
    """

    export_id: str
    start: datetime
    end: datetime
    streams: tuple[str, ...]
    replication_key: str
    made: datetime | None = None
    ids: tuple[int, ...] = ()

    @property
    def window(self) -> Window:
        """What it exports."""
        return Window(self.start, self.end)

    def as_json(self) -> dict[str, Any]:
        json = super().as_json()
        return {key: value for key, value in json.items() if value or key == "streams"}


@dataclass(frozen=True)
class Position:
    """What a family or a stream has reached; applied to the state in one piece.

    Attributes:
        bookmarks: new bookmark of each stream; moves one of the same key back only if it may.
        marks: by stream; each replaces what the state has under its keys.
        exports: all jobs under way, by family; replaces what the state has of the family.
        failed: by stream, the parts that cannot be read, with the time (UTC) from which on each
            has not been read; replaces what the state has of the stream.
        forgotten: streams that are read from the beginning again: what the state says of each goes
            before anything else is applied.
    """

    bookmarks: Mapping[str, Bookmark] = field(default_factory=dict)
    marks: Mapping[str, Entry] = field(default_factory=dict)
    exports: Mapping[str, Sequence[PendingExport]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    forgotten: Collection[str] = ()
