"""--plan: what a sync would do now, found out without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from tap_marketo.commands.preparation import Preparation, prepare
from tap_marketo.errors import TapError
from tap_marketo.exports.plan_line import ANEW, Calls, Left, PlanLine
from tap_marketo.exports.simulation import ExportEstimate, Simulation
from tap_marketo.log import counted
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.throttle import PERIOD_SECONDS
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.redact import redact
from tap_marketo.streams.account import Account
from tap_marketo.streams.stream_read import ReadEstimate
from tap_marketo.times import next_allowance_reset


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sync would do now. All times are UTC.

    Attributes:
        lines: what is read, in the order in which it begins.
        first_calls: calls with which the run begins.
        own_calls: calls that this plan has made.
        calls_used: those that the whole subscription has made today.
        calls_allowed: the number at which a run stops.
        bytes_used: what the API user has exported today; None if the sync exports nothing.
        resets_at: when both counts are reset.
        continues_at: when a run can continue with what does not fit.
        notes: further remarks, sentences without their full stops.
        failed: the streams that cannot be read, with their reasons; empty if all can.
    """

    now: datetime
    lines: Sequence[PlanLine]
    first_calls: int
    own_calls: int
    calls_used: int
    calls_allowed: int
    calls_a_minute: int
    bytes_used: int | None
    bytes_allowed: int
    resets_at: datetime
    continues_at: datetime
    notes: Sequence[str]
    failed: str

    @property
    def sum(self) -> PlanLine:
        """All lines together, as far as they are known."""
        return PlanLine(
            name="sum",
            is_exported=any(line.is_exported for line in self.lines),
            jobs=sum(line.jobs or 0 for line in self.lines),
            calls=Calls(self.first_calls + sum(line.calls.least for line in self.lines)),
            size=sum(line.size or 0 for line in self.lines),
            time=max((line.time or timedelta() for line in self.lines), default=timedelta()),
            guess="guesses" if any(line.guess for line in self.lines) else "",
        )

    @property
    def without_size(self) -> list[str]:
        """The names of lines whose bytes are not known."""
        return [line.name for line in self.lines if line.size is None]

    @property
    def left(self) -> list[tuple[str, Left]]:
        """What does not fit into today's bytes, by name."""
        return [(line.name, line.left) for line in self.lines if line.left]

    @property
    def days(self) -> int:
        """How many days it takes at least until everything is exported, today among them."""
        if not self.left:
            return 1
        size = sum(left.size or 0 for _, left in self.left)
        return 1 + max(1, ceil(size / self.bytes_allowed))

    @property
    def calls_left(self) -> int:
        """How many calls may be made today."""
        return max(0, self.calls_allowed - self.calls_used)

    @property
    def fits(self) -> bool | None:
        """Whether everything fits into today; None if unknown."""
        if self.left or self.sum.calls.least > self.calls_left:
            return False
        return None if any(line.is_uncertain for line in self.lines) else True


def make_plan(account: Account, state: State, entries: Sequence[CatalogEntry]) -> Plan:
    """Return what a sync of the selected streams would do now.

    Marketo is asked for the day's calls, fields and types, the export jobs of the last days, and
    how long lists are.

    Raises:
        TapError: what concerns the whole run.
    """
    begun = prepare(account, state, entries)
    client, config, now = account.client, account.config, begun.context.now
    sizes = ListSizes(client)
    reads = list(_estimates(begun, sizes))
    families = [*begun.families, *(family for read in reads for family in read.families)]
    found = [family for read in reads for family in read.found]
    # A run begins with the same calls, and the one that shows the day's; it asks for no lengths.
    first_calls = client.successes + 1 - sizes.calls
    simulation = Simulation(client, account.clock, begun.context, begun.failures)
    exports = simulation.run(families, found)
    if families:
        # Where something is exported for certain, a run asks for the last days' jobs as well.
        first_calls = client.successes + 1 - sizes.calls
    lines = list(_lines(exports, reads, begun, simulation))
    return Plan(
        now=now,
        lines=lines,
        first_calls=first_calls,
        own_calls=client.successes + 1,
        calls_used=client.budget.used,
        calls_allowed=client.budget.allowed,
        calls_a_minute=round(config.max_calls_per_20_seconds * 60 / PERIOD_SECONDS),
        bytes_used=simulation.used if families or found else None,
        bytes_allowed=config.daily_export_bytes,
        resets_at=next_allowance_reset(now),
        continues_at=next_allowance_reset(simulation.ends_at),
        notes=[*begun.remarks, *_anew(lines), *_dropped(exports, begun)],
        # It quotes Marketo.
        failed=redact(begun.failures.summary()),
    )


def _lines(
    exports: Sequence[ExportEstimate],
    reads: Sequence[ReadEstimate],
    begun: Preparation,
    simulation: Simulation,
) -> Iterator[PlanLine]:
    of_read = {family.name: read for read in reads for family in read.families}
    for export in exports:
        yield _together(export, of_read.get(export.name, ReadEstimate()))
    for read in reads:
        if not read.families:
            yield _found(read, begun, simulation) if read.found else read


def _estimates(begun: Preparation, sizes: ListSizes) -> Iterator[ReadEstimate]:
    """Yield what the streams that are read by calls will read; skip those that fail."""
    for read in begun.reads:
        try:
            estimate = read.estimate(sizes)
        except TapError as error:
            begun.failures.skip(read.streams, error, read.further_permissions, read.name)
            continue
        if estimate:
            until = begun.context.now if estimate.since else None
            yield replace(estimate, name=read.name, streams=read.streams, until=until)


def _together(export: ExportEstimate, read: ReadEstimate) -> PlanLine:
    """Return the line of a family with what the reading costs that has it exported."""
    calls = export.calls + read.calls
    if not read.how:
        return replace(export, calls=calls)
    return replace(
        export,
        how=read.how,
        since=read.since,
        until=read.until,
        calls=calls,
        why_anew=read.why_anew,
    )


def _found(read: ReadEstimate, begun: Preparation, simulation: Simulation) -> PlanLine:
    """Return the line of a reading that may find something to export."""
    return replace(
        read,
        is_exported=True,
        jobs=None,
        resumed=sum(len(begun.context.pending(family.name)) for family in read.found),
        size=None,
        time=None,
        guess=str(simulation.usual(read.found[0])),
    )


def _anew(lines: Sequence[PlanLine]) -> Iterator[str]:
    for line in lines:
        if line.why_anew:
            yield f"{line.name}: read {ANEW}, as {line.why_anew}"


def _dropped(exports: Sequence[ExportEstimate], begun: Preparation) -> Iterator[str]:
    dropped = {export.name: export.dropped for export in exports if export.dropped}
    for name, _ in begun.dropped:
        dropped[name] = len(begun.context.pending(name))
    for name, number in dropped.items():
        yield (
            f"{name}: {counted(number, 'job')} of an earlier run "
            f"{'is' if number == 1 else 'are'} no longer needed and would be cancelled"
        )
