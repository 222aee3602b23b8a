"""The part of the check that is about the state of the last run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tap_marketo.commands.account_probe import AccountProbe
from tap_marketo.commands.check_permissions import WantedStreams
from tap_marketo.commands.check_results import CheckResult, Verdict
from tap_marketo.errors import StateError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import ANEW
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_times import check_past
from tap_marketo.streams.lead_reach import LEADS_STREAM
from tap_marketo.streams.log_reach import Gap
from tap_marketo.streams.registry import REGISTRY
from tap_marketo.times import whole_seconds


def state_result(
    state: State | StateError, wanted: WantedStreams, probe: AccountProbe
) -> CheckResult:
    """Return whether a sync could go on from a state, and what it would read anew.

    Args:
        state: of the last run, or why it cannot be used.
        wanted: the streams that a sync is to read.
        probe: what was asked of the account.
    """
    name = "State"
    clock = probe.account.clock
    now = whole_seconds(clock.now())
    try:
        if isinstance(state, StateError):
            raise state
        check_past(state, now, abs(clock.marketo_ahead or timedelta()))
        context = SyncContext(probe.account.config, state, now, lambda: ())
        gaps = dict(_gaps(context, wanted, probe))
    except StateError as error:
        return CheckResult(name, Verdict.WRONG, str(error))
    values = {"read_anew": [*gaps]}
    if not gaps:
        return CheckResult(name, Verdict.OK, "a sync reads what is new", values=values)
    message = "; ".join(f"{stream} is read {ANEW}, as {gap}" for stream, gap in gaps.items())
    remedy = "See what that costs with --plan"
    return CheckResult(name, Verdict.NOTE, message, remedy, values)


def _gaps(
    context: SyncContext, wanted: WantedStreams, probe: AccountProbe
) -> Iterator[tuple[str, Gap]]:
    for definition in REGISTRY:
        gap = definition.gap(context) if wanted.have(definition) else None
        # Where they can be filtered by updatedAt, no activities are needed.
        if gap and (definition.name != LEADS_STREAM or probe.filter is False):
            yield definition.name, gap
