"""One sync: the order of things, the state, and what is said at the end.

The only place that applies positions to the state and writes STATE messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from singer import metrics

from tap_marketo.catalog import CatalogEntry
from tap_marketo.client import MarketoClient
from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.csv_rows import CsvFile
from tap_marketo.describe import activity_types, lead_fields
from tap_marketo.download import DamagedFileError, Download, InterruptedDownloadError
from tap_marketo.errors import DataError, NotFoundError
from tap_marketo.exports import ExportApi
from tap_marketo.families import (
    ACTIVITY_STREAM_PREFIX,
    LEADS_STREAM,
    ActivitiesFamily,
    BulkFamily,
    LeadsFamily,
)
from tap_marketo.log import LOGGER, log_counter
from tap_marketo.messages import Output
from tap_marketo.scheduler import Job, Scheduler
from tap_marketo.state import Bookmark, PendingExport, Position, State
from tap_marketo.streams import PAGED_STREAMS, PagedRead, Scan
from tap_marketo.times import to_marketo, to_time_extracted, whole_seconds
from tap_marketo.windows import Plan, Stand, plan_windows

# How often, in seconds, a long wait looks whether the target is still there.
_LONGEST_NAP = 5.0
# How many rows of a file are read between two looks at the other jobs.
_ROWS_BETWEEN_LOOKS = 1000
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
        self._scheduler = Scheduler(self._api, clock, config, self._plan, self._exports_under_way)
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
        reads = [self._paged_read(entry) for entry in entries if entry.stream in PAGED_STREAMS]
        families = self._families(entries)
        try:
            for family in families:
                self._scheduler.add(family)
            self._output.on_stall = self._look_after_exports
            self._work_through(self._pages(reads))
            for family in families:
                for stream in family.streams:
                    self._announce(family, stream)
        finally:
            self._output.on_stall = None
            self._sum_up(families, reads)
        self._write_state()
        if self._scheduler.quota_spent:
            raise self._scheduler.quota_spent

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
                self._output.check_reader()
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

    def _families(self, entries: Sequence[CatalogEntry]) -> list[BulkFamily]:
        families: list[BulkFamily] = []
        activities: list[CatalogEntry] = []
        for entry in entries:
            if entry.stream == LEADS_STREAM:
                lookback = timedelta(hours=self._config.leads_lookback_hours)
                families.append(LeadsFamily(entry, lead_fields(self._client), lookback))
            elif entry.stream in PAGED_STREAMS:
                continue
            elif entry.stream.startswith(ACTIVITY_STREAM_PREFIX):
                activities.append(entry)
            else:
                LOGGER.warning(
                    "%s is skipped: there is no such stream. Run discovery again.", entry.stream
                )
        if activities:
            lookback = timedelta(hours=self._config.activities_lookback_hours)
            types = activity_types(self._client)
            families.append(ActivitiesFamily(activities, types, lookback))
        return families

    def _plan(self, family: BulkFamily) -> list[Plan[PendingExport]]:
        key = family.replication_key
        earliest = self._config.start_date
        stands = {
            stream: Stand(self._family_bookmark(family, stream), earliest, family.lookback)
            for stream in family.streams
        }
        pending = self._state.pending_exports(
            family.name, dict.fromkeys(family.streams, key), earliest
        )
        adopted = [
            Plan(export.window, export.streams, export)
            for export in pending
            if export.replication_key == key
        ]
        longest = timedelta(days=self._config.max_export_days)
        return plan_windows(stands, adopted, self._now, longest)

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
        since = bookmark or self._config.start_date
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
        scale = self._config.wait_scale
        download = Download(self._api, family.bulk_object, job.info, self._clock, scale)
        chunks = download.__iter__()
        try:
            file = CsvFile(chunks, job.name)
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
        end = job.plan.window.end
        bookmark = Bookmark(family.replication_key, end)
        left = self._scheduler.finish(job)
        LOGGER.info(
            "Read the %s: %s rows, %.1f MB.",
            job.name, f"{file.rows_read:,}", download.received / _MEGABYTE,
        )  # fmt: skip
        self._move_to(
            Position(
                bookmarks=dict.fromkeys(job.plan.streams, bookmark), exports={family.name: left}
            )
        )

    def _emit(self, job: Job, file: CsvFile) -> None:
        family, streams = job.family, job.plan.streams
        for stream in streams:
            self._announce(family, stream)
        write, counts = self._output.line, self._counts
        time_extracted = to_time_extracted(self._clock.now())
        for stream, line in family.records(file, streams, time_extracted):
            write(line)
            counts[stream] += 1
            if not file.rows_read % _ROWS_BETWEEN_LOOKS:
                self._look_after_exports()

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
