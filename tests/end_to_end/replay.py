"""A server that answers each call of a sync as the sandbox once did, or as it is told instead."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.end_to_end.servers import Reply, Request, in_front_of, server
from tests.harness import Account, Tap, select

LEADS, VISITS, EVERY_TYPE = "leads", "activities_visit_webpage", "activities_every_data_type"
TYPE_IDS = (1, 100006)
PROGRAMS = "/rest/asset/v1/programs.json"
MEMBER_DESCRIBE = "/rest/v1/programs/members/describe.json"
PAGED = {
    "/rest/v1/activities/types.json": "activity_types",
    "/rest/v1/campaigns.json": "campaigns",
    "/rest/v1/lists.json": "lists",
    PROGRAMS: "programs",
}
STREAMS = [LEADS, VISITS, EVERY_TYPE, *PAGED.values()]
FIELDS = ["id", "createdAt", "updatedAt", "email", "leadScore", "interestTags", "isSubscriber"]
# So many rows of each list are kept.
ROWS = 4

Json = dict[str, Any]


@dataclass
class Recording:
    """What was answered to each call, by path, in which `*` stands for an id of an export."""

    replies: dict[str, Reply] = field(default_factory=dict)
    export_ids: dict[str, str] = field(default_factory=dict)

    def path_of(self, target: str) -> str:
        """Return the path of a call as it is recorded."""
        path = urlsplit(target).path
        for export_id in self.export_ids.values():
            path = path.replace(f"/{export_id}/", "/*/")
        return path

    def json(self, path: str) -> Json:
        """Return a recorded answer, parsed."""
        parsed: Json = json.loads(self.replies[path].body)
        return parsed

    def put_file(self, bulk_object: str, data: bytes, rows: int) -> None:
        """Set an export's file, and what is told of it."""
        path = f"/bulk/v1/{bulk_object}/export"
        headers = self.replies[f"{path}/*/file.json"].headers
        self.replies[f"{path}/*/file.json"] = Reply(200, data, headers)
        envelope = self.json(f"{path}.json")
        envelope["result"][0] |= {
            "fileSize": len(data),
            "fileChecksum": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "numberOfRecords": rows,
        }
        self.put(f"{path}.json", envelope)

    def put(self, path: str, envelope: Json) -> None:
        """Set the answer to a call; its headers are those of any other JSON answer."""
        headers = self.replies["/rest/v1/campaigns.json"].headers
        self.replies[path] = Reply(200, json.dumps(envelope).encode(), headers)


def record(marketo: Account, tap: Tap, **settings: Any) -> Recording:
    """Record one sync of all kinds of streams; of what it listed a few rows are kept."""
    told = Recording()
    sandbox = in_front_of(marketo.endpoint.removesuffix("/rest"))

    def answer(request: Request) -> Reply:
        reply = sandbox(request)
        path = told.path_of(request.target)
        if path.endswith("/create.json"):
            told.export_ids[path.split("/")[3]] = json.loads(reply.body)["result"][0]["exportId"]
        # Of the lists of jobs the last: it tells of completed ones.
        if path not in told.replies or path.endswith("/export.json"):
            told.replies[path] = reply
        return reply

    chosen = select(tap.discover(marketo.config()), STREAMS, leads=FIELDS)
    with server(answer) as recorder:
        done = tap.run(marketo.config(endpoint=recorder.url, **settings), chosen)
        assert done.code == 0, done.stderr
    _keep_few(told, "/rest/v1/leads/describe.json", lambda row: _rest_name(row) in FIELDS)
    _keep_few(told, "/rest/v1/activities/types.json", lambda row: row["id"] in TYPE_IDS)
    for path in ("/rest/v1/campaigns.json", "/rest/v1/lists.json", PROGRAMS):
        emitted = [row["id"] for row in done.records(PAGED[path])][:ROWS]
        _keep_few(told, path, partial(_is_among, emitted))
    for bulk_object, export_id in told.export_ids.items():
        _add_status(told, f"/bulk/v1/{bulk_object}/export", export_id)
    # Discovery alone asks for it.
    told.put(MEMBER_DESCRIBE, {"requestId": "", "success": True, "result": [{"fields": []}]})
    return told


def _is_among(ids: list[int], row: Json) -> bool:
    return row["id"] in ids


def _rest_name(row: Json) -> str | None:
    name: str | None = row.get("rest", {}).get("name")
    return name


def _keep_few(told: Recording, path: str, wanted: Callable[[Json], bool]) -> None:
    envelope = told.json(path)
    envelope["result"] = [row for row in envelope["result"] if wanted(row)]
    for name in ("nextPageToken", "moreResult"):
        envelope.pop(name, None)
    told.put(path, envelope)


def _add_status(told: Recording, path: str, export_id: str) -> None:
    """Keep one job; tell of it also in the calls about one, which this sync had no need of."""
    envelope = told.json(f"{path}.json")
    envelope["result"] = [row for row in envelope["result"] if row["exportId"] == export_id]
    told.put(f"{path}.json", envelope)
    told.put(f"{path}/*/status.json", envelope)
    cancelled = deepcopy(envelope)
    cancelled["result"][0]["status"] = "Cancelled"
    told.put(f"{path}/*/cancel.json", cancelled)


@dataclass
class Replay:
    """A server that answers as recorded, and for as many times as told with something else."""

    url: str
    told: Recording
    calls: int = 0
    spoilt: dict[str, Reply] = field(default_factory=dict)
    times: float = 0

    def spoil(self, path: str, reply: Reply | None, times: float) -> None:
        """Answer a path so many times with something else; None takes all back."""
        self.calls = 0
        self.spoilt = {path: reply} if reply else {}
        self.times = times

    def answer(self, request: Request) -> Reply:
        """Answer one call."""
        self.calls += 1
        path = self.told.path_of(request.target)
        query = parse_qs(urlsplit(request.target).query)
        offset = int(query.get("offset", ["0"])[0])
        if path in self.spoilt and self.times > 0 and not offset:
            self.times -= 1
            return self.spoilt[path]
        reply = self.told.replies.get(path) or Reply(404, b"", {})
        if path == PROGRAMS and offset:
            envelope = self.told.json(path)
            envelope["result"] = envelope["result"][offset:]
            return Reply(200, json.dumps(envelope).encode(), reply.headers)
        return reply


@contextmanager
def replaying(told: Recording) -> Iterator[Replay]:
    """Serve a recording."""
    replay = Replay("", told)
    with server(replay.answer) as recorder:
        replay.url = recorder.url
        yield replay


def config(replay: Replay, **settings: Any) -> Mapping[str, Any]:
    """Return a config for a replay, in which nothing is waited for long."""
    return {
        "endpoint": replay.url,
        "client_id": "the-id-of-the-client",
        "client_secret": "the-secret-of-the-client",
        "poll_interval": 0.005,
        "job_timeout": 0.1,
        "request_timeout": 5,
        "max_calls_per_20_seconds": 10**9,
        **settings,
    }
