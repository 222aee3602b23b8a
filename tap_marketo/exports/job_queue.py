"""Export jobs, in the queue of each family, and when they are polled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil, inf

from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext
from tap_marketo.marketo.export_calls import ExportInfo, ExportStatus
from tap_marketo.protocol.position import PendingExport

_HOLDS_SLOT = (ExportStatus.CREATED, ExportStatus.QUEUED, ExportStatus.PROCESSING)
WAITING = (ExportStatus.CREATED, ExportStatus.QUEUED)
_POLLED = (None, ExportStatus.QUEUED, ExportStatus.PROCESSING)
_NEVER = -inf

# The quickest of the last ten jobs says when the next one can be done; of fewer than five it does
# not: every second job is quicker than the one before.
_REMEMBERED = 10
_ENOUGH = 5
# No job goes without a poll for longer than so many intervals. It may be quicker than any before,
# or fail early: even then two intervals after its end it is known, as it would be if it were polled
# in each interval but its status were renewed just after a poll.
_LONGEST_INTERVALS = 2


@dataclass(eq=False)
class Job:
    """An export to be read: a window of a family, and the job in Marketo once there is one.

    As long as there is none, its window is a stretch of any length, of which the job created for
    it takes the first part; another Job takes the rest.

    Attributes:
        export_id: None until the job is created.
        status: None also for a job of the previous run before Marketo was asked about it.
        failures: how often it failed, and was created again.
        enqueued: monotonic seconds at which this run saw it queued.
        begun: monotonic seconds before which it was not processed; None if that is not known.
        processed: monotonic seconds at which this run first saw it processed.
    """

    family: BulkFamily
    plan: ExportPlan
    export_id: str | None = None
    status: ExportStatus | None = None
    info: ExportInfo | None = None
    failures: int = 0
    downloads: int = 0
    enqueued: float = _NEVER
    begun: float | None = None
    processed: float | None = None

    def reset(self) -> None:
        """Go back to the state before a job was created."""
        self.export_id = self.status = self.info = self.processed = self.begun = None
        self.enqueued, self.downloads = _NEVER, 0
        self.plan = replace(self.plan, job=None, made=None)

    @property
    def is_given_up(self) -> bool:
        """Whether there will be none: its family goes on without it."""
        return self.family.has_given_up(self.plan)

    @property
    def name(self) -> str:
        """What to call it in a message."""
        export = self.export_id or "(not created yet)"
        return f"{self.family.name} export {export} {self.family.extent(self.plan)}"


class RecentJobs:
    """How long Marketo took to process the last jobs of one kind, in seconds."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def add(self, seconds: float) -> None:
        """Learn how long the next job took."""
        self._seconds.append(seconds)

    @property
    def quickest(self) -> float:
        """The shortest of them; 0 while few are known."""
        return max(0.0, min(self._seconds)) if len(self._seconds) >= _ENOUGH else 0.0

    @property
    def usual(self) -> float | None:
        """How long they took on average; None while none is known."""
        return sum(self._seconds) / len(self._seconds) if self._seconds else None


