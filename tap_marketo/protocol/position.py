"""What a state holds, as values: how far each stream has come, and which jobs are under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tap_marketo.times import Window


@dataclass(frozen=True)
class Bookmark:
    """All changes of a stream before ``time`` (UTC), by ``key``, have been emitted.

    ``settled`` is the time before which nothing can show late any more, None if there is no such
    notion for the stream.
    """

    key: str
    time: datetime
    settled: datetime | None = None


@dataclass(frozen=True)
class PageMark:
    """Where a scan of pages goes on: the next page's token, and when the scan began (UTC)."""

    token: str
    scan_started: datetime | None


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
            raise ValueError(f"no parent: {text!r}")
        return cls(kind, int(number))


@dataclass(frozen=True)
class ChildMark:
    """Where a stream with a call for each parent stands.

    Attributes:
        reached: the last parent that has been read; None while no scan is under way.
        scan_started: when the scan under way began (UTC).
        refreshed: when the last one that came to its end began (UTC); None for never.
    """

    reached: Parent | None
    scan_started: datetime | None
    refreshed: datetime | None


@dataclass(frozen=True)
class ListMark:
    """Where the reading of the members of all lists stands.

    Attributes:
        reached: the last list that has been read; None for none.
        scan_started: when the reading under way began (UTC).
        reading: the list whose members are being read.
        token: of its next page.
        read_since: when its reading began (UTC).
        readings: when lists were read (UTC): each time holds from that list on. What happened
            to a list before that is in what was read.
    """

    reached: int | None = None
    scan_started: datetime | None = None
    reading: int | None = None
    token: str | None = None
    read_since: datetime | None = None
    readings: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class PendingExport:
    """An export job that exists in Marketo and has not been read to its end.

    ``made`` is the time (UTC) at which it was made, None where that is not known; ``ids`` are of
    what its rows belong to, programs for instance, none where it exports all rows.
    """

    export_id: str
    window: Window
    streams: tuple[str, ...]
    replication_key: str
    made: datetime | None = None
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Position:
    """What a family or a stream has reached; applied to the state in one piece.

    Attributes:
        bookmarks: new bookmark of each stream; never moves a bookmark of the same key back.
        pages: page marks by stream; None ends a scan.
        children: marks of streams with a call for each parent.
        lists: marks of the stream of list memberships.
        exports: all jobs under way, by family; replaces what the state held for the family.
    """

    bookmarks: Mapping[str, Bookmark] = field(default_factory=dict)
    pages: Mapping[str, PageMark | None] = field(default_factory=dict)
    children: Mapping[str, ChildMark] = field(default_factory=dict)
    lists: Mapping[str, ListMark] = field(default_factory=dict)
    exports: Mapping[str, Sequence[PendingExport]] = field(default_factory=dict)
