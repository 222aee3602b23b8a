"""Date windows: which stretches of time are exported together, for which streams, in what order.

Pure arithmetic. The boundary rule is decided here, once: a window begins exactly where the one
before it ended. Marketo's filters take whole seconds and, in practice, include both ends, so the
one shared second may be sent twice; a gap of a second could lose a row, a row sent twice is an
update to the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

JobT = TypeVar("JobT")

# Streams that stand less than this apart begin together at the earliest of them: reading a day
# twice for some of them costs less than a job of its own for each.
TOGETHER = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Window:
    """A stretch of time, in UTC and whole seconds, both ends included."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Stand:
    """Where one stream stands before the run.

    Attributes:
        bookmark: everything before it has been emitted; None for a stream never synced.
        earliest: where a stream never synced begins (start_date).
        lookback: how far before the bookmark to begin, for rows that appear late.
    """

    bookmark: datetime | None
    earliest: datetime
    lookback: timedelta


@dataclass(frozen=True)
class Plan(Generic[JobT]):
    """One job to be read: a window, the streams it serves, and the job that exists for it."""

    window: Window
    streams: tuple[str, ...]
    job: JobT | None = None


def plan_windows(
    stands: Mapping[str, Stand],
    adopted: Iterable[Plan[JobT]],
    now: datetime,
    longest: timedelta,
) -> list[Plan[JobT]]:
    """Cut the time each stream still needs into windows, shared wherever streams stand together.

    Jobs left by a stopped run are kept for the streams they continue without a gap. The rest is
    cut into windows in which every stream that has come that far takes part, so a stream that
    lags catches up in windows of its own until it meets the others.

    Args:
        stands: where each stream stands, by stream id.
        adopted: jobs that exist, with the window and streams they were made for.
        now: the end of the last window, whole seconds UTC.
        longest: the longest window allowed.

    Returns:
        The adopted jobs in date order, then the new windows in date order: an older file must
        not be read after a newer one of the same stream. For each stream the windows begin at or
        before its bookmark, follow each other without a gap, and reach ``now``.
    """
    reached = {stream: stand.bookmark for stream, stand in stands.items()}
    plans: list[Plan[JobT]] = []
    for plan in sorted(adopted, key=lambda a: a.window):
        continued = tuple(
            stream
            for stream in plan.streams
            if stream in stands and _continues(plan.window, reached[stream], stands[stream])
        )
        if continued:
            plans.append(Plan(plan.window, continued, plan.job))
            reached.update(dict.fromkeys(continued, plan.window.end))

    starts = {stream: _start(reached[stream], stand) for stream, stand in stands.items()}
    for window, streams in _shared_windows(_align(starts), now, longest):
        plans.append(Plan(window, streams))
    return plans


def _continues(window: Window, reached: datetime | None, stand: Stand) -> bool:
    begins = stand.earliest if reached is None else reached
    return window.start <= begins and (reached is None or window.end > reached)


def _start(reached: datetime | None, stand: Stand) -> datetime:
    if reached is None:
        return stand.earliest
    # Looking back stops at start_date, unless the bookmark itself lies before it.
    return min(reached, max(stand.earliest, reached - stand.lookback))


def _align(starts: Mapping[str, datetime]) -> dict[str, datetime]:
    aligned: dict[str, datetime] = {}
    leader: datetime | None = None
    for stream, start in sorted(starts.items(), key=lambda item: item[1]):
        if leader is None or start - leader >= TOGETHER:
            leader = start
        aligned[stream] = leader
    return aligned


def _shared_windows(
    starts: Mapping[str, datetime], now: datetime, longest: timedelta
) -> Iterable[tuple[Window, tuple[str, ...]]]:
    joins: Sequence[datetime] = sorted({start for start in starts.values() if start < now})
    for index, join in enumerate(joins):
        streams = tuple(stream for stream, start in starts.items() if start <= join)
        until = joins[index + 1] if index + 1 < len(joins) else now
        begin = join
        while begin < until:
            end = min(begin + longest, until)
            yield Window(begin, end), streams
            begin = end
