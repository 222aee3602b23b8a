"""Which export job comes next and how much of its window, as far as queue and allowance go.

Decisions only: nothing is called. What is decided is made by :mod:`tap_marketo.exports.maker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import ceil

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import HOLDS_PLACE, Line, Lines
from tap_marketo.marketo.export_calls import ExportStatus
from tap_marketo.times import Window


class JobChooser:
    """Chooses among the jobs of some lines."""

    def __init__(
        self, clock: Clock, config: Config, allowance: ExportAllowance, lines: Lines
    ) -> None:
        """Choose for some lines.

        Args:
            clock: tells the time.
            config: max_queued_exports, max_export_days.
            allowance: the day's bytes.
            lines: whose jobs are to be made.
        """
        self._clock = clock
        self._places = config.max_queued_exports
        self._longest = timedelta(days=config.max_export_days)
        self._allowance = allowance
        self._lines = lines

    def next_job(self) -> Job | None:
        """Choose the job that is made or enqueued next.

        It is of the family with the fewest places, of several that which has waited longest; as
        long as more families may be found, each takes one place. When the day's allowance will
        not hold everything, it is filled in date order instead, once all families are known.

        Returns:
            None if there is none, or no room for it at the moment.
        """
        for line in self._lines:
            for job in line.jobs:
                if job.status is ExportStatus.CREATED:
                    return job
        lines = [line for line in self._lines if line.unmade()]
        if not lines:
            return None
        if self._is_scarce(lines):
            if self._lines.may_grow:
                return None
            line = min(lines, key=lambda line: line.unmade()[0].plan.order)
        else:
            line = min(lines, key=lambda line: (line.held(), line.last_turn))
            if self._lines.may_grow and line.held():
                return None
        return line.unmade()[0] if self._lines.held() < self._places else None

    def cut(self, job: Job) -> bool:
        """Cut a job's window to what one job should export, and to what fits into today.

        Returns:
            Whether anything fits.
        """
        line, plan = self._lines.of(job), job.plan
        window = self._fit(job, sum(map(self.cost, self.under_way())))
        if window is None:
            return False
        rest = plan.window.after(window)
        if rest:
            job.plan = replace(plan, window=window)
            line.jobs.insert(line.jobs.index(job) + 1, Job(job.family, replace(plan, window=rest)))
        return True

    def under_way(self) -> list[Job]:
        """Return the jobs whose bytes are still to come."""
        return [
            job
            for line in self._lines
            for job in line.jobs
            if job.export_id and job.status in HOLDS_PLACE
        ]

    def cost(self, job: Job) -> float:
        """Return the bytes that a job's window is to cost; 0 while nothing is known."""
        plan = job.plan
        return self._allowance.cost(job.family.name, plan.window, len(plan.ids))

    def jobs_in(self, job: Job) -> int:
        """Return how many jobs its window will take, as far as can be told."""
        if job.export_id is not None or job.plan.ids:
            return 1
        window = job.plan.window
        part = self._allowance.one_job(job.family.name, window, self._longest)
        return ceil(window.length / part.length)

    def _is_scarce(self, lines: Sequence[Line]) -> bool:
        unmade = [job for line in lines for job in line.unmade()]
        # What is under way takes its part of the day as well.
        wanted = sum(map(self.cost, [*self.under_way(), *unmade]))
        return wanted > self._allowance.limit - self._allowance.used(self._clock.now())

    def _fit(self, job: Job, under_way: float) -> Window | None:
        """Return as much of a job's window as one job exports today, None if nothing fits."""
        family, window, now = job.family.name, job.plan.window, self._clock.now()
        if job.plan.ids:
            has_room = self._allowance.has_room(self.cost(job), under_way, now)
            return window if has_room else None
        wanted = self._allowance.one_job(family, window, self._longest)
        return self._allowance.fit(family, wanted, under_way, now)
