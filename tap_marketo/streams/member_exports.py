"""The exports of program members: ten programs a job, whole or what has changed of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tap_marketo.errors import FilterUnavailableError, TapError
from tap_marketo.exports.family import ExportPlan, RecordBlock, SyncContext, date_range
from tap_marketo.failed_parts import concerns_one_part
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.describe import Field
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.position import PendingExport, Position
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.streams.described import DescribedFamily
from tap_marketo.streams.member_handover import Handover
from tap_marketo.streams.member_passes import REPLICATION_KEY, STREAM, Pass, PassKind
from tap_marketo.streams.member_plans import MemberPlans, Place, PlanKey, plan_key
from tap_marketo.streams.programs import FailedPrograms

KEYS = ("programId", "leadId")
ALWAYS = (
    Field("programId", "integer"),
    Field("leadId", "integer"),
    Field(REPLICATION_KEY, "datetime"),
)
"""The fields that every row has."""


class MembersFamily(DescribedFamily):
    """Members of programs, ten programs a job (bulk-program-member-extract.md).

    Attributes:
        passes: what is to be exported, in this order.
        handover: a pass by pages that leaves programs to exports; None for none.
        latest: the date of the last activity of each program that this run has seen.
        has_update_range: whether the subscription can filter by updatedAt, as far as known.
    """

    name = STREAM
    bulk_object = "program/members"
    keys = KEYS
    replication_key = REPLICATION_KEY

    def __init__(
        self,
        entry: CatalogEntry,
        fields: Collection[Field],
        longest: timedelta,
        failed: FailedPrograms,
    ) -> None:
        """Serve the selected stream; a job exports the changes of ``longest`` at most."""
        super().__init__(entry, fields, timedelta())
        self.passes: Sequence[Pass] = ()
        self.handover: Handover | None = None
        self.latest: Mapping[int, datetime] = {}
        self.has_update_range = True
        self.longest = longest
        self._failed = failed
        self._places: dict[PlanKey, Place] = {}
        self._halves: set[PlanKey] = set()
        self._given_up: set[PlanKey] = set()

    def fields(self) -> list[str]:
        # "An additional field programId is added to the export file as the first field".
        return [field for field in super().fields() if field != "programId"]

    def filter(self, plan: ExportPlan) -> dict[str, Any]:
        programs = {"programIds": list(plan.ids)}
        passes = [*self.passes, *([self.handover.over] if self.handover else [])]
        is_first = any(each.kind is PassKind.FIRST for each in passes)
        is_whole = self._is_again(plan) or bool(self._places[plan_key(plan)].sample)
        if is_first or is_whole or not self.has_update_range:
            return programs
        return {**programs, "updatedAt": date_range(plan.window)}

    def do_without_filter(self, error: FilterUnavailableError) -> None:
        if not self.has_update_range:
            raise error
        self.has_update_range = False
        LOGGER.info("program_members: programs that have changed are exported whole. %s", error)

    def plans(self, context: SyncContext, pending: Sequence[PendingExport]) -> list[ExportPlan]:
        current = [job for job in pending if not self._is_outdated(job, context)]
        layout = MemberPlans(self.longest, context, current, self.has_update_range)
        self._places = layout.places
        plans: list[ExportPlan] = []
        for each in self.passes:
            # Without the filter a sweep would export everything again.
            if each.kind is not PassKind.SWEEP or self.has_update_range:
                plans += layout.of_pass(each)
        if self.handover:
            plans += layout.of_handover(self.handover)
        return [*plans, *layout.again(self._failed.again)]

    def begin(self, context: SyncContext) -> Position | None:
        return self.handover.position(context.now) if self.handover else None

    def records(
        self, file: CsvFile, plan: ExportPlan, time_extracted: str
    ) -> Iterator[RecordBlock]:
        sample = self._places[plan_key(plan)].sample
        if sample:
            sample.begin_file()
        for block in super().records(file, plan, time_extracted):
            if sample:
                sample.add_of_file(block.lines)
            yield block

    def tries(self, plan: ExportPlan) -> int:
        # That it fails is known.
        is_known = plan_key(plan) in self._halves or self._is_again(plan)
        return 1 if is_known else super().tries(plan)

    def instead_of(self, plan: ExportPlan, error: TapError) -> list[ExportPlan]:
        """Return two plans of half as many programs each, down to the one that fails."""
        if not concerns_one_part(error):
            raise error
        place, middle = self._places[plan_key(plan)], len(plan.ids) // 2
        if place.sample:
            LOGGER.warning("%s: pages could not be compared with an export. %s", STREAM, error)
            self._given_up.add(plan_key(plan))
            return []
        if middle:
            LOGGER.warning(
                "%s: an export of %s fails; two with half of them each take its place. %s",
                STREAM, counted(len(plan.ids), "program"), error,
            )  # fmt: skip
            first, second = (
                replace(plan, ids=ids, job=None, made=None)
                for ids in (plan.ids[:middle], plan.ids[middle:])
            )
            self._places[plan_key(first)] = place._replace(reached=Position())
            self._places[plan_key(second)] = place
            self._halves |= {plan_key(first), plan_key(second)}
            return [first, second]
        self._given_up.add(plan_key(plan))
        self._failed.add(plan.ids[0], plan.window.start, error, place.marked_as)
        self._failed.parts.check()
        return []

    def has_given_up(self, plan: ExportPlan) -> bool:
        return plan_key(plan) in self._given_up

    @property
    def failed_parts(self) -> Mapping[str, Mapping[str, datetime]]:
        return self._failed.as_position().failed

    def _is_again(self, plan: ExportPlan) -> bool:
        return self._places[plan_key(plan)].marked_as is None

    def _is_outdated(self, job: PendingExport, context: SyncContext) -> bool:
        """Say whether something has happened in a job's programs that its file does not have."""
        if job.made and job.made >= context.now:
            # It is of this run, which knew of that.
            return False
        return any(
            self.latest[number] >= job.window.end for number in job.ids if number in self.latest
        )

    def position_after(self, context: SyncContext, plan: ExportPlan) -> Position:
        place = self._places[plan_key(plan)]
        if place.marked_as is None and not self.has_given_up(plan):
            self._failed.have_read(plan.ids)
        elif not self.has_given_up(plan):
            self._failed.parts.note_success()
        reached, handover = place.reached, place.handover
        if place.sample and handover:
            handover.compare(None if self.has_given_up(plan) else context.now)
        elif place.is_last and handover:
            handover.have_exported(plan.ids)
        elif place.is_last:
            # They have been read: a pass that is laid out again leaves them out.
            self.passes = [
                each.without(plan.ids) if each.marked_as == place.marked_as else each
                for each in self.passes
            ]
        if handover:
            reached = handover.position(context.now)
        return replace(reached, failed=self.failed_parts)

    def beginning(self, plan: ExportPlan) -> str:
        return f"program {plan.ids[0]}"

    def extent(self, plan: ExportPlan) -> str:
        return f"of {len(plan.ids)} programs from {plan.ids[0]} to {plan.ids[-1]}"
