"""The reading of one export: its file downloaded, checked, emitted, and its bookmarks moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tap_marketo.errors import DataError
from tap_marketo.exports.download import (
    DamagedFileError,
    Download,
    InterruptedDownloadError,
    NoFileError,
)
from tap_marketo.exports.export_run import ExportRun
from tap_marketo.exports.family import BulkFamily
from tap_marketo.exports.job_queue import Job
from tap_marketo.log import LOGGER, MEGABYTE, counted
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.csv_file import CsvFile
from tap_marketo.times import to_time_extracted

# While rows flow, how often, in seconds, to look after the other jobs.
_MEANWHILE_SECONDS = 0.05
# A file that arrives damaged is downloaded once more before a new job is created.
_DOWNLOADS = 2


class ExportReader:
    """Reads the files of completed jobs, and counts their bytes and the jobs read to their ends."""

    def __init__(self, run: ExportRun, emitter: Emitter, meanwhile: Callable[[], None]) -> None:
        """Read nothing yet; ``meanwhile`` looks after other jobs while rows flow."""
        self._run = run
        self._emitter = emitter
        self._meanwhile = meanwhile
        self.bytes_read = 0
        self.jobs_read = 0

    def read(self, job: Job) -> None:
        """Emit the rows of a completed job and move its streams' bookmarks to its end.

        Raises:
            DataError: the file cannot be read as what it should be.
            FailedExportError: the job failed often enough.
        """
        if job.info is None:
            raise TypeError("a completed job always has its info")
        job.downloads += 1
        run = self._run
        download = Download(run.api, job.family.bulk_object, job.info, run.clock, run.config)
        chunks = download.checked_first()
        try:
            rows = self._emit_file(job, chunks)
        except NoFileError:
            run.recreate(job, "Marketo says it is completed, but there is no file")
        except InterruptedDownloadError:
            raise
        except DamagedFileError as error:
            self._download_again(job, error)
        except DataError as error:
            self._blame(job, chunks, error)
        else:
            if rows is not None:
                LOGGER.info(
                    "Read the %s: %s, %.1f MB.",
                    job.name, counted(rows, "row"), download.received / MEGABYTE,
                )  # fmt: skip
                self.jobs_read += 1
                run.skip_failed(job.family)
                self._remember_costs(job, rows)
                self.pass_over(job)
        finally:
            self.bytes_read += download.received
            chunks.close()

    def _emit_file(self, job: Job, chunks: Iterator[bytes]) -> int | None:
        """Emit all rows of a file; return how many, None if the file is of no use any more."""
        file = CsvFile(chunks, job.name, job.family.document)
        missing = missing_columns(job.family, file.header) if file.header else []
        if missing and job.plan.job:
            self._run.replace(job, f"its file has no column {missing[0]}")
            return None
        if missing:
            raise DataError(f"The file of the {job.name} has no column {missing[0]}.")
        self._emit(job, file)
        expected = job.info.records if job.info else None
        if expected is not None and file.rows_read != expected:
            raise DataError(
                f"The file of the {job.name} has {file.rows_read:,} rows where its job says "
                f"{expected:,}"
            )
        return file.rows_read

    def pass_over(self, job: Job) -> None:
        """Move the bookmarks to the end of a job behind which everything is read without it."""
        queue = self._run.queue_of(job.family)
        queue.jobs.remove(job)
        left = queue.pending()
        reached = job.family.position_after(self._run.context, job.plan)
        self._emitter.move_to(replace(reached, exports={job.family.name: left}), at_once=True)

    def _remember_costs(self, job: Job, rows: int) -> None:
        """Keep what a day of each family costs, in bytes and, by this job's rows, in rows."""
        state, name = self._run.context.state, job.family.name
        costs, rows_per_day = self._run.allowance.bytes_per_day, state.rows_per_day()
        size = job.info.file_size if job.info else None
        if size and name in costs:
            rows_per_day[name] = round(costs[name] * rows / size)
        state.remember_costs(costs, rows_per_day)

    def _emit(self, job: Job, file: CsvFile) -> None:
        family = job.family
        for stream in job.plan.streams:
            family.announce(stream, self._emitter)
        time_extracted = to_time_extracted(self._run.clock.now())
        last = self._run.clock.monotonic()
        for block in family.records(file, job.plan, time_extracted):
            self._emitter.records(block.lines, block.counts)
            # A target sees rows flow as they arrive.
            self._emitter.flush()
            if self._run.clock.monotonic() - last > _MEANWHILE_SECONDS:
                self._meanwhile()
                last = self._run.clock.monotonic()

    def _blame(self, job: Job, chunks: Iterator[bytes], error: DataError) -> None:
        """Find out whether a file that makes no sense was damaged on its way, by its checksum.

        Raises:
            DataError: the file is wrong as Marketo has it; the next run creates a new job.
        """
        try:
            for _ in chunks:
                pass
        except DamagedFileError as damage:
            self._download_again(job, damage)
            return
        except DataError:
            raise error from None
        self._run.reset(job)
        raise error

    def _download_again(self, job: Job, error: DamagedFileError) -> None:
        if job.downloads < _DOWNLOADS:
            LOGGER.warning("%s. Downloading it again.", error)
        else:
            self._run.recreate(job, str(error))


def missing_columns(family: BulkFamily, header: Sequence[str]) -> list[str]:
    """Return the columns asked for now that a file of an earlier job does not have."""
    found = find_names(family.fields(), header)
    return [field for field in family.fields() if field not in found]
