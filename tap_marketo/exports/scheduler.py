"""Which export job is made, enqueued, watched and read when.

Marketo works on two jobs at a time out of a queue of ten that everybody shares. The scheduler
keeps a few places of it filled with the windows that come next, leads and activities side by
side, so that Marketo's workers do not idle while a file is read.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil

from singer import metrics

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import (
    ExportError,
    ExportQuotaError,
    FieldNotFoundError,
    FilterUnavailableError,
    MarketoError,
    OutputClosedError,
    QueueFullError,
)
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.jobs import HOLDS_PLACE, Job, Line
from tap_marketo.exports.looks import RecentJobs
from tap_marketo.exports.windows import Plan
from tap_marketo.log import LOGGER, log_timer
from tap_marketo.marketo.export_calls import ExportApi, ExportInfo, ExportStatus, FinishedExport
from tap_marketo.protocol.state import PendingExport
from tap_marketo.times import to_marketo, whole_seconds

# How often a job that failed is made anew before the run stops.
MAX_REMAKES = 3
# How many job_timeouts a job may stand in the queue without being begun.
_QUEUE_PATIENCE = 8

_MEGABYTE = 1_000_000

Plans = Sequence[Plan[PendingExport]]


class Scheduler:
    """Makes, enqueues and watches the export jobs of one run.

    Attributes:
        quota_spent: why no more jobs are made today, None as long as they are.
    """

    def __init__(
        self,
        api: ExportApi,
        clock: Clock,
        config: Config,
        allowance: ExportAllowance,
        plan: Callable[[BulkFamily], Plans],
        report: Callable[[BulkFamily, Sequence[PendingExport]], None],
    ) -> None:
        """Start with nothing to do.

        Args:
            api: the calls.
            clock: measures.
            config: poll_interval, job_timeout, max_queued_exports, max_export_days.
            allowance: the day's bytes.
            plan: lays out what a family has to read.
            report: is told of all jobs under way of a family whenever they change.
        """
        self._api = api
        self._clock = clock
        self._interval = config.poll_interval
        self._scale = config.wait_scale
        self._timeout = config.job_timeout
        self._places = config.max_queued_exports
        self._longest = timedelta(days=config.max_export_days)
        self._allowance = allowance
        self._plan = plan
        self._report = report
        self._lines: list[Line] = []
        self._recent: defaultdict[str, RecentJobs] = defaultdict(RecentJobs)
        self._queue_full_until = float("-inf")
        self._queue_full_since: float | None = None
        self._working = False
        self.quota_spent: ExportQuotaError | None = None

    def learn(self, exports: Iterable[FinishedExport]) -> None:
        """Learn from jobs of earlier runs how long Marketo takes."""
        for export in sorted(exports, key=lambda export: export.finished_at):
            self._learn(export)

    def add(self, family: BulkFamily) -> None:
        """Plan what a family has to read and line up its jobs."""
        line = Line(family, self._recent[family.bulk_object])
        self._lines.append(line)
        self._line_up(line, self._plan(family))

    def work(self) -> bool:
        """Do what is due now: look at the jobs, fill the queue. Quick when nothing is due.

        Returns:
            Whether Marketo was asked about jobs.

        Raises:
            ExportError: a job failed for good.
            MarketoError: a call was refused.
        """
        if self._working:
            # Called again from within: a STATE message of ours waits for the target.
            return False
        self._working = True
        try:
            looked = [self._watch(line) for line in self._lines]
            self._fill()
        finally:
            self._working = False
        return any(looked)

    def take_ready(self) -> Job | None:
        """Return a job whose file can be read and whose turn it is, None if there is none."""
        for line in self._lines:
            if line.jobs and line.jobs[0].status is ExportStatus.COMPLETED:
                return line.jobs[0]
        return None

    def finish(self, job: Job) -> list[PendingExport]:
        """Take a job that has been read out of its line; return those of its family still there."""
        line = self._line_of(job)
        line.jobs.remove(job)
        return line.pending()

    def fail(self, job: Job, why: str) -> None:
        """Make a job anew whose export or file turned out to be no good.

        Raises:
            ExportError: it was made anew often enough.
        """
        name, job.remakes = job.name, job.remakes + 1
        self._reset(job)
        if job.remakes > MAX_REMAKES:
            raise ExportError(
                f"The {name} failed {job.remakes} times, the last time: {why}. Run again later; "
                "a smaller max_export_days makes smaller exports."
            )
        LOGGER.warning("The %s failed: %s. Making it anew.", name, why)

    def discard(self, job: Job, why: str) -> None:
        """Make a job anew that was left by an earlier run and is of no use any more."""
        LOGGER.info("The %s of an earlier run cannot be used: %s.", job.name, why)
        self._reset(job)

    @property
    def is_done(self) -> bool:
        """Whether no job can get any further."""
        return all(self._is_stuck(line) for line in self._lines)

    def left_to_do(self) -> list[str]:
        """Say of each family what has not been exported, and from which date."""
        left = []
        for line in self._lines:
            if line.jobs:
                streams = sorted({stream for job in line.jobs for stream in job.plan.streams})
                since = min(job.plan.window.start for job in line.jobs)
                left.append(f"{_listed(streams)} from {to_marketo(since)}")
        return left

    def seconds_to_wait(self) -> float:
        """Return for how many seconds there will be nothing to do."""
        now = self._clock.monotonic()
        times = [line.next_look(self._interval) for line in self._lines if line.watched()]
        if self._queue_full_until > now:
            times.append(self._queue_full_until)
        return max(0.0, min(times, default=now + self._interval) - now)

    def progress(self) -> str:
        """Say in a few words how many jobs are where."""
        statuses = [job.status for line in self._lines for job in line.jobs if job.export_id]
        waiting = sum(self._jobs_in(job) for line in self._lines for job in line.unmade())
        queued = sum(status in (None, *HOLDS_PLACE[:2]) for status in statuses)
        processing = statuses.count(ExportStatus.PROCESSING)
        ready = statuses.count(ExportStatus.COMPLETED)
        made = f"{queued} queued, {processing} processing, {ready} ready"
        return f"about {waiting} to be made, {made}" if waiting else made

    def _is_stuck(self, line: Line) -> bool:
        if not line.jobs:
            return True
        first = line.jobs[0]
        unmade = first.export_id is None or first.status is ExportStatus.CREATED
        return self.quota_spent is not None and unmade

    def _line_of(self, job: Job) -> Line:
        return next(line for line in self._lines if line.family is job.family)

    def _line_up(self, line: Line, plans: Plans) -> None:
        line.jobs = deque(
            Job(line.family, plan, plan.job.export_id if plan.job else None) for plan in plans
        )
        if line.jobs:
            LOGGER.info(
                "%s: about %d exports from %s to %s.",
                line.family.name,
                sum(map(self._jobs_in, line.jobs)),
                to_marketo(line.jobs[0].plan.window.start),
                to_marketo(line.jobs[-1].plan.window.end),
            )

    def _jobs_in(self, job: Job) -> int:
        """Return how many jobs its window will take, as far as can be told."""
        if job.export_id is not None:
            return 1
        window = job.plan.window
        part = self._allowance.one_job(job.family.name, window, self._longest)
        return ceil(window.length / part.length)

    def _reset(self, job: Job) -> None:
        job.export_id = job.status = job.info = job.processed = job.begun = None
        job.downloads = 0
        job.plan = replace(job.plan, job=None, made=None)
        line = self._line_of(job)
        self._report(line.family, line.pending())

    def _watch(self, line: Line) -> bool:
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
                self.discard(job, "Marketo no longer has it")
            else:
                self.fail(job, "Marketo no longer has it")
            return
        now = self._clock.monotonic()
        self._see_begun(job, info, now)
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
        elif info.status in (ExportStatus.FAILED, ExportStatus.CANCELLED):
            self.fail(job, info.error or f"Marketo says {info.status.value}")
        elif info.status is ExportStatus.PROCESSING:
            job.processed = now if job.processed is None else job.processed
            self._give_up_after(job, now - job.processed, self._timeout, "processed")
        elif info.status is ExportStatus.QUEUED:
            self._give_up_after(job, now - job.enqueued, self._timeout * _QUEUE_PATIENCE, "queued")

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
        self._allowance.add(export, job.family.name, job.plan.window)
        self._learn(export)

    def _learn(self, export: FinishedExport) -> None:
        if export.took is not None:
            # In our seconds, of which a fast sandbox on this machine has fewer.
            self._recent[export.bulk_object].add(export.took * self._scale)

    def _give_up_after(self, job: Job, seconds: float, limit: float, what: str) -> None:
        if seconds <= limit:
            return
        name, export_id = job.name, job.export_id
        self._reset(job)
        cancel_quietly(self._api, job.family.bulk_object, export_id or "")
        raise ExportError(
            f"The {name} has been {what} for {seconds:,.0f} s, longer than job_timeout "
            f"({self._timeout:,.0f} s) allows, and was cancelled. The next run makes it anew; "
            "raise job_timeout, or lower max_export_days for smaller exports."
        )

    def _fill(self) -> None:
        if self.quota_spent is not None or self._clock.monotonic() < self._queue_full_until:
            return
        try:
            while (job := self._next_to_enqueue()) is not None:
                if job.export_id is None:
                    if not self._cut(job):
                        return
                    self._make(job)
                if job.export_id is not None:
                    self._enqueue(job)
        except QueueFullError as error:
            self._await_queue(error)
        except ExportQuotaError as error:
            self.quota_spent = error
            LOGGER.warning("No more exports today: %s", error.reason)

    def _await_queue(self, error: QueueFullError) -> None:
        now = self._clock.monotonic()
        if self._queue_full_since is None:
            self._queue_full_since = now
        if now - self._queue_full_since > self._timeout * _QUEUE_PATIENCE:
            raise error
        self._queue_full_until = now + self._interval
        LOGGER.info(
            "Marketo's export queue is full (others use it too); trying again in %g s.",
            self._interval,
        )

    def _next_to_enqueue(self) -> Job | None:
        """Choose the next window: from the family that holds the fewest places.

        When the day's allowance will not hold everything, it is filled in date order instead.
        """
        for line in self._lines:
            for job in line.jobs:
                if job.status is ExportStatus.CREATED:
                    return job
        lines = [line for line in self._lines if line.unmade()]
        if not lines:
            return None
        if self._is_scarce(lines):
            line = min(lines, key=lambda line: line.unmade()[0].plan.window)
        else:
            line = min(lines, key=Line.held)
        held = sum(line.held() for line in self._lines)
        return line.unmade()[0] if held < self._places else None

    def _is_scarce(self, lines: Sequence[Line]) -> bool:
        wanted = sum(
            self._allowance.cost(line.family.name, job.plan.window)
            for line in lines
            for job in line.unmade()
        )
        return wanted > self._allowance.limit - self._allowance.used(self._clock.now())

    def _cut(self, job: Job) -> bool:
        """Cut a job's window to what one job should export, and to what fits into today.

        Returns:
            Whether anything fits.
        """
        line, plan = self._line_of(job), job.plan
        under_way = [
            (line.family.name, other.plan.window)
            for line in self._lines
            for other in line.jobs
            if other.export_id and other.status in HOLDS_PLACE
        ]
        cost = sum(self._allowance.cost(family, window) for family, window in under_way)
        wanted = self._allowance.one_job(line.family.name, plan.window, self._longest)
        window = self._allowance.fit(line.family.name, wanted, cost, self._clock.now())
        if window is None:
            # What is under way may turn out smaller than expected: then there is room again.
            if not under_way:
                self._stop_for_today()
            return False
        rest = plan.window.after(window)
        if rest:
            job.plan = replace(plan, window=window)
            line.jobs.insert(line.jobs.index(job) + 1, Job(job.family, replace(plan, window=rest)))
        return True

    def _stop_for_today(self) -> None:
        self.quota_spent = ExportQuotaError(
            "Bulk exports",
            f"the next export would pass the {self._allowance.limit / _MEGABYTE:,.0f} MB a day "
            "that max_daily_export_mb allows",
        )
        LOGGER.warning("No more exports today: %s.", self.quota_spent.reason)

    def _make(self, job: Job) -> None:
        family, plan = job.family, job.plan
        try:
            export_id = self._api.create(
                family.bulk_object, family.fields(), family.filter(plan.window, plan.streams)
            )
        except FilterUnavailableError as error:
            family.do_without_filter(error)
            line = self._line_of(job)
            self._line_up(line, self._plan(family))
            return
        except FieldNotFoundError as error:
            family.do_without_field(error)
            return
        job.export_id, job.status = export_id, ExportStatus.CREATED
        job.plan = replace(plan, made=whole_seconds(self._clock.now()))
        LOGGER.info("Made the %s for %s.", job.name, _listed(plan.streams))
        try:
            # In the state before it is waited for: a run stopped from here on resumes it.
            self._report(family, self._line_of(job).pending())
        except OutputClosedError:
            # No kept state knows of it, so that no run would ever take it up.
            cancel_quietly(self._api, family.bulk_object, export_id)
            raise

    def _enqueue(self, job: Job) -> None:
        self._api.enqueue(job.family.bulk_object, job.export_id or "")
        self._queue_full_since = None
        job.status = ExportStatus.QUEUED
        job.enqueued = job.begun = self._clock.monotonic()
        line = self._line_of(job)
        if len(line.watched()) == 1:
            line.last_look = job.enqueued


def cancel_quietly(api: ExportApi, bulk_object: str, export_id: str) -> None:
    """Cancel a job that nobody needs any more; that it cannot be cancelled is no matter."""
    try:
        api.cancel(bulk_object, export_id)
        LOGGER.info("Cancelled the %s export %s, which is not needed.", bulk_object, export_id)
    except MarketoError as error:
        LOGGER.info("Could not cancel the %s export %s: %s", bulk_object, export_id, error)


def _listed(streams: Sequence[str]) -> str:
    shown = ", ".join(streams[:3])
    return shown if len(streams) <= 3 else f"{shown} and {len(streams) - 3} more"
