"""A run goes on without the export jobs, or the families, that have failed for good.

Jobs that wait and that nobody will read are cancelled, as each holds a slot of Marketo's queue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tap_marketo.errors import DataError, TapError, ThrottledError, TransientError
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.job_queue import WAITING, FamilyQueue, Job
from tap_marketo.marketo.export_calls import ExportStatus
from tap_marketo.protocol.position import Position


class FailedExports:
    """Takes jobs and families that have failed out of a run."""

    def __init__(self, run: ExportRun) -> None:
        self._run = run

    def give_up(self, job: Job, error: TapError) -> None:
        """Go on without a job that has failed for good, or without its family.

        Raises:
            TapError: the error concerns the whole run.
        """
        family, run = job.family, self._run
        if family in run.failed:
            return
        try:
            plans = family.instead_of(job.plan, error)
        except TapError as final:
            self.fail(family, final)
            return
        if job.export_id:
            run.cancel(family.bulk_object, job.export_id)
            job.reset()
        if plans:
            run.queue_of(family).put_in_place(job, plans)
        run.move_to(Position(failed=family.failed_parts))
        run.report(family)

    def fail(self, family: BulkFamily, error: TapError, *, ask: bool = True) -> None:
        """Read nothing more of a family, and give back the slots that its jobs hold.

        ``ask`` is as for ``cancel_waiting``.

        Raises:
            TapError: the error concerns the whole run.
        """
        self._run.fail(family, error)
        self._run.move_to(Position(failed=family.failed_parts))
        cancelled = self.cancel_waiting([self._run.queue_of(family)], ask=ask)
        for job in cancelled:
            job.reset()
        if cancelled:
            self._run.report(family)

    def cancel_waiting(self, queues: Iterable[FamilyQueue], *, ask: bool = True) -> list[Job]:
        """Cancel the jobs that Marketo has not begun; return those that are cancelled.

        A job that waits would hold its slot and spend the day's bytes for nobody. One that is
        being processed has spent them: it stays in the state, and the next run resumes it. Once
        Marketo does not answer, the remaining ones are left: each would take as long.

        With ``ask``, Marketo is asked first which of them it has begun. Without it, what Marketo
        said last counts.
        """
        cancelled = []
        for job in [job for q in queues for job in (self._waiting(q) if ask else q.waiting())]:
            why = "which has not been begun"
            error = self._run.cancel(job.family.bulk_object, job.export_id or "", why)
            if error is None:
                cancelled.append(job)
            elif isinstance(error, (TransientError, ThrottledError)):
                break
        return cancelled

    def _waiting(self, queue: FamilyQueue) -> list[Job]:
        """Return the jobs that Marketo has not begun, as it says now."""
        waiting = queue.waiting()
        if all(job.status is ExportStatus.CREATED for job in queue.jobs if job.export_id):
            # What is not enqueued is not begun.
            return waiting
        ids = [job.export_id for job in queue.jobs if job.export_id]
        try:
            known = self._statuses(queue.family.bulk_object, ids)
        except TapError:
            # Then what Marketo said last counts.
            return waiting
        return [job for job in queue.jobs if known.get(job.export_id or "") in WAITING]

    def _statuses(self, bulk_object: str, ids: Collection[str]) -> dict[str, ExportStatus]:
        """Return the statuses of jobs; one that this version does not know is left out."""
        try:
            infos = self._run.api.look_up(bulk_object, ids)
        except DataError:
            if len(ids) == 1:
                return {}
            # Each by itself: what is wrong with one says nothing of the others.
            each = [self._statuses(bulk_object, [export_id]) for export_id in ids]
            return {export_id: status for known in each for export_id, status in known.items()}
        return {export_id: info.status for export_id, info in infos.items()}
