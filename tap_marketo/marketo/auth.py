"""The access token: fetched with the credentials in the body, renewed before it expires."""

from __future__ import annotations

import json
import re

import requests
from requests.auth import AuthBase

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import (
    CallQuotaError,
    CredentialsError,
    MarketoError,
    NotReachedError,
    ThrottledError,
    TransientError,
)
from tap_marketo.log import LOGGER
from tap_marketo.marketo.answers import check_status, error_of, no_access
from tap_marketo.marketo.exchange import Exchange
from tap_marketo.redact import add_secret, redact

# Renew this long before the end, so that no call starts with a token about to expire.
_MARGIN_SECONDS = 60.0
# Whatever an answer says: a token lives for an hour (authentication.md).
_LONGEST_LIFE_SECONDS = 86400.0
# What a header can carry.
_TOKEN = re.compile(r"[!-~]+")

IDENTITY_CALL = "POST identity/oauth/token"
_REMEDY = (
    "Check the identity and endpoint settings (Admin > Web Services > REST API), client_id and "
    "client_secret (Admin > LaunchPoint > View Details), and the IP allow-list (Admin > Web "
    "Services > IP Restrictions)"
)


class TokenAuth(AuthBase):
    """Puts a valid token into each request's Authorization header (authentication.md).

    ``user`` is the API user whose token it is, empty as long as Marketo has not said.
    """

    def __init__(self, config: Config, http: Exchange, clock: Clock) -> None:
        self._url = f"{config.identity}/oauth/token"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": config.client_id,
            "client_secret": config.client_secret,
        }
        self._http = http
        self._clock = clock
        self.user = ""
        self._token = ""
        self._expires = float("-inf")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request. The token must have been made sure of before."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def ensure(self) -> None:
        """Fetch a token unless the present one is good for a while yet.

        Raises:
            CredentialsError: client_id or client_secret is wrong.
            NoAccessError: the call is refused otherwise.
            NotReachedError: it does not get through. This ends the run, too.
            MarketoError: the identity service does not answer properly, or at the moment.
        """
        if self._clock.monotonic() >= self._expires:
            self._fetch()

    def forget(self) -> None:
        """Drop the present token: Marketo refused it."""
        self._expires = float("-inf")

    def _fetch(self) -> None:
        try:
            status, body = self._post()
        except NotReachedError as error:
            error.ends_run = True
            raise
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise _useless(status, "the answer is not JSON")
        if "error" in answer or status == 401:
            reason = answer.get("error_description") or answer.get("error") or "unauthorized"
            raise CredentialsError(IDENTITY_CALL, redact(str(reason)))
        if status < 400 and (answer.get("success") is False or "errors" in answer):
            failure = error_of(IDENTITY_CALL, answer)
            passes = isinstance(failure, (TransientError, ThrottledError, CallQuotaError))
            # No page has such an answer: it is not the identity service that gives it.
            raise failure if passes else no_access(failure, _REMEDY)
        token, lifetime = answer.get("access_token"), answer.get("expires_in")
        if (
            not isinstance(token, str)
            or not _TOKEN.fullmatch(token)
            or not isinstance(lifetime, int | float)
            or not lifetime > 0
        ):
            raise _useless(status, "the answer holds no access_token that lives for a time")
        add_secret(token)
        self._token = token
        # authentication.md: scope is the user who owns the custom service.
        scope = answer.get("scope")
        self.user = redact(scope) if isinstance(scope, str) else ""
        lifetime = min(lifetime, _LONGEST_LIFE_SECONDS)
        # Asked for again before its end, Marketo gives the same token with what is left of its
        # hour (authentication.md): a margin longer than that would fetch it for every call.
        self._expires = self._clock.monotonic() + lifetime - min(_MARGIN_SECONDS, lifetime / 2)
        LOGGER.info("New access token, good for %.0f s.", lifetime)

    def _post(self) -> tuple[int, bytes]:
        """Ask for a token once; return status and body of what may be an answer of the service."""
        response = self._http.send("POST", self._url, IDENTITY_CALL, "token", data=self._form)
        status = response.status_code
        if not 400 <= status < 500 or status in (408, 429):
            check_status(IDENTITY_CALL, status)
        return status, self._http.read(IDENTITY_CALL, response)


def _useless(status: int, problem: str) -> MarketoError:
    """Return the error for an answer without a token; with a 4xx it is not of the service."""
    if not 400 <= status < 500:
        return TransientError(IDENTITY_CALL, problem)
    error = NotReachedError(IDENTITY_CALL, f"HTTP {status}", remedy=_REMEDY)
    error.ends_run = True
    return error
