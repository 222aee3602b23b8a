"""An export job on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tap_marketo.exports.family import BulkFamily, ExportPlan
from tap_marketo.marketo.export_calls import ExportInfo, ExportStatus


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
    plan: ExportPlan
    export_id: str | None = None
    status: ExportStatus | None = None
    info: ExportInfo | None = None
    remakes: int = 0
    downloads: int = 0
    enqueued: float = float("-inf")
    begun: float | None = None
    processed: float | None = None

    def forget(self) -> None:
        """Let it be as it was before there was a job in Marketo."""
        self.export_id = self.status = self.info = self.processed = self.begun = None
        self.downloads = 0
        self.plan = replace(self.plan, job=None, made=None)

    @property
    def name(self) -> str:
        """What to call it in a message."""
        export = self.export_id or "(not made yet)"
        return f"{self.family.name} export {export} {self.family.extent(self.plan)}"


def listed(streams: Sequence[str]) -> str:
    """Name some streams in a message, three at most."""
    shown = ", ".join(streams[:3])
    return shown if len(streams) <= 3 else f"{shown} and {len(streams) - 3} more"
