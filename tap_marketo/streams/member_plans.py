"""Exports of program members laid out: programs, dates, and what is reached after each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tap_marketo.exports.family import ExportPlan, SyncContext
from tap_marketo.exports.windows import Plan
from tap_marketo.protocol.position import PendingExport, Position
from tap_marketo.streams.member_handover import Handover, Sample
from tap_marketo.streams.member_passes import STREAM, Pass, PassKind, batches, pieces
from tap_marketo.times import Window

PlanKey = tuple[Window, tuple[int, ...], datetime | None]
"""What a plan is known by: its window, its programs, and its turn.

Two passes may export the same programs for the same window.
"""
# Programs that are exported whole are asked for at a moment. A plan has a window all the same.
_MOMENT = timedelta(seconds=1)
_STREAMS = (STREAM,)


class Place(NamedTuple):
    """The place of a plan.

    Attributes:
        reached: the position after it.
        marked_as: where the state has the mark of its pass; None for programs that could not be
            exported before, which are in no pass.
        is_last: whether no later window of the same programs follows.
        handover: the pass by pages that has left the programs to exports; None for another pass.
        sample: what pages have read of the programs, to be compared; None for nothing.
    """

    reached: Position
    marked_as: str | None
    is_last: bool = True
    handover: Handover | None = None
    sample: Sample | None = None


@dataclass
class MemberPlans:
    """Lays out what a run exports.

    Attributes:
        longest: a job exports the changes of so much time at most.
        pending: the jobs of stopped runs whose files are as good as new ones.
        places: the place of each plan.
    """

    longest: timedelta
    context: SyncContext
    pending: Sequence[PendingExport]
    has_update_range: bool
    places: dict[PlanKey, Place] = field(default_factory=dict)

    def again(self, programs: Iterable[int]) -> Iterator[ExportPlan]:
        """Yield a plan for each of some programs that could not be exported before."""
        now = self.context.now
        for number in programs:
            plan = Plan[PendingExport](
                Window(now - _MOMENT, now), _STREAMS, ids=(number,), turn=now
            )
            self.places[plan_key(plan)] = Place(Position(), None)
            yield plan

    def of_handover(self, handover: Handover) -> Iterator[ExportPlan]:
        """Yield the plans of what a pass by pages leaves to exports, what is compared first."""
        over, sample = handover.over, handover.sample
        if sample and handover.is_offered:
            ids = tuple(sample.programs)
            made = (job for job in self.pending if job.ids == ids and job.made)
            job = next((job for job in made if (job.made or sample.began) >= sample.began), None)
            plan = Plan(over.window, _STREAMS, job, job.made if job else None, ids)
            self.places[plan_key(plan)] = Place(Position(), over.marked_as, True, handover, sample)
            yield plan
        if over.kind is PassKind.SWEEP and not self.has_update_range:
            # They would be of all members, each time.
            handover.have_exported([*handover.left_to_exports])
            return
        rest = handover.to_export()
        if rest.programs:
            yield from self.of_pass(rest, handover)

    def of_pass(self, each: Pass, handover: Handover | None = None) -> Iterator[ExportPlan]:
        """Yield the plans of a pass, or of what a pass by pages leaves to exports."""
        windows = [each.window]
        if each.kind is not PassKind.FIRST and self.has_update_range:
            windows = list(pieces(each.window, self.longest))
        # Of changes, a job's window may end earlier: nothing has happened in its programs since.
        may_end = each.kind is PassKind.CHANGES
        jobs = {
            (window, job.ids): job
            for window in windows
            for job in self.pending
            if job.window == window or (may_end and job.window.start == window.start)
        }
        resumed, new = batches(each.programs, dict.fromkeys(ids for _, ids in jobs))
        read = 0
        for ids in (*resumed, *new):
            # Resumed jobs come first, so that a mark means that all programs up to it are read.
            mark = Position() if ids in resumed else each.mark_after(ids)
            if read + len(ids) == len(each.programs):
                mark = each.reached
            for piece in windows:
                job = jobs.get((piece, ids))
                window = job.window if job else piece
                is_last = piece == windows[-1]
                reached = mark if is_last and not handover else Position()
                made, turn = job.made if job else None, _turn(each, read, self.context)
                plan = Plan(window, _STREAMS, job, made, ids, turn)
                self.places[plan_key(plan)] = Place(reached, each.marked_as, is_last, handover)
                yield plan
            read += len(ids)


def plan_key(plan: ExportPlan) -> PlanKey:
    """Return what a plan is known by."""
    return plan.window, plan.ids, plan.turn


def _turn(each: Pass, read: int, context: SyncContext) -> datetime | None:
    """Return the place in date order of the programs before which so many are read."""
    if each.kind is PassKind.SWEEP:
        # It can wait.
        return context.now
    if each.kind is PassKind.FIRST:
        # All over the time that the others read, so that no family is last, and in each run as in
        # the one before. But the first come at once: a job of theirs cannot be cut to what others
        # leave of a day.
        part = (each.read + read) / (each.read + len(each.programs)) if read else 0
        return context.earliest + (context.now - context.earliest) * part
    return None
