"""Which export job comes next and how much of its window, as far as queue and allowance go.

Decisions only: nothing is called. :mod:`tap_marketo.exports.job_creator` carries them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate, chain
from math import ceil

from tap_marketo.clock import Clock
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.job_queue import FamilyQueue, Job
from tap_marketo.exports.poll_schedule import WORKERS
from tap_marketo.marketo.export_calls import ExportStatus


class JobChooser:
    """Chooses among the jobs of a run."""

    def __init__(self, run: ExportRun, clock: Clock) -> None:
        """Choose among the jobs of a run by the time of a clock."""
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
