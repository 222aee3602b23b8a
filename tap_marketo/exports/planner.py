"""What each family has to read, from what the state says and the jobs it holds."""

from __future__ import annotations

from datetime import datetime

from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.lines import cancel_quietly
from tap_marketo.exports.windows import Plan, Stand, plan_windows
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.protocol.position import Bookmark, PendingExport
from tap_marketo.protocol.state import State


class Planner:
    """Lays out windows by the state's bookmarks."""

    def __init__(self, state: State, api: ExportApi, earliest: datetime, now: datetime) -> None:
        """Plan for one run.

        Args:
            state: where the streams stand.
            api: cancels jobs.
            earliest: where a stream without a bookmark begins (start_date), UTC.
            now: the end of the last window, whole seconds UTC.
        """
        self._state = state
        self._api = api
        self._earliest = earliest
        self._now = now

    def plan(self, family: BulkFamily) -> list[Plan[PendingExport]]:
        """Lay out what a family has to read, and cancel its jobs that are of no use any more."""
        key = family.replication_key
        stands = {stream: self._stand(family, stream) for stream in family.streams}
        pending = self._state.pending_exports(
            family.name, dict.fromkeys(family.streams, key), self._earliest
        )
        adopted = [
            Plan(export.window, export.streams, export, export.made)
            for export in pending
            if export.replication_key == key
        ]
        plans = plan_windows(stands, adopted, self._now)
        needed = {plan.job.export_id for plan in plans if plan.job}
        for export in pending:
            if export.export_id not in needed:
                cancel_quietly(self._api, family.bulk_object, export.export_id)
        return plans

    def _stand(self, family: BulkFamily, stream: str) -> Stand:
        return Stand(
            self._family_bookmark(family, stream),
            self._state.settled(stream),
            self._earliest,
            family.lookback,
        )

    def _family_bookmark(self, family: BulkFamily, stream: str) -> datetime | None:
        bookmark = self._state.bookmark(stream, family.replication_key)
        if bookmark is None and family.replication_key == "createdAt":
            # Left by a tap that read by createdAt but kept its bookmark under updatedAt.
            bookmark = self._state.bookmark(stream, "updatedAt")
        return bookmark

    def bookmark_after(self, job: Job, stream: str) -> Bookmark:
        """Return a stream's bookmark when a job has been read to its end."""
        window = job.plan.window
        stand = self._stand(job.family, stream).after(window, job.plan.made)
        return Bookmark(job.family.replication_key, window.end, stand.settled)
