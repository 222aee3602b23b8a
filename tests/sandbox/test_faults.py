"""Every fault of the sandbox fires and does what it says."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.client import DAY, Client, Json, code
from tests.sandbox.fault_kinds import FAULT_KINDS

FAULTS: list[tuple[str, Json]] = [
    ("usage", {"kind": "reset"}),
    ("usage", {"kind": "reset_body", "after_bytes": 5}),
    ("usage", {"kind": "timeout", "seconds": 0.05}),
    ("usage", {"kind": "drip", "bytes_per_second": 2000}),
    ("usage", {"kind": "http", "status": 502}),
    ("usage", {"kind": "http", "status": 302, "location": "/elsewhere"}),
    ("usage", {"kind": "half_json"}),
    ("usage", {"kind": "html_200"}),
    ("usage", {"kind": "empty_200"}),
    ("usage", {"kind": "error", "code": "608"}),
    ("usage", {"kind": "no_result"}),
    ("usage", {"kind": "expire_token"}),
    ("usage", {"kind": "wrong_date", "seconds": 7200}),
    ("campaigns", {"kind": "repeat_token", "page": 2}),
    ("campaigns", {"kind": "empty_page"}),
    ("create", {"kind": "no_export_id"}),
    ("create", {"kind": "empty_result"}),
    ("file", {"kind": "flip_byte", "at": 100}),
    ("file", {"kind": "cut", "after_bytes": 100}),
    ("file", {"kind": "cut", "after_bytes": 100, "content_length": False}),
    ("file", {"kind": "cut", "after_bytes": 100, "content_length": "match"}),
    ("file", {"kind": "ignore_range"}),
    ("file", {"kind": "bad_range"}),
    ("file", {"kind": "bad_range", "truthful": True}),
    ("file", {"kind": "envelope_file", "content_type": "csv"}),
    ("file", {"kind": "file_404"}),
    ("file", {"kind": "close_after", "after_bytes": 50}),
    ("file", {"kind": "close_late", "seconds": 0}),
]


@pytest.fixture(name="finished", scope="module")
def _finished(shared: Client) -> str:
    """The id of a finished job of the shared sandbox."""
    return shared.exported()


@pytest.mark.parametrize(("call", "fault"), FAULTS)
def test_each_fault_fires(shared: Client, finished: str, call: str, fault: Json) -> None:
    good = shared.file(finished).content
    shared.control("faults", {"call": call, **fault})
    seen = _provoke(shared, finished, call)
    listed = shared.control("faults")["faults"]
    requests.delete(shared.sandbox.control + "/faults", timeout=5)
    assert [each["fired"] for each in listed] == [1]
    _check_fault(fault, seen, good)
    if fault["kind"] == "expire_token":
        shared.login()
        shared.live_long()


def _provoke(shared: Client, finished: str, call: str) -> requests.Response | None:
    try:
        if call == "file":
            return shared.file(finished, Range="bytes=20-")
        if call == "create":
            url = shared.sandbox.base + "/bulk/v1/leads/export/create.json"
            request: dict[str, Any] = {"fields": ["id"], "filter": {"createdAt": DAY}}
            return shared.http.post(url, json=request, timeout=5)
        path = {"usage": "/rest/v1/stats/usage.json", "campaigns": "/rest/v1/campaigns.json"}[call]
        seen = shared.http.get(shared.sandbox.base + path, allow_redirects=False, timeout=5)
        if call == "campaigns" and seen.json()["result"]:
            token = {"nextPageToken": seen.json()["nextPageToken"]}
            seen = shared.http.get(shared.sandbox.base + path, params=token, timeout=5)
            assert seen.json()["nextPageToken"] == token["nextPageToken"]
        return seen
    except requests.RequestException:
        return None


def _check_fault(fault: Json, seen: requests.Response | None, good: bytes) -> None:
    kind = fault["kind"]
    broken = kind in ("reset", "reset_body", "timeout", "close_after", "close_late")
    if broken or (kind == "cut" and fault.get("content_length", True) is True):
        assert seen is None
        return
    assert seen is not None
    if kind == "http":
        assert seen.status_code == fault["status"]
        assert seen.headers.get("Location") == fault.get("location")
    elif kind == "half_json":
        with pytest.raises(ValueError, match=r".+"):
            seen.json()
    elif kind == "html_200":
        assert seen.text.startswith("<html>")
    elif kind == "empty_200":
        assert seen.content == b""
    elif kind in ("error", "expire_token", "envelope_file"):
        assert code(seen.json()) == {"error": "608", "expire_token": "602"}.get(kind, "611")
    elif kind == "no_result":
        assert "result" not in seen.json()
    elif kind == "empty_page":
        assert (seen.json()["result"], seen.json()["moreResult"]) == ([], True)
    elif kind == "empty_result":
        assert seen.json()["result"] == []
    elif kind == "no_export_id":
        assert "exportId" not in seen.json()["result"][0]
    elif kind == "flip_byte":
        pairs = enumerate(zip(seen.content, good[20:], strict=True))
        assert [place for place, (one, other) in pairs if one != other] == [80]
    elif kind == "cut":
        assert seen.content == good[20:120]
    elif kind == "ignore_range":
        assert (seen.status_code, seen.content) == (200, good)
    elif kind == "bad_range":
        assert seen.content == good[21:]
        start = 21 if fault.get("truthful") else 20
        assert seen.headers["Content-Range"] == f"bytes {start}-{len(good) - 1}/{len(good)}"
    elif kind == "file_404":
        assert seen.status_code == 404


def test_every_kind_of_fault_is_tried() -> None:
    assert {fault["kind"] for _, fault in FAULTS} == set(FAULT_KINDS)


def test_faults_that_make_no_sense_are_refused(shared: Client) -> None:
    senseless: list[dict[str, Any]] = [
        {"call": "usage", "kind": "flip_byte"},
        {"call": "file", "kind": "half_json"},
        {"call": "nothing", "kind": "reset"},
        {"call": "usage", "kind": "nothing"},
        {"call": "usage", "kind": "reset", "colour": 1},
        {"call": "usage", "kind": "http"},
    ]
    for fault in senseless:
        answer = requests.post(shared.sandbox.control + "/faults", json=fault, timeout=5)
        assert answer.status_code == 400


def test_an_envelope_in_place_of_a_token(client: Client) -> None:
    text = "Max rate limit '100' exceeded"
    client.control(
        "faults", {"call": "token", "kind": "error", "code": "606", "message": text, "times": 2}
    )
    client.control("faults", {"call": "any", "kind": "error", "code": "611"})
    for method in ("GET", "POST"):
        answer = client.token(method)
        assert list(answer) == ["requestId", "success", "errors"]
        assert answer["success"] is False
        assert answer["errors"] == [{"code": "606", "message": text}]
    # A fault of any call is none of the token's.
    assert client.token()["token_type"] == "bearer"
    seen = client.control("counters")
    assert seen["errors"] == {"606": 2}
    assert (seen["total_calls"], seen["calls_today"]) == (0, 0)


def test_faults_count_skip_and_choose(client: Client) -> None:
    rules = [
        {"call": "lists", "kind": "error", "code": 713, "skip": 1, "times": 2},
        {"call": "create", "kind": "reset", "object": "activities", "executed": True},
    ]
    client.control("faults", rules)
    outcome = [client.get("/rest/v1/lists.json", batchSize=1)["success"] for _ in range(4)]
    assert outcome == [True, False, False, True]
    assert client.create()["success"]
    with pytest.raises(requests.ConnectionError):
        client.create("activities")
    assert len(client.get("/bulk/v1/activities/export.json")["result"]) == 1
