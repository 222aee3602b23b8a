"""Date windows: which stretches of time are exported together, for which streams, in what order.

Pure arithmetic. The boundary rule is decided here, once: a window begins exactly where the one
before it ended. Marketo's filters take whole seconds and, in practice, include both ends, so the
one shared second may be sent twice; a gap of a second could lose a row, a row sent twice is an
update to the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Generic, TypeVar

from tap_marketo.times import EVER, Window, before

JobT = TypeVar("JobT")

# Streams that stand less than this apart begin together at the earliest of them: reading a day
# twice for some of them costs less than a job of its own for each.
TOGETHER = timedelta(days=1)

# Rows may show for as long as the look-back after their date. To look back that far in every run
# would export a day of an hourly schedule 25 times. So all runs look back a little, and once in
# this time a run reads from the settled point on, before which nothing can show any more. It is so
# much less than 23 hours that the 23rd run of an hourly schedule is one of these: what it has
# exported, the next run has read within a day.
DEEP_EVERY = timedelta(hours=22, minutes=45)
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
        ahead: what has been read ahead of the bookmark, None for nothing: its ``earliest`` is
            where that begins, its ``bookmark`` where it ends. There is never a second one.
        horizon: nothing older is there any more, so that nothing older is read.
        rows_change: whether a row may come again with other values.
    """

    bookmark: datetime | None
    settled: datetime | None
    earliest: datetime
    lookback: timedelta
    ahead: Cursor | None = None
    horizon: datetime = EVER
    rows_change: bool = False

    @property
    def reached(self) -> datetime:
        """Where what has been read from the beginning on ends."""
        return max(self.bookmark or self.earliest, self.horizon)

    @property
    def last_caught_up(self) -> datetime | None:
        """Up to when it had been read when it last came up to the present; None if never.

        On the way there, in a first sync or after a pause, all that is read is settled at once.
        """
        last = self.ahead or self
        is_on_its_way = self.lookback and last.settled == last.bookmark
        return None if is_on_its_way else last.bookmark

    def after(self, window: Window, made: datetime | None) -> Cursor:
        """Return the cursor when a window has been read.

        The bookmark moves to the window's end. The settled point moves only if the window begins at
        or before it: what was dated a look-back before the job was created had shown by then::

              settled            bookmark    end         made
                 |                  |         |            |
                                 |------------|                bookmark moves to end
                 |----------------------------|                so does settled, at most to
                                                               made less the look-back

        A window that begins after the bookmark is read ahead of it: it begins what is ahead, or
        continues that. The bookmark stays until older windows have come up to there. Where it is
        not known when the job was ``made``, it was after the window's end.
        """
        if window.start > self.reached:
            begun = self.ahead or Cursor(None, None, window.start, self.lookback)
            if window.start > begun.reached:
                raise ValueError(f"{window} leaves a gap behind what has been read ahead")
            ahead = begun.after(window, made)
            return replace(self, bookmark=self.bookmark or self.earliest, ahead=ahead)
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
        if self.rows_change:
            # The file may hold older rows than pages brought since its job was made.
            bookmark = max(window.end, min(bookmark, made or window.end))
        return replace(self, bookmark=bookmark, settled=settled).joined()

    def is_continued(
        self, window: Window, made: datetime | None, ahead_until: datetime | None = None
    ) -> bool:
        """Say whether a window brings something that has not been read, or settles something.

        ``ahead_until`` is where it may begin at the latest if it leaves a gap behind the bookmark;
        None if it may not.
        """
        if window.start <= self.reached < window.end:
            return True
        if self.ahead:
            return self.ahead.earliest <= window.start <= self.ahead.reached < window.end
        if window.start > self.reached:
            return ahead_until is not None and window.start <= ahead_until
        if self.bookmark is None or self.settled is None:
            return False
        settled = self.after(window, made).settled
        return settled is not None and settled > self.settled

    def rereads(self, now: datetime) -> bool:
        """Say whether a run at this time reads again all that may have shown late."""
        return self.settled is None or now - self.settled >= self.lookback + DEEP_EVERY

    def joined(self) -> Cursor:
        """Return the cursor with what is ahead joined to the bookmark, where that has come so far.

        What is ahead is settled only if everything before it is, too.
        """
        ahead, bookmark, settled = self.ahead, self.bookmark, self.settled
        if ahead is None or (bookmark and bookmark < ahead.earliest):
            return self
        if bookmark is None:
            # Without a bookmark nothing has been read, whatever a state says beside it.
            return replace(self, ahead=None)
        if settled and ahead.settled and settled >= ahead.earliest:
            settled = max(settled, ahead.settled)
        return replace(self, bookmark=max(bookmark, ahead.reached), settled=settled, ahead=None)

    def start(self, now: datetime) -> datetime:
        """Return where a run at this time begins to read."""
        if self.bookmark is None:
            return self.earliest
        if self.settled is None:
            return self._back_to(before(self.bookmark, self.lookback))
        return self._back_to(self.settled) if self.rereads(now) else self.recent_start

    @property
    def recent_start(self) -> datetime:
        """Where a run begins to read that looks back a little."""
        if self.bookmark is None:
            return self.earliest
        return self._back_to(before(self.bookmark, self.lookback / _SHALLOW_PART))

    def _back_to(self, start: datetime) -> datetime:
        """Return a start; looking back stops at start_date, unless the bookmark lies before it."""
        start = max(self.horizon, min(self.reached, max(self.earliest, start)))
        return start.replace(microsecond=0)

    def unread(self, now: datetime) -> list[Window]:
        """Return the one or two stretches that a run at this time has to read, in date order."""
        if self.ahead is None:
            stretches = [Window(self.start(now), now)]
        else:
            older = Window(self.start(now), self.ahead.earliest)
            stretches = [older, Window(self.ahead.start(now), now)]
        return [stretch for stretch in stretches if stretch.start < stretch.end]


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
    reached = dict(cursors)
    plans: list[Plan[JobT]] = []
    for plan in sorted(adopted, key=lambda a: a.window):
        continued = tuple(
            stream
            for stream in plan.streams
            if stream in cursors
            and reached[stream].is_continued(plan.window, plan.made, ahead_until)
        )
        if continued:
            kept = Plan(plan.window, continued, plan.job, plan.made)
            plans.append(kept)
            reached.update(cursors_after(reached, [kept]))
    stretches = [
        (stream, stretch) for stream, cursor in reached.items() for stretch in cursor.unread(now)
    ]
    for window, streams in _shared(_align(stretches)):
        plans.append(Plan(window, streams))
    return plans


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
