"""The exports of one run: laid out, created, polled, read.

Marketo works on two jobs at a time out of a queue of ten that everybody shares. The engine keeps
a few slots of it filled with the jobs that come next, all families by turns, so that Marketo's
workers do not idle while a file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tap_marketo.clock import Clock
from tap_marketo.errors import ExportQuotaError, MarketoError, TapError
from tap_marketo.exports.download import InterruptedDownloadError
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.failed_exports import FailedExports
from tap_marketo.exports.family import BulkFamily, Files, SyncContext
from tap_marketo.exports.job_creator import JobChooser, JobCreator
from tap_marketo.exports.job_queue import WAITING, FamilyQueue, Job
from tap_marketo.exports.job_tracker import JobTracker
from tap_marketo.exports.progress import Progress
from tap_marketo.exports.reader import ExportReader
from tap_marketo.failures import Failures
from tap_marketo.log import MEGABYTE, some_of
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import ExportStatus
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Position
from tap_marketo.times import next_allowance_reset, to_marketo

# Whoever asks a program to end does not wait for long.
_SECONDS_TO_END = 4.0


class ExportEngine:
    """Exports what the bulk families of one run have to read."""

    def __init__(
        self,
        client: MarketoClient,
        clock: Clock,
        context: SyncContext,
        emitter: Emitter,
        failures: Failures,
        show: Callable[[bool], None],
    ) -> None:
        """Put the parts together; ``show`` takes whether Marketo was just asked about jobs."""
        self._client = client
        self._emitter = emitter
        self._show = show
        self._run = run = ExportRun(client, clock, context, failures, emitter.move_to)
        self._tracker = JobTracker(run)
        self._failed = FailedExports(run)
        self._chooser = JobChooser(run, clock)
        self._creator = JobCreator(run, self._chooser)
        self._reader = ExportReader(run, emitter, self.look_after)
        self._reading: Job | None = None
        self._is_working = False

    def start(self, families: Sequence[BulkFamily]) -> None:
        """Learn from the jobs of the last days, and lay out what the families have to read.

        A family that was started before is laid out again, as it may have to read more by now.
        """
        if families and not self._run.families:
            self._tracker.learn(families)
        for family in families:
            self._run.skip_failed(family)
            queue = self._run.add(family)
            if family not in self._run.failed:
                self._creator.line_up(queue)

    def expect_families(self, more: bool) -> None:
        """Set whether more families may be started."""
        self._run.may_grow = more

    def drop(self, family: str, bulk_object: str) -> None:
        """Cancel the jobs that the state holds for a family that is no longer selected."""
        for export in self._run.context.pending(family):
            self._run.cancel(bulk_object, export.export_id)
        self._emitter.move_to(Position(exports={family: []}), at_once=True)

    def look_after(self) -> None:
        """Do what is due about the jobs, and show how far they are. Quick when nothing is due.

        Raises:
            TapError: what concerns the whole run.
        """
        # It may be called from within: a STATE message of ours waits for the target.
        has_polled = False
        if not self._is_working:
            self._is_working = True
            try:
                has_polled = self._poll()
                self._fill()
            finally:
                self._is_working = False
        self._show(has_polled)

    def read_next(self) -> bool:
        """Read the export whose turn it is, if its file can be read; return whether one was."""
        for queue in self._run.queues:
            job = queue.jobs[0] if queue.jobs else None
            if job and job.is_given_up:
                self._reader.pass_over(job)
                return True
            is_ready = job is not None and job.status is ExportStatus.COMPLETED
            if job and is_ready and queue.family.files is not Files.LATER:
                self._reading = job
                self._read(job)
                self._reading = None
                return True
        return False

    def end_early(self) -> None:
        """Cancel the jobs that Marketo has not begun, because the program is asked to end."""
        self._client.set_deadline(_SECONDS_TO_END)
        self._failed.cancel_waiting(self._run.queues)

    @property
    def is_done(self) -> bool:
        """Whether no job that the run waits for can get any further."""
        return all(self._creator.is_stuck(queue) for queue in self._awaited())

    @property
    def spent(self) -> list[BulkFamily]:
        """The families of which something has to wait for another day's bytes."""
        if self._creator.quota_spent is None:
            return []
        return [queue.family for queue in self._awaited() if queue.jobs]

    def seconds_to_wait(self) -> float:
        """Return for how many seconds there will be nothing to do."""
        now, interval = self._run.clock.monotonic(), self._run.config.poll_interval
        times = [queue.next_poll(interval) for queue in self._run.queues if queue.polled()]
        if self._creator.queue_full_until > now:
            times.append(self._creator.queue_full_until)
        return max(0.0, min(times, default=now + interval) - now)

    def progress(self) -> Progress:
        """Return how far the exports are."""
        jobs = [job for queue in self._run.queues for job in queue.jobs if job.export_id]
        statuses = [job.status for job in jobs]
        budget, allowance = self._client.budget, self._run.allowance
        return Progress(
            read=self._reader.jobs_read,
            to_make=self._chooser.jobs_to_create(),
            queued=sum(status in (None, *WAITING) for status in statuses),
            processing=statuses.count(ExportStatus.PROCESSING),
            ready=statuses.count(ExportStatus.COMPLETED),
            reading=self._reading.name if self._reading else "",
            rows=self._emitter.counts.total(),
            bytes_read=self._reader.bytes_read,
            bytes_today=allowance.used(self._run.clock.now()),
            bytes_allowed=allowance.limit,
            calls_today=budget.used,
            calls_allowed=budget.allowed,
            seconds_to_wait=self.seconds_to_wait(),
            seconds_left=self._chooser.seconds_left(),
        )

    def announce(self) -> None:
        """Write the SCHEMA messages of streams without rows, too."""
        for family in self._run.families:
            for stream in family.streams:
                family.announce(stream, self._emitter)

    def check_quota(self) -> None:
        """End the run for today if something could not be exported.

        Raises:
            ExportQuotaError: a day's allowance is spent; it says what is left to do, and when.
        """
        spent = self._creator.quota_spent
        left = [_left(queue) for queue in self._awaited() if queue.jobs]
        if spent is None or not left:
            return
        now = self._run.clock.now()
        used, resets = self._run.allowance.used(now) / MEGABYTE, next_allowance_reset(now)
        raise ExportQuotaError(
            "Bulk exports",
            f"{spent.reason}. This API user has exported {used:,.1f} MB today. Left to do: "
            f"{'; '.join(left)}. The next run can continue at {to_marketo(resets)}",
            spent.code,
        )

    def _awaited(self) -> list[FamilyQueue]:
        return [queue for queue in self._run.queues if queue.family.files is Files.AWAITED]

    def _poll(self) -> bool:
        """Poll the jobs for which it is due; return whether Marketo was asked."""
        has_polled = False
        for queue in self._run.queues:
            try:
                has_polled = self._tracker.poll(queue, self._failed.give_up) or has_polled
            except TapError as error:
                # After an error of Marketo's it would be vain to ask it which jobs have begun.
                self._failed.fail(queue.family, error, ask=not isinstance(error, MarketoError))
        if has_polled:
            for family, given_up in self._tracker.given_up():
                self._failed.fail(family, given_up)
        return has_polled

    def _fill(self) -> None:
        while (job := self._creator.next_job()) is not None:
            try:
                if not self._creator.advance(job):
                    return
            except TapError as error:
                self._failed.give_up(job, error)

    def _read(self, job: Job) -> None:
        try:
            self._reader.read(job)
        except (MarketoError, InterruptedDownloadError) as error:
            # There is a file, which the next run reads.
            self._failed.fail(job.family, error)
        except TapError as error:
            self._failed.give_up(job, error)


def _left(queue: FamilyQueue) -> str:
    """Name what of a family has not been exported, and from which date on."""
    streams = sorted({stream for job in queue.jobs for stream in job.plan.streams})
    return f"{some_of(streams)} from {queue.family.beginning(queue.earliest())}"
