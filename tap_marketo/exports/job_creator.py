"""Which export job comes next, how much of its window, and how it is created and enqueued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate, chain
from math import ceil

from tap_marketo.clock import Clock
from tap_marketo.errors import (
    ExportQuotaError,
    FieldNotFoundError,
    FilterUnavailableError,
    OutputClosedError,
    QueueFullError,
)
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import Files
from tap_marketo.exports.job_queue import FamilyQueue, Job
from tap_marketo.log import LOGGER, MEGABYTE, counted, some_of
from tap_marketo.marketo.export_calls import ExportStatus
from tap_marketo.times import to_marketo, whole_seconds

WORKERS = 2
"""How many jobs Marketo processes at once (bulk-extract.md, Limits)."""

# A full queue is tried again in steps that grow to so many seconds.
_LONGEST_QUEUE_WAIT = 300.0


class JobChooser:
    """Chooses among the jobs of a run: decisions only, nothing is called."""

    def __init__(self, run: ExportRun, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._longest = timedelta(days=run.config.max_export_days)
        self._allowance = run.allowance

    def next_job(self) -> Job | None:
        """Choose the job that is created or enqueued next.

        It is of the family with the fewest slots, of several that which has waited longest; as
        long as more families may be found, each takes one slot. When the day's allowance will
        not hold everything, it is filled in date order instead, once all families are known, with
        what Marketo deletes soon before all else. None if there is none, or no slot for it now.
        """
        for queue in self._run.queues:
            for job in queue.jobs:
                if job.status is ExportStatus.CREATED:
                    return job
        if len(self.under_way()) >= self._run.config.max_queued_exports:
            return None
        queues = [queue for queue in self._run.queues if queue.to_create()]
        if not queues:
            return None
        if self._is_scarce(queues):
            for queue in queues:
                if queue.is_by_date:
                    queue.put_expiring_first(self._run.context)
            if self._run.may_grow:
                return None
            chosen = min(queues, key=lambda queue: queue.to_create()[0].plan.order)
        else:
            chosen = min(queues, key=lambda queue: (len(queue.under_way()), queue.last_turn))
            if self._run.may_grow and chosen.under_way():
                return None
        return chosen.to_create()[0]

    def cut(self, job: Job) -> bool:
        """Cut a job's window to what one job should export today; return whether any of it fits."""
        plan, under_way = job.plan, sum(map(self.cost, self.under_way()))
        if plan.ids:
            return self._allowance.has_room(self.cost(job), under_way, self._clock.now())
        wanted = self._allowance.one_job(job.family.name, plan.window, self._longest)
        window = self._allowance.fit(job.family.name, wanted, under_way, self._clock.now())
        if window is None:
            return False
        rest, jobs = plan.window.after(window), self._run.queue_of(job.family).jobs
        if rest:
            job.plan = replace(plan, window=window)
            jobs.insert(jobs.index(job) + 1, Job(job.family, replace(plan, window=rest)))
        return True

    def under_way(self) -> list[Job]:
        """Return the jobs whose bytes are still to come."""
        return [job for queue in self._run.queues for job in queue.under_way()]

    def cost(self, job: Job) -> float:
        """Return the bytes that a job's window is to cost; 0 while nothing is known."""
        plan = job.plan
        return self._allowance.cost(job.family.name, plan.window, len(plan.ids))

    def jobs_in(self, job: Job) -> int:
        """Return how many jobs its window will take, as far as is known."""
        if job.export_id is not None or job.plan.ids:
            return 1
        window = job.plan.window
        part = self._allowance.one_job(job.family.name, window, self._longest)
        return ceil(window.length / part.length)

    def jobs_to_create(self) -> int:
        """Return about how many jobs are still to be created."""
        return sum(self.jobs_in(job) for queue in self._run.queues for job in queue.to_create())

    def seconds_left(self) -> float | None:
        """Return about how long Marketo's workers take for what is left; None if unknown."""
        seconds = 0.0
        for queue in self._run.queues:
            left = [job for job in queue.jobs if job.status is not ExportStatus.COMPLETED]
            usual = queue.recent.usual
            if left and usual is None:
                return None
            seconds += (usual or 0.0) * sum(map(self.jobs_in, left))
        return seconds / WORKERS

    def _is_scarce(self, queues: Sequence[FamilyQueue]) -> bool:
        left = self._allowance.limit - self._allowance.used(self._clock.now())
        # What is under way takes its part of the day as well.
        jobs = chain(self.under_way(), *(queue.to_create() for queue in queues))
        return any(wanted > left for wanted in accumulate(map(self.cost, jobs)))


