"""What a run over the selected streams begins with, whether it reads them or only plans to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tap_marketo.errors import StateError, TapError
from tap_marketo.exports.family import MARKETO_BEGAN, BulkFamily, SyncContext
from tap_marketo.failures import Failures
from tap_marketo.log import LOGGER, some_of
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_file import check_past
from tap_marketo.streams.account import Account
from tap_marketo.streams.expiry import remarks
from tap_marketo.streams.member_passes import SWEEP
from tap_marketo.streams.registry import (
    REGISTRY,
    bulk_object_of,
    bulk_objects,
    definition_of,
    keeps_in_state,
    permissions_of,
)
from tap_marketo.streams.stream_read import Read
from tap_marketo.times import to_marketo, whole_seconds

HOW_TO_SELECT = (
    "Select streams with --discover --select 'leads.*', or in Meltano with: "
    "meltano select tap-marketo leads '*'"
)


@dataclass(frozen=True)
class Preparation:
    """A run that has begun.

    Attributes:
        families: those that are exported, as far as they are known without asking further.
        dropped: families, with their bulk objects, whose jobs in the state no stream reads.
        remarks: what a user should know before the sync, sentences without their full stops.
        is_early: whether start_date lies in the future, so that nothing is read yet.
    """

    context: SyncContext
    reads: Sequence[Read]
    families: Sequence[BulkFamily]
    dropped: Sequence[tuple[str, str]]
    failures: Failures
    remarks: Sequence[str]
    is_early: bool = False


def prepare(account: Account, state: State, entries: Sequence[CatalogEntry]) -> Preparation:
    """Begin a run.

    Raises:
        StateError: the state is of another tap, or a time in it lies in the future.
        TapError: no stream is selected, or none of those that are exists; or what else concerns the
            whole run.
    """
    if not entries:
        raise TapError(f"No stream is selected in the catalog. {HOW_TO_SELECT}")
    _check_streams(state, entries)
    config, client, clock = account.config, account.client, account.clock
    client.start()
    # The first answer has brought Marketo's time.
    now = whole_seconds(clock.now())
    check_past(state, now, abs(clock.marketo_ahead or timedelta()))
    failures = Failures(
        lambda: client.successes,
        {entry.stream: permissions_of(entry) for entry in entries},
        tolerates_refusals=config.on_refused == "skip",
    )
    context = SyncContext(config, state, now, lambda: _bulk_paths(account, failures))
    if config.start_date > now:
        early = f"start_date {to_marketo(config.start_date)} lies in the future"
        LOGGER.warning("%s: a sync reads nothing yet.", early)
        remark = f"{early}: a sync reads nothing yet"
        return Preparation(context, (), (), (), failures, [remark], is_early=True)
    if config.start_date < MARKETO_BEGAN:
        LOGGER.info(
            "start_date %s is before there was a Marketo: streams begin at %s.",
            to_marketo(config.start_date), to_marketo(MARKETO_BEGAN),
        )  # fmt: skip
    reads, families = _readings(entries, account, context, failures)
    if not (reads or any(family.streams for family in families) or failures):
        raise TapError(
            "Not one of the selected streams exists in this account. Run discovery again and make "
            f"a new catalog. {HOW_TO_SELECT}"
        )
    dropped = list(_dropped(state, entries))
    said = list(_remarks(entries, account, context))
    return Preparation(context, reads, families, dropped, failures, said)


def _remarks(
    entries: Sequence[CatalogEntry], account: Account, context: SyncContext
) -> Iterator[str]:
    """Log what Marketo no longer has of what is read; yield it as well."""
    try:
        for level, text in remarks(entries, account, context):
            LOGGER.log(level, "%s.", text)
            yield text
    except TapError:
        # The streams that it is about have failed for it.
        return


def _check_streams(state: State, entries: Sequence[CatalogEntry]) -> None:
    """Refuse a state of another tap, and warn of one that has nothing of the selected streams."""
    streams = sorted(state.streams())
    if streams and not any(map(keeps_in_state, streams)):
        raise StateError(
            f"The state file {state.path} cannot be used: no stream of this tap is in it, only "
            f"{some_of(streams, most=5)}. Give the value of this tap's last STATE message, or "
            "leave --state out to read everything from start_date."
        )
    incremental = sorted(
        entry.stream
        for entry in entries
        if entry.stream_metadata("forced-replication-method") != "FULL_TABLE"
    )
    known = list(filter(state.knows, streams))
    if known and incremental and not any(map(state.knows, incremental)):
        LOGGER.warning(
            "The state file %s has no bookmark of a selected stream, only of %s. A sync reads "
            "everything from start_date: %s.",
            state.path, some_of(known, most=5), some_of(incremental, most=5),
        )  # fmt: skip


def _bulk_paths(account: Account, failures: Failures) -> Collection[str]:
    """Return the path parts of the bulk objects; those that cannot be known are not counted.

    Raises:
        TapError: what concerns the whole run.
    """
    found, unknown = bulk_objects(account)
    for name, error in unknown.items():
        failures.tolerate(error)
        LOGGER.warning("Exports of %s are not counted: %s", name, error)
    return found.values()


def _readings(
    entries: Sequence[CatalogEntry], account: Account, context: SyncContext, failures: Failures
) -> tuple[list[Read], list[BulkFamily]]:
    """Return how the selected streams are read."""
    for entry in entries:
        if definition_of(entry) is None:
            LOGGER.warning(
                "%s is skipped: there is no such stream. Run discovery again.", entry.stream
            )
    reads: list[Read] = []
    families: list[BulkFamily] = []
    for kind in REGISTRY:
        own = [entry for entry in entries if definition_of(entry) is kind]
        try:
            readings = kind.readings(own, account, context)
        except TapError as error:
            failures.skip(
                [entry.stream for entry in own], error, family=kind.name.partition("_<")[0]
            )
            continue
        reads += [each for each in readings if isinstance(each, Read)]
        families += [each for each in readings if isinstance(each, BulkFamily)]
    for read in reads:
        read.meet(reads)
    # Streams that cost one call go first. What is new comes before what takes long.
    reads.sort(key=lambda read: (not read.is_one_call, not read.is_increment))
    return reads, families


def _dropped(state: State, entries: Sequence[CatalogEntry]) -> Iterator[tuple[str, str]]:
    """Yield the families, with their bulk objects, whose jobs in the state no stream reads.

    Their streams are no longer selected. Or an earlier version had a family of its own for them.
    """
    selected = {entry.stream for entry in entries}
    for name, streams in state.streams_with_exports().items():
        bulk_object = bulk_object_of(name)
        if bulk_object and (name == SWEEP or selected.isdisjoint(streams)):
            yield name, bulk_object
