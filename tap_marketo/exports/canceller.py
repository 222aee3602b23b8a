"""Cancels the export jobs that Marketo has not begun, when nobody is going to read their files.

A job that still waits in the queue would hold its place there and spend the day's bytes for
nobody. One that is being processed has spent them: it stays in the state, and the next run
resumes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tap_marketo.errors import DataError, TapError, ThrottledError, TransientError
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import WAITING, Line, cancel_quietly
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus


def cancel_waiting_jobs(api: ExportApi, lines: Iterable[Line], *, ask: bool = True) -> list[Job]:
    """Cancel the jobs that Marketo has not begun; return those that are cancelled.

    Once Marketo does not answer, the remaining ones are left: each would take as long.

    Args:
        api: the calls.
        lines: whose jobs.
        ask: whether Marketo is asked first; if not, what it said last counts.
    """
    cancelled = []
    waiting = [job for line in lines for job in (_waiting(api, line) if ask else line.waiting())]
    for job in waiting:
        error = cancel_quietly(
            api, job.family.bulk_object, job.export_id or "", "which has not been begun"
        )
        if error is None:
            cancelled.append(job)
        elif isinstance(error, (TransientError, ThrottledError)):
            break
    return cancelled


def _waiting(api: ExportApi, line: Line) -> list[Job]:
    """Return the jobs that Marketo has not begun, as it says now."""
    waiting = line.waiting()
    if all(job.status is ExportStatus.CREATED for job in line.jobs if job.export_id):
        # What is not enqueued is not begun.
        return waiting
    ids = [job.export_id for job in line.jobs if job.export_id]
    try:
        known = _statuses(api, line.family.bulk_object, ids)
    except TapError:
        # Then what Marketo said last counts.
        return waiting
    return [job for job in line.jobs if known.get(job.export_id or "") in WAITING]


def _statuses(api: ExportApi, bulk_object: str, ids: Sequence[str]) -> dict[str, ExportStatus]:
    """Return the statuses of jobs; one that this version does not know is left out."""
    try:
        infos = api.look_up(bulk_object, ids)
    except DataError:
        if len(ids) == 1:
            return {}
        # Each by itself: what is wrong with one says nothing of the others.
        each = [_statuses(api, bulk_object, [export_id]) for export_id in ids]
        return {export_id: status for known in each for export_id, status in known.items()}
    return {export_id: info.status for export_id, info in infos.items()}
