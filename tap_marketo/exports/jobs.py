"""Export jobs on their way, and the line in which those of a family are read."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.looks import RecentJobs, Waiting, next_look
from tap_marketo.exports.windows import Plan
from tap_marketo.marketo.export_calls import ExportInfo, ExportStatus
from tap_marketo.protocol.state import PendingExport
from tap_marketo.times import to_marketo

HOLDS_PLACE = (ExportStatus.CREATED, ExportStatus.QUEUED, ExportStatus.PROCESSING)
_WATCHED = (None, ExportStatus.QUEUED, ExportStatus.PROCESSING)


@dataclass(eq=False)
class Job:
    """An export to be read: a window of a family, and the job in Marketo once there is one.

    As long as there is none, its window is a stretch of any length, of which the job made for it
    takes the first part; another Job takes the rest.

    Attributes:
        export_id: None until the job is made.
        status: None also for a job taken up from the state before Marketo was asked about it.
        info: what Marketo last said.
        remakes: how often it was made anew after a failure.
        downloads: how often its file was downloaded.
        enqueued: monotonic seconds at which this run saw it queued.
        begun: monotonic seconds before which it was not processed; None if that is not known.
        processed: monotonic seconds at which this run first saw it processed.
    """

    family: BulkFamily
    plan: Plan[PendingExport]
    export_id: str | None = None
    status: ExportStatus | None = None
    info: ExportInfo | None = None
    remakes: int = 0
    downloads: int = 0
    enqueued: float = float("-inf")
    begun: float | None = None
    processed: float | None = None

    @property
    def name(self) -> str:
        """What to call it in a message."""
        window = self.plan.window
        return (
            f"{self.family.name} export {self.export_id or '(not made yet)'} from "
            f"{to_marketo(window.start)} to {to_marketo(window.end)}"
        )


@dataclass
class Line:
    """The jobs of one family in the order in which they are read.

    Attributes:
        last_look: monotonic seconds at which Marketo was last asked about them, or at which the
            first of them was enqueued.
        recent: how long Marketo took for the last ones.
    """

    family: BulkFamily
    recent: RecentJobs
    jobs: deque[Job] = field(default_factory=deque)
    last_look: float = float("-inf")

    def held(self) -> int:
        """Return how many places of the queue they hold."""
        return sum(job.export_id is not None and job.status in HOLDS_PLACE for job in self.jobs)

    def unmade(self) -> list[Job]:
        """Return those that are not made yet."""
        return [job for job in self.jobs if job.export_id is None]

    def watched(self) -> list[Job]:
        """Return those that Marketo is working on."""
        return [job for job in self.jobs if job.export_id and job.status in _WATCHED]

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
            )
            for job in self.jobs
            if job.export_id
        ]
