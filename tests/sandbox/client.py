"""A bare client of a sandbox, for the sandbox's own tests; the server does not use it."""

from __future__ import annotations

import csv
import io
from typing import Any, Protocol

import requests

NOW = "2026-06-15T12:00:00Z"
MONTH = {"startAt": "2026-05-16T00:00:00Z", "endAt": "2026-06-16T00:00:00Z"}
DAY = {"startAt": "2026-06-14T00:00:00Z", "endAt": "2026-06-15T00:00:00Z"}
COLUMNS = ["id", "createdAt", "updatedAt", "email", "shortNotes", "sandboxUnique"]
Json = dict[str, Any]


class Served(Protocol):
    """A sandbox that serves, in this process or in another: its addresses and credentials."""

    @property
    def base(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def control(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...


class Client:
    """A bare client of one sandbox."""

    def __init__(self, sandbox: Served) -> None:
        self.sandbox = sandbox
        self.http = requests.Session()
        self.login()

    def live_long(self) -> None:
        """Let the current token outlive a test that moves the clock by days."""
        self.control("token", {"prolong_seconds": 400 * 86_400})

    def login(self) -> Json:
        """Ask for a token and use it from now on."""
        answer = self.token()
        self.http.headers["Authorization"] = f"Bearer {answer['access_token']}"
        return answer

    def token(self, method: str = "POST", **changed: str) -> Json:
        """The answer of the identity endpoint."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
            **changed,
        }
        url = self.sandbox.identity + "/oauth/token"
        if method == "GET":
            return dict(requests.get(url, params=form, timeout=60).json())
        return dict(requests.post(url, data=form, timeout=60).json())

    def get(self, path: str, **query: Any) -> Json:
        """A GET of the REST API."""
        return dict(self.http.get(self.sandbox.base + path, params=query, timeout=60).json())

    def control(self, path: str, body: Any = None) -> Json:
        """A control call: POST with a body, GET without."""
        url = f"{self.sandbox.control}/{path}"
        if body is None:
            return dict(requests.get(url, timeout=60).json())
        return dict(requests.post(url, json=body, timeout=60).json())

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.control("clock", {"advance_seconds": seconds})

    def bulk(self, verb: str, kind: str = "leads", body: Any = None) -> Json:
        """A bulk call: POST, or GET for status."""
        url = f"{self.sandbox.base}/bulk/v1/{kind}/export/{verb}.json"
        if verb.endswith("status"):
            return dict(self.http.get(url, timeout=60).json())
        return dict(self.http.post(url, json=body, timeout=60).json())

    def create(self, kind: str = "leads", **request: Any) -> Json:
        """Create a job, by default of the leads created in a month."""
        if kind == "leads":
            request.setdefault("fields", COLUMNS)
        request.setdefault("filter", {"createdAt": MONTH})
        return self.bulk("create", kind, request)

    def queued(self, kind: str = "leads", **request: Any) -> str:
        """The id of a new, queued job."""
        job_id = str(self.create(kind, **request)["result"][0]["exportId"])
        answer = self.bulk(f"{job_id}/enqueue", kind)
        assert answer["success"], answer
        return job_id

    def status(self, job_id: str, kind: str = "leads") -> Json:
        """What a status call shows of a job."""
        return dict(self.bulk(f"{job_id}/status", kind)["result"][0])

    def file(self, job_id: str, kind: str = "leads", **headers: str) -> requests.Response:
        """The file of a job."""
        url = f"{self.sandbox.base}/bulk/v1/{kind}/export/{job_id}/file.json"
        return self.http.get(url, headers=headers, timeout=60)

    def exported(self, kind: str = "leads", **request: Any) -> str:
        """The id of a job that has completed."""
        job_id = self.queued(kind, **request)
        self.advance(3600)
        assert self.status(job_id, kind)["status"] == "Completed"
        return job_id


def code(answer: Json) -> str:
    """The error code of an envelope."""
    assert answer["success"] is False, answer
    return str(answer["errors"][0]["code"])


def same(text: str, value: Any) -> bool:
    """Whether a cell of a file says what a table of truths says."""
    if value is None:
        return text == "null"
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, (int, float)):
        return bool(type(value)(text) == value)
    return bool(text == value)


def rows_of(text: str) -> list[dict[str, str]]:
    """Rows of a CSV file; line ends within quotes stay as they are."""
    return list(csv.DictReader(io.StringIO(text, newline="")))
