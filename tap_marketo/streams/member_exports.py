"""The exports of program members: ten programs a job, whole or what has changed of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import FilterUnavailableError
from tap_marketo.exports.family import ExportPlan, SyncContext, date_range
from tap_marketo.exports.windows import Plan
from tap_marketo.log import LOGGER
from tap_marketo.marketo.describe import Field
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.position import PendingExport, Position
from tap_marketo.streams.described import DescribedFamily
from tap_marketo.streams.member_passes import Pass, batches, done_with, pieces
from tap_marketo.times import Window

STREAM = "program_members"
SWEEP = "program_members_sweep"
"""Where the state has the mark of the passes over all programs, and their jobs."""
KEYS = ("programId", "leadId")
REPLICATION_KEY = "updatedAt"


class Filters:
    """Which filters the subscription has, as far as exports have told."""

    has_update_range = True


class MembersFamily(DescribedFamily):
    """Members of programs, ten programs a job (bulk-program-member-extract.md).

    Attributes:
        passes: what is to be exported, in this order.
        news: until when it has been told in this run what became of members, by program.
    """

    bulk_object = "program/members"
    keys = KEYS
    replication_key = REPLICATION_KEY

    def __init__(
        self,
        entry: CatalogEntry,
        fields: Collection[Field],
        longest: timedelta,
        read_until: datetime | None,
    ) -> None:
        """Serve the stream.

        Args:
            entry: the selected stream.
            fields: the fields of program members that Marketo has now.
            longest: the longest window of changes in one job.
            read_until: the bookmark of the stream with which the run began.
        """
        super().__init__(entry, fields, timedelta())
        self.name = STREAM
        self.passes: Sequence[Pass] = ()
        self.news: Mapping[int, datetime] = {}
        self._longest = longest
        self._read_until = read_until
        self._filters = Filters()
        self._reached: dict[tuple[Window, tuple[int, ...]], Position] = {}

    def sweeping(self) -> MembersFamily:
        """Return the family of the passes over all programs, with these columns and filters."""
        family = copy(self)
        family.name = SWEEP
        return family

    def fields(self) -> list[str]:
        # "An additional field programId is added to the export file as the first field".
        return [field for field in super().fields() if field != "programId"]

    @property
    def has_update_range(self) -> bool:
        """Whether the subscription can filter by updatedAt, as far as exports have told."""
        return self._filters.has_update_range

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        programs = {"programIds": list(plan.ids)}
        # A pass over all programs is for nothing without the date.
        if self.name != SWEEP and self._is_whole(plan.window):
            return programs
        return {**programs, "updatedAt": date_range(plan.window)}

    def _is_whole(self, window: Window) -> bool:
        return not self._filters.has_update_range or any(
            each.is_whole and each.window == window for each in self.passes
        )

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        if not self._filters.has_update_range:
            if self.name != SWEEP:
                raise error
            return
        self._filters.has_update_range = False
        LOGGER.info("Members of a program that has changed are exported whole. %s", error)

    def plans(self, context: SyncContext, pending: Sequence[PendingExport]) -> list[ExportPlan]:
        self._reached = {}
        usable = [job for job in pending if not self._is_outdated(job)]
        plans: list[ExportPlan] = []
        for each in self.passes:
            if self.name == SWEEP and not self._filters.has_update_range:
                # Without the filter it would export everything again.
                continue
            plans += self._plans_of(each, context, usable)
        return plans

    def _is_outdated(self, job: PendingExport) -> bool:
        """Say whether what has been emitted may be newer than the file of a job."""
        made = job.made or job.window.end
        if self._read_until and self._read_until > made:
            return True
        return any(self.news[number] >= made for number in job.ids if number in self.news)

    def _plans_of(
        self, each: Pass, context: SyncContext, pending: Sequence[PendingExport]
    ) -> Iterator[ExportPlan]:
        windows = [each.window]
        if not self._is_whole(each.window):
            windows = list(pieces(each.window, self._longest))
        jobs = {(job.window, job.ids): job for job in pending}
        together = batches(each.programs, [ids for window, ids in jobs if window in windows])
        read = 0
        for ids, done in zip(together, done_with(each.programs, together), strict=True):
            is_last = ids is together[-1]
            mark = each.reached if is_last else each.mark(each.behind if done is None else done)
            for window in windows:
                self._reached[window, ids] = mark if window == windows[-1] else Position()
                job = jobs.get((window, ids))
                yield Plan(
                    window,
                    (self.stream,),
                    job,
                    job.made if job else None,
                    ids,
                    self._turn(each, read, context),
                )
            read += len(ids)

    def _turn(self, each: Pass, read: int, context: SyncContext) -> datetime | None:
        """Return the place in date order of the programs before which so many are read."""
        if self.name == SWEEP:
            # It can wait.
            return context.now
        if each.is_whole:
            # All over the time that the others read, so that no family is last, and in each run as
            # in the one before. But the first come at once: a job of theirs cannot be cut to what
            # others leave of a day.
            part = (each.read + read) / (each.read + len(each.programs)) if read else 0
            return context.earliest + (context.now - context.earliest) * part
        return None

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        return self._reached[plan.window, plan.ids]

    def beginning(self, plan: ExportPlan) -> str:
        return f"program {plan.ids[0]}"

    def extent(self, plan: ExportPlan) -> str:
        return f"of {len(plan.ids)} programs from {plan.ids[0]} to {plan.ids[-1]}"
