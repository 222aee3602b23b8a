"""Which export job is made, enqueued, watched and read when.

Marketo works on two jobs at a time out of a queue of ten that everybody shares. The scheduler
keeps a few places of it filled with the jobs that come next, all families by turns, so that
Marketo's workers do not idle while a file is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import NOT_HERE, ExportError, ExportQuotaError, MarketoError, TapError
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.canceller import cancel_waiting_jobs
from tap_marketo.exports.chooser import JobChooser
from tap_marketo.exports.family import BulkFamily, ExportPlan
from tap_marketo.exports.jobs import Job, listed
from tap_marketo.exports.lines import Line, Lines
from tap_marketo.exports.looks import WORKERS, RecentJobs
from tap_marketo.exports.maker import JobMaker
from tap_marketo.exports.watcher import JobWatcher
from tap_marketo.failures import Failures
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus
from tap_marketo.times import to_marketo

Plans = Sequence[ExportPlan]


class Scheduler:
    """Makes, watches and hands out the export jobs of one run."""

    def __init__(
        self,
        api: ExportApi,
        clock: Clock,
        config: Config,
        allowance: ExportAllowance,
        lines: Lines,
        plan: Callable[[BulkFamily], Plans],
        failures: Failures,
    ) -> None:
        """Start with nothing to do.

        Args:
            api: the calls.
            clock: measures.
            config: poll_interval, job_timeout, max_queued_exports, max_export_days.
            allowance: the day's bytes.
            lines: where the jobs stand.
            plan: lays out what a family has to read.
            failures: where families that fail are set aside.
        """
        self._api = api
        self._clock = clock
        self._interval = config.poll_interval
        self._allowance = allowance
        self._lines = lines
        self._plan = plan
        self._failures = failures
        self._watcher = JobWatcher(api, clock, config, allowance, lines)
        self._chooser = chooser = JobChooser(clock, config, allowance, lines)
        self._maker = JobMaker(api, clock, config, allowance, lines, chooser, self._line_up)
        self._working = False

    @property
    def quota_spent(self) -> ExportQuotaError | None:
        """Why no more jobs are made today, None as long as they are."""
        return self._maker.quota_spent

    def learn(self, families: Sequence[BulkFamily], bulk_objects: Collection[str]) -> None:
        """Learn from the last days' jobs of all objects how long Marketo takes, and what is used.

        An object whose jobs cannot be seen cannot be watched.

        Args:
            families: those that are to be added.
            bulk_objects: the path part of each object.

        Raises:
            TapError: what concerns the whole run.
        """
        for bulk_object in bulk_objects:
            own = [family for family in families if family.bulk_object == bulk_object]
            try:
                finished = self._api.finished(bulk_object)
            except NOT_HERE as error:
                LOGGER.info("Exports of %s are not counted: %s", bulk_object, error)
            except TapError as error:
                for family in own:
                    self.set_aside(family, error, ask=False)
                if not own:
                    self._failures.tolerate(error)
                    LOGGER.warning("Exports of %s are not counted: %s", bulk_object, error)
            else:
                self._allowance.take_over(finished)
                self._watcher.learn(finished)

    def recent(self, bulk_object: str) -> RecentJobs:
        """Return how long Marketo took for the last jobs of an object."""
        return self._watcher.recent(bulk_object)

    def add(self, family: BulkFamily) -> None:
        """Plan what a family has to read and line up its jobs."""
        line = Line(family, self.recent(family.bulk_object))
        self._lines.add(line)
        self._line_up(line)

    def work(self) -> bool:
        """Do what is due now: look at the jobs, fill the queue. Quick when nothing is due.

        Returns:
            Whether Marketo was asked about jobs.

        Raises:
            MarketoError: what concerns the whole run.
        """
        if self._working:
            # Called again from within: a STATE message of ours waits for the target.
            return False
        self._working = True
        try:
            looked = self.look()
            self._fill()
        finally:
            self._working = False
        return looked

    def look(self) -> bool:
        """Look at the jobs for which it is due; say whether Marketo was asked."""
        looked = False
        for line in self._lines:
            try:
                looked = self._watcher.watch(line) or looked
            except MarketoError as error:
                # It would take as long, and be as vain, to ask again which jobs have begun.
                self.set_aside(line.family, error, ask=False)
            except TapError as error:
                self.set_aside(line.family, error)
        if looked:
            self._check_patience()
        return looked

    def _check_patience(self) -> None:
        """Give up the families whose jobs wait, if Marketo has begun none for too long.

        Those that have had no place until then have one job_timeout left, all together.
        """
        patience = self._watcher.patience
        waiting = [line for line in self._lines if line.enqueued()]
        if not patience.is_over(bool(waiting), self._clock.monotonic()):
            return
        if patience.has_run_out:
            waiting = [line for line in self._lines if line.enqueued() or line.unmade()]
        said = (
            f"Marketo has begun none of the waiting exports for {patience.waited:,.0f} s, longer "
            f"than job_timeout allows ({patience.limit:,.0f} s without a begin)"
        )
        patience.has_run_out = True
        for line in waiting:
            jobs = line.enqueued() or line.unmade()
            more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            error = ExportError(
                f"{said}: {jobs[0].name}{more}. What waits is cancelled, and the next run makes it "
                "anew. Run again later, or raise job_timeout."
            )
            self.set_aside(line.family, error)

    def _fill(self) -> None:
        while (job := self._maker.next_job()) is not None:
            with self.setting_aside(job.family):
                if not self._maker.advance(job):
                    return

    @contextmanager
    def setting_aside(self, family: BulkFamily) -> Iterator[None]:
        """Let what fails for a family be its failure alone; nothing more of it is read then.

        Raises:
            TapError: it concerns the whole run.
        """
        try:
            yield
        except TapError as error:
            self.set_aside(family, error)

    def set_aside(self, family: BulkFamily, error: TapError, *, ask: bool = True) -> None:
        """Read nothing more of a family, and give back the places that its jobs hold.

        Args:
            family: which.
            error: why.
            ask: whether Marketo is asked which of its jobs have begun.

        Raises:
            TapError: the error concerns the whole run.
        """
        self._failures.set_aside(
            list(family.streams), error, family.further_permissions, family.name
        )
        line = self._lines.fail(family)
        cancelled = cancel_waiting_jobs(self._api, [line], ask=ask) if line else []
        for job in cancelled:
            job.forget()
        if line and cancelled:
            self._lines.tell(line)

    def take_ready(self) -> Job | None:
        """Return a job whose file can be read and whose turn it is, None if there is none."""
        for line in self._lines:
            if line.jobs and line.jobs[0].status is ExportStatus.COMPLETED:
                return line.jobs[0]
        return None

    @property
    def is_done(self) -> bool:
        """Whether no job can get any further."""
        return all(self._is_stuck(line) for line in self._lines)

    def left_to_do(self) -> list[str]:
        """Say of each family what has not been exported, and from which date."""
        left = []
        for line in self._lines:
            first = line.earliest()
            if first:
                streams = sorted({stream for job in line.jobs for stream in job.plan.streams})
                left.append(f"{listed(streams)} from {line.family.beginning(first)}")
        return left

    def seconds_to_wait(self) -> float:
        """Return for how many seconds there will be nothing to do."""
        now = self._clock.monotonic()
        times = [line.next_look(self._interval) for line in self._lines if line.watched()]
        if self._maker.queue_full_until > now:
            times.append(self._maker.queue_full_until)
        return max(0.0, min(times, default=now + self._interval) - now)

    def jobs_to_make(self) -> int:
        """Return about how many jobs are still to be made."""
        return sum(self._chooser.jobs_in(job) for line in self._lines for job in line.unmade())

    def statuses(self) -> list[ExportStatus | None]:
        """Return the status of each job that Marketo has; of some nothing is known yet."""
        return [job.status for line in self._lines for job in line.jobs if job.export_id]

    def seconds_left(self) -> float | None:
        """Return about how long Marketo's workers take for what is left; None if unknown."""
        seconds = 0.0
        for line in self._lines:
            left = [job for job in line.jobs if job.status is not ExportStatus.COMPLETED]
            usual = line.recent.usual
            if left and usual is None:
                return None
            seconds += (usual or 0.0) * sum(map(self._chooser.jobs_in, left))
        return seconds / WORKERS

    def _is_stuck(self, line: Line) -> bool:
        if not line.jobs:
            return True
        first = line.jobs[0]
        unmade = first.export_id is None or first.status is ExportStatus.CREATED
        return self.quota_spent is not None and unmade

    def _line_up(self, line: Line) -> None:
        plans = self._plan(line.family)
        line.jobs = deque(
            Job(line.family, plan, plan.job.export_id if plan.job else None) for plan in plans
        )
        if line.jobs:
            LOGGER.info(
                "%s: about %s from %s to %s.",
                line.family.name,
                counted(sum(map(self._chooser.jobs_in, line.jobs)), "export"),
                to_marketo(line.jobs[0].plan.window.start),
                to_marketo(line.jobs[-1].plan.window.end),
            )
