"""The only way to Marketo: every call signed, counted, and repeated where that helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import requests

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import (
    AccessDeniedError,
    MarketoError,
    RequestRefusedError,
    ResourceNotFoundError,
    TokenRejectedError,
    TransientError,
)
from tap_marketo.log import LOGGER
from tap_marketo.marketo.answers import Envelope, no_access
from tap_marketo.marketo.auth import TokenAuth
from tap_marketo.marketo.exchange import Exchange, FileAnswer
from tap_marketo.marketo.throttle import CallBudget, Retries
from tap_marketo.marketo.ways import REST, Way

T = TypeVar("T")

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


class MarketoClient:
    """One session with one Marketo subscription.

    ``budget`` is the day's calls; ``successes`` counts the calls answered as they should be.
    """

    def __init__(self, config: Config, clock: Clock, *, tries: int | None = None) -> None:
        """Open nothing yet: the first call fetches the token.

        ``tries`` is how often a call is made at most that fails in a way that passes.
        """
        self._endpoint = config.endpoint
        self._identity_setting = (
            "endpoint" if config.identity == f"{config.endpoint}/identity" else "identity"
        )
        self._clock = clock
        self._http = Exchange(config, clock)
        self.budget = CallBudget(config.max_daily_calls)
        self.successes = 0
        self._auth = TokenAuth(config, self._http, clock)
        self._retries = Retries(clock, self._auth.forget, tries=tries, wait_scale=config.wait_scale)

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
        self._retries.until_reached(self._auth.ensure, self._identity_setting)
        try:
            self._retries.until_reached(read_usage, "endpoint")
        except TokenRejectedError as error:
            raise no_access(error, _TWO_SUBSCRIPTIONS) from None

    def set_deadline(self, seconds: float) -> None:
        """Make calls only once from now on, all of them within so many seconds.

        For what is left to do when the program has been asked to end.
        """
        self._http.deadline = self._clock.monotonic() + seconds

    def get(
        self, path: str, endpoint: str, params: Mapping[str, Any] | None = None, way: Way = REST
    ) -> Envelope:
        """GET an answer and return its envelope: ``result`` is a list, numbers are texts.

        ``endpoint`` is the call's name in logs and metrics. The texts of numbers are
        exact_json.NumberText.

        Raises:
            MarketoError: of the class that error-codes.md gives the failure.
        """
        try:
            return self._ask("GET", path, endpoint, way, params=params)
        except TokenRejectedError as error:
            if not way.remedy:
                raise
            # Where the token is good for no call, this one is refused as well.
            self._persist(self._read_usage, "GET /rest/v1/stats/usage.json")
            raise RequestRefusedError(
                f"GET {path}",
                f"{error.reason}. Marketo takes the same access token for other calls",
                error.code, error.request_id, remedy=way.remedy,
            ) from None  # fmt: skip

    def query(self, path: str, endpoint: str, query: Mapping[str, Any]) -> Envelope:
        """GET an answer by a POST whose form is the query (lead-database.md, Long URIs).

        So a query of any length is asked in one way. One with ``input``, the values of a compound
        key, is sent as JSON (Compound Keys).
        """
        body = {"json": query} if "input" in query else {"data": query}
        return self._ask("POST", path, endpoint, REST, params={"_method": "GET"}, **body)

    def post(self, path: str, endpoint: str, json: Mapping[str, Any] | None = None) -> Envelope:
        """POST a JSON body and return the answer, as :meth:`get` does."""
        return self._ask("POST", path, endpoint, REST, json=json)

    def open_file(self, path: str, endpoint: str, start: int) -> FileAnswer:
        """Open an export file for reading from a byte on (bulk-extract.md, Partial Retrieval).

        Raises:
            NotFoundError: Marketo has no such file.
            MarketoError: any other refusal, also one that came as JSON in place of the file.
        """
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        call = f"GET {path}"

        def open_once() -> FileAnswer:
            response = self._send("GET", path, endpoint, headers=headers)
            try:
                return self._http.file_answer(call, response)
            except BaseException:
                response.close()
                raise

        return self._persist(open_once, call)

    def _persist(self, attempt: Callable[[], T], call: str) -> T:
        """Make a call until it works or it is clear that it will not."""
        if self._http.deadline is not None:
            return attempt()

        def signed_and_counted() -> T:
            self._auth.ensure()
            if self.budget.check_is_due:
                self._read_usage()
            self.budget.spend(call, self._clock.now())
            answer = attempt()
            self.successes += 1
            return answer

        return self._retries.until_answered(signed_and_counted)

    def _read_usage(self) -> None:
        """Learn today's calls of the whole subscription (usage.md)."""
        path = "/rest/v1/stats/usage.json"
        try:
            envelope = self._ask_once("GET", path, "usage", REST)
        except RequestRefusedError as error:
            raise no_access(error, _REFUSED_USAGE.get(type(error), error.remedy)) from None
        try:
            total = int(envelope["result"][0]["total"])
        except (LookupError, TypeError, ValueError):
            raise TransientError(f"GET {path}", "the answer holds no total of calls") from None
        # This call is not in Marketo's total yet.
        self.budget.learn(total + 1)
        LOGGER.info("Calls today: %s of the %s allowed.", f"{total:,}", f"{self.budget.allowed:,}")

    def _ask(self, method: str, path: str, endpoint: str, way: Way, **request: Any) -> Envelope:
        attempt = partial(self._ask_once, method, path, endpoint, way, **request)
        return self._persist(attempt, f"{method} {path}")

    def _ask_once(
        self, method: str, path: str, endpoint: str, way: Way, **request: Any
    ) -> Envelope:
        call = f"{method} {path}"
        response = self._send(method, path, endpoint, headers=way.headers, **request)
        return way.read(call, response, self._http.read(call, response))

    def _send(self, method: str, path: str, endpoint: str, **request: Any) -> requests.Response:
        return self._http.send(
            method, self._endpoint + path, f"{method} {path}", endpoint, auth=self._auth, **request
        )
