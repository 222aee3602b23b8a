"""The only way to Marketo: every call signed, counted, and repeated where that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import backoff
import requests

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import (
    AccessDeniedError,
    MarketoError,
    NotReachedError,
    RequestRefusedError,
    ResourceNotFoundError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnreachableError,
)
from tap_marketo.log import LOGGER
from tap_marketo.marketo.answers import Envelope, check_status, envelope_of, no_access
from tap_marketo.marketo.auth import IDENTITY_CALL, TokenAuth
from tap_marketo.marketo.exchange import Exchange, FileAnswer
from tap_marketo.marketo.throttle import CallBudget, Pace

T = TypeVar("T")

# How often a call is made, and the longest wait between two tries in seconds: they grow from 1 s,
# with full jitter. 606 is over when 20 s have passed, 615 when another call ends (error-codes.md);
# others may keep the limits busy for longer.
_RETRIES: Mapping[type[MarketoError], tuple[int, float]] = {
    TransientError: (8, 60.0),
    ThrottledError: (40, 20.0),
    TokenRejectedError: (4, 60.0),
}
_TWO_SUBSCRIPTIONS = (
    "A new token was refused as well; check that the endpoint and identity settings are of the "
    "same subscription (Admin > Web Services), and the API user (Admin > LaunchPoint)"
)
# usage.md: this call takes no permission.
_REFUSED_USAGE: Mapping[type[MarketoError], str] = {
    AccessDeniedError: "Add this machine to the IP allow-list of the API (Admin > Web Services > "
    "IP Restrictions)",
    ResourceNotFoundError: "Check the endpoint setting (Admin > Web Services > REST API)",
}
# A host that was never reached is most likely misspelt: a minute of tries would help nobody.
_FIRST_CONNECTION_TRIES = 3


class MarketoClient:
    """One session with one Marketo subscription.

    Attributes:
        budget: the day's calls.
        successes: how many calls have been answered as they should.
    """

    def __init__(self, config: Config, clock: Clock, *, tries: int | None = None) -> None:
        """Open nothing yet: the first call fetches the token.

        Args:
            config: the settings.
            clock: measures, waits, and learns Marketo's time from every answer.
            tries: how often a call is made at most that fails in a way that passes.
        """
        self._tries = tries or _RETRIES[TransientError][0]
        self._endpoint = config.endpoint
        self._identity_setting = (
            "endpoint" if config.identity == f"{config.endpoint}/identity" else "identity"
        )
        self._clock = clock
        pace = Pace(config.max_calls_per_20_seconds, clock)
        self._http = Exchange(config.user_agent, config.request_timeout, pace, clock)
        self.budget = CallBudget(config.max_daily_calls)
        self.successes = 0
        self._has_deadline = False
        self._auth = TokenAuth(
            config.identity, config.client_id, config.client_secret, self._send_for_token, clock
        )
        self._wait_scale = config.wait_scale

    @property
    def calls(self) -> int:
        """How many calls have been made, repeated ones and those for tokens among them."""
        return self._http.sent

    @property
    def api_user(self) -> str:
        """The API user that the token stands for, empty as long as Marketo has not said."""
        return self._auth.user

    def start(self) -> None:
        """Fetch a token and learn today's calls, and with them Marketo's time.

        Raises:
            NoAccessError: Marketo refuses; CredentialsError where it names the credentials.
            NotReachedError: no connection can be made; it names the setting to look at.
            MarketoError: Marketo does not answer as it should.
        """

        def read_usage() -> None:
            self._auth.ensure()
            self._read_usage()

        # The token by itself first: each of the two calls has all its tries.
        self._reach(self._auth.ensure, self._identity_setting)
        try:
            self._reach(read_usage, "endpoint")
        except TokenRejectedError as error:
            raise no_access(error, _TWO_SUBSCRIPTIONS) from None

    def _reach(self, attempt: Callable[[], None], setting: str) -> None:
        """Make one of the first calls, to a host that a setting names."""
        tries = 0

        def count_refusals() -> None:
            nonlocal tries
            try:
                attempt()
            except UnreachableError as error:
                tries += 1
                if tries < min(_FIRST_CONNECTION_TRIES, self._tries):
                    raise
                raise NotReachedError(
                    error.what,
                    f"{error.reason}, {tries} times",
                    remedy=f"Check the {setting} setting (Admin > Web Services), this machine's "
                    "network, its proxy (https_proxy) and its firewall",
                ) from None

        self._with_retries(count_refusals)

    def set_deadline(self, seconds: float) -> None:
        """Make calls only once from now on, all of them within so many seconds.

        For what is left to do when the program has been asked to end.
        """
        self._has_deadline = True
        self._http.set_deadline(seconds)

    def get(
        self,
        path: str,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        *,
        needs_result: bool = True,
    ) -> Envelope:
        """GET an answer that must have a result, unless told otherwise.

        Args:
            path: below the endpoint's host, for instance ``/rest/v1/lists.json``.
            endpoint: the call's name in logs and metrics.
            params: query parameters.
            needs_result: whether an answer without a result is a fault; if not, it is an empty one.

        Returns:
            The envelope. ``result`` is a list; numbers are texts (see exact_json.NumberText).

        Raises:
            MarketoError: of the class that error-codes.md gives the failure.
        """
        return self._call("GET", path, endpoint, needs_result, params=params)

    def post(self, path: str, endpoint: str, json: Mapping[str, Any] | None = None) -> Envelope:
        """POST a JSON body and return the answer, as :meth:`get` does."""
        return self._call("POST", path, endpoint, json=json)

    def open_file(self, path: str, endpoint: str, start: int) -> FileAnswer:
        """Open an export file for reading from a byte on (bulk-extract.md, Partial Retrieval).

        Args:
            path: the file's path below the endpoint's host.
            endpoint: the call's name in logs and metrics.
            start: first byte wanted.

        Raises:
            NotFoundError: Marketo has no such file.
            MarketoError: any other refusal, also one that came as JSON in place of the file.
        """
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        what = f"GET {path}"

        def open_once() -> FileAnswer:
            response = self._send("GET", path, endpoint, headers=headers)
            try:
                return self._http.file_answer(what, response)
            except BaseException:
                response.close()
                raise

        return self._persist(open_once, what)

    def _call(
        self, method: str, path: str, endpoint: str, needs_result: bool = True, **request: Any
    ) -> Envelope:
        what = f"{method} {path}"

        def call_once() -> Envelope:
            answer = self._exchange(method, path, endpoint, **request)
            return envelope_of(what, *answer, needs_result=needs_result)

        return self._persist(call_once, what)

    def _persist(self, attempt: Callable[[], T], what: str) -> T:
        """Make a call until it works or it is clear that it will not."""
        if self._has_deadline:
            return attempt()

        def signed_and_counted() -> T:
            self._auth.ensure()
            if self.budget.check_is_due:
                self._read_usage()
            self.budget.spend(what, self._clock.now())
            answer = attempt()
            self.successes += 1
            return answer

        return self._with_retries(signed_and_counted)

    def _with_retries(self, attempt: Callable[[], T]) -> T:
        failures: Counter[type[MarketoError]] = Counter()
        while True:
            try:
                return attempt()
            except (TransientError, ThrottledError, TokenRejectedError) as error:
                kind = next(kind for kind in _RETRIES if isinstance(error, kind))
                most, longest = _RETRIES[kind]
                failures[kind] += 1
                if failures[kind] >= (self._tries if kind is TransientError else most):
                    raise
                wait = min(2.0 ** (failures[kind] - 1), longest) * self._wait_scale
                self._wait_after(error, failures[kind], backoff.full_jitter(wait))

    def _wait_after(self, error: MarketoError, tries: int, seconds: float) -> None:
        if isinstance(error, TokenRejectedError):
            LOGGER.info("Marketo no longer takes the access token; fetching a new one.")
            self._auth.forget()
        else:
            LOGGER.warning(
                "%s. Trying again (try %d, next in %.1f s).", error.brief, tries, seconds
            )
        self._clock.sleep(seconds)

    def _read_usage(self) -> None:
        """Learn today's calls of the whole subscription (usage.md)."""
        path = "/rest/v1/stats/usage.json"
        try:
            envelope = envelope_of(f"GET {path}", *self._exchange("GET", path, "usage"))
        except RequestRefusedError as error:
            raise no_access(error, _REFUSED_USAGE.get(type(error), error.remedy)) from None
        try:
            total = int(envelope["result"][0]["total"])
        except (LookupError, TypeError, ValueError):
            raise TransientError(f"GET {path}", "the answer holds no total of calls") from None
        # This call is not in Marketo's total yet.
        self.budget.learn(total + 1)
        LOGGER.info("Calls today: %s of the %s allowed.", f"{total:,}", f"{self.budget.allowed:,}")

    def _exchange(
        self, method: str, path: str, endpoint: str, **request: Any
    ) -> tuple[requests.Response, bytes]:
        """Make a call once and read its answer to the end."""
        response = self._send(method, path, endpoint, **request)
        return response, self._http.read(f"{method} {path}", response)

    def _send(self, method: str, path: str, endpoint: str, **request: Any) -> requests.Response:
        return self._http.send(
            method, self._endpoint + path, f"{method} {path}", endpoint, auth=self._auth, **request
        )

    def _send_for_token(self, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        # An auth that does nothing keeps requests from adding credentials out of a .netrc file.
        response = self._http.send(
            "POST", url, IDENTITY_CALL, "token", data=form, auth=lambda prepared: prepared
        )
        status = response.status_code
        if not 400 <= status < 500 or status in (408, 429):
            check_status(IDENTITY_CALL, status)
        return status, self._http.read(IDENTITY_CALL, response)
