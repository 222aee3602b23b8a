"""Bulk Extract: the calls that make, watch and end export jobs (bulk-extract.md).

One :class:`ExportApi` serves every bulk object; which object is meant is the path part after
``/bulk/v1/``: ``leads``, ``activities``, ``program/members`` or ``customobjects/<name>``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from tap_marketo.errors import AlreadyQueuedError, DataError, NotFoundError, TransientError
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.exchange import FileAnswer
from tap_marketo.marketo.pages import Page, Row, token_pages
from tap_marketo.times import parse_utc

# How often a call is made that Marketo answers with success, but without the job.
_TRIES = 3
# Ids are UUIDs. One that holds anything else would make another path of the calls about the job.
_EXPORT_ID = re.compile(r"[\w-]+", re.ASCII)
# No file has more bytes or rows.
_MOST = 1 << 60
# Empty pages in a row, each promising more, after which the list of jobs is taken to have ended:
# a job that was not on it is asked for by its id.
_MOST_EMPTY_PAGES = 2
# bulk-extract.md: the slots of the queue, jobs being processed included.
QUEUE_SLOTS = 10


class ExportStatus(Enum):
    """The states of an export job (bulk-extract.md, Polling Job Status)."""

    CREATED = "created"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @classmethod
    def read(cls, word: object, export_id: str) -> ExportStatus:
        """Read Marketo's word, in either spelling of cancelled.

        Raises:
            DataError: a word Adobe does not document. To take it for "not done yet" could mean
                to wait for ever.
        """
        spelled = str(word).lower().replace("canceled", "cancelled")
        try:
            return cls(spelled)
        except ValueError:
            raise DataError(
                f"Marketo gives export job {export_id} the status {word!r}, which this version "
                "does not know. Look for a newer version of tap-marketo."
            ) from None


@dataclass(frozen=True)
class ExportInfo:
    """What Marketo says of a job. Sizes are bytes; None where Marketo does not say.

    ``waited`` is how long it stood in the queue, ``took`` how long it was processed, in seconds.
    """

    export_id: str
    status: ExportStatus
    records: int | None = None
    file_size: int | None = None
    checksum: str | None = None
    finished_at: datetime | None = None
    waited: float | None = None
    took: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class FinishedExport:
    """A job whose file counts against the allowance of the day on which it finished.

    Its size is in bytes. ``took`` is how many seconds Marketo processed it, None if it does not
    say.
    """

    export_id: str
    finished_at: datetime
    file_size: int
    bulk_object: str
    took: float | None = None


class ExportApi:
    """The Bulk Extract calls."""

    def __init__(self, client: MarketoClient) -> None:
        self._client = client

    def create(self, bulk_object: str, fields: Sequence[str], filter_: Mapping[str, Any]) -> str:
        """Create a job and return its id. It does nothing until it is enqueued.

        ``fields`` are the REST names of the columns wanted.

        Raises:
            FilterUnavailableError: the subscription lacks this filter (1035).
            FieldNotFoundError: fields do not exist for it (1006, 1003).
            ExportQuotaError: today's bytes are spent.
            DataError: Marketo keeps answering without an export id.
        """
        path = f"/bulk/v1/{bulk_object}/export/create.json"
        body = {"format": "CSV", "fields": list(fields), "filter": dict(filter_)}
        for _ in range(_TRIES):
            result = self._client.post(path, f"{bulk_object}_create", body)["result"]
            export_id = result[0].get("exportId") if result and isinstance(result[0], dict) else ""
            if isinstance(export_id, str) and _EXPORT_ID.fullmatch(export_id):
                return export_id
        raise DataError(f"POST {path}: Marketo answers without an exportId. Run again later.")

    def enqueue(self, bulk_object: str, export_id: str) -> None:
        """Put a job into the queue; one that is there already is fine.

        Raises:
            QueueFullError: all ten slots are taken.
            ExportQuotaError: today's bytes are spent.
        """
        with suppress(AlreadyQueuedError):
            self._client.post(*_about(bulk_object, export_id, "enqueue"))

    def cancel(self, bulk_object: str, export_id: str) -> None:
        """Cancel a job that is not needed any more."""
        self._client.post(*_about(bulk_object, export_id, "cancel"))

    def look_up(self, bulk_object: str, export_ids: Collection[str]) -> dict[str, ExportInfo]:
        """Return what Marketo says of some jobs; one that no longer exists is left out.

        One list call shows every job of the past seven days; a job it does not show is asked for
        by itself.

        Raises:
            DataError: a job has a status that is not known.
            MarketoError: a call fails, or is answered without the job.
        """
        found: dict[str, ExportInfo] = {}
        for entry in self._listed(bulk_object):
            export_id = entry.get("exportId")
            if isinstance(export_id, str) and export_id in export_ids:
                found[export_id] = _info(entry)
                if len(found) == len(export_ids):
                    break
        for export_id in set(export_ids) - set(found):
            if info := self._status(bulk_object, export_id):
                found[export_id] = info
        return found

    def finished(self, bulk_object: str) -> list[FinishedExport]:
        """Return the API user's jobs of an object that finished in the past seven days.

        The file sizes of today's are what counts against the daily allowance (bulk-extract.md,
        File Size).
        """
        return finished_exports(bulk_object, self._listed(bulk_object))

    def jobs(self, bulk_object: str) -> Iterator[Page]:
        """Yield the list of the API user's jobs of the past seven days, page by page.

        Raises:
            DataError: the list never ends, or holds something else than objects.
        """
        path = f"/bulk/v1/{bulk_object}/export.json"
        return token_pages(self._client, path, f"{bulk_object}_list", None)

    def open_file(self, bulk_object: str, export_id: str, start: int) -> FileAnswer:
        """Open a completed job's file from a byte on, as :meth:`MarketoClient.open_file` does."""
        return self._client.open_file(*_about(bulk_object, export_id, "file"), start)

    def _listed(self, bulk_object: str) -> Iterator[Row]:
        """Yield the jobs of the list as far as it leads; some may be missing."""
        empty = 0
        seen: set[str | None] = set()
        for page in self.jobs(bulk_object):
            yield from page.rows
            empty = 0 if page.rows else empty + 1
            if empty > _MOST_EMPTY_PAGES or page.next_token in seen:
                return
            seen.add(page.next_token)

    def _status(self, bulk_object: str, export_id: str) -> ExportInfo | None:
        path, endpoint = _about(bulk_object, export_id, "status")
        for _ in range(_TRIES):
            try:
                result = self._client.get(path, endpoint)["result"]
            except NotFoundError:
                return None
            # An answer without the job does not say that Marketo no longer has it.
            if result and isinstance(result[0], dict) and result[0].get("exportId") == export_id:
                return _info(result[0])
        raise TransientError(f"GET {path}", "the answer does not hold this job")


