"""What each kind of fault does to an answer."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.answers import Answer, Delivery, FileSlice, error_answer, plain_answer
from tests.sandbox.bulk import FILE_TYPE
from tests.sandbox.calls import Call
from tests.sandbox.faults import Fault
from tests.sandbox.paging import Place, make_token, read_token

INSTEAD = frozenset(
    ("reset", "timeout", "http", "html_200", "empty_200", "error", "envelope_file", "file_404")
)
"""Kinds that answer without a look at what the call would have answered."""

_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_REASONS = {
    302: "Found",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def instead(fault: Fault, request_id: str) -> Answer:
    """The answer of a fault that does not need the true one."""
    more = fault.more
    if fault.kind == "reset":
        return Answer(delivery=Delivery(reset=True))
    if fault.kind == "timeout":
        return Answer(delivery=Delivery(hold=float(more.get("seconds", 30))))
    if fault.kind == "http":
        status = int(more["status"])
        title = f"{status} {_REASONS.get(status, 'Error')}"
        answer = Answer(status, _PAGE.format(title).encode(), "text/html")
        if "location" in more:
            answer.headers["Location"] = more["location"]
        if "retry_after" in more:
            answer.headers["Retry-After"] = str(more["retry_after"])
        return answer
    if fault.kind == "html_200":
        return Answer(200, _PAGE.format("Down for maintenance").encode(), "text/html")
    if fault.kind == "empty_200":
        return Answer(200, b"")
    if fault.kind == "file_404":
        return plain_answer(404, "Export file not found")
    answer = error_answer(request_id, str(more.get("code", "611")), more.get("message"))
    if more.get("content_type") == "csv":
        answer.content_type = FILE_TYPE
    return answer


def alter(fault: Fault, call: Call | None, answer: Answer, token_bytes: int) -> Answer | None:
    """The answer as the fault changes it; None when the fault has nothing to change."""
    kind, more = fault.kind, fault.more
    if kind == "drip":
        answer.delivery.bytes_per_second = float(more.get("bytes_per_second", 100))
        return answer
    if kind == "reset_body":
        usual = _length(answer) // 2
        answer.delivery.reset_after = min(int(more.get("after_bytes", usual)), _length(answer))
        return answer
    if isinstance(answer.body, FileSlice):
        return _alter_file(fault, answer, answer.body, _job_size(answer))
    return _alter_json(kind, call, answer, token_bytes)


def misdate(fault: Fault | None, answer: Answer) -> Answer:
    """The answer with a Date header that is wrong."""
    if fault is not None:
        answer.delivery.date_offset = float(fault.more.get("seconds", 3600))
    return answer


def _length(answer: Answer) -> int:
    if isinstance(answer.body, FileSlice):
        return answer.body.length
    return len(answer.body) if isinstance(answer.body, bytes) else 0


def _job_size(answer: Answer) -> int:
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else _length(answer)


def _alter_file(fault: Fault, answer: Answer, body: FileSlice, size: int) -> Answer | None:
    more = fault.more
    if fault.kind == "flip_byte":
        offset = int(more.get("at", size // 2)) - body.start
        if not 0 <= offset < body.length:
            return None
        answer.delivery.flip_at = offset
        return answer
    if fault.kind == "close_late":
        answer.delivery.open_for = float(more.get("seconds", 1))
        return answer
    if fault.kind in ("cut", "close_after"):
        after = int(more.get("after_bytes", body.length // 2))
        if after >= body.length:
            return None
        answer.delivery.stop_after = after
        said = more.get("content_length", True)
        answer.delivery.length = {True: "full", False: "absent"}.get(said, str(said))
        return answer
    if answer.status != 206:
        return None
    if fault.kind == "ignore_range":
        del answer.headers["Content-Range"]
        return Answer(200, FileSlice(body.path, 0, size), FILE_TYPE, answer.headers)
    if fault.kind == "bad_range":
        start = min(max(0, body.start + int(more.get("by", 1))), size - 1)
        length = min(body.length, size - start)
        if more.get("truthful", False):
            answer.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        return Answer(206, FileSlice(body.path, start, length), FILE_TYPE, answer.headers)
    return None


def _alter_json(kind: str, call: Call | None, answer: Answer, token_bytes: int) -> Answer | None:
    content = answer.envelope()
    if content is None:
        return None
    if kind == "half_json":
        assert isinstance(answer.body, bytes)
        answer.body = answer.body[: max(1, len(answer.body) // 2)]
        return answer
    if kind == "no_result" and (call is None or content.get("success")):
        # For the token call the part that matters is the token.
        content.pop("result" if call else "access_token", None)
    elif content.get("success") is not True:
        return None
    elif kind == "no_export_id":
        content["result"][0].pop("exportId", None)
    elif call is None or not _alter_page(kind, call, content, token_bytes):
        return None
    answer.body = json.dumps(content, ensure_ascii=False).encode()
    return answer


def _alter_page(kind: str, call: Call, content: dict[str, Any], token_bytes: int) -> bool:
    if kind == "repeat_token":
        if call.token is None:
            return False
        content["nextPageToken"] = call.token
    elif kind == "empty_page":
        here = read_token(call.token, call.scan) if call.token else Place(call.scan, (0,))
        content["result"] = []
        content["nextPageToken"] = make_token(here, token_bytes)
    else:
        return False
    if call.kind != "list":
        content["moreResult"] = True
    return True
