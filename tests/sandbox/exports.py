"""The queue of export jobs and its two workers (bulk-extract.md, "Queue")."""

from __future__ import annotations

import random
import threading
import uuid
from pathlib import Path
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.clock import DAY, Clock, central_date, central_midnight
from tests.sandbox.database import Database
from tests.sandbox.export_requests import ExportRequest
from tests.sandbox.extract import Selection, select, write_file
from tests.sandbox.jobs import FINISHED, Job, Outcome
from tests.sandbox.options import Options

WORKERS = 2
"""Most jobs that are processed at once (bulk-extract.md, "Limits")."""
PLACES = 10
"""Most jobs in the queue, "inclusive of currently exporting jobs"."""
PICKUP = 1.0
"""Least seconds until an idle worker takes a queued job; Adobe says only "when available"."""
LISTED_FOR = 7 * DAY
"""The list has "each job created in the past seven days"; files are kept as long."""


class ExportQueue:
    """All jobs of the subscription. `changed` guards them and the tables they read."""

    def __init__(
        self,
        options: Options,
        clock: Clock,
        database: Database,
        folder: Path,
        changed: threading.Condition,
    ) -> None:
        self._options = options
        self._clock = clock
        self._database = database
        self._folder = folder
        self._changed = changed
        self.jobs: dict[str, Job] = {}
        self.next_outcomes: list[tuple[str | None, Outcome]] = []
        """Arranged for jobs to come: each for the next one, of its object if it has one."""
        self.outcomes_of_programs: dict[int, Outcome] = {}
        """Arranged for all jobs to come that export the members of a program, among others."""
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._idle_since = [0.0] * WORKERS
        self._closed = False
        self._foreign_bytes: dict[str, int] = {}
        self.most_places = 0
        self._thread = threading.Thread(target=self._run, name="export-queue", daemon=True)

    def start(self) -> None:
        """Set the workers going."""
        self._thread.start()

    def close(self) -> None:
        """Stop the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=5)

    # What the owner of a job does -------------------------------------------------------------

    def create(self, request: ExportRequest) -> Job:
        """A new job; refused while the daily quota is spent."""
        self._check_quota()
        now = self._clock.now()
        job = self._make(request.object, "user", now)
        job.request = request
        job.outcome = self._next_outcome(request)
        job.move("Created", now, at_once=True)
        return job

    def _next_outcome(self, request: ExportRequest) -> Outcome:
        for program in request.programs or ():
            if program in self.outcomes_of_programs:
                return self.outcomes_of_programs[program]
        for place, (wanted, outcome) in enumerate(self.next_outcomes):
            if wanted in (None, request.object):
                del self.next_outcomes[place]
                return outcome
        return Outcome()

    def enqueue(self, job: Job) -> None:
        """Queue a job: the three cases of error 1029 (error-codes.md)."""
        job.enqueues += 1
        if job.status in ("Queued", "Processing", "Completed"):
            raise ApiError("1029", "Job already queued")
        if job.status != "Created":
            # "If a job fails for some reason, you must recreate it" (bulk-extract.md).
            raise ApiError("1003", f"Job is {job.status} and cannot be queued")
        self._check_quota()
        if self.places() >= PLACES:
            raise ApiError("1029", "Too many jobs in queue")
        if job.outcome.stick == "Created":
            return
        self._queue(job, self._clock.now())
        self.settle()

    def cancel(self, job: Job) -> None:
        """Cancel a job; its place in the queue is free at once."""
        if job.status in FINISHED:
            raise ApiError("1003", f"Job is already {job.status}")
        job.cancelled_in = job.status
        self._end(job, "Cancelled", self._clock.now())
        job.anchor = self._clock.now()

    def find(self, kind: str, job_id: str) -> Job | None:
        """A job of the API user, which is the only one who may see it (bulk-extract.md)."""
        job = self.jobs.get(job_id)
        return job if job and job.object == kind and job.owner == "user" else None

    def listed(self, kind: str) -> list[Job]:
        """Jobs of the API user from the past seven days, oldest first."""
        oldest = self._clock.now() - LISTED_FOR
        return [
            job
            for job in self.jobs.values()
            if job.object == kind and job.owner == "user" and job.created >= oldest
        ]

    def shown(self) -> list[dict[str, Any]]:
        """Jobs of the API user from the past seven days as the lists show them, with the object."""
        now = self._clock.now()
        kinds = dict.fromkeys(job.object for job in self.jobs.values())
        return [{"object": k, **job.shown(now)} for k in kinds for job in self.listed(k)]

    def is_waited_for(self, call: str, kind: str) -> bool:
        """Whether who makes a call waits for jobs: for the end of own ones, or for a place."""
        if call == "enqueue":
            return self.places() >= PLACES
        now = self._clock.now()
        own = (job for job in self.jobs.values() if job.object == kind and job.owner == "user")
        return call in ("list", "status") and any(
            job.shown_status(now) not in FINISHED for job in own
        )

    # Quota and places -------------------------------------------------------------------------

    def places(self) -> int:
        """Jobs queued or processing now."""
        return len(self._waiting) + len(self._running)

    def bytes_today(self) -> int:
        """Size of the files finished since midnight Central Time (bulk-extract.md)."""
        now = self._clock.now()
        midnight = central_midnight(now)
        own = sum(
            job.size
            for job in self.jobs.values()
            if job.status == "Completed" and job.finished is not None and job.finished >= midnight
        )
        return own + self._foreign_bytes.get(central_date(now), 0)

    def add_foreign_bytes(self, count: int) -> None:
        """Bytes exported today by other API users."""
        day = central_date(self._clock.now())
        self._foreign_bytes[day] = self._foreign_bytes.get(day, 0) + count

    def _check_quota(self) -> None:
        if self.bytes_today() >= self._options.daily_export_mb * 1_000_000:
            raise ApiError("1029", "Export daily quota exceeded")

    # What the control API does ----------------------------------------------------------------

    def add_finished_job(self, kind: str, size: int, moment: float) -> Job:
        """A job of the API user for any bulk object, made elsewhere and completed at a moment."""
        job = self._make(kind, "user", moment)
        job.size = size
        for status in ("Created", "Queued", "Processing", "Completed"):
            job.move(status, moment, at_once=True)
        job.queued = job.started = job.finished = job.written = moment
        return job

    def add_foreign_jobs(self, count: int, minutes: float) -> int:
        """Jobs of another API user take places and workers; gives how many found a place."""
        now = self._clock.now()
        room = max(0, min(count, PLACES - self.places()))
        for _ in range(room):
            job = self._make("leads", "foreign", now)
            job.duration = minutes * 60
            job.move("Created", now)
            self._queue(job, now)
        self.settle()
        return room

    def set_outcome(self, job: Job, outcome: Outcome) -> None:
        """Decide what becomes of a job, from now on."""
        now = self._clock.now()
        if job.outcome.stick is not None and outcome.stick is None:
            job.not_before = now
        job.outcome = outcome
        if outcome.minutes is not None:
            job.duration = outcome.minutes * 60
        if job.status not in FINISHED:
            if outcome.status in ("Failed", "Cancelled"):
                self._end(job, outcome.status, now)
            elif outcome.status == "Completed" and job.started is not None:
                job.duration = now - job.started
        self.settle()
        self._changed.notify_all()

    def advance(self, target: float) -> None:
        """Move the clock to the moment, through everything that happens on the way.

        Files due on the way are waited for, so that jobs finish when they were to.
        """
        while True:
            self.settle()
            while any(job.written is None for job in self._running if not _stuck(job)):
                self._changed.wait(0.1)
                self.settle()
            moment = self._next_moment()
            if moment is None or moment > target:
                break
            self._clock.advance_to(moment)
        self._clock.advance_to(target)
        self.settle()
        self._changed.notify_all()

    # The workers ------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that was due by now, in order of time."""
        now = self._clock.now()
        while (moment := self._next_moment()) is not None and moment <= now:
            self._step(moment)

    def _make(self, kind: str, owner: str, now: float) -> Job:
        rng = random.Random(f"{self._options.seed}:job:{len(self.jobs)}")
        job_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        job = Job(job_id, kind, owner, now, rng.uniform(*self._options.export_range))
        job.pickup = max(PICKUP, rng.uniform(*self._options.queue_range))
        self.jobs[job_id] = job
        return job

    def _queue(self, job: Job, now: float) -> None:
        job.queued = now
        job.move("Queued", now, at_once=True)
        self._waiting.append(job)
        self.most_places = max(self.most_places, self.places())
        self._changed.notify_all()

    def _next_start(self) -> tuple[float, Job] | None:
        if not self._idle_since:
            return None
        for job in self._waiting:
            if job.outcome.stick != "Queued" and job.queued is not None:
                return max(job.queued + job.pickup, min(self._idle_since), job.not_before), job
        return None

    def _next_end(self) -> tuple[float, Job] | None:
        ends = [
            (max(job.started + job.duration, job.written, job.not_before), job.id)
            for job in self._running
            if job.started is not None and job.written is not None and not _stuck(job)
        ]
        if not ends:
            return None
        moment, job_id = min(ends)
        return moment, self.jobs[job_id]

    def _next_moment(self) -> float | None:
        events = [event[0] for event in (self._next_start(), self._next_end()) if event]
        return min(events, default=None)

    def _step(self, moment: float) -> None:
        ending = self._next_end()
        if ending is not None and ending[0] <= moment:
            job = ending[1]
            end = job.outcome.status
            self._end(job, end if end in ("Failed", "Cancelled") else "Completed", moment)
            return
        starting = self._next_start()
        if starting is not None:
            self._begin(starting[1], moment)

    def _begin(self, job: Job, moment: float) -> None:
        self._waiting.remove(job)
        self._idle_since.remove(min(self._idle_since))
        self._running.append(job)
        job.started = moment
        job.move("Processing", moment)
        if job.outcome.minutes is not None:
            job.duration = job.outcome.minutes * 60
        if job.request is None:
            job.written = moment
            return
        chosen = select(job.request, self._database, moment)
        threading.Thread(target=self._write, args=(job, job.request, chosen), daemon=True).start()

    def _write(self, job: Job, request: ExportRequest, chosen: Selection) -> None:
        """Write a job's file, in a thread of its own and without the lock."""
        path = self._folder / f"{job.id}.csv"
        end = "\r\n" if self._options.crlf else "\n"
        try:
            result = write_file(path, request, self._database, chosen, end)
        except (KeyError, OSError) as error:
            # A field was removed under the job's feet, or the disk is full: the job fails.
            with self._changed:
                job.outcome = Outcome(status="Failed", error=f"System error: {error}")
                job.written = self._clock.now()
                self._changed.notify_all()
            return
        with self._changed:
            job.file = path
            job.rows, job.size, job.checksum = result.rows, result.size, result.checksum
            if job.outcome.minutes is None and job.outcome.status != "Completed":
                job.duration += 60 * self._options.minutes_per_mb * job.size / 1_000_000
            job.written = self._clock.now()
            self._changed.notify_all()

    def _end(self, job: Job, status: str, moment: float) -> None:
        if job in self._waiting:
            self._waiting.remove(job)
        if job in self._running:
            self._running.remove(job)
            self._idle_since.append(moment)
        job.finished = moment
        if status == "Failed":
            job.error = job.outcome.error or "Export job failed"
        job.move(status, moment)
        self._changed.notify_all()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                self.settle()
                moment = self._next_moment()
                wait = None if moment is None else self._clock.real_seconds_until(moment)
                self._changed.wait(None if wait is None else max(wait, 0.0005))


def _stuck(job: Job) -> bool:
    return job.outcome.stick == "Processing"
