"""Exports beside increments by pages: once a day, everything that may have shown late.

Pages bring what is new early, and settle nothing. So once in DEEP_EVERY a job exports everything
from the settled point on, as where nothing is read by pages. A run that reads increments does not
wait for it: a later run takes up its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from tap_marketo.exports.windows import Cursor, JobT, Plan
from tap_marketo.times import Window


def plan_rereading(
    cursors: Mapping[str, Cursor], adopted: Iterable[Plan[JobT]], now: datetime
) -> list[Plan[JobT]]:
    """Lay out what is exported beside pages.

    Args:
        cursors: by stream id.
        adopted: jobs that an earlier run made, with the window and streams they were made for.
        now: the end of the stretch, whole seconds UTC.

    Returns:
        The jobs that settle something or move a bookmark, in date order. Then, of the streams that
        are to be read again from their settled points on, and of which no such job is left, one
        stretch for all of them; empty if there are none.
    """
    reached = dict(cursors)
    plans: list[Plan[JobT]] = []
    for plan in sorted(adopted, key=lambda each: each.window):
        served = tuple(
            stream
            for stream in plan.streams
            if stream in reached and reached[stream].is_continued(plan.window, plan.made)
        )
        if served:
            plans.append(Plan(plan.window, served, plan.job, plan.made))
            for stream in served:
                reached[stream] = reached[stream].after(plan.window, plan.made)
    due = {stream: each.start(now) for stream, each in reached.items() if each.rereads(now)}
    start = min(due.values(), default=now)
    if start < now:
        plans.append(Plan(Window(start, now), tuple(due)))
    return plans
