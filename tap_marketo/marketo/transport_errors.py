"""What kept a request from being answered: which error it is, and what can be done about it."""

from __future__ import annotations

import ssl

import requests
import urllib3

from tap_marketo.errors import (
    MarketoError,
    NoAnswerError,
    NotReachedError,
    TransientError,
    UnreachableError,
)
from tap_marketo.redact import redact

# How http.client words a 4xx answer of a proxy to CONNECT.
_TUNNEL_REFUSED = "Tunnel connection failed: 4"
_WRONG_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)


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