def _about(bulk_object: str, export_id: str, call: str) -> tuple[str, str]:
    """Return path and endpoint of a call about a job."""
    return f"/bulk/v1/{bulk_object}/export/{export_id}/{call}.json", f"{bulk_object}_{call}"


def _info(entry: Mapping[str, Any]) -> ExportInfo:
    export_id = str(entry.get("exportId"))
    return ExportInfo(
        export_id=export_id,
        status=ExportStatus.read(entry.get("status"), export_id),
        records=_count(entry.get("numberOfRecords")),
        file_size=_count(entry.get("fileSize")),
        checksum=_text(entry.get("fileChecksum")),
        finished_at=_time(entry, "finishedAt"),
        waited=_seconds(entry, "queuedAt", "startedAt"),
        took=_seconds(entry, "startedAt", "finishedAt"),
        error=_text(entry.get("errorMsg")),
    )


def known_statuses(entries: Iterable[Row]) -> dict[str, ExportStatus]:
    """Return the status of each job by its id; a job whose status is no known word is left out."""
    statuses: dict[str, ExportStatus] = {}
    for entry in entries:
        export_id = str(entry.get("exportId"))
        with suppress(DataError):
            statuses[export_id] = ExportStatus.read(entry.get("status"), export_id)
    return statuses


def finished_exports(bulk_object: str, entries: Iterable[Row]) -> list[FinishedExport]:
    """Return the jobs that have a file."""
    finished: list[FinishedExport] = []
    for entry in entries:
        size, finished_at = _count(entry.get("fileSize")), _time(entry, "finishedAt")
        if size and finished_at:
            export_id = str(entry.get("exportId"))
            took = _seconds(entry, "startedAt", "finishedAt")
            finished.append(FinishedExport(export_id, finished_at, size, bulk_object, took))
    return finished


def _time(entry: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return parse_utc(str(entry.get(key)))
    except ValueError:
        return None


def _seconds(entry: Mapping[str, Any], since: str, until: str) -> float | None:
    start, end = _time(entry, since), _time(entry, until)
    return (end - start).total_seconds() if start and end else None


def _count(value: Any) -> int | None:
    try:
        count = int(value)
    except (TypeError, ValueError):
        return None
    return count if 0 <= count <= _MOST else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
