"""What the exports of a run would be: planned, chosen, cut and polled as in a run, none created.

In place of Marketo there is a guess: two workers, who take as long for each job as for the last
ones, and files of the size that is expected of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from tap_marketo.clock import Clock
from tap_marketo.errors import TapError
from tap_marketo.exports.allowance import FIRST_WINDOWS
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext
from tap_marketo.exports.job_creator import WORKERS, JobChooser
from tap_marketo.exports.job_queue import FamilyQueue, Job
from tap_marketo.exports.job_tracker import JobTracker
from tap_marketo.exports.plan_line import ANEW, Calls, Left, PlanLine
from tap_marketo.failures import Failures
from tap_marketo.log import MEGABYTE
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import ExportStatus, FinishedExport

# What a job is taken to take while none has been seen; Adobe gives no figure.
_UNKNOWN_JOB = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)


class Usual(NamedTuple):
    """What the last jobs of an object were on average; None where none is known."""

    size: float | None
    time: timedelta | None

    def __str__(self) -> str:
        """Return it in words; empty if nothing is known."""
        size = "" if self.size is None else f"{self.size / MEGABYTE:,.2g} MB"
        time = "" if self.time is None else f"{self.time / _MINUTE:.1f} minutes"
        words = " and ".join(filter(None, (size, time)))
        return words and f"{words} a job by the last ones"


@dataclass(kw_only=True)
class ExportEstimate(PlanLine):
    """What a run exports of one family.

    Attributes:
        usual: what the last jobs of its object were.
        bytes_per_day: what a day of it costs by its last files; None if unknown.
        ids: of how many programs, for instance, the jobs export rows; 0 where that is all rows.
        has_waited: whether Marketo has still to process a job.
        dropped: jobs of an earlier run that are no longer needed.
    """

    usual: Usual
    bytes_per_day: int | None = None
    ids: int = 0
    has_waited: bool = False
    dropped: int = 0

    def add(self, plan: ExportPlan, cost: float, time: timedelta, *, is_made: bool) -> None:
        """Take in a job that has been read, of this run or an earlier one."""
        window = plan.window
        self.since = min(self.since or window.start, window.start)
        self.until = max(self.until or window.end, window.end)
        self.ids += len(plan.ids)
        self.time = time
        if is_made:
            self.jobs = (self.jobs or 0) + 1
            self.size = (self.size or 0.0) + cost
        else:
            self.resumed += 1

    def conclude(self, left: Left | None) -> None:
        """Note what is left, which numbers are unknown, and what the others are based on."""
        is_known = self.bytes_per_day is not None
        self.left = left if is_known or left is None else replace(left, size=None)
        if self.jobs and not is_known:
            per_job = self.usual.size if self.ids else None
            self.size = None if per_job is None else per_job * self.jobs
        if self.has_waited:
            self.guess = (str(self.usual) if self.ids else "") or self._basis()

    def _basis(self) -> str:
        files = ""
        if self.bytes_per_day is not None:
            files = f"{self.bytes_per_day / MEGABYTE:,.2g} MB a day by its last files; "
        elif self.jobs:
            files = "file sizes are unknown; "
            if self.jobs > 1 and not self.ids:
                files += f"jobs of {FIRST_WINDOWS.days} days at first; "
        if self.usual.time is None:
            return f"{files}{_UNKNOWN_JOB / _MINUTE:.0f} minutes a job, as no job has been seen"
        return f"{files}{self.usual.time / _MINUTE:.1f} minutes a job by the last ones"


def _how(family: BulkFamily, why_anew: str) -> str:
    """Say how a family is exported."""
    streams = len(family.streams)
    anew = f"{ANEW}, " if why_anew else ""
    shared = f", {streams:,} streams together" if streams > 1 else ""
    why = f", as {family.why}" if family.why else ""
    return f"{anew}exported by {family.replication_key}{shared}{why}"


class Simulation:
    """Simulates the exports of one run.

    Attributes:
        used: how many of the day's bytes had been exported before it began.
    """

    def __init__(
        self, client: MarketoClient, clock: Clock, context: SyncContext, failures: Failures
    ) -> None:
        # No state moves.
        self._run = ExportRun(client, clock, context, failures, lambda position, **_: None)
        self._allowance = self._run.allowance
        self.used = 0
        self._tracker = JobTracker(self._run)
        self._estimates: dict[str, ExportEstimate] = {}
        self._usual: dict[str, Usual] = {}
        self._scale = context.config.wait_scale
        # Seconds of this clock, and of Marketo's, from the start of the work.
        self._began = self._moment = 0.0
        self._clock = Clock(
            monotonic=lambda: self._moment,
            wall=lambda: self._wall + (self._moment - self._began) / self._scale,
        )
        self._wall = 0.0
        self._chooser = JobChooser(self._run, self._clock)
        self._workers = [0.0] * WORKERS
        self._starts: dict[Job, float] = {}
        self._ends: dict[Job, float] = {}
        self._made: set[Job] = set()

    def run(
        self, families: Sequence[BulkFamily], found: Sequence[BulkFamily]
    ) -> list[ExportEstimate]:
        """Go through what some families have to read, and return what a run exports of it.

        Asks for the jobs of the last days, and how those that the state names stand. Of the
        families that are only ``found``, something may be found to export.

        Raises:
            TapError: what concerns the whole run.
        """
        if families or found:
            self._tracker.learn([*families, *found])
        # Before what is a guess is counted with it.
        for bulk_object in {family.bulk_object for family in (*families, *found)}:
            usual = self._run.recent[bulk_object].usual
            time = None if usual is None else timedelta(seconds=usual / self._scale)
            self._usual[bulk_object] = Usual(self._allowance.usual_size(bulk_object), time)
        for family in families:
            self._add(family)
        real = self._run.clock
        self.used = self._allowance.used(real.now())
        self._wall = real.now().timestamp()
        self._began = self._moment = real.monotonic()
        for queue in self._run.queues:
            estimate = self._of(queue)
            estimate.bytes_per_day = self._allowance.bytes_per_day.get(queue.family.name)
            for job in queue.polled():
                self._process(job, queue)
            self._read(queue)
        self._work()
        for queue in self._run.queues:
            self._of(queue).conclude(self._left(queue))
        return [self._of(queue) for queue in self._run.queues]

    @property
    def ends_at(self) -> datetime:
        """When it is done (UTC)."""
        return self._clock.now()

    def usual(self, family: BulkFamily) -> Usual:
        """Return what the last jobs of a family's object were."""
        return self._usual[family.bulk_object]

    def _of(self, queue: FamilyQueue) -> ExportEstimate:
        return self._estimates[queue.family.name]

    def _left(self, queue: FamilyQueue) -> Left | None:
        if not queue.jobs:
            return None
        return Left(
            since=queue.earliest().window.start,
            jobs=sum(map(self._chooser.jobs_in, queue.jobs)),
            size=sum(map(self._chooser.cost, queue.jobs)),
        )

    def _add(self, family: BulkFamily) -> None:
        """Lay out what a family has to read, and ask how its jobs of an earlier run stand."""
        self._run.skip_failed(family)
        plans, useless = self._run.lay_out(family)
        why_anew = family.why_anew(self._run.context)
        self._estimates[family.name] = ExportEstimate(
            name=family.name,
            streams=list(family.streams),
            how=_how(family, why_anew),
            is_exported=True,
            usual=self.usual(family),
            dropped=len(useless),
            why_anew=why_anew,
        )
        queue = self._run.add(family)
        queue.line_up(plans)
        if family not in self._run.failed:
            try:
                self._tracker.poll(queue, lambda job, error: self._run.fail(job.family, error))
            except TapError as error:
                self._run.fail(family, error)

    def _work(self) -> None:
        """Make what there is room for, poll when it is due, read what is done: as a run does."""
        interval = self._run.config.poll_interval
        while True:
            self._fill()
            due = min((queue.next_poll(interval) for queue in self._run.queues), default=inf)
            if due == inf:
                return
            self._moment = max(self._moment, due)
            for queue in self._run.queues:
                if queue.next_poll(interval) <= self._moment:
                    self._poll(queue)
                    self._read(queue)

    def _fill(self) -> None:
        while (job := self._chooser.next_job()) is not None:
            queue = self._run.queue_of(job.family)
            if job.export_id is None:
                if not self._chooser.cut(job):
                    return
                self._made.add(job)
                # An id that no other has; the call that makes it.
                turn = len(self._made)
                queue.note_created(job, f"planned {turn}", self._clock.now(), turn)
                self._call(queue)
            queue.note_enqueued(job, self._moment)
            self._call(queue)
            self._process(job, queue)

    def _call(self, queue: FamilyQueue) -> None:
        self._of(queue).calls += Calls(1)

    def _process(self, job: Job, queue: FamilyQueue) -> None:
        """Let a worker take a job as soon as one is free."""
        estimate = self._of(queue)
        estimate.has_waited = True
        time = estimate.usual.time or _UNKNOWN_JOB
        self._workers.sort()
        self._starts[job] = max(self._moment, self._workers[0])
        self._workers[0] = self._ends[job] = self._starts[job] + time.total_seconds() * self._scale

    def _poll(self, queue: FamilyQueue) -> None:
        self._call(queue)
        queue.last_poll = self._moment
        for job in queue.polled():
            job.begun = min(self._starts[job], self._moment)
            if self._ends[job] <= self._moment:
                job.status = ExportStatus.COMPLETED
                queue.recent.add(self._ends[job] - self._starts[job])
                size, bulk_object = round(self._chooser.cost(job)), queue.family.bulk_object
                export = FinishedExport(job.export_id or "", self._clock.now(), size, bulk_object)
                self._allowance.add(export, queue.family.name, job.plan.window, len(job.plan.ids))

    def _read(self, queue: FamilyQueue) -> None:
        """Read the files that can be had."""
        time = timedelta(seconds=(self._moment - self._began) / self._scale)
        for job in [job for job in queue.jobs if job.status is ExportStatus.COMPLETED]:
            queue.jobs.remove(job)
            self._call(queue)
            cost = self._chooser.cost(job)
            self._of(queue).add(job.plan, cost, time, is_made=job in self._made)
