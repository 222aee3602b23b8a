"""What came of a request: its envelope, or the error that stands in its place (error-codes.md)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import requests
import urllib3

from tap_marketo.errors import (
    INVALID_FIELDS,
    AccessDeniedError,
    AlreadyQueuedError,
    CallQuotaError,
    ExportQuotaError,
    FeatureUnavailableError,
    FieldNotFoundError,
    FilterUnavailableError,
    MarketoError,
    NoAccessError,
    NoAnswerError,
    NotFoundError,
    NotReachedError,
    QueueFullError,
    RequestRefusedError,
    ResourceNotFoundError,
    ThrottledError,
    TokenRejectedError,
    TooManyMatchesError,
    TransientError,
    UnreachableError,
)
from tap_marketo.exact_json import loads_exactly
from tap_marketo.redact import redact

Envelope = Mapping[str, Any]

# assets.md: past the end, asset calls answer success without result and with this warning.
_NO_ASSETS = "no assets found"
# leads.md, Query: "Too many results match the filter".
_TOO_MANY = "too many results"
# How http.client words a 4xx answer of a proxy to CONNECT.
_TUNNEL_REFUSED = "Tunnel connection failed: 4"
_WRONG_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)

# error-codes.md. Any other code stops its stream: to repeat a call Marketo refused helps nobody.
_CODES: Mapping[type[MarketoError], str] = {
    TransientError: "502 604 608 611 614 713 719",
    TokenRejectedError: "600 601 602",
    ThrottledError: "606 615",
    CallQuotaError: "607",
    AccessDeniedError: "603",
    FeatureUnavailableError: "616 703 1018 1026",
    ResourceNotFoundError: "610",
    NotFoundError: "702 1013",
    FieldNotFoundError: "1006",
    FilterUnavailableError: "1035",
}
_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes.split()}


def error_class(code: str, message: str) -> type[MarketoError]:
    """Say which error a Marketo code stands for.

    1029 has three meanings that only its message tells apart (bulk-extract.md): a full queue, a
    spent daily quota, a job that is queued already. 1003 is any invalid data, fields among it.
    """
    if code == "1003" and INVALID_FIELDS.match(message):
        return FieldNotFoundError
    if code == "1003" and _TOO_MANY in message.lower():
        return TooManyMatchesError
    if code == "1029":
        lowered = message.lower()
        if "quota" in lowered:
            return ExportQuotaError
        if "already" in lowered:
            return AlreadyQueuedError
        return QueueFullError
    return _BY_CODE.get(code, RequestRefusedError)


def error_of(call: str, envelope: Envelope) -> MarketoError:
    """Return the error that an answer with ``success: false`` stands for."""
    request_id = envelope.get("requestId")
    id_text = None if request_id is None else str(request_id)
    errors = envelope.get("errors")
    if not isinstance(errors, Sequence) or isinstance(errors, str) or not errors:
        return TransientError(call, "success is not true and no error is given", None, id_text)
    pairs = [
        (str(error.get("code", "")), str(error.get("message", "")))
        if isinstance(error, Mapping)
        else ("", str(error))
        for error in errors
    ]
    code, message = pairs[0]
    reason = "; ".join([message, *(f"error {c}: {m}" for c, m in pairs[1:])])
    return error_class(code, message)(call, reason, code or None, id_text)


def no_access(error: MarketoError, remedy: str) -> NoAccessError:
    """Return a refusal as one that all other calls would meet as well."""
    return NoAccessError(error.call, error.reason, error.code, error.request_id, remedy=remedy)


def check_status(call: str, status: int, body: bytes = b"") -> None:
    """Raise the error that an answer's HTTP status stands for, if it is none of success.

    Marketo itself answers 413 and 414 (error-codes.md), and 404 in place of a file
    (bulk-extract.md). Any other 4xx without an envelope is the word of something on the way.

    Raises:
        MarketoError: of the class that says what can be done about it.
    """
    if status < 300:
        return
    if status < 400:
        raise NotReachedError(
            call,
            f"HTTP {status} sends the call elsewhere, which is not followed because the access "
            "token would go along",
        )
    if status >= 500:
        raise TransientError(call, f"HTTP {status}")
    if status == 429:
        raise ThrottledError(call, "HTTP 429: too many requests")
    if status == 408:
        raise TransientError(call, "HTTP 408: request timeout")
    if status == 401:
        raise TokenRejectedError(call, "HTTP 401: unauthorized")
    answer = parsed(body)
    if isinstance(answer, dict) and "errors" in answer:
        raise error_of(call, answer)
    if status == 413:
        raise RequestRefusedError(call, "HTTP 413: the request is too large")
    if status == 414:
        raise RequestRefusedError(
            call,
            "HTTP 414: this address is too long for Marketo, or for a proxy on the way. Long "
            "queries are sent in a body before it comes to that: please report it",
        )
    raise NotReachedError(call, f"HTTP {status}, which is no answer of Marketo's API")


def envelope_of(
    call: str, response: requests.Response, body: bytes, needs_result: bool = True
) -> Envelope:
    """Check an answer and return its envelope.

    HTTP 200 says nothing about success, and an answer without a result where one is due is never
    taken for an empty one (error-codes.md).

    Raises:
        MarketoError: of the class that says what can be done about it.
    """
    check_status(call, response.status_code, body)
    envelope = json_object(call, body)
    if envelope.get("success") is not True:
        raise error_of(call, envelope)
    if "result" not in envelope and (not needs_result or says_no_assets(envelope)):
        return {**envelope, "result": []}
    if not isinstance(envelope.get("result"), list):
        raise TransientError(call, "the answer has no result", request_id=envelope.get("requestId"))
    return envelope


def says_no_assets(envelope: Envelope) -> bool:
    """Say whether an answer without a result means an empty one."""
    warnings = envelope.get("warnings")
    return isinstance(warnings, list) and any(
        _NO_ASSETS in str(warning).lower() for warning in warnings
    )


def parsed(body: bytes) -> Any:
    """Return what a body holds; None where it is not JSON."""
    try:
        return loads_exactly(body)
    except (ValueError, RecursionError):
        return None


def json_object(call: str, body: bytes) -> Envelope:
    """Parse a body that must be a JSON object.

    Raises:
        TransientError: it is not.
    """
    try:
        value = loads_exactly(body)
    except (ValueError, RecursionError):
        raise TransientError(call, f"the answer of {len(body)} bytes is not JSON") from None
    if not isinstance(value, dict):
        raise TransientError(call, "the answer is not a JSON object")
    return value


def transport_error(call: str, error: Exception) -> MarketoError:
    """Return the error for a request that got no answer."""
    kind: type[MarketoError] = TransientError
    reason, remedy = brief(error), None
    if isinstance(error, requests.exceptions.SSLError):
        # Only an untrusted certificate stays as it is; a handshake may break once.
        reason = f"no trusted TLS connection: {reason}"
        kind = NotReachedError if _is_untrusted(error) else TransientError
    elif isinstance(error, requests.exceptions.ProxyError):
        # A proxy that says no (403, 407) goes on saying so; one that is down may come back.
        remedy = NotReachedError.remedy
        if _TUNNEL_REFUSED in str(error):
            kind, reason = NotReachedError, f"the proxy refuses: {reason}"
    elif isinstance(error, requests.exceptions.ReadTimeout):
        kind = NoAnswerError
    elif isinstance(error, _WRONG_ADDRESS) or not isinstance(error, OSError):
        kind = NotReachedError
    elif isinstance(error, requests.RequestException):
        kind = UnreachableError if _never_connected(error) else TransientError
    else:
        # What requests says of certificates that are not there is of no class of its own.
        kind, remedy = NotReachedError, "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
    return kind(call, reason, remedy=remedy)


def _is_untrusted(error: BaseException) -> bool:
    """Say whether a certificate was checked and refused, or those to trust cannot be read."""
    inner: object = error
    while isinstance(inner, BaseException):
        if isinstance(inner, ssl.SSLCertVerificationError) or "NO_CERTIFICATE" in str(inner):
            return True
        inner = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
    return False


def _never_connected(error: requests.RequestException) -> bool:
    """Say whether a host's name does not resolve, or nothing there takes connections."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return isinstance(reason, kinds)


def brief(error: Exception) -> str:
    """Name a transport error by its kind and innermost reason, without its URL."""
    reason: object = error
    while isinstance(reason, BaseException) and reason.args:
        inner = getattr(reason, "reason", None) or reason.args[-1]
        if inner is reason or not isinstance(inner, BaseException | str):
            break
        reason = inner
    text = redact(str(reason)).partition(": ")[2] or redact(str(reason))
    return f"{type(error).__name__}: {text[:200]}"
