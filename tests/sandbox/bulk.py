"""Answers of the bulk extract endpoints (bulk-extract.md)."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.sandbox.answers import Answer, ApiError, FileSlice, plain_answer
from tests.sandbox.calls import Call
from tests.sandbox.clock import Clock
from tests.sandbox.database import Database
from tests.sandbox.export_requests import read_export_request
from tests.sandbox.exports import LISTED_FOR, ExportQueue
from tests.sandbox.jobs import Job
from tests.sandbox.options import Options
from tests.sandbox.paging import Place, make_token, read_batch_size, read_token, split_values

FILE_TYPE = "text/csv;charset=UTF-8"

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class Bulk:
    """The endpoints of all bulk objects."""

    def __init__(
        self, options: Options, clock: Clock, database: Database, queue: ExportQueue
    ) -> None:
        self._options = options
        self._clock = clock
        self._database = database
        self._queue = queue

    def answer(self, call: Call) -> dict[str, Any]:
        """The members of the envelope of any of these calls but file."""
        if call.kind == "create":
            return self._shown(self.create(call))
        if call.kind == "list":
            return self.list(call)
        job = self._queue.find(call.object or "", call.job_id)
        if job is None:
            raise ApiError("1013", f"Export job '{call.job_id}' not found")
        if call.kind == "enqueue":
            self._queue.enqueue(job)
        elif call.kind == "cancel":
            self._queue.cancel(job)
        else:
            job.polls += 1
        return self._shown(job)

    def _shown(self, job: Job) -> dict[str, Any]:
        return {"result": [job.shown(self._clock.now())]}

    def create(self, call: Call) -> Job:
        """Create a job from the JSON body (609 and 612: error-codes.md)."""
        kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise ApiError("612")
        try:
            body = json.loads(call.request.body)
        except ValueError:
            raise ApiError("609") from None
        request = read_export_request(
            call.object or "", body, self._database, self._options.no_updated_at
        )
        return self._queue.create(request)

    def programs(self, call: Call) -> frozenset[int]:
        """The programs of the export that a call is about, as far as the call makes sense."""
        job = self._queue.jobs.get(call.job_id)
        if job and job.request:
            return frozenset(job.request.programs or ())
        if call.kind != "create":
            return frozenset()
        try:
            named = json.loads(call.request.body)["filter"]["programIds"]
            return frozenset(map(int, named))
        except (ValueError, LookupError, TypeError):
            return frozenset()

    def list(self, call: Call) -> dict[str, Any]:
        """The user's jobs of the past seven days (bulk-extract.md, "Retrieving Jobs")."""
        size = read_batch_size(call.query)
        # The filter names the status Canceled, the answers Cancelled; both are taken.
        statuses = split_values(call.query.get("status"))
        wanted = [text.replace("Canceled", "Cancelled") for text in statuses]
        place = read_token(call.token, call.scan) if call.token else Place(call.scan, (0,))
        (offset,) = place.where
        now = self._clock.now()
        jobs = self._queue.listed(call.object or "")
        shown = [
            row for row in (job.shown(now) for job in jobs) if not wanted or row["status"] in wanted
        ]
        answer: dict[str, Any] = {"result": shown[offset : offset + size]}
        if offset + size < len(shown):
            following = Place(call.scan, (offset + size,), place.page + 1)
            answer["nextPageToken"] = make_token(following, self._options.token_bytes)
        return answer

    def file(self, call: Call) -> Answer:
        """The file of a job, whole or in part.

        "If a job has not completed, or a bad job id is passed, file endpoints respond with a
        status of 404 Not Found, and a plaintext error message" (bulk-extract.md).
        """
        job = self._queue.find(call.object or "", call.job_id)
        if job is None or job.outcome.file == "404":
            return plain_answer(404, f"Export file not found: {call.job_id}")
        if job.status != "Completed" or job.file is None or job.finished is None:
            return plain_answer(404, f"Export job is not completed: {call.job_id}")
        if self._clock.now() > job.finished + LISTED_FOR:
            return plain_answer(404, f"Export file has expired: {call.job_id}")
        job.downloads += 1
        return slice_answer(job, call.request.headers.get("range"))


def slice_answer(job: Job, wanted: str | None, ignore_range: bool = False) -> Answer:
    """A job's file, or the range of it that a header asks for (RFC 7233)."""
    assert job.file is not None
    headers = {"Accept-Ranges": "bytes"}
    whole = Answer(200, FileSlice(job.file, 0, job.size), FILE_TYPE, headers)
    match = _RANGE.fullmatch((wanted or "").replace(" ", ""))
    if ignore_range or match is None or match.groups() == ("", ""):
        return whole
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last), job.size - 1) if last else job.size - 1
        if last and int(last) < start:
            return whole
    else:
        start, end = max(0, job.size - int(last)), job.size - 1
    if start >= job.size or end < start:
        headers["Content-Range"] = f"bytes */{job.size}"
        answer = plain_answer(416, "Requested Range Not Satisfiable")
        answer.headers.update(headers)
        return answer
    headers["Content-Range"] = f"bytes {start}-{end}/{job.size}"
    return Answer(206, FileSlice(job.file, start, end - start + 1), FILE_TYPE, headers)
