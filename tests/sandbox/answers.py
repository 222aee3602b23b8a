"""Requests, answers and the envelope in which nearly every answer of Marketo comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

MESSAGES = {
    "601": "Access token invalid",
    "602": "Access token expired",
    "603": "Access denied",
    "604": "Request time-out",
    "605": "HTTP Method not supported",
    "606": "Max rate limit '100' exceeded with in '20' secs",
    "607": "Daily quota reached",
    "608": "API Temporarily Unavailable",
    "609": "Invalid JSON",
    "610": "Requested resource not found",
    "611": "System error",
    "612": "Invalid Content Type",
    "614": "Invalid Subscription",
    "615": "Concurrent access limit reached",
    "616": "Invalid subscription type",
    "702": "No data found for a given search scenario",
    "703": "The feature is not enabled for the subscription",
    "713": "Transient Error",
    "719": "Lock wait timeout exception",
    "1003": "Invalid data",
    "1013": "Object not found",
    "1018": "CRM Enabled",
}
"""Texts of error-codes.md."""

NOT_CHARGED = frozenset({"601", "602", "604", "605", "608", "611"})
"""Codes with a star in error-codes.md: such a call counts against no quota and no rate."""


class ApiError(Exception):
    """An error that is answered in an envelope, with HTTP status 200 (error-codes.md)."""

    def __init__(self, code: str, message: str | None = None) -> None:
        self.code = code
        self.message = message or MESSAGES.get(code, "Error")
        super().__init__(f"{code}: {self.message}")


@dataclass
class Request:
    """One HTTP request as it came in; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, as sent."""
        return self.target.partition("?")[0]

    def query(self) -> dict[str, list[str]]:
        """The parameters of the address, each with all its values."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def form(self) -> dict[str, list[str]]:
        """The parameters of a form in the body."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("application/x-www-form-urlencoded"):
            return {}
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)


@dataclass(frozen=True)
class FileSlice:
    """A part of a file on disk, as the body of an answer."""

    path: Path
    start: int
    length: int


Body = bytes | FileSlice | Iterator[bytes]


@dataclass
class Delivery:
    """How an answer goes over the wire; every field away from its default is a fault."""

    reset: bool = False
    """Reset the connection before anything is sent."""
    hold: float | None = None
    """Send nothing for so many real seconds, then close."""
    reset_after: int | None = None
    """Reset the connection after so many bytes of the body."""
    stop_after: int | None = None
    """Send so many bytes of the body and no more."""
    length: str = "full"
    """What Content-Length says of a body that stops early: full, match or absent (chunked)."""
    bytes_per_second: float | None = None
    open_for: float | None = None
    """Real seconds after which the connection closes, however much of the body is sent."""
    flip_at: int | None = None
    """Offset, within the body, of a byte to change."""
    date_offset: float = 0.0


@dataclass
class Answer:
    """One HTTP answer."""

    status: int = 200
    body: Body = b""
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    delivery: Delivery = field(default_factory=Delivery)
    code: str | None = None
    """The error code of the envelope, for the counters."""

    def envelope(self) -> dict[str, Any] | None:
        """The body as a JSON object, where it is one."""
        if not isinstance(self.body, bytes) or "json" not in self.content_type:
            return None
        try:
            content = json.loads(self.body)
        except ValueError:
            return None
        return content if isinstance(content, dict) else None


def json_answer(content: Any, status: int = 200) -> Answer:
    """An answer with a JSON body; half of a surrogate pair, which UTF-8 cannot hold, escaped."""
    try:
        return Answer(status, json.dumps(content, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return Answer(status, json.dumps(content).encode())


def error_answer(request_id: str, code: str, message: str | None = None) -> Answer:
    """The envelope of an error: HTTP 200, success false (error-codes.md)."""
    text = message or MESSAGES.get(code, "Error")
    answer = json_answer(
        {
            "requestId": request_id,
            "success": False,
            "errors": [{"code": code, "message": text}],
        }
    )
    answer.code = code
    return answer


_STATUS = {
    **dict.fromkeys(("601", "602"), 401),
    "603": 403,
    **dict.fromkeys(("610", "702", "1013"), 404),
    **dict.fromkeys(("606", "607", "615"), 429),
    **dict.fromkeys(("604", "608", "611", "614", "713", "719"), 500),
}
"""HTTP status of an error without an envelope: swagger-user.json has 401, 403 and 404; which codes
have which is on no page. All others: 400."""


def without_envelope(answer: Answer, is_single: bool, bare_errors: bool) -> Answer:
    """An answer as the calls about users give it (user-management.md).

    "If a call succeeds, a 200 status code is returned. If a call fails, a non-200 level status code
    is returned and the response body contains the standard errors array".
    """
    content = answer.envelope()
    if content is None or "success" not in content:
        return answer
    if content["success"]:
        result = content["result"][0] if is_single else content["result"]
        return replace(answer, body=json_answer(result).body)
    (error,) = content["errors"]
    status = _STATUS.get(error["code"], 400)
    body: Body = b""
    if not bare_errors or status not in (401, 403, 404):
        body = json_answer({"errors": [{**error, "code": int(error["code"])}]}).body
    return replace(answer, status=status, body=body)


def with_status(answer: Answer) -> Answer:
    """An error as swagger-asset.json has it for the Email Designer: another status than 200.

    "There is no separate warnings array; warnings appear here" (ContentWaveErrorDTO), so that the
    first entry is none of the error.
    """
    content = answer.envelope()
    if content is None or content.get("success", True):
        return answer
    (error,) = content["errors"]
    warning = {"key": "NOTE", "message": "Nothing to worry about", "type": "warning"}
    errors = [warning, {"key": error["code"], **error, "type": "error", "source": "validation"}]
    status = _STATUS.get(error["code"], 400)
    return replace(answer, status=status, body=json_answer({**content, "errors": errors}).body)


def plain_answer(status: int, text: str) -> Answer:
    """An answer in plain text."""
    return Answer(status, text.encode(), "text/plain;charset=UTF-8")
