"""A server that answers each call of a sync as the sandbox once did, or as it is told instead."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.servers import Reply, Request, in_front_of, server
from tests.harness import BY_PAGES, Account, Tap, select

LEADS, VISITS, EVERY_TYPE = "leads", "activities_visit_webpage", "activities_every_data_type"
CARS = "custom_object_car_c"
TYPE_IDS = frozenset({1, 100006})
CAMPAIGNS, LISTS = "/rest/v1/campaigns.json", "/rest/v1/lists.json"
PROGRAMS = "/rest/asset/v1/programs.json"
# Programs changed since a time are another list than all programs.
CHANGED_PROGRAMS = f"{PROGRAMS}?earliestUpdatedAt"
PAGED = {
    "/rest/v1/activities/types.json": "activity_types",
    CAMPAIGNS: "campaigns",
    LISTS: "lists",
    CHANGED_PROGRAMS: "programs",
}
PEOPLE = [MEMBERS, MEMBERSHIPS, CARS]
STREAMS = [LEADS, VISITS, EVERY_TYPE, *PAGED.values(), *PEOPLE]
FIELDS = ["id", "createdAt", "updatedAt", "email", "leadScore", "interestTags", "isSubscriber"]
# So many rows of each list are kept.
ROWS = 4

Json = dict[str, Any]

_CREATE = re.compile(r"/bulk/v1/(.+)/export/create\.json")

# What Marketo answers where there is no such resource (error-codes.md, 610).
_UNKNOWN = Reply(
    200,
    b'{"requestId": "0", "success": false, '
    b'"errors": [{"code": "610", "message": "Requested resource not found"}]}',
    {"Content-Type": "application/json"},
)


@dataclass
class Recording:
    """What was answered to each call, by path, in which `*` stands for an id of an export."""

    replies: dict[str, Reply] = field(default_factory=dict)
    export_ids: dict[str, str] = field(default_factory=dict)

    def path_of(self, target: str) -> str:
        """Return the path of a call as it is recorded, with what tells lists of a path apart."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        for export_id in self.export_ids.values():
            path = path.replace(f"/{export_id}/", "/*/")
        if "activityTypeIds" in query and path.endswith("/activities.json"):
            return f"{path}?activityTypeIds={query['activityTypeIds'][0]}"
        return CHANGED_PROGRAMS if path == PROGRAMS and "earliestUpdatedAt" in query else path

    def answer(self, target: str) -> Reply | None:
        """Return what is recorded for a call, from its offset on; None if nothing is."""
        path = self.path_of(target)
        reply = self.replies.get(path)
        offset = offset_of(target)
        if not reply or not offset:
            return reply
        envelope = self.json(path)
        envelope["result"] = envelope["result"][offset:]
        return Reply(200, json.dumps(envelope).encode(), reply.headers)

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
        headers = self.replies["/rest/v1/stats/usage.json"].headers
        self.replies[path] = Reply(200, json.dumps(envelope).encode(), headers)


def offset_of(target: str) -> int:
    """Return the offset that a call asks for."""
    return int(parse_qs(urlsplit(target).query).get("offset", ["0"])[0])


def record(marketo: Account, tap: Tap, start_date: str) -> Recording:
    """Record the first sync of all kinds of streams; of what it lists it sees a few rows."""
    chosen = select(tap.discover(marketo.config()), STREAMS, leads=FIELDS)
    few = _few(TYPE_IDS) | {
        path: lambda row: (row.get("updatedAt") or start_date) >= start_date
        for path in (CAMPAIGNS, LISTS, CHANGED_PROGRAMS)
    }
    # Of the other type the fields are not asked for, and so not recorded.
    few |= {PROGRAMS: bool, "/rest/v1/customobjects.json": lambda row: row["name"] == "car_c"}
    return record_run(marketo, tap, chosen, None, few, start_date=start_date, **BY_PAGES)


def record_later(
    marketo: Account, tap: Tap, chosen: Json, state: Json, type_ids: frozenset[int]
) -> Recording:
    """Record a sync that goes on from a state; of activity types it sees some."""
    return record_run(marketo, tap, chosen, state, _few(type_ids), **BY_PAGES)


def _few(type_ids: frozenset[int]) -> dict[str, Callable[[Json], bool]]:
    return {
        "/rest/v1/leads/describe.json": lambda row: _rest_name(row) in FIELDS,
        "/rest/v1/activities/types.json": lambda row: row["id"] in type_ids,
    }


def record_run(
    marketo: Account,
    tap: Tap,
    chosen: Json,
    state: Json | None,
    few: Mapping[str, Callable[[Json], bool]],
    **settings: Any,
) -> Recording:
    """Record one sync.

    Args:
        marketo: the sandbox.
        tap: the command.
        chosen: its catalog.
        state: from where it goes on.
        few: of which lists it sees some rows, and which these are; of all but describe's and the
            types no more than ROWS.
        settings: of its config.
    """
    told = Recording()
    sandbox = in_front_of(marketo.endpoint.removesuffix("/rest"))

    def answer(request: Request) -> Reply:
        path = told.path_of(request.target)
        if offset_of(request.target) and (known := told.answer(request.target)):
            return known
        reply = sandbox(request)
        if made := _CREATE.fullmatch(path):
            assert made[1] not in told.export_ids, "a second job would be answered as the first"
            told.export_ids[made[1]] = json.loads(reply.body)["result"][0]["exportId"]
        if path in few:
            most = None if "/describe" in path or "/types" in path else ROWS
            reply = _of_few(reply, few[path], most)
        # Of the lists of jobs the last: it tells of completed ones.
        if path not in told.replies or path.endswith("/export.json"):
            told.replies[path] = reply
        return reply

    with server(answer) as recorder:
        done = tap.run(marketo.config(endpoint=recorder.url, **settings), chosen, state)
        assert done.code == 0, done.stderr
    for bulk_object, export_id in told.export_ids.items():
        _add_status(told, f"/bulk/v1/{bulk_object}/export", export_id)
    return told


def _rest_name(row: Json) -> str | None:
    name: str | None = row.get("rest", {}).get("name")
    return name


def _of_few(reply: Reply, wanted: Callable[[Json], bool], most: int | None) -> Reply:
    envelope = json.loads(reply.body)
    if "result" in envelope:
        envelope["result"] = [row for row in envelope["result"] if wanted(row)][:most]
    for name in ("nextPageToken", "moreResult"):
        envelope.pop(name, None)
    return Reply(reply.status, json.dumps(envelope).encode(), reply.headers)


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
    requests: list[Request] = field(default_factory=list)
    spoilt: dict[str, Reply] = field(default_factory=dict)
    times: float = 0

    def spoil(self, path: str, reply: Reply | None, times: float) -> None:
        """Answer a path so many times with something else; None takes all back."""
        self.requests.clear()
        self.spoilt = {path: reply} if reply else {}
        self.times = times

    def answer(self, request: Request) -> Reply:
        """Answer one call."""
        self.requests.append(request)
        path = self.told.path_of(request.target)
        if path in self.spoilt and self.times > 0 and not offset_of(request.target):
            self.times -= 1
            return self.spoilt[path]
        return self.told.answer(request.target) or _UNKNOWN


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