class JobCreator:
    """Creates and enqueues jobs.

    Attributes:
        quota_spent: why no more jobs are created today, None as long as they are.
        queue_full_until: monotonic seconds before which the queue need not be tried again.
    """

    def __init__(self, run: ExportRun, chooser: JobChooser) -> None:
        self._run = run
        self._chooser = chooser
        self._interval = run.config.poll_interval
        self._longest_wait = max(_LONGEST_QUEUE_WAIT * run.config.wait_scale, self._interval)
        self._next_wait = self._interval
        self._queue_full_since: float | None = None
        self.queue_full_until = float("-inf")
        self.quota_spent: ExportQuotaError | None = None
        self._turns = 0

    def line_up(self, queue: FamilyQueue) -> None:
        """Lay out what a family has to read, and cancel its jobs that are of no use any more."""
        family = queue.family
        plans, useless = self._run.lay_out(family)
        begun = family.begin(self._run.context)
        if begun:
            self._run.move_to(begun)
        for export in useless:
            self._run.cancel(family.bulk_object, export.export_id)
        queue.line_up(plans)
        if useless:
            self._run.report(family)
        if plans:
            LOGGER.info(
                "%s: about %s from %s to %s%s.",
                family.name,
                counted(sum(map(self._chooser.jobs_in, queue.jobs)), "export"),
                to_marketo(min(plan.window.start for plan in plans)),
                to_marketo(max(plan.window.end for plan in plans)),
                "" if family.files is Files.AWAITED else ", read as soon as a run finds it done",
            )

    def next_job(self) -> Job | None:
        """Return the job that is created or enqueued next, None if it has to wait."""
        if self.quota_spent is not None or self._run.clock.monotonic() < self.queue_full_until:
            return None
        return self._chooser.next_job()

    def advance(self, job: Job) -> bool:
        """Create a job, if there is none yet, and enqueue it; return whether another may follow.

        It may as long as there is room in the queue and in the day.

        Raises:
            QueueFullError: the queue has been full for job_timeout.
            MarketoError: a call was refused.
        """
        try:
            if job.export_id is None:
                if not self._chooser.cut(job):
                    self._stop_for_today()
                    return False
                self._create(job)
            if job.export_id is not None:
                self._enqueue(job)
        except QueueFullError as error:
            self._await_queue(error)
            return False
        except ExportQuotaError as error:
            self.quota_spent = error
            LOGGER.warning("No more exports today: %s", error.reason)
            return False
        return True

    def is_stuck(self, queue: FamilyQueue) -> bool:
        """Return whether no job of a family can get any further today."""
        if not queue.jobs:
            return True
        first = queue.jobs[0]
        is_to_enqueue = first.export_id is None or first.status is ExportStatus.CREATED
        return self.quota_spent is not None and is_to_enqueue

    def _await_queue(self, error: QueueFullError) -> None:
        now = self._run.clock.monotonic()
        if self._queue_full_since is None:
            self._queue_full_since, self._next_wait = now, self._interval
        left = self._queue_full_since + self._run.config.job_timeout - now
        if left <= 0:
            raise error
        wait = min(self._next_wait, left)
        self.queue_full_until = now + wait
        self._next_wait = min(2 * self._next_wait, self._longest_wait)
        LOGGER.info(
            "Marketo's export queue is full (others use it too). Trying again in %g s.", wait
        )

    def _stop_for_today(self) -> None:
        """Create nothing more, unless what is under way may leave room for it.

        It may turn out smaller than expected.
        """
        if self._chooser.under_way():
            return
        self.quota_spent = ExportQuotaError(
            "Bulk exports",
            f"the next export would pass the {self._run.allowance.limit / MEGABYTE:,g} MB a day "
            "that max_daily_export_mb allows",
        )
        LOGGER.warning("No more exports today: %s.", self.quota_spent.reason)

    def _create(self, job: Job) -> None:
        family, plan, queue = job.family, job.plan, self._run.queue_of(job.family)
        filter_ = family.filter(plan)
        try:
            export_id = self._run.api.create(family.bulk_object, family.fields(), filter_)
        except FilterUnavailableError as error:
            family.do_without_filter(error)
            self.line_up(queue)
            return
        except FieldNotFoundError as error:
            family.do_without_field(error)
            return
        self._turns += 1
        made = whole_seconds(self._run.clock.now())
        queue.note_created(job, export_id, made, self._turns)
        LOGGER.info("Created the %s for %s.", job.name, some_of(plan.streams))
        try:
            # It is in the state before it is waited for: a run stopped then resumes it.
            self._run.report(family)
        except OutputClosedError:
            # No kept state knows of it, so that no run would ever resume it.
            self._run.cancel(family.bulk_object, export_id)
            raise

    def _enqueue(self, job: Job) -> None:
        self._run.api.enqueue(job.family.bulk_object, job.export_id or "")
        self._queue_full_since = None
        self._run.queue_of(job.family).note_enqueued(job, self._run.clock.monotonic())
