"""What becomes of export jobs when the program is asked to end.

A job that still waits in the queue would be processed for nobody and spend the day's bytes: it is
cancelled. One that is being processed has spent them: the next run takes it up from the state.
"""

from __future__ import annotations

from tap_marketo.errors import MarketoError
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import Line, Lines, cancel_quietly
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus

_WAITING = (ExportStatus.CREATED, ExportStatus.QUEUED)


def cancel_waiting_jobs(api: ExportApi, lines: Lines) -> None:
    """Cancel the jobs that Marketo has not begun, as far as there is time."""
    waiting = [job for line in lines for job in _waiting(api, line)]
    for job in waiting:
        cancel_quietly(api, job.family.bulk_object, job.export_id or "", "which has not been begun")


def _waiting(api: ExportApi, line: Line) -> list[Job]:
    jobs = [job for job in line.jobs if job.export_id and job.status in _WAITING]
    if all(job.status is ExportStatus.CREATED for job in jobs):
        return jobs
    ids = [job.export_id for job in jobs if job.export_id]
    try:
        infos = api.look_up(line.family.bulk_object, ids)
    except MarketoError:
        # Then what was said last counts.
        return jobs
    return [
        job for job in jobs if job.export_id in infos and infos[job.export_id].status in _WAITING
    ]
