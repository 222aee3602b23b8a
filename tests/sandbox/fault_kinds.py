"""The kinds of faults: which calls each fits, what it takes, and what it does to an answer.

`FAULT_KINDS` at the end is the one table of them. A fault is a kind at a call: faults.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.answers import Answer, Delivery, FileSlice, error_answer, plain_answer
from tests.sandbox.assets.kinds import USER_CALLS
from tests.sandbox.bulk import FILE_TYPE
from tests.sandbox.calls import KINDS, TOKEN_PAGED, Call
from tests.sandbox.paging import Place, make_token, read_token

Parameters = Mapping[str, Any]

_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_REASONS = {
    302: "Found",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Case:
    """A call that a fault befalls."""

    parameters: Parameters
    """What the fault was given beside its kind."""
    call: Call | None
    """None for a call for a token."""
    answer: Answer
    token_bytes: int
    """Least length of a paging token, in characters."""


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault. It has `instead` or `alter`, unless the API sees to it by itself."""

    about: str
    fits: frozenset[str]
    """The calls that it fits."""
    takes: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    """Its parameters and their types."""
    needs: str | None = None
    """The parameter that must be given; all others have defaults."""
    instead: Callable[[Parameters, str], Answer] | None = None
    """Makes an answer, with a request id, without a look at what the call would have answered."""
    alter: Callable[[Case], Answer | None] | None = None
    """Changes what the call answers; None where there is nothing to change."""
    is_of_ranges: bool = False
    """Whether it changes only what answers a request for a range."""


# In place of the answer --------------------------------------------------------------------------


def _timeout(given: Parameters, request_id: str) -> Answer:
    return Answer(delivery=Delivery(hold=float(given.get("seconds", 30))))


def _html(status: int, title: str) -> Answer:
    return Answer(status, _PAGE.format(title).encode(), "text/html")


def _http(given: Parameters, request_id: str) -> Answer:
    status = int(given["status"])
    answer = _html(status, f"{status} {_REASONS.get(status, 'Error')}")
    if "location" in given:
        answer.headers["Location"] = given["location"]
    if "retry_after" in given:
        answer.headers["Retry-After"] = str(given["retry_after"])
    return answer


def _envelope(given: Parameters, request_id: str) -> Answer:
    answer = error_answer(request_id, str(given.get("code", "611")), given.get("message"))
    if given.get("content_type") == "csv":
        answer.content_type = FILE_TYPE
    return answer


# Of any answer -----------------------------------------------------------------------------------


def _drip(case: Case) -> Answer:
    case.answer.delivery.bytes_per_second = float(case.parameters.get("bytes_per_second", 100))
    return case.answer


