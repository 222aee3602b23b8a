"""What the parts of one run's exports share."""

from __future__ import annotations

from dataclasses import dataclass

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import MarketoError, TapError
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext
from tap_marketo.exports.job_queue import FamilyQueue, JobQueue
from tap_marketo.failures import Failures
from tap_marketo.log import LOGGER
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.protocol.position import PendingExport


@dataclass(frozen=True)
class ExportRun:
    """What the parts of one run's exports share.

    Attributes:
        api: makes the calls.
        clock: measures.
        context: what the sync begins with.
        allowance: the day's bytes.
        queue: the jobs of all families.
        failures: the streams that failed.
    """

    api: ExportApi
    clock: Clock
    context: SyncContext
    allowance: ExportAllowance
    queue: JobQueue
    failures: Failures

    @property
    def config(self) -> Config:
        """The settings."""
        return self.context.config

    def lay_out(self, family: BulkFamily) -> tuple[list[ExportPlan], list[PendingExport]]:
        """Return what has to be read, and the jobs of a stopped run that are of no use any more."""
        keys = {family.bookmarked_as(stream): family.replication_key for stream in family.streams}
        pending = self.context.state.pending_exports(family.name, keys, self.context.earliest)
        plans = family.plans(self.context, pending)
        needed = [plan.job for plan in plans if plan.job]
        return plans, [export for export in pending if export not in needed]

    def fail(self, family: BulkFamily, error: TapError) -> list[FamilyQueue]:
        """Read nothing more of a family; return its queue, if it has one.

        Raises:
            TapError: the error concerns the whole run.
        """
        self.failures.skip(
            list(family.streams), error, family.further_permissions, family.name, family.part
        )
        return self.queue.fail(family)

    def skip_failed(self, family: BulkFamily) -> None:
        """Skip the streams of a family that have failed by themselves; the others are read.

        Raises:
            TapError: an error concerns the whole run.
        """
        for stream, error in family.failed.items():
            if family.streams.pop(stream, None):
                self.failures.skip([stream], error, family.further_permissions)

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
