"""Looks at the export jobs that Marketo works on, and what each look tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from singer import metrics

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import ExportError
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import Line, Lines, cancel_quietly
from tap_marketo.exports.looks import RecentJobs
from tap_marketo.log import LOGGER, log_timer
from tap_marketo.marketo.export_calls import ExportApi, ExportInfo, ExportStatus, FinishedExport

# For how many job_timeouts Marketo may begin none of the jobs that wait, and for how many more
# what has had no place in the queue until then may wait for one and in it.
_PATIENCE = 8
_LAST_CHANCE = 1

_BEGUN = (ExportStatus.PROCESSING, ExportStatus.COMPLETED, ExportStatus.FAILED)


class Patience:
    """For how long Marketo may begin no job of a run while some of them wait.

    The clock starts anew whenever Marketo begins one, and when none waits. Once it has run out, it
    goes on for what has had no place yet: a run in which Marketo begins nothing ends after nine
    job_timeouts, however many families it has.

    Attributes:
        waited: seconds for which none has been begun.
        has_run_out: whether that was too long for the first time already.
    """

    def __init__(self, timeout: float) -> None:
        """Begin with no job waiting (job_timeout, seconds)."""
        self._timeout = timeout
        self._since: float | None = None
        self.waited = 0.0
        self.has_run_out = False

    def restart(self) -> None:
        """Take note that Marketo has begun a job."""
        self._since, self.has_run_out = None, False

    def is_over(self, waits: bool, now: float) -> bool:
        """Say whether Marketo has begun nothing for too long (now: monotonic seconds)."""
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


class JobWatcher:
    """Watches jobs, learns what they cost and how long they take.

    Attributes:
        patience: how long Marketo may begin none of them.
    """

    def __init__(
        self,
        api: ExportApi,
        clock: Clock,
        config: Config,
        allowance: ExportAllowance,
        lines: Lines,
    ) -> None:
        """Watch the jobs of some lines.

        Args:
            api: the calls.
            clock: measures.
            config: poll_interval, job_timeout.
            allowance: counts the bytes of finished jobs.
            lines: whose jobs are watched.
        """
        self._api = api
        self._clock = clock
        self._interval = config.poll_interval
        self._scale = config.wait_scale
        self._timeout = config.job_timeout
        self._allowance = allowance
        self._lines = lines
        self._recent: defaultdict[str, RecentJobs] = defaultdict(RecentJobs)
        self.patience = Patience(config.job_timeout)

    def recent(self, bulk_object: str) -> RecentJobs:
        """Return how long Marketo took for the last jobs of an object."""
        return self._recent[bulk_object]

    def learn(self, exports: Iterable[FinishedExport]) -> None:
        """Learn from jobs of earlier runs how long Marketo takes."""
        for export in sorted(exports, key=lambda export: export.finished_at):
            self._learn(export)

    def watch(self, line: Line) -> bool:
        """Look at the jobs of a line, if a look is due.

        Returns:
            Whether Marketo was asked.

        Raises:
            ExportError: a job failed for good.
            MarketoError: the call was refused.
        """
        if self._clock.monotonic() < line.next_look(self._interval):
            return False
        jobs = line.watched()
        ids = {job.export_id for job in jobs if job.export_id}
        infos = self._api.look_up(line.family.bulk_object, ids)
        line.last_look = self._clock.monotonic()
        for job in jobs:
            self._take_note(job, infos)
        return True

    def _take_note(self, job: Job, infos: Mapping[str, ExportInfo]) -> None:
        info = infos.get(job.export_id or "")
        if info is None:
            if job.status is None:
                self._lines.discard(job, "Marketo no longer has it")
            else:
                self._lines.make_anew(job, "Marketo no longer has it")
            return
        now = self._clock.monotonic()
        self._see_begun(job, info, now)
        if info.status in _BEGUN and job.status is not info.status:
            self.patience.restart()
        if job.status is None:
            job.enqueued = now
            LOGGER.info("Taking up the %s: %s.", job.name, info.status.value)
        elif job.status is not info.status:
            LOGGER.info("The %s is %s.", job.name, info.status.value)
        job.status, job.info = info.status, info
        if info.status is ExportStatus.COMPLETED:
            self._count_bytes(job, info)
            tags = {metrics.Tag.job_type: f"{job.family.name}_export"}
            log_timer(metrics.Metric.job_duration, now - job.enqueued, tags)
        elif info.status is ExportStatus.CANCELLED and job.plan.job:
            # As the run that left it was asked to end.
            self._lines.discard(job, "it was cancelled")
        elif info.status in (ExportStatus.FAILED, ExportStatus.CANCELLED):
            self._lines.make_anew(job, info.error or f"Marketo says {info.status.value}")
        elif info.status is ExportStatus.PROCESSING:
            job.processed = now if job.processed is None else job.processed
            self._give_up_after(job, now - job.processed)

    def _see_begun(self, job: Job, info: ExportInfo, now: float) -> None:
        """Learn when a job was begun: what Marketo says may be as old as its status."""
        if info.status is ExportStatus.QUEUED:
            job.begun = max(job.enqueued, now - self._interval)
        elif info.waited is not None and job.status is not None:
            job.begun = job.enqueued + info.waited * self._scale

    def _count_bytes(self, job: Job, info: ExportInfo) -> None:
        size, finished_at = info.file_size or 0, info.finished_at or self._clock.now()
        export = FinishedExport(
            info.export_id, finished_at, size, job.family.bulk_object, info.took
        )
        self._allowance.add(export, job.family.name, job.plan.window, len(job.plan.ids))
        self._learn(export)

    def _learn(self, export: FinishedExport) -> None:
        if export.took is not None:
            # In our seconds, of which a fast sandbox on this machine has fewer.
            self._recent[export.bulk_object].add(export.took * self._scale)

    def _give_up_after(self, job: Job, seconds: float) -> None:
        if seconds <= self._timeout:
            return
        name, export_id = job.name, job.export_id
        job.forget()
        self._lines.tell(self._lines.of(job))
        cancel_quietly(self._api, job.family.bulk_object, export_id or "")
        raise ExportError(
            f"The {name} has been processed for {seconds:,.0f} s, longer than job_timeout "
            f"({self._timeout:,.0f} s) allows, and was cancelled. The next run makes it anew; "
            "raise job_timeout, or lower max_export_days for smaller exports."
        )