def _reset_body(case: Case) -> Answer:
    whole = _length(case.answer)
    after = int(case.parameters.get("after_bytes", whole // 2))
    case.answer.delivery.reset_after = min(after, whole)
    return case.answer


def _wrong_date(case: Case) -> Answer:
    case.answer.delivery.date_offset = float(case.parameters.get("seconds", 3600))
    return case.answer


def _length(answer: Answer) -> int:
    if isinstance(answer.body, FileSlice):
        return answer.body.length
    return len(answer.body) if isinstance(answer.body, bytes) else 0


# Of files ----------------------------------------------------------------------------------------


def _size(answer: Answer) -> int:
    """Size of the whole file, of which the answer may have a part."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else _length(answer)


def _flip_byte(case: Case) -> Answer | None:
    body = case.answer.body
    if not isinstance(body, FileSlice):
        return None
    offset = int(case.parameters.get("at", _size(case.answer) // 2)) - body.start
    if not 0 <= offset < body.length:
        return None
    case.answer.delivery.flip_at = offset
    return case.answer


def _close_late(case: Case) -> Answer | None:
    if not isinstance(case.answer.body, FileSlice):
        return None
    case.answer.delivery.open_for = float(case.parameters.get("seconds", 1))
    return case.answer


def _cut(case: Case) -> Answer | None:
    body = case.answer.body
    if not isinstance(body, FileSlice):
        return None
    after = int(case.parameters.get("after_bytes", body.length // 2))
    if after >= body.length:
        return None
    case.answer.delivery.stop_after = after
    said = case.parameters.get("content_length", True)
    case.answer.delivery.length = {True: "full", False: "absent"}.get(said, str(said))
    return case.answer


def _ignore_range(case: Case) -> Answer | None:
    answer = case.answer
    if not isinstance(answer.body, FileSlice) or answer.status != 206:
        return None
    size = _size(answer)
    del answer.headers["Content-Range"]
    return Answer(200, FileSlice(answer.body.path, 0, size), FILE_TYPE, answer.headers)


def _bad_range(case: Case) -> Answer | None:
    answer, body = case.answer, case.answer.body
    if not isinstance(body, FileSlice) or answer.status != 206:
        return None
    size = _size(answer)
    start = min(max(0, body.start + int(case.parameters.get("by", 1))), size - 1)
    length = min(body.length, size - start)
    if case.parameters.get("truthful", False):
        answer.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    return Answer(206, FileSlice(body.path, start, length), FILE_TYPE, answer.headers)


# Of JSON -----------------------------------------------------------------------------------------


def _half_json(case: Case) -> Answer | None:
    body = case.answer.body
    if case.answer.envelope() is None or not isinstance(body, bytes):
        return None
    case.answer.body = body[: max(1, len(body) // 2)]
    return case.answer


def _no_result(case: Case) -> Answer | None:
    content = case.answer.envelope()
    if content is None or (case.call and not content.get("success")):
        return None
    # For the token call the part that matters is the token.
    content.pop("result" if case.call else "access_token", None)
    return _with(case.answer, content)


def _no_export_id(case: Case) -> Answer | None:
    content = _success(case)
    if content is None:
        return None
    content["result"][0].pop("exportId", None)
    return _with(case.answer, content)


def _empty_result(case: Case) -> Answer | None:
    content = _success(case)
    return None if content is None else _with(case.answer, {**content, "result": []})


def _repeat_token(case: Case) -> Answer | None:
    content, call = _success(case), case.call
    if content is None or call is None or call.token is None:
        return None
    content["nextPageToken"] = call.token
    return _with(case.answer, _as_unfinished(content, call))


def _empty_page(case: Case) -> Answer | None:
    content, call = _success(case), case.call
    if content is None or call is None:
        return None
    here = read_token(call.token, call.scan) if call.token else Place(call.scan, (0,))
    content["result"] = []
    content["nextPageToken"] = make_token(here, case.token_bytes)
    return _with(case.answer, _as_unfinished(content, call))


def _success(case: Case) -> dict[str, Any] | None:
    content = case.answer.envelope()
    return content if content is not None and content.get("success") is True else None


def _as_unfinished(content: dict[str, Any], call: Call) -> dict[str, Any]:
    return content if call.kind == "list" else {**content, "moreResult": True}


def _with(answer: Answer, content: dict[str, Any]) -> Answer:
    answer.body = json.dumps(content, ensure_ascii=False).encode()
    return answer


# The table ---------------------------------------------------------------------------------------

ANY = frozenset((*KINDS, "token"))
API = frozenset(KINDS)
_JSON = ANY - {"file"}
_FILE = frozenset({"file"})
_PAGED = frozenset(TOKEN_PAGED)
_NUMBER = (int, float)

FAULT_KINDS: dict[str, FaultKind] = {
    "reset": FaultKind(
        "RST before an answer", ANY, instead=lambda *_: Answer(delivery=Delivery(reset=True))
    ),
    "reset_body": FaultKind(
        "RST within the body; after_bytes: half of it", ANY, {"after_bytes": int},
        alter=_reset_body,
    ),
    "timeout": FaultKind(
        "silence for so many seconds (30, real), then the connection closes", ANY,
        {"seconds": _NUMBER}, instead=_timeout,
    ),
    "drip": FaultKind(
        "bytes_per_second: 100, real", ANY, {"bytes_per_second": _NUMBER}, alter=_drip
    ),
    "http": FaultKind(
        "an HTTP status with an HTML body", ANY,
        {"status": int, "location": str, "retry_after": (int, str)}, "status", instead=_http,
    ),
    "html_200": FaultKind(
        "an HTML page", ANY, instead=lambda *_: _html(200, "Down for maintenance")
    ),
    "empty_200": FaultKind("an empty body", ANY, instead=lambda *_: Answer(200, b"")),
    "error": FaultKind(
        "an envelope (of a token call: in place of the token); charged as documented", ANY,
        {"code": (str, int), "message": str}, "code", instead=_envelope,
    ),
    "half_json": FaultKind(
        "the first half of the body, with its own Content-Length", _JSON, alter=_half_json
    ),
    "no_result": FaultKind(
        "no result (token: no access_token)", _JSON - {*USER_CALLS}, alter=_no_result
    ),
    "repeat_token": FaultKind(
        "nextPageToken is the one asked with (from page 2)", _PAGED, alter=_repeat_token
    ),
    "empty_page": FaultKind(
        "an empty result, a fresh token for the same place, moreResult true", _PAGED,
        alter=_empty_page,
    ),
    "no_export_id": FaultKind(
        "the job is made, its id withheld", frozenset({"create"}), alter=_no_export_id
    ),
    "empty_result": FaultKind(
        "success, with no job in the result", frozenset({"create", "status"}), alter=_empty_result
    ),
    "flip_byte": FaultKind(
        "a byte is another; at: the middle of the file", _FILE, {"at": int}, alter=_flip_byte
    ),
    "cut": FaultKind(
        'after_bytes: half of it; content_length: true or "full", false or "absent" (chunked), '
        '"match"', _FILE, {"after_bytes": int, "content_length": (bool, str)}, alter=_cut,
    ),
    "close_after": FaultKind(
        "Content-Length full, the connection closes", _FILE, {"after_bytes": int}, "after_bytes",
        alter=_cut,
    ),
    "close_late": FaultKind(
        "the connection closes after so many seconds (1, real), as when it is open too long",
        _FILE, {"seconds": _NUMBER}, alter=_close_late,
    ),
    "ignore_range": FaultKind(
        "200 with the whole file", _FILE, alter=_ignore_range, is_of_ranges=True
    ),
    "bad_range": FaultKind(
        "a range that lies so many bytes later (by: 1); truthful (false): Content-Range says so",
        _FILE, {"by": int, "truthful": bool}, alter=_bad_range, is_of_ranges=True,
    ),
    "envelope_file": FaultKind(
        "an envelope (code: 611) in place of the file; content_type: json or csv", _FILE,
        {"code": (str, int), "message": str, "content_type": str}, instead=_envelope,
    ),
    "file_404": FaultKind(
        "plain text", _FILE, instead=lambda *_: plain_answer(404, "Export file not found")
    ),
    "expire_token": FaultKind("the token ends now; the call answers 602", API),
    "wrong_date": FaultKind(
        "the Date header is wrong by so many seconds (3600); goes with any other fault", ANY,
        {"seconds": _NUMBER}, alter=_wrong_date,
    ),
}  # fmt: skip
