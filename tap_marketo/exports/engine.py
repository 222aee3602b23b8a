"""The exports of one run, put together: planned, made, watched, read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tap_marketo.clock import Clock
from tap_marketo.errors import ExportQuotaError
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.canceller import cancel_waiting_jobs
from tap_marketo.exports.family import BulkFamily, SyncContext
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import HOLDS_PLACE, Lines, cancel_quietly
from tap_marketo.exports.planner import Planner
from tap_marketo.exports.progress import Progress
from tap_marketo.exports.reader import ExportReader
from tap_marketo.exports.scheduler import Scheduler
from tap_marketo.failures import Failures
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import ExportApi, ExportStatus
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import PendingExport, Position
from tap_marketo.times import next_allowance_reset, to_marketo

# Whoever asks a program to end does not wait for long.
_SECONDS_TO_END = 4.0
_MEGABYTE = 1_000_000


class ExportEngine:
    """Exports what the bulk families of one run have to read."""

    def __init__(
        self,
        client: MarketoClient,
        clock: Clock,
        context: SyncContext,
        emitter: Emitter,
        failures: Failures,
        tell: Callable[[bool], None],
    ) -> None:
        """Put the parts together; nothing is called yet.

        Args:
            client: makes the calls.
            clock: measures.
            context: what the sync begins with.
            emitter: takes rows and positions.
            failures: where families that fail are set aside.
            tell: tells how far the exports are; is told whether there is news.
        """
        config = context.config
        self._client = client
        self._clock = clock
        self._context = context
        self._emitter = emitter
        self._api = ExportApi(client)
        self._allowance = ExportAllowance(config.daily_export_bytes, context.state.bytes_per_day())
        self._lines = lines = Lines(self._report)
        planner = Planner(context, self._api, self._report)
        self._scheduler = Scheduler(
            self._api, clock, config, self._allowance, lines, planner.plan, failures
        )
        self._reader = ExportReader(
            self._api, clock, config, emitter, planner, self._allowance, lines, self.look_after
        )
        self._tell = tell
        self._reading: Job | None = None
        self._families: list[BulkFamily] = []
        self._has_learned = False

    def start(self, families: Sequence[BulkFamily]) -> None:
        """Learn from the jobs of the last days, and plan what the families have to read."""
        self._families += families
        if families and not self._has_learned:
            self._has_learned = True
            self._scheduler.learn(self._families, self._context.bulk_objects())
        for family in families:
            self._scheduler.add(family)

    def expect_families(self, more: bool) -> None:
        """Be told whether more families may be started."""
        self._lines.may_grow = more

    def drop(self, family: str, bulk_object: str) -> None:
        """Cancel the jobs that the state holds for a family that is no longer selected."""
        for export in self._context.pending(family):
            cancel_quietly(self._api, bulk_object, export.export_id)
        self._emitter.move_to(Position(exports={family: []}), at_once=True)

    def look_after(self) -> None:
        """Do what is due about the jobs, and let it be told how far they are."""
        self._tell(self._scheduler.work())

    def progress(self) -> Progress:
        """Return how far the exports are."""
        statuses = self._scheduler.statuses()
        budget, reading = self._client.budget, self._reading
        return Progress(
            read=self._reader.jobs_read,
            to_make=self._scheduler.jobs_to_make(),
            queued=sum(status in (None, *HOLDS_PLACE[:2]) for status in statuses),
            processing=statuses.count(ExportStatus.PROCESSING),
            ready=statuses.count(ExportStatus.COMPLETED),
            reading=reading.name if reading else "",
            rows=self._emitter.counts.total(),
            bytes_read=self._reader.bytes_read,
            bytes_today=self._allowance.used(self._clock.now()),
            bytes_allowed=self._allowance.limit,
            calls_today=budget.used,
            calls_allowed=budget.allowed,
            seconds_to_wait=self._scheduler.seconds_to_wait(),
            seconds_left=self._scheduler.seconds_left(),
        )

    def read_next(self) -> bool:
        """Read the export whose turn it is, if its file can be read; say whether one was."""
        job = self._scheduler.take_ready()
        if job:
            self._reading = job
            with self._scheduler.setting_aside(job.family):
                self._reader.read(job)
            self._reading = None
        return job is not None

    def end_early(self) -> None:
        """Cancel the jobs that still wait in the queue, because the program is asked to end."""
        self._client.hurry(_SECONDS_TO_END)
        cancel_waiting_jobs(self._api, self._lines)

    @property
    def is_done(self) -> bool:
        """Whether nothing can be exported any more."""
        return self._scheduler.is_done

    def seconds_to_wait(self) -> float:
        """Return for how many seconds there will be nothing to do."""
        return self._scheduler.seconds_to_wait()

    def announce(self) -> None:
        """Write the SCHEMA messages of streams without rows, too."""
        for family in self._families:
            for stream in family.streams:
                family.announce(stream, self._emitter)

    def check_quota(self) -> None:
        """End the run for today if something could not be exported.

        Raises:
            ExportQuotaError: a day's allowance is spent; it says what is left to do, and when.
        """
        spent = self._scheduler.quota_spent
        if spent is None:
            return
        now = self._clock.now()
        used = self._allowance.used(now) / _MEGABYTE
        raise ExportQuotaError(
            "Bulk exports",
            f"{spent.reason}. This API user has exported {used:,.1f} MB today. Left to do: "
            f"{'; '.join(self._scheduler.left_to_do())}. It can go on at "
            f"{to_marketo(next_allowance_reset(now))}",
            spent.code,
        )

    def _report(self, family: BulkFamily, exports: Sequence[PendingExport]) -> None:
        self._emitter.move_to(Position(exports={family.name: exports}), at_once=True)
