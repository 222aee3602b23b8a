"""The order in which stretches are read where a day is too small for all, and something expires.

Marketo deletes what is older than it keeps. In date order a first sync of several days would read
what stays for years, and let a day of the rest expire for each day it takes. So it begins with what
is deleted next, goes on to now, and reads what is older at last::

     bookmark                        since           soon            now
        |                              |               |              |
        |---------- at last -----------|-- before all -|---- then ----|
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from tap_marketo.exports.windows import Cursor, JobT, Plan
from tap_marketo.times import EVER, Window


def expiring_first(
    plans: Sequence[Plan[JobT]],
    cursors: Mapping[str, Cursor],
    expiring: Collection[str],
    since: datetime,
    soon: datetime,
) -> list[Plan[JobT]]:
    """Put stretches into the order in which less expires.

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
