"""How far the exports of a run are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tap_marketo.log import MEGABYTE, counted


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the exports are. What has no line below is a number of jobs, or of calls.

    Attributes:
        to_make: about how many are still to be created.
        ready: those whose files can be read.
        reading: the job whose file is being read; empty if there is none.
        rows: records emitted, of all streams.
        bytes_read: of export files, in this run.
        bytes_today: that the API user has exported today.
        calls_today: of the whole subscription.
        seconds_to_wait: until jobs are polled next.
        seconds_left: about how long Marketo still takes; None while that is not known.
    """

    read: int
    to_make: int
    queued: int
    processing: int
    ready: int
    reading: str
    rows: int
    bytes_read: int
    bytes_today: int
    bytes_allowed: int
    calls_today: int
    calls_allowed: int
    seconds_to_wait: float
    seconds_left: float | None

    @property
    def to_read(self) -> int:
        """About how many jobs are still to be read."""
        return self.to_make + self.under_way + self.ready

    @property
    def under_way(self) -> int:
        """How many jobs Marketo has still to do."""
        return self.queued + self.processing

    def __str__(self) -> str:
        """Return a line for the log."""
        waiting = f"about {self.to_make:,} to create, " if self.to_make else ""
        rows = counted(self.rows, "row")
        return (
            f"Exports: {waiting}{self.queued} queued, {self.processing} processing, "
            f"{self.ready} ready; {rows} and {self.bytes_read / MEGABYTE:.1f} MB "
            f"read; calls today: {self.calls_today:,} of {self.calls_allowed:,}."
        )

    def in_short(self) -> Sequence[str]:
        """Return what a display shows of what has been read, and of the day's allowances."""
        return (
            counted(self.rows, "row"),
            f"{self.calls_today:,} of {self.calls_allowed:,} calls",
            f"{self.megabytes_today()} MB today",
        )

    def megabytes_today(self) -> str:
        """Return how many of the day's MB have been exported."""
        return f"{self.bytes_today / MEGABYTE:,.1f} of {self.bytes_allowed / MEGABYTE:,g}"
