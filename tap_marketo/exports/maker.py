"""Which export job is made and enqueued next, as far as queue and allowance go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import (
    ExportQuotaError,
    FieldNotFoundError,
    FilterUnavailableError,
    OutputClosedError,
    QueueFullError,
)
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.jobs import Job, listed
from tap_marketo.exports.lines import HOLDS_PLACE, Line, Lines, cancel_quietly
from tap_marketo.log import LOGGER
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus
from tap_marketo.times import Window, whole_seconds

# A full queue is tried again in steps that grow to so many seconds.
_LONGEST_QUEUE_WAIT = 300.0

_MEGABYTE = 1_000_000


class JobMaker:
    """Makes and enqueues jobs.

    Attributes:
        quota_spent: why no more jobs are made today, None as long as they are.
        queue_full_until: monotonic seconds before which the queue need not be tried again.
    """

    def __init__(
        self,
        api: ExportApi,
        clock: Clock,
        config: Config,
        allowance: ExportAllowance,
        lines: Lines,
        replan: Callable[[Line], None],
    ) -> None:
        """Make jobs for some lines.

        Args:
            api: the calls.
            clock: measures.
            config: poll_interval, job_timeout, max_queued_exports, max_export_days.
            allowance: the day's bytes.
            lines: whose jobs are made.
            replan: lays a line out anew when its family has changed its filter.
        """
        self._api = api
        self._clock = clock
        self._interval = config.poll_interval
        self._timeout = config.job_timeout
        self._places = config.max_queued_exports
        self._longest = timedelta(days=config.max_export_days)
        self._allowance = allowance
        self._lines = lines
        self._replan = replan
        self.queue_full_until = float("-inf")
        self._queue_full_since: float | None = None
        self._longest_wait = _LONGEST_QUEUE_WAIT * config.wait_scale
        self._next_wait = self._interval
        self.quota_spent: ExportQuotaError | None = None
        self._turns = 0

    def advance(self, job: Job) -> bool:
        """Make a job, if there is none yet, and enqueue it.

        Returns:
            Whether another one may follow: there is still room in the queue and in the day.

        Raises:
            QueueFullError: the queue has been full for job_timeout.
            MarketoError: a call was refused.
        """
        try:
            if job.export_id is None:
                if not self._cut(job):
                    return False
                self._make(job)
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

    def _await_queue(self, error: QueueFullError) -> None:
        now = self._clock.monotonic()
        if self._queue_full_since is None:
            self._queue_full_since, self._next_wait = now, self._interval
        left = self._queue_full_since + self._timeout - now
        if left <= 0:
            raise error
        wait = min(self._next_wait, left)
        self.queue_full_until = now + wait
        self._next_wait = min(2 * self._next_wait, max(self._longest_wait, self._interval))
        LOGGER.info(
            "Marketo's export queue is full (others use it too); trying again in %g s.", wait
        )

    def next_job(self) -> Job | None:
        """Choose the job that is made or enqueued next.

        It is of the family with the fewest places, of several that which has waited longest; as
        long as more families may be found, each takes one place. When the day's allowance will
        not hold everything, it is filled in date order instead, once all families are known.

        Returns:
            None if there is none, or no room for it at the moment.
        """
        if self.quota_spent is not None or self._clock.monotonic() < self.queue_full_until:
            return None
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

    def _is_scarce(self, lines: Sequence[Line]) -> bool:
        wanted = sum(self._cost(job) for line in lines for job in line.unmade())
        return wanted > self._allowance.limit - self._allowance.used(self._clock.now())

    def _cost(self, job: Job) -> float:
        plan = job.plan
        return self._allowance.cost(job.family.name, plan.window, len(plan.ids))

    def _cut(self, job: Job) -> bool:
        """Cut a job's window to what one job should export, and to what fits into today.

        Returns:
            Whether anything fits.
        """
        line, plan = self._lines.of(job), job.plan
        under_way = [
            other
            for line in self._lines
            for other in line.jobs
            if other.export_id and other.status in HOLDS_PLACE
        ]
        window = self._fit(job, sum(map(self._cost, under_way)))
        if window is None:
            # What is under way may turn out smaller than expected: then there is room again.
            if not under_way:
                self._stop_for_today()
            return False
        rest = plan.window.after(window)
        if rest:
            job.plan = replace(plan, window=window)
            line.jobs.insert(line.jobs.index(job) + 1, Job(job.family, replace(plan, window=rest)))
        return True

    def _fit(self, job: Job, under_way: float) -> Window | None:
        """Return as much of a job's window as one job exports today, None if nothing fits."""
        family, window, now = job.family.name, job.plan.window, self._clock.now()
        if job.plan.ids:
            has_room = self._allowance.has_room(self._cost(job), under_way, now)
            return window if has_room else None
        wanted = self._allowance.one_job(family, window, self._longest)
        return self._allowance.fit(family, wanted, under_way, now)

    def _stop_for_today(self) -> None:
        self.quota_spent = ExportQuotaError(
            "Bulk exports",
            f"the next export would pass the {self._allowance.limit / _MEGABYTE:,.0f} MB a day "
            "that max_daily_export_mb allows",
        )
        LOGGER.warning("No more exports today: %s.", self.quota_spent.reason)

    def _make(self, job: Job) -> None:
        family, plan = job.family, job.plan
        try:
            export_id = self._api.create(family.bulk_object, family.fields(), family.filter(plan))
        except FilterUnavailableError as error:
            family.do_without_filter(error)
            self._replan(self._lines.of(job))
            return
        except FieldNotFoundError as error:
            family.do_without_field(error)
            return
        job.export_id, job.status = export_id, ExportStatus.CREATED
        job.plan = replace(plan, made=whole_seconds(self._clock.now()))
        self._turns += 1
        self._lines.of(job).last_turn = self._turns
        LOGGER.info("Made the %s for %s.", job.name, listed(plan.streams))
        try:
            # In the state before it is waited for: a run stopped from here on resumes it.
            self._lines.tell(self._lines.of(job))
        except OutputClosedError:
            # No kept state knows of it, so that no run would ever take it up.
            cancel_quietly(self._api, family.bulk_object, export_id)
            raise

    def _enqueue(self, job: Job) -> None:
        self._api.enqueue(job.family.bulk_object, job.export_id or "")
        self._queue_full_since = None
        job.status = ExportStatus.QUEUED
        job.enqueued = job.begun = self._clock.monotonic()
        line = self._lines.of(job)
        if len(line.watched()) == 1:
            line.last_look = job.enqueued
