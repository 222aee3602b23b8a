"""What the exports of a run would be: laid out, chosen, cut and looked at as in a run, none made.

In place of Marketo there is a guess: two workers, who take as long for each job as for the last
ones, and files of the size that is expected of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from tap_marketo.clock import Clock
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.chooser import JobChooser
from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import Line, Lines
from tap_marketo.exports.looks import WORKERS
from tap_marketo.exports.planner import Planner
from tap_marketo.exports.scheduler import Scheduler
from tap_marketo.failures import Failures
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus, FinishedExport
from tap_marketo.times import Window

# What a job is taken to take while none has been seen; Adobe gives no figure.
UNKNOWN_JOB = timedelta(minutes=5)


@dataclass
class Course:
    """What becomes of the exports of one family.

    Attributes:
        family: whose they are.
        bytes_per_day: what a day of it costs by its last files; None while nothing is known.
        job_time: how long Marketo took for the last jobs of its object; None while none is known.
        dropped: jobs of an earlier run that are of no use any more.
        taken_up: jobs of an earlier run that are read.
        jobs: jobs that are made.
        calls: what they all cost, beside those that the rehearsal has made.
        size: bytes of the files of those that are made; 0 while nothing is known.
        window: from when to when they export; None if there are none.
        ids: of how many programs, for instance, they export rows; 0 where that is all rows.
        has_waited: whether some of them are not done yet.
        time: after how long the last of them has been read.
        left: what begins first of what is not exported today; None if nothing is left.
        jobs_left: how many jobs that will take.
        size_left: their bytes.
    """

    family: BulkFamily
    bytes_per_day: int | None = None
    job_time: timedelta | None = None
    dropped: int = 0
    taken_up: int = 0
    jobs: int = 0
    calls: int = 0
    size: float = 0.0
    window: Window | None = None
    ids: int = 0
    has_waited: bool = False
    time: timedelta = timedelta()
    left: ExportPlan | None = None
    jobs_left: int = 0
    size_left: float = 0.0

    def extend(self, window: Window) -> None:
        """Take in the window of one more job."""
        if self.window is None:
            self.window = window
        else:
            start, end = min(self.window.start, window.start), max(self.window.end, window.end)
            self.window = Window(start, end)


class Rehearsal:
    """Goes through the exports of one run.

    Attributes:
        allowance: the day's bytes, at the end of the run.
        used: how many of them were used before it.
    """

    def __init__(
        self,
        client: MarketoClient,
        clock: Clock,
        context: SyncContext,
        failures: Failures,
    ) -> None:
        """Put together what a run is put together of; nothing is called yet.

        Args:
            client: asks for the jobs of the last days.
            clock: measures.
            context: what the sync begins with.
            failures: where families whose jobs cannot be seen are set aside.
        """
        config = context.config
        self._context = context
        api = ExportApi(client)
        self.allowance = ExportAllowance(config.daily_export_bytes, context.state.bytes_per_day())
        self.used = 0
        self._lines = Lines(lambda family, exports: None)
        self._planner = Planner(context, api, lambda family, exports: None)
        self._scheduler = Scheduler(
            api, clock, config, self.allowance, self._lines, self._lay_out, failures
        )
        self._courses: dict[str, Course] = {}
        self._real = clock
        self._scale = config.wait_scale
        self._interval = config.poll_interval
        # Seconds of this clock, and of Marketo's, from the start of the work.
        self._began = self._moment = 0.0
        self._clock = Clock(
            monotonic=lambda: self._moment,
            wall=lambda: self._wall + (self._moment - self._began) / self._scale,
        )
        self._wall = 0.0
        self._chooser = JobChooser(self._clock, config, self.allowance, self._lines)
        self._workers = [0.0] * WORKERS
        self._starts: dict[Job, float] = {}
        self._ends: dict[Job, float] = {}
        self._made: set[Job] = set()
        self._usual_times: dict[str, timedelta | None] = {}
        self._usual_sizes: dict[str, float | None] = {}

    def run(self, families: Sequence[BulkFamily], found: Sequence[BulkFamily]) -> list[Course]:
        """Go through what some families have to read, and say what becomes of it.

        The jobs of the last days are asked for, and those that the state names are looked at.

        Args:
            families: whose plans are known.
            found: those of which something may be found to export.

        Raises:
            TapError: what concerns the whole run.
        """
        if families or found:
            self._scheduler.learn([*families, *found], self._context.bulk_objects())
        # Before what is a guess is counted with it.
        for bulk_object in {family.bulk_object for family in (*families, *found)}:
            usual = self._scheduler.recent(bulk_object).usual
            self._usual_times[bulk_object] = (
                None if usual is None else timedelta(seconds=usual / self._scale)
            )
            self._usual_sizes[bulk_object] = self.allowance.usual_size(bulk_object)
        for family in families:
            self._courses[family.name] = Course(family)
            self._scheduler.add(family)
        self._scheduler.look()
        self.used = self.allowance.used(self._real.now())
        self._wall = self._real.now().timestamp()
        self._began = self._moment = self._real.monotonic()
        for line in self._lines:
            course = self._courses[line.family.name]
            course.bytes_per_day = self.allowance.bytes_per_day.get(line.family.name)
            course.job_time = self.job_time(line.family)
            for job in line.watched():
                self._process(job, line)
            self._read(line)
        self._work()
        for line in self._lines:
            course = self._courses[line.family.name]
            course.left = line.earliest()
            course.jobs_left = sum(map(self._chooser.jobs_in, line.jobs))
            course.size_left = sum(map(self._chooser.cost, line.jobs))
        return [self._courses[line.family.name] for line in self._lines]

    @property
    def ends_at(self) -> datetime:
        """When it is done (UTC)."""
        return self._clock.now()

    def job_time(self, family: BulkFamily) -> timedelta | None:
        """Return how long Marketo took on average for the last jobs of a family's object."""
        return self._usual_times[family.bulk_object]

    def job_size(self, family: BulkFamily) -> float | None:
        """Return how many bytes the last jobs of a family's object had on average."""
        return self._usual_sizes[family.bulk_object]

    def _lay_out(self, family: BulkFamily) -> list[ExportPlan]:
        plans, dropped = self._planner.lay_out(family)
        self._courses[family.name].dropped = len(dropped)
        return plans

    def _work(self) -> None:
        """Make what there is room for, look when it is due, read what is done: as a run does."""
        while True:
            self._fill()
            due = min((line.next_look(self._interval) for line in self._lines), default=inf)
            if due == inf:
                return
            self._moment = max(self._moment, due)
            for line in self._lines:
                if line.next_look(self._interval) <= self._moment:
                    self._look(line)
                    self._read(line)

    def _fill(self) -> None:
        while (job := self._chooser.next_job()) is not None:
            line = self._lines.of(job)
            course = self._courses[line.family.name]
            if job.export_id is None:
                if not self._chooser.cut(job):
                    return
                self._made.add(job)
                # An id that no other has; the call that makes it.
                line.note_made(
                    job, f"planned {len(self._made)}", self._clock.now(), len(self._made)
                )
                course.calls += 1
            line.note_enqueued(job, self._moment)
            course.calls += 1
            self._process(job, line)

    def _process(self, job: Job, line: Line) -> None:
        """Let a worker take a job as soon as one is free."""
        course = self._courses[line.family.name]
        course.has_waited = True
        time = course.job_time or UNKNOWN_JOB
        self._workers.sort()
        self._starts[job] = max(self._moment, self._workers[0])
        self._workers[0] = self._ends[job] = self._starts[job] + time.total_seconds() * self._scale

    def _look(self, line: Line) -> None:
        self._courses[line.family.name].calls += 1
        line.last_look = self._moment
        for job in line.watched():
            job.begun = min(self._starts[job], self._moment)
            if self._ends[job] <= self._moment:
                job.status = ExportStatus.COMPLETED
                line.recent.add(self._ends[job] - self._starts[job])
                plan = job.plan
                export = FinishedExport(
                    job.export_id or "",
                    self._clock.now(),
                    round(self._chooser.cost(job)),
                    line.family.bulk_object,
                )
                self.allowance.add(export, line.family.name, plan.window, len(plan.ids))

    def _read(self, line: Line) -> None:
        """Read the files that can be had."""
        course = self._courses[line.family.name]
        for job in [job for job in line.jobs if job.status is ExportStatus.COMPLETED]:
            line.jobs.remove(job)
            course.calls += 1
            course.extend(job.plan.window)
            course.ids += len(job.plan.ids)
            course.time = timedelta(seconds=(self._moment - self._began) / self._scale)
            if job in self._made:
                course.jobs += 1
                course.size += self._chooser.cost(job)
            else:
                course.taken_up += 1
