"""What an answer says: its status, its envelope, and the error it stands for (error-codes.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from tap_marketo.errors import (
    AccessDeniedError,
    NotFoundError,
    NotReachedError,
    RequestRefusedError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    from_envelope,
)
from tap_marketo.exact_json import loads_exactly

Envelope = Mapping[str, Any]

# assets.md: past the end, asset calls answer success without result and with this warning.
_NO_ASSETS = "no assets found"


def refuse_redirect(what: str, response: requests.Response) -> None:
    """Raise NotReachedError for an answer that sends the call elsewhere."""
    if 300 <= response.status_code < 400:
        raise NotReachedError(
            what,
            f"HTTP {response.status_code} sends the call elsewhere, which is not followed because "
            "the access token would go along. Check the endpoint and identity settings",
        )


def check_status(what: str, response: requests.Response) -> None:
    """Raise the error that an answer's HTTP status stands for, if it is none of success.

    Raises:
        MarketoError: of the class that says what can be done about it.
    """
    status = response.status_code
    if status < 300:
        return
    refuse_redirect(what, response)
    if status >= 500:
        raise TransientError(what, f"HTTP {status}")
    if status == 429:
        raise ThrottledError(what, "HTTP 429: too many requests")
    if status == 408:
        raise TransientError(what, "HTTP 408: request timeout")
    if status == 401:
        raise TokenRejectedError(what, "HTTP 401: unauthorized")
    if status == 403:
        raise AccessDeniedError(what, "HTTP 403: forbidden")
    if status == 404:
        raise NotFoundError(what, "HTTP 404: not found")
    if status == 414:
        raise RequestRefusedError(
            what,
            "HTTP 414: this address is too long for Marketo, or for a proxy on the way. Long "
            "queries are sent in a body before it comes to that: please report it",
        )
    raise RequestRefusedError(what, f"HTTP {status}")


def envelope_of(
    what: str, response: requests.Response, body: bytes, *, needs_result: bool = True
) -> Envelope:
    """Check an answer and return its envelope.

    HTTP 200 says nothing about success, and an answer without a result where one is due is never
    taken for an empty one (error-codes.md).
    """
    check_status(what, response)
    envelope = json_object(what, body)
    if envelope.get("success") is not True:
        raise from_envelope(what, envelope)
    if "result" not in envelope and (not needs_result or _says_no_assets(envelope)):
        return {**envelope, "result": []}
    if not isinstance(envelope.get("result"), list):
        raise TransientError(what, "the answer has no result", request_id=envelope.get("requestId"))
    return envelope


def _says_no_assets(envelope: Envelope) -> bool:
    warnings = envelope.get("warnings")
    return isinstance(warnings, list) and any(
        _NO_ASSETS in str(warning).lower() for warning in warnings
    )


def json_object(what: str, body: bytes) -> Envelope:
    """Parse a body that must be a JSON object.

    Raises:
        TransientError: it is not.
    """
    try:
        parsed = loads_exactly(body)
    except (ValueError, RecursionError):
        raise TransientError(what, f"the answer of {len(body)} bytes is not JSON") from None
    if not isinstance(parsed, dict):
        raise TransientError(what, "the answer is not a JSON object")
    return parsed
