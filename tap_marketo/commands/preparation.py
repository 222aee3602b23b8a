"""What a run over the selected streams begins with, whether it reads them or only plans to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import TapError
from tap_marketo.exports.family import MARKETO_BEGAN, BulkFamily, SyncContext
from tap_marketo.failures import Failures
from tap_marketo.log import LOGGER
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.streams.account import Account
from tap_marketo.streams.registry import (
    REGISTRY,
    bulk_object_of,
    bulk_objects,
    definition_of,
    permission_of,
)
from tap_marketo.streams.stream_read import StreamRead
from tap_marketo.times import to_marketo, whole_seconds


@dataclass(frozen=True)
class Preparation:
    """A run that has begun.

    Attributes:
        context: what the sync begins with.
        reads: the streams read page by page.
        families: those that are exported, as far as they are known without asking further.
        failures: where streams that fail are set aside.
    """

    context: SyncContext
    reads: Sequence[StreamRead]
    families: Sequence[BulkFamily]
    failures: Failures


def prepare(
    client: MarketoClient,
    clock: Clock,
    config: Config,
    state: State,
    entries: Sequence[CatalogEntry],
) -> Preparation | None:
    """Begin a run; None if there is nothing to sync yet.

    Raises:
        TapError: what concerns the whole run.
    """
    client.start()
    # Taken after the first answer, which tells Marketo's time.
    now = whole_seconds(clock.now())
    state.check_past(now, abs(clock.marketo_ahead or timedelta()))
    if config.start_date > now:
        LOGGER.warning(
            "start_date %s lies in the future: there is nothing to sync yet.",
            to_marketo(config.start_date),
        )
        return None
    if config.start_date < MARKETO_BEGAN:
        LOGGER.info(
            "start_date %s is before there was a Marketo: streams begin at %s.",
            to_marketo(config.start_date), to_marketo(MARKETO_BEGAN),
        )  # fmt: skip
    failures = Failures(
        lambda: client.successes,
        {entry.stream: permission_of(entry) for entry in entries},
        tolerates_refusals=config.on_refused == "skip",
    )
    account = Account(client, clock)
    context = SyncContext(config, state, now, lambda: _bulk_paths(account, failures))
    reads, families = _readings(entries, account, context, failures)
    return Preparation(context, reads, families, failures)


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
) -> tuple[list[StreamRead], list[BulkFamily]]:
    """Return how the selected streams are read."""
    for entry in entries:
        if definition_of(entry) is None:
            LOGGER.warning(
                "%s is skipped: there is no such stream. Run discovery again.", entry.stream
            )
    reads: list[StreamRead] = []
    families: list[BulkFamily] = []
    for kind in REGISTRY:
        own = [entry for entry in entries if definition_of(entry) is kind]
        try:
            readings = kind.readings(own, account, context)
        except TapError as error:
            failures.set_aside([entry.stream for entry in own], error)
            continue
        reads += [each for each in readings if isinstance(each, StreamRead)]
        families += [each for each in readings if isinstance(each, BulkFamily)]
    # What costs one call goes first.
    reads.sort(key=lambda read: not read.is_one_call)
    return reads, families


def exports_of_others(state: State, entries: Sequence[CatalogEntry]) -> Iterator[tuple[str, str]]:
    """Yield the families, with their bulk objects, of which the state holds jobs for nobody.

    Their streams are no longer selected.
    """
    selected = {entry.stream for entry in entries}
    for name, streams in state.streams_with_exports().items():
        bulk_object = bulk_object_of(name)
        if bulk_object and selected.isdisjoint(streams):
            yield name, bulk_object
