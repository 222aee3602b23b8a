"""Goes on without the export jobs that have failed for good, or without their families."""

from __future__ import annotations

from collections.abc import Callable

from tap_marketo.errors import TapError
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.job_canceller import JobCanceller
from tap_marketo.exports.job_queue import Job
from tap_marketo.protocol.position import Position


class FailedExports:
    """Takes jobs and families that have failed out of a run."""

    def __init__(
        self, run: ExportRun, canceller: JobCanceller, move_to: Callable[[Position], None]
    ) -> None:
        """Know of no failure yet; ``move_to`` moves the state."""
        self._run = run
        self._canceller = canceller
        self._move_to = move_to

    def give_up(self, job: Job, error: TapError) -> None:
        """Go on without a job that has failed for good, or without its family.

        Raises:
            TapError: the error concerns the whole run.
        """
        family, queue = job.family, self._run.queue
        if family in queue.failed:
            return
        try:
            plans = family.instead_of(job.plan, error)
        except TapError as final:
            self.fail(family, final)
            return
        if job.export_id:
            self._run.cancel(family.bulk_object, job.export_id)
            job.reset()
        if plans:
            queue.of(family).put_in_place(job, plans)
        self._move_to(Position(failed=family.failed_parts))
        queue.report(family)

    def fail(self, family: BulkFamily, error: TapError, *, ask: bool = True) -> None:
        """Read nothing more of a family, and give back the slots that its jobs hold.

        Args:
            family: which.
            error: why.
            ask: whether Marketo is asked which of its jobs have begun.

        Raises:
            TapError: the error concerns the whole run.
        """
        queues = self._run.fail(family, error)
        self._move_to(Position(failed=family.failed_parts))
        cancelled = self._canceller.cancel_waiting(queues, ask=ask)
        for job in cancelled:
            job.reset()
        if cancelled:
            self._run.queue.report(family)
