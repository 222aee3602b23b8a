"""Polls the export jobs that Marketo has, and decides what each status means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from singer import metrics

from tap_marketo.errors import NOT_HERE, ExportError, FailedExportError, TapError
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.job_queue import FamilyQueue, Job
from tap_marketo.log import LOGGER, log_metric, some_of
from tap_marketo.marketo.export_calls import ExportInfo, ExportStatus, FinishedExport

_BEGUN = (ExportStatus.PROCESSING, ExportStatus.COMPLETED, ExportStatus.FAILED)

# For how many job_timeouts Marketo may begin none of the jobs that wait, and for how many more the
# families without a slot in the queue until then may wait for one and in it.
_PATIENCE = 8
_LAST_CHANCE = 1


class Patience:
    """For how long Marketo may begin no job of a run while some of them wait.

    The clock restarts whenever Marketo begins a job, and when none waits. Once it has run out, it
    goes on for the families that have had no slot yet: a run in which Marketo begins nothing ends
    after nine job_timeouts, however many families it has. ``waited`` is for how many seconds none
    has been begun; ``has_run_out`` says whether that was too long for the first time already.
    """

    def __init__(self, timeout: float) -> None:
        """Begin with no job waiting (job_timeout, seconds)."""
        self._timeout = timeout
        self._since: float | None = None
        self.waited = 0.0
        self.has_run_out = False

    def restart(self) -> None:
        """Note that Marketo has begun a job."""
        self._since, self.has_run_out = None, False

    def is_over(self, waits: bool, now: float) -> bool:
        """Return whether Marketo has begun nothing for too long (now: monotonic seconds)."""
        if not waits and not self.has_run_out:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        self.waited = now - self._since
        return waits and self.waited > self.limit

    @property
    def limit(self) -> float:
        """Seconds for which Marketo may begin nothing."""
        return self._timeout * (_PATIENCE + (_LAST_CHANCE if self.has_run_out else 0))


class JobTracker:
    """Polls jobs, learns what they cost and how long they take, gives up those that get nowhere."""

    def __init__(self, run: ExportRun) -> None:
        self._run = run
        self._timeout = run.config.job_timeout
        self._scale = run.config.wait_scale
        self._patience = Patience(run.config.job_timeout)

    def learn(self, families: Sequence[BulkFamily]) -> None:
        """Learn from the last days' jobs of all objects how long Marketo takes, and what is used.

        An object whose jobs cannot be seen cannot be polled: those of the ``families`` that are to
        be added fail.

        Raises:
            TapError: what concerns the whole run.
        """
        for bulk_object in self._run.context.bulk_objects():
            own = [family for family in families if family.bulk_object == bulk_object]
            try:
                finished = self._run.api.finished(bulk_object)
            except NOT_HERE as error:
                LOGGER.info("Exports of %s are not counted: %s", bulk_object, error)
            except TapError as error:
                for family in own:
                    self._run.fail(family, error)
                if not own:
                    self._run.failures.tolerate(error)
                    LOGGER.warning("Exports of %s are not counted: %s", bulk_object, error)
            else:
                self._run.allowance.take_over(finished)
                for export in sorted(finished, key=lambda export: export.finished_at):
                    self._learn(export)

    def poll(self, queue: FamilyQueue, give_up: Callable[[Job, TapError], object]) -> bool:
        """Poll the jobs of a family, if that is due; return whether it was.

        ``give_up`` takes a job that has failed for good, with the reason.

        Raises:
            ExportError: a job has been processed for too long.
            MarketoError: the call was refused.
        """
        clock = self._run.clock
        if clock.monotonic() < queue.next_poll(self._run.config.poll_interval):
            return False
        jobs = queue.polled()
        ids = {job.export_id for job in jobs if job.export_id}
        infos = self._run.api.look_up(queue.family.bulk_object, ids)
        queue.last_poll = clock.monotonic()
        for job in jobs:
            try:
                self._note(job, infos)
            except FailedExportError as error:
                give_up(job, error)
        return True

    def given_up(self) -> Iterator[tuple[BulkFamily, ExportError]]:
        """Yield the families whose jobs wait, if Marketo has begun none for too long.

        Those that have had no slot until then have one job_timeout left, all together.
        """
        patience = self._patience
        waiting = [queue for queue in self._run.queues if queue.enqueued()]
        if not patience.is_over(bool(waiting), self._run.clock.monotonic()):
            return
        if patience.has_run_out:
            waiting = [queue for queue in self._run.queues if queue.enqueued() or queue.to_create()]
        reason = (
            f"Marketo has begun none of the waiting exports for {patience.waited:,.0f} s, longer "
            f"than job_timeout allows ({patience.limit:,.0f} s without a begin)"
        )
        patience.has_run_out = True
        for queue in waiting:
            jobs = queue.enqueued() or queue.to_create()
            names = some_of([job.name for job in jobs], most=1)
            yield (
                queue.family,
                ExportError(
                    f"{reason}: {names}. What waits is cancelled, and the next run creates it "
                    "again. Run again later, or raise job_timeout."
                ),
            )

    def _note(self, job: Job, infos: Mapping[str, ExportInfo]) -> None:
        info, run = infos.get(job.export_id or ""), self._run
        if info is None:
            is_ours = job.status is not None
            (run.recreate if is_ours else run.replace)(job, "Marketo no longer has it")
            return
        now = run.clock.monotonic()
        self._note_begin(job, info, now)
        if job.status is None:
            job.enqueued = now
            LOGGER.info(
                "Resuming the %s from the previous run (status: %s).", job.name, info.status.value
            )
        elif job.status is not info.status:
            LOGGER.info("%s is %s.", job.name, info.status.value)
        job.status, job.info = info.status, info
        if info.status is ExportStatus.COMPLETED:
            self._count_bytes(job, info)
            tags = {
                metrics.Tag.job_type: f"{job.family.name}_export",
                metrics.Tag.status: metrics.Status.succeeded,
            }
            log_metric("timer", metrics.Metric.job_duration, now - job.enqueued, tags)
        elif info.status is ExportStatus.CANCELLED and job.plan.job:
            # As the run that left it was asked to end.
            run.replace(job, "it was cancelled")
        elif info.status in (ExportStatus.FAILED, ExportStatus.CANCELLED):
            run.recreate(job, info.error or f"Marketo says {info.status.value}")
        elif info.status is ExportStatus.PROCESSING:
            job.processed = now if job.processed is None else job.processed
            if now - job.processed > self._timeout:
                self._give_up(job, now - job.processed)

    def _note_begin(self, job: Job, info: ExportInfo, now: float) -> None:
        """Learn when a job was begun: what Marketo says may be as old as its status."""
        if info.status in _BEGUN and job.status is not info.status:
            self._patience.restart()
        if info.status is ExportStatus.QUEUED:
            job.begun = max(job.enqueued, now - self._run.config.poll_interval)
        elif info.waited is not None and job.status is not None:
            job.begun = job.enqueued + info.waited * self._scale

    def _count_bytes(self, job: Job, info: ExportInfo) -> None:
        size, finished_at = info.file_size or 0, info.finished_at or self._run.clock.now()
        export = FinishedExport(
            info.export_id, finished_at, size, job.family.bulk_object, info.took
        )
        self._run.allowance.add(export, job.family.name, job.plan.window, len(job.plan.ids))
        self._learn(export)

    def _learn(self, export: FinishedExport) -> None:
        if export.took is not None:
            # In our seconds, of which a fast sandbox on this machine has fewer.
            self._run.recent[export.bulk_object].add(export.took * self._scale)

    def _give_up(self, job: Job, seconds: float) -> None:
        name, export_id = job.name, job.export_id
        self._run.reset(job)
        self._run.cancel(job.family.bulk_object, export_id or "")
        raise ExportError(
            f"The {name} has been processed for {seconds:,.0f} s, longer than job_timeout "
            f"({self._timeout:,.0f} s) allows, and was cancelled. The next run creates it again; "
            "raise job_timeout, or lower max_export_days for smaller exports."
        )
