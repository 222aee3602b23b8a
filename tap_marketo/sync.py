"""One sync: the order of things, the state, and what is said at the end.

The only place that applies positions to the state and writes STATE messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from singer import metrics

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import DataError, ExportQuotaError, NotFoundError
from tap_marketo.exports.allowance import ExportAllowance
from tap_marketo.exports.download import DamagedFileError, Download, InterruptedDownloadError
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.jobs import Job
from tap_marketo.exports.scheduler import Scheduler, cancel_quietly
from tap_marketo.exports.windows import Plan, Stand, plan_windows
from tap_marketo.log import LOGGER, log_counter
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.describe import activity_types, lead_fields
from tap_marketo.marketo.export_calls import ExportApi
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.state import Bookmark, PendingExport, Position, State
from tap_marketo.rows.csv_rows import CsvFile
from tap_marketo.streams.activities import (
    ACTIVITY_REPLICATION_KEY,
    ACTIVITY_STREAM_PREFIX,
    ActivitiesFamily,
)
from tap_marketo.streams.deletions import deletions_stream, is_of_deletions, warn_of_gap
from tap_marketo.streams.leads import LEADS_STREAM, LeadsFamily
from tap_marketo.streams.paged import PAGED_LOOKBACK, PAGED_STREAMS, PagedRead, PagedStream, Scan
from tap_marketo.streams.registry import BULK_OBJECTS
from tap_marketo.times import (
    before,
    next_allowance_reset,
    to_marketo,
    to_time_extracted,
    whole_seconds,
)

# How often, in seconds, a long wait looks whether the target is still there.
_LONGEST_NAP = 5.0
# While rows flow, how often, in seconds, to see whether something is to be done about jobs.
_LOOK_SECONDS = 0.05
# A file that arrives damaged is downloaded once more before its job is made anew.
_DOWNLOADS = 2
_MEGABYTE = 1_000_000


class Sync:
    """One run over the selected streams."""

    def __init__(
        self, client: MarketoClient, clock: Clock, config: Config, state: State, output: Output
    ) -> None:
        """Prepare; nothing is called or written yet."""
        self._client = client
        self._clock = clock
        self._config = config
        self._state = state
        self._output = output
        self._api = ExportApi(client)
        limit = round(config.max_daily_export_mb * _MEGABYTE)
        self._allowance = ExportAllowance(limit, state.bytes_per_day())
        self._scheduler = Scheduler(
            self._api, clock, config, self._allowance, self._plan, self._exports_under_way
        )
        self._now = clock.now()
        self._counts: Counter[str] = Counter()
        self._bytes_read = 0
        self._announced: set[str] = set()

    def run(self, entries: Sequence[CatalogEntry]) -> None:
        """Sync the selected streams.

        Raises:
            TapError: what stopped the run; what was written up to then is valid.
        """
        self._client.start()
        # Taken after the first answer, which tells Marketo's time.
        self._now = whole_seconds(self._clock.now())
        if self._config.start_date > self._now:
            LOGGER.warning(
                "start_date %s lies in the future: there is nothing to sync yet.",
                to_marketo(self._config.start_date),
            )
            return
        activities = [entry for entry in entries if entry.stream.startswith(ACTIVITY_STREAM_PREFIX)]
        types = activity_types(self._client) if activities else {}
        reads = [self._paged_read(entry) for entry in entries if entry.stream in PAGED_STREAMS]
        reads += [self._deletions_read(e, types) for e in activities if is_of_deletions(e)]
        exported = [entry for entry in activities if not is_of_deletions(entry)]
        families = self._families(entries, exported, types)
        try:
            self._drop_exports_of_others(families)
            if families:
                finished = self._api.finished()
                self._allowance.take_over(finished)
                self._scheduler.learn(finished)
            for family in families:
                self._scheduler.add(family)
            self._output.pipe.on_stall = self._look_after_exports
            self._work_through(self._pages(reads))
            for family in families:
                for stream in family.streams:
                    self._announce(family, stream)
        finally:
            self._output.pipe.on_stall = None
            self._sum_up(families, reads)
        self._write_state()
        if self._scheduler.quota_spent:
            raise self._end_for_today(self._scheduler.quota_spent)

    def _work_through(self, pages: Iterator[bool]) -> None:
        """Read what is ready; while nothing is, read pages; while there are none, wait."""
        more_pages = True
        while True:
            self._look_after_exports()
            job = self._scheduler.take_ready()
            if job:
                self._read_export(job)
            elif more_pages:
                more_pages = next(pages, False)
            elif self._scheduler.is_done:
                return
            else:
                self._output.flush()
                self._output.pipe.check_reader()
                self._clock.sleep(min(self._scheduler.seconds_to_wait(), _LONGEST_NAP))

    def _look_after_exports(self) -> None:
        if self._scheduler.work():
            budget = self._client.budget
            LOGGER.info(
                "Exports: %s; %s rows and %.1f MB read; calls today: %s of %s.",
                self._scheduler.progress(),
                f"{self._counts.total():,}",
                self._bytes_read / _MEGABYTE,
                f"{budget.used:,}",
                f"{budget.allowed:,}",
            )

    # What is to be read, and from where.

    def _families(
        self,
        entries: Sequence[CatalogEntry],
        activities: Sequence[CatalogEntry],
        types: Mapping[int, Mapping[str, Any]],
    ) -> list[BulkFamily]:
        families: list[BulkFamily] = []
        for entry in entries:
            if entry.stream == LEADS_STREAM:
                lookback = timedelta(hours=self._config.leads_lookback_hours)
                families.append(LeadsFamily(entry, lead_fields(self._client), lookback))
            elif entry.stream not in PAGED_STREAMS and not entry.stream.startswith(
                ACTIVITY_STREAM_PREFIX
            ):
                LOGGER.warning(
                    "%s is skipped: there is no such stream. Run discovery again.", entry.stream
                )
        if activities:
            families.append(ActivitiesFamily(activities, types, self._activities_lookback))
        return families

    @property
    def _activities_lookback(self) -> timedelta:
        return timedelta(hours=self._config.activities_lookback_hours)

    def _drop_exports_of_others(self, families: Sequence[BulkFamily]) -> None:
        """Cancel the jobs that the state holds for streams that are no longer selected."""
        selected = {family.name for family in families}
        for name in self._state.families_with_exports():
            if name in selected or name not in BULK_OBJECTS:
                continue
            for export in self._state.pending_exports(name, {}, self._config.start_date):
                cancel_quietly(self._api, BULK_OBJECTS[name], export.export_id)
            self._move_to(Position(exports={name: []}))

    def _plan(self, family: BulkFamily) -> list[Plan[PendingExport]]:
        key = family.replication_key
        earliest = self._config.start_date
        stands = {stream: self._stand(family, stream) for stream in family.streams}
        pending = self._state.pending_exports(
            family.name, dict.fromkeys(family.streams, key), earliest
        )
        adopted = [
            Plan(export.window, export.streams, export, export.made)
            for export in pending
            if export.replication_key == key
        ]
        plans = plan_windows(stands, adopted, self._now)
        needed = {plan.job.export_id for plan in plans if plan.job}
        for export in pending:
            if export.export_id not in needed:
                cancel_quietly(self._api, family.bulk_object, export.export_id)
        return plans

    def _stand(self, family: BulkFamily, stream: str) -> Stand:
        return Stand(
            self._family_bookmark(family, stream),
            self._state.settled(stream),
            self._config.start_date,
            family.lookback,
        )

    def _family_bookmark(self, family: BulkFamily, stream: str) -> datetime | None:
        bookmark = self._state.bookmark(stream, family.replication_key)
        if bookmark is None and family.replication_key == "createdAt":
            # Left by a tap that read by createdAt but kept its bookmark under updatedAt.
            bookmark = self._state.bookmark(stream, "updatedAt")
        return bookmark

    def _paged_read(self, entry: CatalogEntry) -> PagedRead:
        stream = PAGED_STREAMS[entry.stream]
        key = stream.replication_key
        bookmark = self._state.bookmark(stream.name, key) if key else None
        return self._read_since(stream, entry, bookmark, PAGED_LOOKBACK)

    def _deletions_read(
        self, entry: CatalogEntry, types: Mapping[int, Mapping[str, Any]]
    ) -> PagedRead:
        bookmark = self._state.bookmark(entry.stream, ACTIVITY_REPLICATION_KEY)
        warn_of_gap(entry.stream, bookmark, self._now)
        stream = deletions_stream(entry, types)
        return self._read_since(stream, entry, bookmark, self._activities_lookback)

    def _read_since(
        self,
        stream: PagedStream,
        entry: CatalogEntry,
        bookmark: datetime | None,
        lookback: timedelta,
    ) -> PagedRead:
        since = before(bookmark, lookback) if bookmark else self._config.start_date
        return PagedRead(stream, entry, Scan(since, self._now, self._state.page_mark(stream.name)))

    # Reading and writing.

    def _pages(self, reads: Sequence[PagedRead]) -> Iterator[bool]:
        for read in reads:
            stream = read.stream
            keys = [stream.replication_key] if stream.replication_key else []
            self._write_schema(read.entry, stream.key, keys)
            for lines, position in read.steps(self._client, self._clock.now):
                for line in lines:
                    self._output.line(line)
                self._counts[stream.name] += len(lines)
                if position:
                    self._move_to(position)
                yield True

    def _read_export(self, job: Job) -> None:
        """Emit the rows of a completed job and move its streams' bookmarks to its end."""
        if job.info is None:
            raise TypeError("a completed job always has its info")
        job.downloads += 1
        family = job.family
        download = Download(
            self._api,
            family.bulk_object,
            job.info,
            self._clock,
            self._config.request_timeout,
            self._config.wait_scale,
        )
        chunks = download.checked_first()
        try:
            file = CsvFile(chunks, job.name, family.document)
            missing = family.missing_columns(file.header) if file.header else []
            if missing and job.plan.job:
                self._scheduler.discard(job, f"its file has no column {missing[0]}")
                return
            if missing:
                raise DataError(f"The file of the {job.name} has no column {missing[0]}.")
            self._emit(job, file)
            self._check_rows(job, file)
        except NotFoundError:
            self._scheduler.fail(job, "Marketo says it is completed, but there is no file")
            return
        except InterruptedDownloadError:
            raise
        except DamagedFileError as error:
            self._download_again(job, error)
            return
        except DataError as error:
            self._blame(job, chunks, error)
            return
        finally:
            self._bytes_read += download.received
            chunks.close()
        left = self._scheduler.finish(job)
        LOGGER.info(
            "Read the %s: %s rows, %.1f MB.",
            job.name, f"{file.rows_read:,}", download.received / _MEGABYTE,
        )  # fmt: skip
        self._state.remember_costs(self._allowance.bytes_per_day)
        bookmarks = {stream: self._bookmark_after(job, stream) for stream in job.plan.streams}
        self._move_to(Position(bookmarks=bookmarks, exports={family.name: left}))

    def _bookmark_after(self, job: Job, stream: str) -> Bookmark:
        window = job.plan.window
        stand = self._stand(job.family, stream).after(window, job.plan.made)
        return Bookmark(job.family.replication_key, window.end, stand.settled)

    def _emit(self, job: Job, file: CsvFile) -> None:
        family, streams = job.family, job.plan.streams
        for stream in streams:
            self._announce(family, stream)
        time_extracted = to_time_extracted(self._clock.now())
        looked = self._clock.monotonic()
        for block in family.records(file, streams, time_extracted):
            self._output.line(block.lines)
            # A target sees rows flow as they arrive.
            self._output.flush()
            self._counts.update(block.counts)
            if self._clock.monotonic() - looked > _LOOK_SECONDS:
                self._look_after_exports()
                looked = self._clock.monotonic()

    @staticmethod
    def _check_rows(job: Job, file: CsvFile) -> None:
        expected = job.info.records if job.info else None
        if expected is not None and file.rows_read != expected:
            raise DataError(
                f"The file of the {job.name} has {file.rows_read:,} rows where its job says "
                f"{expected:,}"
            )

    def _blame(self, job: Job, chunks: Iterator[bytes], error: DataError) -> None:
        """Find out whether a file that makes no sense was damaged on its way, by its checksum.

        Raises:
            DataError: it is what Marketo made; the next run makes a new one.
        """
        try:
            for _ in chunks:
                pass
        except DamagedFileError as damage:
            self._download_again(job, damage)
            return
        except DataError:
            raise error from None
        self._move_to(Position(exports={job.family.name: self._scheduler.finish(job)}))
        raise error

    def _download_again(self, job: Job, error: DamagedFileError) -> None:
        if job.downloads < _DOWNLOADS:
            LOGGER.warning("%s; downloading it again.", error)
        else:
            self._scheduler.fail(job, str(error))

    def _announce(self, family: BulkFamily, stream: str) -> None:
        self._write_schema(family.streams[stream], family.key, [family.replication_key])

    def _write_schema(self, entry: CatalogEntry, key: str, bookmarks: Sequence[str]) -> None:
        if entry.stream not in self._announced:
            self._announced.add(entry.stream)
            self._output.schema(entry.stream, entry.wire_schema([key]), [key], bookmarks)

    def _exports_under_way(self, family: BulkFamily, exports: Sequence[PendingExport]) -> None:
        self._move_to(Position(exports={family.name: exports}))

    def _move_to(self, position: Position) -> None:
        self._state.apply(position)
        self._write_state()

    def _write_state(self) -> None:
        self._output.state(self._state.value)

    def _end_for_today(self, error: ExportQuotaError) -> ExportQuotaError:
        now = self._clock.now()
        used = self._allowance.used(now) / _MEGABYTE
        return ExportQuotaError(
            "Bulk exports",
            f"{error.reason}. This API user has exported {used:,.1f} MB today. Left to do: "
            f"{'; '.join(self._scheduler.left_to_do())}. It can go on at "
            f"{to_marketo(next_allowance_reset(now))}",
            error.code,
        )

    def _sum_up(self, families: Sequence[BulkFamily], reads: Sequence[PagedRead]) -> None:
        """Log how much was read of each stream and which values did not fit."""
        odd = {read.stream.name: read.misfits for read in reads}
        for family in families:
            odd.update(family.misfits)
        for stream, misfits in odd.items():
            tags = {metrics.Tag.endpoint: stream}
            log_counter(metrics.Metric.record_count, self._counts[stream], tags)
            for line in misfits.summary():
                LOGGER.warning("%s.%s", stream, line)
