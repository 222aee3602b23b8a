"""What the parts of one run's exports share, and the queues of its families."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from tap_marketo.clock import Clock
from tap_marketo.errors import FailedExportError, MarketoError, TapError
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext
from tap_marketo.exports.job_queue import FamilyQueue, Job, RecentJobs
from tap_marketo.failures import Failures
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.protocol.position import PendingExport, Position


class ExportRun:
    """What the parts of one run's exports share.

    Attributes:
        may_grow: whether more families may be found.
        failed: the families of which nothing more is read.
        recent: how long Marketo took for the last jobs of each bulk object.
    """

    def __init__(
        self,
        client: MarketoClient,
        clock: Clock,
        context: SyncContext,
        failures: Failures,
        move_to: Callable[..., None],
    ) -> None:
        """Start with no family; ``move_to`` moves the state as that of an ``Emitter`` does."""
        self.api = ExportApi(client)
        self.clock = clock
        self.context = context
        self.config = context.config
        self.failures = failures
        self.move_to = move_to
        limit = context.config.daily_export_bytes
        self.allowance = ExportAllowance(limit, context.state.bytes_per_day())
        self.may_grow = False
        self.failed: list[BulkFamily] = []
        self.recent: defaultdict[str, RecentJobs] = defaultdict(RecentJobs)
        self._queues: dict[BulkFamily, FamilyQueue] = {}

    @property
    def queues(self) -> list[FamilyQueue]:
        """The queues of families that have not failed, in the order of their addition."""
        return [queue for family, queue in self._queues.items() if family not in self.failed]

    def add(self, family: BulkFamily) -> FamilyQueue:
        """Return the queue of a family, a new one if it has none yet."""
        if family not in self._queues:
            self._queues[family] = FamilyQueue(family, self.recent[family.bulk_object])
        return self._queues[family]

    def queue_of(self, family: BulkFamily) -> FamilyQueue:
        """Return the queue of a family."""
        return self._queues[family]

    @property
    def families(self) -> list[BulkFamily]:
        """All families that have a queue, also those that have failed."""
        return list(self._queues)

    def lay_out(self, family: BulkFamily) -> tuple[list[ExportPlan], list[PendingExport]]:
        """Return what has to be read, and the jobs of a stopped run that are of no use any more."""
        keys = {family.bookmarked_as(stream): family.replication_key for stream in family.streams}
        pending = self.context.state.pending_exports(family.name, keys, self.context.earliest)
        plans = family.plans(self.context, pending)
        needed = [plan.job for plan in plans if plan.job]
        return plans, [export for export in pending if export not in needed]

    def fail(self, family: BulkFamily, error: TapError) -> None:
        """Read nothing more of a family.

        Raises:
            TapError: the error concerns the whole run.
        """
        self.failures.skip(
            list(family.streams), error, family.further_permissions, family.name, family.part
        )
        self.failed.append(family)

    def skip_failed(self, family: BulkFamily) -> None:
        """Skip the streams of a family that have failed by themselves; the others are read.

        Raises:
            TapError: an error concerns the whole run.
        """
        for stream, error in family.failed.items():
            if family.streams.pop(stream, None):
                self.failures.skip([stream], error, family.further_permissions)

    def report(self, family: BulkFamily) -> None:
        """Write all jobs under way of a family into the state, whenever they change."""
        pending = self._queues[family].pending()
        self.move_to(Position(exports={family.name: pending}), at_once=True)

    def cancel(
        self, bulk_object: str, export_id: str, why: str = "which is not needed"
    ) -> MarketoError | None:
        """Cancel a job that nobody needs any more; return why it cannot be cancelled, if so."""
        try:
            self.api.cancel(bulk_object, export_id)
        except MarketoError as error:
            LOGGER.info("Could not cancel the %s export %s: %s", bulk_object, export_id, error)
            return error
        LOGGER.info("Cancelled the %s export %s, %s.", bulk_object, export_id, why)
        return None

    def recreate(self, job: Job, why: str) -> None:
        """Let a job be created again whose export or file turned out to be no good.

        Raises:
            FailedExportError: it failed often enough.
        """
        name, job.failures = job.name, job.failures + 1
        self.reset(job)
        if job.failures >= job.family.tries(job.plan):
            raise FailedExportError(
                f"The {name} failed {counted(job.failures, 'time')}, the last time: {why}. Run "
                "again later; a smaller max_export_days makes smaller exports."
            )
        LOGGER.warning("%s failed: %s. Creating a new job.", name, why)

    def replace(self, job: Job, why: str) -> None:
        """Let a job be created again that the previous run left and that is of no use."""
        LOGGER.info("%s of the previous run cannot be used: %s. Creating a new job.", job.name, why)
        self.reset(job)

    def reset(self, job: Job) -> None:
        """Forget the job in Marketo, in the state as well."""
        job.reset()
        self.report(job.family)