@dataclass
class FamilyQueue:
    """The jobs of one family in the order in which they are read.

    Attributes:
        recent: how long Marketo took for the last ones.
        last_poll: monotonic seconds at which Marketo was last asked about them, or at which the
            first of them was enqueued.
        last_turn: which of all jobs created in this run its last one was; 0 if none was yet.
        is_by_date: whether the jobs that are not created yet are in date order.
    """

    family: BulkFamily
    recent: RecentJobs
    jobs: list[Job] = field(default_factory=list)
    last_poll: float = _NEVER
    last_turn: int = 0
    is_by_date: bool = True

    def line_up(self, plans: Sequence[ExportPlan]) -> None:
        """Replace the jobs by those of some plans; what is known of those that stay is kept."""
        known = {job.export_id: job for job in self.jobs if job.export_id}
        jobs = []
        for plan in plans:
            export_id = plan.job.export_id if plan.job else None
            job = known.get(export_id or "") or Job(self.family, plan, export_id)
            job.plan = plan
            jobs.append(job)
        # At once: a signal may come at any time, and what waits then is cancelled.
        self.jobs = jobs
        self.is_by_date = True

    def put_expiring_first(self, context: SyncContext) -> None:
        """Put what is still to be created into the order in which less expires.

        What has been created, or failed, keeps its place: it is read first.
        """
        self.is_by_date = False
        jobs = list(self.jobs)
        while jobs and not (jobs[-1].export_id or jobs[-1].failures):
            jobs.pop()
        made = [job.plan for job in jobs]
        rest = [job.plan for job in self.jobs[len(jobs) :]]
        ordered = self.family.expiring_first(context, made, rest)
        self.jobs = [*jobs, *(Job(self.family, plan) for plan in ordered)]

    def put_in_place(self, job: Job, plans: Sequence[ExportPlan]) -> None:
        """Replace one of them by jobs of some plans."""
        place = self.jobs.index(job)
        self.jobs[place : place + 1] = [Job(self.family, plan) for plan in plans]

    def under_way(self) -> list[Job]:
        """Return those that hold a slot of Marketo's queue; their bytes are still to come."""
        return [job for job in self.jobs if job.export_id and job.status in _HOLDS_SLOT]

    def to_create(self) -> list[Job]:
        """Return those that are not created yet."""
        return [job for job in self.jobs if job.export_id is None and not job.is_given_up]

    def waiting(self) -> list[Job]:
        """Return those that Marketo has, but has not begun."""
        return [job for job in self.jobs if job.export_id and job.status in WAITING]

    def enqueued(self) -> list[Job]:
        """Return those that Marketo is to begin next, but has not begun."""
        return [job for job in self.waiting() if job.enqueued != _NEVER]

    def polled(self) -> list[Job]:
        """Return those that Marketo is working on."""
        return [job for job in self.jobs if job.export_id and job.status in _POLLED]

    def earliest(self) -> ExportPlan:
        """Return the plan that begins earliest; there must be a job."""
        return min((job.plan for job in self.jobs), key=lambda plan: plan.window.start)

    def note_created(self, job: Job, export_id: str, moment: datetime, turn: int) -> None:
        """Note that Marketo has one of them since a moment (UTC).

        ``turn`` says which of all jobs created in this run it is.
        """
        job.export_id, job.status = export_id, ExportStatus.CREATED
        job.plan = replace(job.plan, made=moment)
        self.last_turn = turn

    def note_enqueued(self, job: Job, moment: float) -> None:
        """Note that one of them was enqueued (monotonic seconds)."""
        job.status = ExportStatus.QUEUED
        job.enqueued = job.begun = moment
        if len(self.polled()) == 1:
            self.last_poll = moment

    def next_poll(self, interval: float) -> float:
        """Return when they are polled next (monotonic seconds), never if none is to be.

        That is not before one of them can be done, and soon after it is. Marketo renews a job's
        status every 60 seconds at most (bulk-extract.md, Starting a Job), so more than one poll in
        an ``interval`` (poll_interval) shows nothing new. Those before a job can be done show next
        to nothing: jobs take minutes even when small.
        """
        polled = self.polled()
        if not polled:
            return inf
        due = min(self._first_poll(job, interval) for job in polled)
        longest = _LONGEST_INTERVALS * interval
        return max(self.last_poll + interval, min(due, self.last_poll + longest))

    def _first_poll(self, job: Job, interval: float) -> float:
        """Return when to poll a job that may be done: whole intervals after it was enqueued.

        From then on its status is renewed, as far as Marketo documents that.
        """
        if job.begun is None:
            return job.enqueued
        takes = job.begun + self.recent.quickest - job.enqueued
        return job.enqueued + interval * ceil(takes / interval)

    def pending(self) -> list[PendingExport]:
        """Return those that exist in Marketo, as the state keeps them."""
        return [
            PendingExport(
                job.export_id,
                job.plan.window.start,
                job.plan.window.end,
                job.plan.streams,
                self.family.replication_key,
                job.plan.made,
                job.plan.ids,
            )
            for job in self.jobs
            if job.export_id
        ]
