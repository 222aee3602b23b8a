"""One export job: its life, and what its owner is shown of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sandbox.clock import bulk_time
from tests.sandbox.export_requests import ExportRequest

REFRESH = 60.0
"""The status "will not be updated more frequently than once every 60 seconds" (bulk-extract.md)."""

UNFINISHED = ("Created", "Queued", "Processing")
FINISHED = ("Completed", "Failed", "Cancelled")


@dataclass
class Outcome:
    """What becomes of a job, as the control API has arranged it."""

    status: str | None = None
    """Failed, Cancelled or Completed: how it ends. Any other text: shown instead of Processing."""
    error: str | None = None
    stick: str | None = None
    """Created (whoever enqueues it), Queued or Processing: the state that it never leaves."""
    file: str | None = None
    """404: the job completes, but its file cannot be had."""
    minutes: float | None = None
    """Simulated minutes of processing."""


@dataclass
class Job:
    """An export job; times are simulated seconds since 1970."""

    id: str
    object: str
    owner: str
    created: float
    duration: float
    pickup: float = 0.0
    """Seconds in the queue before an idle worker takes it."""
    request: ExportRequest | None = None
    outcome: Outcome = field(default_factory=Outcome)
    status: str = "Created"
    queued: float | None = None
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    file: Path | None = None
    rows: int = 0
    size: int = 0
    checksum: str = ""
    written: float | None = None
    """When the file lay ready on disk; the job cannot finish before."""
    not_before: float = 0.0
    """A job that was stuck goes on from here, not from the past."""
    history: list[tuple[float, str]] = field(default_factory=list)
    anchor: float = 0.0
    """The shown status is renewed every 60 seconds from this moment on."""
    polls: int = 0
    downloads: int = 0
    enqueues: int = 0
    cancelled_in: str | None = None
    """The status in which the owner's own call cancelled the job."""

    def move(self, status: str, moment: float, at_once: bool = False) -> None:
        """Go to another status; `at_once` when the owner's own call did it and so sees it."""
        self.status = status
        self.history.append((moment, status))
        if at_once:
            self.anchor = moment

    def shown_status(self, now: float) -> str:
        """The status as of its last refresh."""
        refreshed = self.anchor + REFRESH * ((now - self.anchor) // REFRESH)
        status = "Created"
        for moment, each in self.history:
            if moment <= refreshed:
                status = each
        own = self.outcome.status
        if status == "Processing" and own is not None and own not in FINISHED:
            return own
        return status

    def shown(self, now: float) -> dict[str, Any]:
        """The job as create, enqueue, status, list and cancel answer it (bulk-extract.md)."""
        status = self.shown_status(now)
        shown: dict[str, Any] = {
            "exportId": self.id,
            "format": self.request.format if self.request else "CSV",
            "status": status,
            "createdAt": bulk_time(self.created),
        }
        if status == "Created":
            return shown
        times = [("queuedAt", self.queued)]
        if status not in UNFINISHED or status == "Processing":
            times.append(("startedAt", self.started))
        if status in FINISHED:
            times.append(("finishedAt", self.finished))
        shown.update({name: bulk_time(moment) for name, moment in times if moment is not None})
        if status == "Completed":
            shown["numberOfRecords"] = self.rows
            shown["fileSize"] = self.size
            shown["fileChecksum"] = f"sha256:{self.checksum}"
        if status == "Failed" and self.error is not None:
            shown["errorMsg"] = self.error
        return shown

    def report(self) -> dict[str, Any]:
        """All that is known of the job, for the counters."""
        times = {"created": self.created, "queued": self.queued, "started": self.started}
        times["finished"] = self.finished
        return {
            "exportId": self.id,
            "object": self.object,
            "owner": self.owner,
            "status": self.status,
            "fields": self.request.fields if self.request else [],
            "filter": self.request.filter if self.request else {},
            "format": self.request.format if self.request else "CSV",
            **{f"{name}At": value and bulk_time(value) for name, value in times.items()},
            **times,
            "pickup": self.pickup,
            "rows": self.rows,
            "bytes": self.size,
            "checksum": self.checksum,
            "enqueues": self.enqueues,
            "cancelled_in": self.cancelled_in,
            "polls": self.polls,
            "downloads": self.downloads,
        }
