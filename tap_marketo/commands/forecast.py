"""What a sync would do now, found out without doing it: what --plan tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from tap_marketo.clock import Clock
from tap_marketo.commands.forecast_page import Forecast, Item, Left
from tap_marketo.commands.preparation import Preparation, exports_of_others, prepare
from tap_marketo.config import Config
from tap_marketo.errors import TapError
from tap_marketo.exports.allowance import FIRST_WINDOWS
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.rehearsal import UNKNOWN_JOB, Course, Rehearsal
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.marketo.throttle import PERIOD_SECONDS
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.state import State
from tap_marketo.redact import redact
from tap_marketo.streams.estimate import ReadEstimate
from tap_marketo.streams.stream_read import StreamRead
from tap_marketo.times import next_allowance_reset, to_marketo

_MEGABYTE = 1_000_000
_MINUTE = timedelta(minutes=1)


def forecast(
    client: MarketoClient,
    clock: Clock,
    config: Config,
    entries: Sequence[CatalogEntry],
    state: State,
) -> Forecast:
    """Return what a sync of the selected streams would do now.

    Marketo is asked for nothing but the day's calls, fields and types, and the export jobs of the
    last days.

    Raises:
        TapError: what concerns the whole run.
    """
    begun = prepare(client, clock, config, state, entries)
    if begun is None:
        early = (
            f"start_date {to_marketo(config.start_date)} lies in the future: nothing to sync yet"
        )
        return _said(client, clock.now(), config, [], notes=[early])
    return _Gathering(client, clock, begun).forecast(entries)


class _Gathering:
    """Puts together what the parts of a run tell of themselves."""

    def __init__(
        self,
        client: MarketoClient,
        clock: Clock,
        begun: Preparation,
    ) -> None:
        self._client = client
        self._begun = begun
        self._sizes = ListSizes(client)
        self._rehearsal = Rehearsal(client, clock, begun.context, begun.failures)

    def forecast(self, entries: Sequence[CatalogEntry]) -> Forecast:
        estimates = list(self._estimates())
        of_reads = [family for _, estimate in estimates for family in estimate.families]
        found = [family for _, estimate in estimates for family in estimate.found]
        families = [*self._begun.families, *of_reads]
        # A run begins with the same calls, but does not ask how long lists are.
        first_calls = _calls(self._client) - self._sizes.calls
        courses = self._rehearsal.run(families, found)
        if families:
            # Where something is exported for certain, a run asks for the last days' jobs as well.
            first_calls = _calls(self._client) - self._sizes.calls
        of_read = {
            family.name: estimate
            for _, estimate in estimates
            if not estimate.found
            for family in estimate.families
        }
        items = [self._exported(course, of_read.get(course.family.name)) for course in courses]
        items += [
            self._read(read, estimate)
            for read, estimate in estimates
            if estimate.found or not estimate.families
        ]
        is_exporting = bool(families or found)
        return _said(
            self._client,
            self._begun.context.now,
            self._begun.context.config,
            items,
            first_calls=first_calls,
            rehearsal=self._rehearsal if is_exporting else None,
            notes=list(self._dropped(courses, entries)),
            # It quotes Marketo.
            failed=redact(self._begun.failures.told()),
        )

    def _estimates(self) -> Iterator[tuple[StreamRead, ReadEstimate]]:
        for read in self._begun.reads:
            try:
                estimate = read.estimate(self._sizes)
            except TapError as error:
                self._begun.failures.set_aside([read.stream], error, read.further_permissions)
            else:
                if estimate:
                    yield read, estimate

    def _exported(self, course: Course, estimate: ReadEstimate | None) -> Item:
        family, window = course.family, course.window
        estimate = estimate or ReadEstimate("")
        is_known = course.bytes_per_day is not None
        left = None
        if course.left:
            size = course.size_left if is_known else None
            left = Left(since=course.left.window.start, jobs=course.jobs_left, size=size)
        item = partial(
            Item,
            name=family.name,
            streams=list(family.streams),
            how=estimate.how or _how(family),
            is_exported=True,
            calls=course.calls + estimate.calls.least,
            each=estimate.calls.each,
            left=left,
        )
        if window is None:
            return item()
        size = course.size if is_known or not course.jobs else None
        if course.ids and not is_known:
            usual = self._rehearsal.job_size(family)
            size = None if usual is None else usual * course.jobs
        return item(
            since=estimate.since if estimate.how else window.start,
            until=None if estimate.how and not estimate.since else window.end,
            jobs=course.jobs,
            taken_up=course.taken_up,
            size=size,
            time=course.time,
            guess=self._rests_on(course),
        )

    def _rests_on(self, course: Course) -> str:
        """Say what the numbers of a family rest on."""
        if not course.has_waited:
            return ""
        if course.ids:
            by_last = self._of_a_job(course.family)
            if by_last:
                return by_last
        told = []
        if course.bytes_per_day is not None:
            told.append(f"{course.bytes_per_day / _MEGABYTE:,.2g} MB a day by its last files")
        elif course.jobs > 1 and not course.ids:
            told.append(
                f"nothing known of its files yet, the first are of {FIRST_WINDOWS.days} days"
            )
        elif course.jobs:
            told.append("nothing known of its files yet")
        if course.job_time is None:
            told.append(f"{UNKNOWN_JOB / _MINUTE:.0f} minutes a job, as none has been seen")
        else:
            told.append(f"{course.job_time / _MINUTE:.1f} minutes a job by the last ones")
        return "; ".join(told)

    def _read(self, read: StreamRead, estimate: ReadEstimate) -> Item:
        item = partial(
            Item,
            name=read.stream,
            streams=[read.stream],
            how=estimate.how,
            since=estimate.since,
            until=estimate.since and self._begun.context.now,
            calls=estimate.calls.least,
            each=estimate.calls.each,
            guess=estimate.guess,
        )
        if not estimate.found:
            return item()
        return item(
            is_exported=True,
            jobs=None,
            taken_up=sum(map(self._taken_up, estimate.found)),
            size=None,
            time=None,
            guess=self._of_a_job(estimate.found[0]),
        )

    def _taken_up(self, family: BulkFamily) -> int:
        return len(self._begun.context.pending(family.name))

    def _of_a_job(self, family: BulkFamily) -> str:
        """Say what the last jobs of an object cost, where their number is not known before."""
        size = self._rehearsal.job_size(family)
        time = self._rehearsal.job_time(family)
        told = []
        if size is not None:
            told.append(f"{size / _MEGABYTE:,.2g} MB")
        if time is not None:
            told.append(f"{time / _MINUTE:.1f} minutes")
        return f"{' and '.join(told)} a job by the last ones" if told else ""

    def _dropped(self, courses: Sequence[Course], entries: Sequence[CatalogEntry]) -> Iterator[str]:
        dropped = {course.family.name: course.dropped for course in courses if course.dropped}
        for name, _ in exports_of_others(self._begun.context.state, entries):
            dropped[name] = len(self._begun.context.pending(name))
        for name, number in dropped.items():
            yield (
                f"Of an earlier run's jobs of {name}, {number:,} "
                f"{'is' if number == 1 else 'are'} of no use any more, and would be cancelled"
            )


def _how(family: BulkFamily) -> str:
    shared = f", {len(family.streams):,} streams together" if len(family.streams) > 1 else ""
    return f"exported by {family.replication_key}{shared}"


def _calls(client: MarketoClient) -> int:
    """Return how many calls this plan has made: a run begins with the same."""
    # And the one that told the day's.
    return client.successes + 1


def _said(
    client: MarketoClient,
    now: datetime,
    config: Config,
    items: Sequence[Item],
    *,
    notes: Sequence[str],
    first_calls: int | None = None,
    rehearsal: Rehearsal | None = None,
    failed: str = "",
) -> Forecast:
    return Forecast(
        now=now,
        items=items,
        first_calls=_calls(client) if first_calls is None else first_calls,
        own_calls=_calls(client),
        calls_used=client.budget.used,
        calls_allowed=client.budget.allowed,
        calls_a_minute=round(config.max_calls_per_20_seconds * 60 / PERIOD_SECONDS),
        bytes_used=rehearsal.used if rehearsal else None,
        bytes_allowed=config.daily_export_bytes,
        resets_at=next_allowance_reset(now),
        goes_on_at=next_allowance_reset(rehearsal.ends_at if rehearsal else now),
        notes=notes,
        failed=failed,
    )
