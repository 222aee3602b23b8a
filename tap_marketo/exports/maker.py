"""Export jobs are made and enqueued, as far as Marketo lets them."""

from __future__ import annotations

from collections.abc import Callable

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
from tap_marketo.exports.chooser import JobChooser
from tap_marketo.exports.jobs import Job, listed
from tap_marketo.exports.lines import Line, Lines, cancel_quietly
from tap_marketo.log import LOGGER
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.times import whole_seconds

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
        chooser: JobChooser,
        replan: Callable[[Line], None],
    ) -> None:
        """Make jobs for some lines.

        Args:
            api: the calls.
            clock: measures.
            config: poll_interval, job_timeout.
            allowance: the day's bytes.
            lines: whose jobs are made.
            chooser: says which comes next, and how much of it.
            replan: lays a line out anew when its family has changed its filter.
        """
        self._api = api
        self._clock = clock
        self._interval = config.poll_interval
        self._timeout = config.job_timeout
        self._allowance = allowance
        self._lines = lines
        self._chooser = chooser
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
        """Return the job that is made or enqueued next, None if it has to wait."""
        if self.quota_spent is not None or self._clock.monotonic() < self.queue_full_until:
            return None
        return self._chooser.next_job()

    def _cut(self, job: Job) -> bool:
        """Cut a job to what fits into today; say whether anything does."""
        if self._chooser.cut(job):
            return True
        # What is under way may turn out smaller than expected: then there is room again.
        if not self._chooser.under_way():
            self._stop_for_today()
        return False

    def _stop_for_today(self) -> None:
        self.quota_spent = ExportQuotaError(
            "Bulk exports",
            f"the next export would pass the {self._allowance.limit / _MEGABYTE:,g} MB a day "
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
        self._turns += 1
        made = whole_seconds(self._clock.now())
        self._lines.of(job).note_made(job, export_id, made, self._turns)
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
        self._lines.of(job).note_enqueued(job, self._clock.monotonic())
