"""The marks in the state: how far scans have come, where a bookmark is not enough to resume them.

The key ``failed`` names the parts of a stream that cannot be read. The key ``others`` says how far
all else has been read. What stands beside these two keys is the position before the first part
failed: a version of this tap that knows neither key goes on from there, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tap_marketo.protocol.position import Ahead, Entry, OtherTapsExport, Parent, read_time
from tap_marketo.times import to_bookmark

Marks = Mapping[str, Any]

# The keys that say how far a scan under way has come.
_OF_A_SCAN = ("parent", "to_export", "list_reached", "reached", "reading")


@dataclass(frozen=True, kw_only=True)
class Mark(Entry):
    """How far a scan has come, which takes more than a bookmark to resume.

    Attributes:
        scan_started: when it began (UTC); None while none is under way.
    """

    scan_started: datetime | None = None

    def __post_init__(self) -> None:
        """Check that it is whole: what has changed of all that was read would be missed."""
        for key in _OF_A_SCAN:
            if getattr(self, key, None) not in (None, ()) and self.scan_started is None:
                raise ValueError(f".{key} stands without scan_started")


@dataclass(frozen=True, kw_only=True)
class PageMark(Mark):
    """Where a scan of pages continues: at the page of a token."""

    next_page_token: str | None = None


@dataclass(frozen=True, kw_only=True)
class ChildMark(Mark):
    """How far a stream with a call for each parent has been read.

    Attributes:
        parent: the last one that has been read; None while no scan is under way.
        refreshed: when the last scan that came to its end began (UTC); None for never.
    """

    parent: Parent | None = None
    refreshed: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PagesMark(Mark):
    """How far a pass by pages over all programs has come, and whether pages have proved good.

    Attributes:
        parent: the last program that pages have read or left to exports; None for none.
        to_export: those up to it that exports are to read.
        compared: when pages were found to give what an export does (UTC); None for never.
        differ: when they were found to give something else (UTC).
    """

    parent: Parent | None = None
    to_export: tuple[int, ...] = ()
    compared: datetime | None = None
    differ: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NamedListMark(Mark):
    """How far the members of lists that have no numbers have been read.

    Attributes:
        list_reached: the id of the last list that has been read, in order of the ids; None while no
            reading is under way.
        refreshed: when the last reading that came to its end began (UTC); None for never.
    """

    list_reached: str | None = None
    refreshed: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ReadMark(Entry):
    """When a table was last read from the beginning that a log of changes keeps up to date.

    Attributes:
        read_at: when the last such reading began (UTC), also while it is under way; None where no
            reading was begun by a version that knows of this.
    """

    read_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LinkMark(ReadMark):
    """How far a table has been read whose keys exports of other rows name, all of them each time.

    Attributes:
        reached_by: up to when each bulk object has been exported (UTC) in the reading under way;
            empty while none is.
        begins_by: where each begins that has rows (UTC): none is older.
    """

    reached_by: Mapping[str, datetime] = field(default_factory=dict)
    begins_by: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ListMark(PageMark, ReadMark):
    """How far the members of all lists have been read.

    Attributes:
        reached: the last list that has been read; None for none.
        reading: the list whose members are being read, at the page of the token.
        read_since: when its reading began (UTC).
        readings: when lists were read (UTC): each time holds from that list on. What happened
            to a list before that is in what was read.
    """

    reached: int | None = None
    reading: int | None = None
    read_since: datetime | None = None
    readings: Mapping[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that it is whole: what has happened to lists that were read would be missed."""
        page = ("reading", "next_page_token", "read_since")
        missing = [key for key in page if getattr(self, key) is None]
        if missing and missing != [*page]:
            alone = next(key for key in page if key not in missing)
            raise ValueError(f".{alone} stands without {' and '.join(missing)}")
        super().__post_init__()
        if self.scan_started and self.reached is None and self.readings.keys() - {self.reading}:
            raise ValueError(".readings stands without reached")


@dataclass(frozen=True, kw_only=True)
class SeenMark(Entry):
    """What the last whole listings of assets have shown, by the streams of these.

    Attributes:
        listed: when the run began (UTC) in which the last complete listing was read.
        shown: how many assets it showed.
    """

    listed: Mapping[str, datetime] = field(default_factory=dict)
    shown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FailedMark(Entry):
    """The parts of a stream that cannot be read, and how far all others have been read.

    Attributes:
        failed: each part, with the time (UTC) from which on it has not been read.
        others: what differs from the keys beside it.
    """

    failed: Mapping[str, datetime] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AnyMark(
    ChildMark,
    PagesMark,
    ListMark,
    LinkMark,
    NamedListMark,
    SeenMark,
    FailedMark,
    OtherTapsExport,
):
    """All that may stand in a stream's bookmark; any other key there is left alone."""

    # Marketo's names.
    updatedAt: datetime | None = None  # noqa: N815
    createdAt: datetime | None = None  # noqa: N815
    activityDate: datetime | None = None  # noqa: N815
    settled: datetime | None = None
    ahead: Ahead | None = None


_OF_FAILED_PARTS = frozenset(("failed", "others"))
# The keys whose times say up to when everything has been read.
_COMPLETE = ("updatedAt", "createdAt", "activityDate", "refreshed")


def reached(marks: Marks) -> dict[str, Any]:
    """Return how far a stream has been read, but for its failed parts."""
    return {**_beside(marks), **(marks.get("others") or {})}


def moved(marks: Marks, view: Marks, failed: Mapping[str, datetime] | None) -> dict[str, Any]:
    """Return what the state has of a stream when it has been read further.

    Args:
        marks: what it had before.
        view: how far the stream has been read, but for its failed parts.
        failed: these; None where they are still the same.
    """
    parts: Marks = marks.get("failed") or {}
    if failed is not None:
        parts = {part: to_bookmark(since) for part, since in failed.items()}
    if not parts:
        return dict(view)
    own = _beside(marks)
    others = {key: value for key, value in view.items() if own.get(key) != value}
    return {**own, "failed": parts, "others": others}


def without_outdated(marks: Marks) -> dict[str, Any]:
    """Return what the state has of a stream, without failed parts that were read since.

    A version that does not know them has gone on from what stands beside them.
    """
    others = marks.get("others") or {}
    for key in _COMPLETE:
        own, other = marks.get(key), others.get(key)
        if own and other and read_time(own) > read_time(other):
            return _beside(marks)
    return dict(marks)


def _beside(marks: Marks) -> dict[str, Any]:
    return {key: value for key, value in marks.items() if key not in _OF_FAILED_PARTS}
