"""Ways in which parts of the API are called and answered, where they are not as nearly all are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from tap_marketo.errors import (
    AccessDeniedError,
    MarketoError,
    NotFoundError,
    RequestRefusedError,
    TransientError,
)
from tap_marketo.marketo.answers import (
    Envelope,
    check_status,
    envelope_of,
    error_of,
    parsed,
    says_no_assets,
)


@dataclass(frozen=True)
class Way:
    """How the calls of a part of the API are made and answered.

    Attributes:
        read: checks an answer and returns its envelope.
        headers: that the calls take beside the access token.
        paging: the parameters of a page: where it begins, and how many rows it has.
        remedy: what can be done where Marketo refuses the access token to these calls alone, as it
            may do unless this is empty.
    """

    read: Callable[[str, requests.Response, bytes], Envelope] = envelope_of
    headers: Mapping[str, str] = field(default_factory=dict)
    paging: tuple[str, str] = ("offset", "maxReturn")
    remedy: str = ""


def bare_answer_of(call: str, response: requests.Response, body: bytes) -> Envelope:
    """Check an answer that comes without an envelope, and return one with what it holds.

    The status says whether the call succeeded; if not, the body has ``errors`` (user-management.md,
    and swagger-user.json: 401, 403, 404, where no body is promised).

    Raises:
        MarketoError: of the class that says what can be done about it.
    """
    answer = parsed(body)
    is_failure = isinstance(answer, dict) and (
        answer.get("errors") or answer.get("success") is False
    )
    if response.status_code >= 300 or is_failure:
        raise _failure_of(call, response, answer, (401, 403))
    if isinstance(answer, list):
        return {"result": answer}
    if isinstance(answer, dict):
        return {"result": [answer]}
    problem = "not JSON" if answer is None else "neither a JSON array nor an object"
    raise TransientError(call, f"the answer of {len(body)} bytes is {problem}")


def items_of(call: str, response: requests.Response, body: bytes) -> Envelope:
    """Check an answer about assets of the Email Designer, and return its envelope.

    Its result is an array (emails-new.md), or an object with the array and how many there are in
    all (swagger-asset.json, EmailFilterResult): that number is ``totalItems`` of the envelope then.
    Errors come with another status, or as everywhere (ErrorResponse, and error-codes.md).

    Raises:
        MarketoError: of the class that says what can be done about it.
    """
    answer = parsed(body)
    status = response.status_code
    if status < 300 and answer is None:
        raise TransientError(call, f"the answer of {len(body)} bytes is not JSON")
    if status >= 300 or not isinstance(answer, dict) or answer.get("success") is not True:
        raise _failure_of(call, response, answer, (403,))
    result = answer.get("result")
    total = None
    if isinstance(result, dict):
        total = _count(result.get("totalItems"))
        result = result.get("items", [] if total == 0 else None)
    elif result is None and says_no_assets(answer):
        result = []
    if not isinstance(result, list):
        raise TransientError(call, "the answer has no result", request_id=answer.get("requestId"))
    return {**answer, "result": result, "totalItems": total}


REST = Way()
"""The way of nearly all calls."""
MAY_LACK_RESULT = Way(partial(envelope_of, needs_result=False))
"""The way of calls where an answer without a result is no fault, but an empty one."""
OF_USERS = Way(
    bare_answer_of,
    paging=("pageOffset", "pageSize"),
    remedy="Show it to Marketo Support, or deselect the stream",
)
"""The way of the calls about users, roles and workspaces (user-management.md)."""
DESIGNER = Way(
    items_of,
    {"x-app-type": "marketo"},
    ("pageIndex", "pageSize"),
    "Adobe's pages of these calls have the token in the address, which Marketo no longer takes "
    "(authentication.md); show it to Marketo Support, or deselect the stream",
)
"""The way of the calls about assets of the Email Designer (emails-new.md, swagger-asset.json)."""


def _failure_of(
    call: str, response: requests.Response, answer: Any, denials: tuple[int, ...]
) -> MarketoError:
    """Return the error that an answer stands for which is none of success.

    Codes that are known come first, then the status; some statuses mean a missing permission.
    """
    status = response.status_code
    if isinstance(answer, dict) and ("errors" in answer or "success" in answer):
        error = error_of(call, {**answer, "errors": _faults(answer.get("errors"))})
        if type(error) is not RequestRefusedError:
            return error
        if status in denials:
            return AccessDeniedError(call, error.reason, error.code, error.request_id)
        if status < 500:
            return error
    # A page of HTML is the word of something on the way.
    is_of_marketo = answer is not None or "html" not in response.headers.get("Content-Type", "")
    if status in denials and is_of_marketo:
        return AccessDeniedError(call, f"HTTP {status}")
    if status == 404 and answer is not None:
        return NotFoundError(call, "HTTP 404")
    try:
        check_status(call, status)
    except MarketoError as error:
        return error
    return TransientError(call, "the answer says neither success nor an error")


def _faults(errors: Any) -> Any:
    """Return the errors without the warnings that stand among them (ContentWaveErrorDTO)."""
    if not isinstance(errors, list):
        return errors
    remarks = ("info", "warning")
    faults = [e for e in errors if not isinstance(e, dict) or e.get("type") not in remarks]
    return faults or errors


def _count(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
