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

from tap_marketo.times import Window, before

JobT = TypeVar("JobT")

# Streams that stand less than this apart begin together at the earliest of them: reading a day
# twice for some of them costs less than a job of its own for each.
TOGETHER = timedelta(days=1)

# Rows may show for as long as the look-back after their date. To look back that far in every run
# would export a day of an hourly schedule 25 times. So all runs look back a little, and once in
# this time a run reads from the settled point on, before which nothing can show any more.
DEEP_EVERY = timedelta(hours=18)
_SHALLOW_PART = 96


@dataclass(frozen=True)
class Cursor:
    """How far one stream has been read before the run.

    Attributes:
        bookmark: everything before it has been read once; None for a stream never synced.
        settled: everything before it was read when nothing could show late any more; None where
            that is not known.
        earliest: where a stream never synced begins (start_date).
        lookback: how long after its date a row may show.
    """

    bookmark: datetime | None
    settled: datetime | None
    earliest: datetime
    lookback: timedelta

    def after(self, window: Window, made: datetime | None) -> Cursor:
        """Return the cursor when a window has been read.

        The bookmark moves to the window's end. The settled point moves only if the window begins at
        or before it: what was dated a look-back before the job was created had shown by then::

              settled            bookmark    end         made
                 |                  |         |            |
                                 |------------|                bookmark moves to end
                 |----------------------------|                so does settled, at most to
                                                               made less the look-back

        Args:
            window: it begins at or before the bookmark.
            made: when its job was created; None if that is not known, but it was after the
                window's end.
        """
        settled = self.settled
        if settled is None and self.bookmark is not None:
            settled = before(self.bookmark, self.lookback)
            if made is None:
                # A job that another tap left: what lies before it is taken for settled, for it
                # would cost weeks to read all that again.
                settled = max(settled, window.start)
        # Looking back stops at start_date: what lies before it is as good as settled.
        if settled is None or window.start <= max(settled, self.earliest):
            final = min(window.end, before(made or window.end, self.lookback))
            settled = final if settled is None else max(settled, final)
        bookmark = window.end if self.bookmark is None else max(self.bookmark, window.end)
        return Cursor(bookmark, settled, self.earliest, self.lookback)

    def start(self, now: datetime) -> datetime:
        """Return where a run at this time begins to read."""
        if self.bookmark is None:
            return self.earliest
        if self.settled is None:
            start = before(self.bookmark, self.lookback)
        elif now - self.settled >= self.lookback + DEEP_EVERY:
            start = self.settled
        else:
            start = before(self.bookmark, self.lookback / _SHALLOW_PART)
        # Looking back stops at start_date, unless the bookmark itself lies before it.
        start = min(self.bookmark, max(self.earliest, start))
        return start.replace(microsecond=0)


@dataclass(frozen=True)
class Plan(Generic[JobT]):
    """One job to be read, or a stretch of time for which jobs have to be created.

    Attributes:
        window: what it covers; of any length as long as there is no job.
        streams: which streams it serves.
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
    cursors: Mapping[str, Cursor], adopted: Iterable[Plan[JobT]], now: datetime
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

    Returns:
        The adopted jobs in date order, then the stretches in date order: an older file must not
        be read after a newer one of the same stream. For each stream they begin at or before its
        bookmark, follow each other without a gap, and reach ``now``.
    """
    reached = dict(cursors)
    plans: list[Plan[JobT]] = []
    for plan in sorted(adopted, key=lambda a: a.window):
        continued = tuple(
            stream
            for stream in plan.streams
            if stream in cursors and _continues(plan.window, reached[stream])
        )
        if continued:
            plans.append(Plan(plan.window, continued, plan.job, plan.made))
            for stream in continued:
                reached[stream] = reached[stream].after(plan.window, plan.made)

    starts = {stream: cursor.start(now) for stream, cursor in reached.items()}
    for window, streams in _shared_stretches(_align(starts), now):
        plans.append(Plan(window, streams))
    return plans


def _continues(window: Window, cursor: Cursor) -> bool:
    if cursor.bookmark is None:
        return window.start <= cursor.earliest < window.end
    return window.start <= cursor.bookmark < window.end


def _align(starts: Mapping[str, datetime]) -> dict[str, datetime]:
    aligned: dict[str, datetime] = {}
    leader: datetime | None = None
    for stream, start in sorted(starts.items(), key=lambda item: item[1]):
        if leader is None or start - leader >= TOGETHER:
            leader = start
        aligned[stream] = leader
    return aligned


def _shared_stretches(
    starts: Mapping[str, datetime], now: datetime
) -> Iterable[tuple[Window, tuple[str, ...]]]:
    joins: Sequence[datetime] = sorted({start for start in starts.values() if start < now})
    for index, join in enumerate(joins):
        streams = tuple(stream for stream, start in starts.items() if start <= join)
        until = joins[index + 1] if index + 1 < len(joins) else now
        yield Window(join, until), streams
