"""What each family has to read, from what the state says and the jobs it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tap_marketo.exports.family import BulkFamily, ExportPlan, SyncContext
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import cancel_quietly
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.protocol.position import PendingExport, Position


class Planner:
    """Lays out families' plans by the state."""

    def __init__(
        self,
        context: SyncContext,
        api: ExportApi,
        report: Callable[[BulkFamily, Sequence[PendingExport]], None],
    ) -> None:
        """Plan for one run.

        Args:
            context: what the sync begins with.
            api: cancels jobs.
            report: is told of the jobs of a family that are left.
        """
        self._context = context
        self._api = api
        self._report = report

    def plan(self, family: BulkFamily) -> list[ExportPlan]:
        """Lay out what a family has to read, and cancel its jobs that are of no use any more."""
        plans, dropped = self.lay_out(family)
        for export in dropped:
            cancel_quietly(self._api, family.bulk_object, export.export_id)
        if dropped:
            self._report(family, [plan.job for plan in plans if plan.job])
        return plans

    def lay_out(self, family: BulkFamily) -> tuple[list[ExportPlan], list[PendingExport]]:
        """Return what a family has to read, and its jobs that are of no use any more."""
        pending = self._context.state.pending_exports(
            family.name,
            {family.bookmarked_as(stream): family.replication_key for stream in family.streams},
            self._context.earliest,
        )
        plans = family.plans(self._context, pending)
        needed = [plan.job for plan in plans if plan.job]
        return plans, [export for export in pending if export not in needed]

    def position_after(self, job: Job) -> Position:
        """Return what has been reached when a job has been read to its end."""
        return job.family.position_after(self._context, job.plan)
