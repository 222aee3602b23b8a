"""How far streams have been read: what a window adds to that, and where a run begins to read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tap_marketo.protocol.position import Ahead, Bookmark
from tap_marketo.protocol.state import State
from tap_marketo.times import EVER, Window, before

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


def cursor_at(
    state: State, stream: str, replication_key: str, earliest: datetime, lookback: timedelta
) -> Cursor:
    """Return how far the state says that a stream, by its name there, has been read."""
    ahead = None
    if span := state.ahead(stream):
        ahead = Cursor(span.end, span.settled, span.start, lookback)
    bookmark, settled = state.bookmark(stream, replication_key), state.settled(stream)
    return Cursor(bookmark, settled, earliest, lookback, ahead).joined()


def bookmark_at(cursor: Cursor, replication_key: str) -> Bookmark:
    """Return what the state is to say of a stream that has been read so far."""
    span, ahead = cursor.ahead, None
    if span:
        ahead = Ahead(span.earliest, span.reached, span.settled)
    return Bookmark(replication_key, cursor.reached, cursor.settled, ahead, cursor.rows_change)
