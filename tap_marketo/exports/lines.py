"""The lines in which the jobs of each family are read, and jobs that have to be made anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tap_marketo.errors import ExportError, MarketoError
from tap_marketo.exports.family import BulkFamily, ExportPlan
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.looks import RecentJobs, Waiting, next_look
from tap_marketo.log import LOGGER
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus
from tap_marketo.protocol.position import PendingExport

# How often a job that failed is made anew before the run stops.
MAX_REMAKES = 3

HOLDS_PLACE = (ExportStatus.CREATED, ExportStatus.QUEUED, ExportStatus.PROCESSING)
WAITING = (ExportStatus.CREATED, ExportStatus.QUEUED)
_WATCHED = (None, ExportStatus.QUEUED, ExportStatus.PROCESSING)


@dataclass
class Line:
    """The jobs of one family in the order in which they are read.

    Attributes:
        last_look: monotonic seconds at which Marketo was last asked about them, or at which the
            first of them was enqueued.
        last_turn: which of all jobs made in this run its last one was; 0 if none was made yet.
        recent: how long Marketo took for the last ones.
    """

    family: BulkFamily
    recent: RecentJobs
    jobs: deque[Job] = field(default_factory=deque)
    last_look: float = float("-inf")
    last_turn: int = 0

    def held(self) -> int:
        """Return how many places of the queue they hold."""
        return sum(job.export_id is not None and job.status in HOLDS_PLACE for job in self.jobs)

    def unmade(self) -> list[Job]:
        """Return those that are not made yet."""
        return [job for job in self.jobs if job.export_id is None]

    def earliest(self) -> ExportPlan | None:
        """Return what begins earliest of what they are to export, None if there is nothing."""
        return min(
            (job.plan for job in self.jobs), key=lambda plan: plan.window.start, default=None
        )

    def waiting(self) -> list[Job]:
        """Return those that Marketo has, but has not begun."""
        return [job for job in self.jobs if job.export_id and job.status in WAITING]

    def enqueued(self) -> list[Job]:
        """Return those that are to be begun next, but have not been begun."""
        return [job for job in self.waiting() if job.enqueued != float("-inf")]

    def watched(self) -> list[Job]:
        """Return those that Marketo is working on."""
        return [job for job in self.jobs if job.export_id and job.status in _WATCHED]

    def note_made(self, job: Job, export_id: str, made: datetime, turn: int) -> None:
        """Take note that Marketo has one of them now.

        Args:
            job: which.
            export_id: its id.
            made: when, UTC.
            turn: which of all jobs made in this run it is.
        """
        job.export_id, job.status = export_id, ExportStatus.CREATED
        job.plan = replace(job.plan, made=made)
        self.last_turn = turn

    def note_enqueued(self, job: Job, moment: float) -> None:
        """Take note that one of them was enqueued (monotonic seconds)."""
        job.status = ExportStatus.QUEUED
        job.enqueued = job.begun = moment
        if len(self.watched()) == 1:
            self.last_look = moment

    def next_look(self, interval: float) -> float:
        """Return when they are to be looked at next (monotonic seconds), never if none is watched.

        Args:
            interval: least seconds between two looks.
        """
        waiting = [Waiting(job.enqueued, job.begun) for job in self.watched()]
        if not waiting:
            return float("inf")
        return next_look(self.last_look, interval, waiting, self.recent.quickest)

    def pending(self) -> list[PendingExport]:
        """Return those that exist in Marketo, as the state keeps them."""
        return [
            PendingExport(
                job.export_id,
                job.plan.window,
                job.plan.streams,
                self.family.replication_key,
                job.plan.made,
                job.plan.ids,
            )
            for job in self.jobs
            if job.export_id
        ]


class Lines:
    """The lines of all families of a run.

    Attributes:
        may_grow: whether more families may be found.
    """

    def __init__(self, report: Callable[[BulkFamily, Sequence[PendingExport]], None]) -> None:
        """Start with none.

        Args:
            report: is told of all jobs under way of a family whenever they change.
        """
        self.may_grow = False
        self._report = report
        self._lines: list[Line] = []
        self._failed: list[BulkFamily] = []

    def __iter__(self) -> Iterator[Line]:
        """Yield the lines of families that have not failed, in the order of their addition."""
        return (line for line in self._lines if line.family not in self._failed)

    def add(self, line: Line) -> None:
        """Take a line in."""
        self._lines.append(line)

    def of(self, job: Job) -> Line:
        """Return the line in which a job stands."""
        return next(line for line in self._lines if line.family is job.family)

    def held(self) -> int:
        """Return how many places of the queue the jobs of families that have not failed hold."""
        return sum(line.held() for line in self)

    def tell(self, family_line: Line) -> None:
        """Report the jobs of a line that are under way."""
        self._report(family_line.family, family_line.pending())

    def fail(self, family: BulkFamily) -> Line | None:
        """Read nothing more of a family in this run; return its line, if it has one."""
        self._failed.append(family)
        return next((line for line in self._lines if line.family is family), None)

    def make_anew(self, job: Job, why: str) -> None:
        """Make a job anew whose export or file turned out to be no good.

        Raises:
            ExportError: it was made anew often enough.
        """
        name, job.remakes = job.name, job.remakes + 1
        self._forget(job)
        if job.remakes > MAX_REMAKES:
            raise ExportError(
                f"The {name} failed {job.remakes} times, the last time: {why}. Run again later; "
                "a smaller max_export_days makes smaller exports."
            )
        LOGGER.warning("The %s failed: %s. Making it anew.", name, why)

    def discard(self, job: Job, why: str) -> None:
        """Make a job anew that was left by an earlier run and is of no use any more."""
        LOGGER.info("The %s of an earlier run cannot be used: %s.", job.name, why)
        self._forget(job)

    def _forget(self, job: Job) -> None:
        job.forget()
        self.tell(self.of(job))


def cancel_quietly(
    api: ExportApi, bulk_object: str, export_id: str, why: str = "which is not needed"
) -> MarketoError | None:
    """Cancel a job that nobody needs any more; return why it cannot be cancelled, if so."""
    try:
        api.cancel(bulk_object, export_id)
    except MarketoError as error:
        LOGGER.info("Could not cancel the %s export %s: %s", bulk_object, export_id, error)
        return error
    LOGGER.info("Cancelled the %s export %s, %s.", bulk_object, export_id, why)
    return None
