"""What one sync of the program members will take, as far as that is known before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW, Calls
from tap_marketo.log import counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.pages import BATCH_SIZE, MAX_RETURN
from tap_marketo.streams.member_exports import MembersFamily
from tap_marketo.streams.member_handover import Handover
from tap_marketo.streams.member_marks import MemberMarks
from tap_marketo.streams.member_passes import MOST_PROGRAMS, STREAM, Increment, Pass, pieces
from tap_marketo.streams.members_by_pages import MOST_LEADS
from tap_marketo.streams.programs import PROGRAMS, FailedPrograms, expected_programs
from tap_marketo.streams.stream_read import ACTIVITY_CALLS, IN_FULL, ReadEstimate, id_of

# What a plan says of calls whose number no one knows before.
_CALLS_BY_PAGES = (
    f"each one for {MAX_RETURN} changed programs, and one that proves the end; one for up to "
    f"{BATCH_SIZE} changed members of a program"
)
_CALLS_OF_A_PROGRAM = (
    f"one more for each {BATCH_SIZE} members of a program; one of more than {MOST_LEADS:,} is "
    "exported"
)


@dataclass(frozen=True)
class MemberEstimates:
    """Estimates a sync, and tells the family of the members what it would export."""

    context: SyncContext
    marks: MemberMarks
    family: MembersFamily
    failed: FailedPrograms

    def of_sync(self, sizes: ListSizes) -> ReadEstimate:
        """Return what the sync will read.

        Raises:
            TapError: a call that this takes failed.
        """
        programs = sizes.by_offset(PROGRAMS, "programs", {}).of(lambda row: id_of(row, "program"))
        pending = self.context.pending(STREAM)
        known = {*programs.seen}.union(*(job.ids for job in pending))
        if self.marks.is_first:
            reached = self.marks.first_mark.parent
            over = self.marks.first(expected_programs(programs, known, reached))
            behind = f", behind {reached}" if reached else ""
            return self._of_all(
                over,
                ReadEstimate(
                    how=f"{ANEW if self.marks.gap else IN_FULL}, all programs{behind}",
                    calls=Calls(programs.calls),
                    why_anew=str(self.marks.gap or ""),
                ),
            )
        increment = self.marks.increment()
        estimate = self._of_changes(increment, programs.number)
        if not self.marks.is_sweep_due:
            by_export = self.marks.reason_for_exports() or pending or self.failed.again
            return replace(estimate, found=[self.family] if by_export else [])
        over = self.marks.sweep(expected_programs(programs, known, self.marks.sweep_mark.parent))
        estimate = replace(estimate, calls=estimate.calls + Calls(programs.calls))
        if self.marks.reason_for_exports():
            resumed = [job.ids for job in pending if job.window.start == increment.window.start]
            increment.programs.update(*resumed)
            self.family.passes = [increment.as_pass(increment.programs)]
        how = f"{estimate.how}, and a sweep over all programs (program_members_sweep_days)"
        return self._of_all(over, replace(estimate, how=how))

    def _of_changes(self, increment: Increment, programs: int) -> ReadEstimate:
        since = increment.window.start
        if not self.marks.reason_for_exports():
            calls = ACTIVITY_CALLS + Calls(1, _CALLS_BY_PAGES)
            return ReadEstimate(
                how="members that activities name, by pages", since=since, calls=calls
            )
        windows = len(list(pieces(increment.window, self.family.longest)))
        jobs = ceil(programs / MOST_PROGRAMS) * windows + len(self.failed.again)
        most = counted(jobs, "job")
        a_job = f"three a job of {MOST_PROGRAMS} programs, and the polls; {most} at most"
        each = f"one for {MAX_RETURN} changed programs, and one that proves the end; {a_job}"
        how, calls = "programs that activities name", ACTIVITY_CALLS + Calls(1, each)
        return ReadEstimate(how=how, since=since, calls=calls)

    def _of_all(self, over: Pass, estimate: ReadEstimate) -> ReadEstimate:
        """Complete an estimate by what a pass over all programs takes."""
        if self.marks.reason_for_exports() or not self.marks.can_read_all:
            self.family.passes = [*self.family.passes, over]
            return replace(estimate, families=[self.family])
        mark = self.marks.by_pages
        left = Handover(over, mark, None).left
        how = f"{estimate.how}, by pages"
        if not mark.compared:
            self.family.passes = [replace(over, programs=over.programs[:MOST_PROGRAMS])]
            how += f"; {MOST_PROGRAMS} are exported as well"
        calls = estimate.calls + Calls(len(left), _CALLS_OF_A_PROGRAM)
        families = [] if mark.compared else [self.family]
        return replace(estimate, how=how, calls=calls, families=families)
