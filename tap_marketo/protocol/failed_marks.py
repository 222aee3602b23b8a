"""What the state says of a stream while parts of it cannot be read.

``failed`` names the parts, ``others`` says how far all else has been read. What stands beside these
two keys is the position before the first part failed: a version of this tap that knows neither key
goes on from there, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tap_marketo.protocol.marks import (
    ChildMark,
    LinkMark,
    ListMark,
    NamedListMark,
    PagesMark,
    SeenMark,
)
from tap_marketo.protocol.position import Ahead, Entry, OtherTapsExport, read_time
from tap_marketo.times import to_bookmark

Marks = Mapping[str, Any]


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


_KEYS = frozenset(("failed", "others"))
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
    return {key: value for key, value in marks.items() if key not in _KEYS}
