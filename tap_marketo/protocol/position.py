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


@dataclass(frozen=True)
class PendingExport:
    """An export job that exists in Marketo and has not been read to its end.

    ``made`` is the time (UTC) at which it was made, None where that is not known.
    """

    export_id: str
    window: Window
    streams: tuple[str, ...]
    replication_key: str
    made: datetime | None = None


@dataclass(frozen=True)
class Position:
    """What a family or a stream has reached; applied to the state in one piece.

    Attributes:
        bookmarks: new bookmark of each stream; never moves a bookmark of the same key back.
        pages: page marks by stream; None ends a scan.
        exports: all jobs under way, by family; replaces what the state held for the family.
    """

    bookmarks: Mapping[str, Bookmark] = field(default_factory=dict)
    pages: Mapping[str, PageMark | None] = field(default_factory=dict)
    exports: Mapping[str, Sequence[PendingExport]] = field(default_factory=dict)
