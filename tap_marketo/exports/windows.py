"""Date windows: which stretches of time are exported together, for which streams, in what order.

Pure arithmetic. The boundary rule is decided here, once: a window begins exactly where the one
before it ended. Marketo's filters take whole seconds and, in practice, include both ends, so the
one shared second may be sent twice; a gap of a second could lose a row, a row sent twice is an
update to the same values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

from tap_marketo.exports.cursors import Cursor
from tap_marketo.times import EVER, Window

JobT = TypeVar("JobT")

# Streams that stand less than this apart begin together at the earliest of them: reading a day
# twice for some of them costs less than a job of its own for each.
TOGETHER = timedelta(days=1)


@dataclass(frozen=True)
class Plan(Generic[JobT]):
    """One job to be read, or a stretch of time for which jobs have to be created.

    Attributes:
        window: what it covers; of any length as long as there is no job.
        job: the job that exists for it, None if jobs have to be created.
        made: when that job was created; None if that is not known, but it was after the window's
            end.
        ids: of what its rows belong to, programs for instance, where one job exports those of
            some only; such a plan is not cut. Empty for all rows.
        turn: its place in date order among the plans of all families, where that is not its
            window's start.
    """

    window: Window
    streams: tuple[str, ...]
    job: JobT | None = None
    made: datetime | None = None
    ids: tuple[int, ...] = ()
    turn: datetime | None = None

    @property
    def order(self) -> datetime:
        """By what plans of all families are put into date order."""
        return self.turn or self.window.start


def plan_windows(
    cursors: Mapping[str, Cursor],
    adopted: Iterable[Plan[JobT]],
    now: datetime,
    ahead_until: datetime | None = None,
) -> list[Plan[JobT]]:
    """Lay out the time each stream still needs, shared wherever cursors are close.

    Jobs left by a stopped run are kept for the streams they continue without a gap. The rest is
    laid out in stretches in which every stream that has come that far takes part, so a stream
    that lags catches up in a stretch of its own until it meets the others. How much of a stretch
    one job exports is decided when it is created, by what is known of file sizes then.

    Args:
        cursors: by stream id.
        adopted: jobs that exist, with the window and streams they were created for.
        now: the end of the last stretch, whole seconds UTC.
        ahead_until: as for ``Cursor.is_continued``; such a job is kept as the first read ahead.

    Returns:
        The adopted jobs in date order, then the stretches in date order: an older file must not
        be read after a newer one of the same stream. For each stream they begin at or before its
        bookmark, leave no gap but what has been read ahead of it, and reach ``now``.
    """
    kept, reached = _kept(cursors, adopted, ahead_until)
    stretches = [
        (stream, stretch) for stream, cursor in reached.items() for stretch in cursor.unread(now)
    ]
    return [*kept, *(Plan(window, streams) for window, streams in _shared(_align(stretches)))]


def plan_rereading(
    cursors: Mapping[str, Cursor], adopted: Iterable[Plan[JobT]], now: datetime
) -> list[Plan[JobT]]:
    """Lay out what is exported beside pages: once a day, everything that may have shown late.

    Pages bring what is new early, and settle nothing. So once in DEEP_EVERY a job exports
    everything from the settled point on, as where nothing is read by pages. A run that reads
    increments does not wait for it: a later run takes up its file. ``now`` is the end of the
    stretch, whole seconds UTC.

    Returns:
        As :func:`plan_windows` the adopted jobs that settle something or move a bookmark, in date
        order. Then one stretch for all streams that are to be read again from their settled points
        on and of which no such job is left; no stretch if there are no such streams.
    """
    kept, reached = _kept(cursors, adopted)
    due = {stream: each.start(now) for stream, each in reached.items() if each.rereads(now)}
    start = min(due.values(), default=now)
    return [*kept, Plan(Window(start, now), tuple(due))] if start < now else kept


def _kept(
    cursors: Mapping[str, Cursor],
    adopted: Iterable[Plan[JobT]],
    ahead_until: datetime | None = None,
) -> tuple[list[Plan[JobT]], dict[str, Cursor]]:
    """Return the jobs that are still of use, in date order, each for the streams it continues.

    And how far the streams have been read once these jobs have been.
    """
    reached = dict(cursors)
    plans: list[Plan[JobT]] = []
    for plan in sorted(adopted, key=lambda each: each.window):
        continued = tuple(
            stream
            for stream in plan.streams
            if stream in cursors
            and reached[stream].is_continued(plan.window, plan.made, ahead_until)
        )
        if continued:
            plans.append(Plan(plan.window, continued, plan.job, plan.made))
            reached = cursors_after(reached, plans[-1:])
    return plans, reached


def cursors_after(cursors: Mapping[str, Cursor], plans: Iterable[Plan[JobT]]) -> dict[str, Cursor]:
    """Return how far the streams have been read when some plans have been read as well."""
    reached = dict(cursors)
    for plan in plans:
        for stream in plan.streams:
            reached[stream] = reached[stream].after(plan.window, plan.made)
    return reached


def _align(stretches: Iterable[tuple[str, Window]]) -> Iterator[tuple[str, Window]]:
    leader: datetime | None = None
    for stream, stretch in sorted(stretches, key=lambda item: item[1].start):
        if leader is None or stretch.start - leader >= TOGETHER:
            leader = stretch.start
        yield stream, Window(leader, stretch.end)


def _shared(
    stretches: Iterable[tuple[str, Window]],
) -> Iterator[tuple[Window, tuple[str, ...]]]:
    """Yield the stretches in date order, those of several streams together where they overlap."""
    stretches = list(stretches)
    edges = sorted({edge for _, stretch in stretches for edge in (stretch.start, stretch.end)})
    for start, end in pairwise(edges):
        within = [name for name, each in stretches if each.start <= start < each.end]
        if within:
            # What is ahead of a bookmark may be so short that both stretches of a stream meet.
            yield Window(start, end), tuple(dict.fromkeys(within))


def expiring_first(
    plans: Sequence[Plan[JobT]],
    cursors: Mapping[str, Cursor],
    expiring: Collection[str],
    since: datetime,
    soon: datetime,
) -> list[Plan[JobT]]:
    """Put stretches into the order in which less expires, where a day is too small for all.

    Marketo deletes what is older than it keeps. In date order a first sync of several days would
    read what stays for years, and let a day of the rest expire for each day it takes. So it begins
    with what is deleted next, goes on to now, and reads what is older at last::

         bookmark                        since           soon            now
            |                              |               |              |
            |---------- at last -----------|-- before all -|---- then ----|

    Args:
        plans: stretches of time in date order, without jobs.
        cursors: how far their streams will have been read when it is their turn.
        expiring: the streams of which Marketo deletes what is older than ``since``.
        since: where reading ahead begins; for a stream of which something has been read ahead,
            it goes on there instead, so that there is never a second gap.
        soon: what is older is deleted soon.

    Returns:
        The same stretches, cut where their turns differ. What is deleted soon comes before what
        other families have to read, the older ones in date order among these.
    """
    begins = {
        stream: cursor.ahead.earliest if cursor.ahead else since
        for stream, cursor in cursors.items()
    }
    newer: list[Plan[JobT]] = []
    older: list[Plan[JobT]] = []
    for plan in plans:
        for window in _cut(plan.window, {soon, *(begins[stream] for stream in plan.streams)}):
            ahead = tuple(stream for stream in plan.streams if begins[stream] <= window.start)
            rest = tuple(stream for stream in plan.streams if stream not in ahead)
            newer += [Plan(window, ahead)] if ahead else []
            older += [Plan(window, rest)] if rest else []
    then = older[0].window.start if older else None
    return [
        *(replace(plan, turn=EVER if _is_urgent(plan, expiring, soon) else then) for plan in newer),
        *older,
    ]


def _is_urgent(plan: Plan[JobT], expiring: Collection[str], soon: datetime) -> bool:
    return plan.window.start < soon and any(stream in expiring for stream in plan.streams)


def _cut(window: Window, moments: Collection[datetime]) -> Iterator[Window]:
    within = {moment for moment in moments if window.start < moment < window.end}
    for start, end in pairwise(sorted({window.start, *within, window.end})):
        yield Window(start, end)
