"""The only place that talks to Marketo: signed, paced, counted, checked, retried."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import backoff
import requests
import urllib3
from backoff.types import Details
from singer import metrics

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import (
    AccessDeniedError,
    MarketoError,
    NotFoundError,
    RequestRefusedError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    from_envelope,
)
from tap_marketo.exact_json import loads_exactly
from tap_marketo.log import LOGGER, log_timer
from tap_marketo.marketo.auth import WHAT as TOKEN_CALL
from tap_marketo.marketo.auth import TokenAuth
from tap_marketo.marketo.throttle import CallBudget, Pace
from tap_marketo.redact import redact

T = TypeVar("T")
Envelope = Mapping[str, Any]

# Waits of 1, 2, 4 ... 60 s, each with full jitter: about two minutes in all.
_TRANSIENT_TRIES = 8
_TRANSIENT_LONGEST_WAIT = 60.0
# 606 is over when 20 s have passed, 615 when another call ends (error-codes.md); others may
# keep the limits busy for longer.
_THROTTLED_TRIES = 40
_THROTTLED_LONGEST_WAIT = 20.0
_TOKEN_TRIES = 4

# The most that is read at once. What has arrived is passed on at once, however little it is.
_CHUNK_BYTES = 1 << 16
# The same where urllib3 (before 2.2) waits until a chunk is full: small enough that a server which
# only drips is noticed between two of them.
_FULL_CHUNK_BYTES = 1 << 9
# An error envelope in place of a file is short; a file that looks like one need not be kept.
_LONGEST_ENVELOPE_BYTES = 1 << 20

# How http.client words a 4xx answer of a proxy to CONNECT.
_TUNNEL_REFUSED = "Tunnel connection failed: 4"

# assets.md: past the end, asset calls answer success without result and with this warning.
_NO_ASSETS = "no assets found"


@dataclass(frozen=True)
class FileAnswer:
    """An open answer to a request for an export file.

    Attributes:
        whole: the answer starts at byte 0 whatever was asked for.
        first_byte: where Content-Range says the answer starts; None if it does not say.
        chunks: the bytes. Iterating may raise requests.RequestException.
        close: ends the answer early.
    """

    whole: bool
    first_byte: int | None
    chunks: Iterator[bytes]
    close: Callable[[], None]


class MarketoClient:
    """One session with one Marketo subscription."""

    def __init__(self, config: Config, clock: Clock) -> None:
        """Open nothing yet: the first call fetches the token.

        Args:
            config: the settings.
            clock: measures, waits, and learns Marketo's time from every answer.
        """
        self._endpoint = config.endpoint
        self._timeout = config.request_timeout
        self._clock = clock
        self._session = requests.Session()
        self._session.headers["User-Agent"] = config.user_agent
        self._pace = Pace(config.max_calls_per_20_seconds, clock)
        self.budget = CallBudget(config.max_daily_calls)
        self._auth = TokenAuth(
            config.identity, config.client_id, config.client_secret, self._send_for_token, clock
        )
        scale = config.wait_scale
        self._retry_transient = _retry(
            TransientError, _TRANSIENT_TRIES, scale, _TRANSIENT_LONGEST_WAIT * scale
        )
        self._retry_throttled = _retry(
            ThrottledError, _THROTTLED_TRIES, scale, _THROTTLED_LONGEST_WAIT * scale
        )
        self._retry_token = backoff.on_exception(
            backoff.expo,
            TokenRejectedError,
            max_tries=_TOKEN_TRIES,
            factor=scale,
            jitter=backoff.full_jitter,
            on_backoff=self._renew_token,
            logger=None,
        )

    def start(self) -> None:
        """Fetch a token and learn today's calls, and with them Marketo's time.

        Raises:
            CredentialsError: client_id or client_secret is wrong.
            MarketoError: Marketo cannot be reached or refuses.
        """

        def sign_in() -> None:
            self._auth.ensure()
            self._read_usage()

        self._with_retries(sign_in)

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
            The envelope. ``result`` is a list; numbers are texts (see fields.NumberText).

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
                return self._file_answer(what, response)
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
            return _envelope(what, *answer, needs_result=needs_result)

        return self._persist(call_once, what)

    def _persist(self, attempt: Callable[[], T], what: str) -> T:
        """Make a call until it works or it is clear that it will not."""

        def signed_and_counted() -> T:
            self._auth.ensure()
            if self.budget.check_is_due:
                self._read_usage()
            self.budget.spend(what, self._clock.now())
            return attempt()

        return self._with_retries(signed_and_counted)

    def _with_retries(self, attempt: Callable[[], T]) -> T:
        retrying = self._retry_transient(self._retry_throttled(self._retry_token(attempt)))
        return cast(Callable[[], T], retrying)()

    def _read_usage(self) -> None:
        """Learn today's calls of the whole subscription (usage.md)."""
        path = "/rest/v1/stats/usage.json"
        envelope = _envelope(f"GET {path}", *self._exchange("GET", path, "usage"))
        try:
            total = int(envelope["result"][0]["total"])
        except (LookupError, TypeError, ValueError):
            raise TransientError(f"GET {path}", "the answer holds no total of calls") from None
        # This call is not in Marketo's total yet.
        self.budget.learn(total + 1)
        LOGGER.info("Calls today: %s of the %s allowed.", f"{total:,}", f"{self.budget.allowed:,}")

    def _renew_token(self, details: Details) -> None:
        LOGGER.info("Marketo no longer takes the access token; fetching a new one.")
        self._auth.forget()

    def _exchange(
        self, method: str, path: str, endpoint: str, **request: Any
    ) -> tuple[requests.Response, bytes]:
        """Make a call once and read its answer to the end."""
        response = self._send(method, path, endpoint, **request)
        return response, self._read(f"{method} {path}", response)

    def _read(self, what: str, response: requests.Response) -> bytes:
        """Read an answer's body, for no longer than request_timeout altogether."""
        try:
            return self._collect(what, _pieces(response))
        finally:
            response.close()

    def _collect(
        self, what: str, pieces: Iterator[bytes], body: bytes = b"", longest: float = math.inf
    ) -> bytes:
        """Add pieces to a body, for no longer than request_timeout and not far beyond a size."""
        deadline = self._clock.monotonic() + self._timeout
        collected = bytearray(body)
        try:
            while len(collected) < longest and (piece := next(pieces, b"")):
                collected += piece
                if self._clock.monotonic() > deadline:
                    raise TransientError(
                        what, f"the answer took longer than request_timeout ({self._timeout:g} s)"
                    )
        except requests.RequestException as error:
            raise TransientError(what, _brief(error)) from None
        return bytes(collected)

    def _file_answer(self, what: str, response: requests.Response) -> FileAnswer:
        _check_status(what, response)
        pieces = _pieces(response)
        whole = response.status_code != 206
        if whole:
            # Marketo has been seen to answer 200 with a JSON error in place of the file. The name
            # of a file's first column never begins with a brace.
            try:
                first = next(pieces, b"")
            except requests.RequestException as error:
                raise TransientError(what, _brief(error)) from None
            content_type = response.headers.get("Content-Type", "").lower()
            if "html" in content_type:
                raise TransientError(what, "HTML came in place of the file")
            if "json" in content_type or first.lstrip().startswith(b"{"):
                body = self._collect(what, pieces, first, _LONGEST_ENVELOPE_BYTES)
                raise from_envelope(what, {**_json_object(what, body), "success": False})
            pieces = _chain(first, pieces)
        content_range = response.headers.get("Content-Range", "")
        unit, _, span = content_range.partition(" ")
        first_byte, _, _ = span.partition("-")
        known = unit == "bytes" and first_byte.isdecimal()
        return FileAnswer(whole, int(first_byte) if known else None, pieces, response.close)

    def _send(self, method: str, path: str, endpoint: str, **request: Any) -> requests.Response:
        return self._send_once(
            method, self._endpoint + path, f"{method} {path}", endpoint, auth=self._auth, **request
        )

    def _send_for_token(self, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        # An auth that does nothing keeps requests from adding credentials out of a .netrc file.
        response = self._send_once(
            "POST", url, TOKEN_CALL, "token", data=form, auth=lambda prepared: prepared
        )
        if response.status_code >= 500:
            raise TransientError(TOKEN_CALL, f"HTTP {response.status_code}")
        if response.status_code == 429:
            raise ThrottledError(TOKEN_CALL, "HTTP 429")
        _refuse_redirect(TOKEN_CALL, response)
        return response.status_code, self._read(TOKEN_CALL, response)

    def _send_once(
        self, method: str, url: str, what: str, endpoint: str, **request: Any
    ) -> requests.Response:
        self._pace.wait()
        started = self._clock.monotonic()
        ok = False
        try:
            response = self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, stream=True, **request
            )
            ok = response.ok
        except requests.exceptions.SSLError as error:
            raise RequestRefusedError(what, f"no trusted TLS connection: {_brief(error)}") from None
        except requests.exceptions.ProxyError as error:
            # A proxy that says no (403, 407) goes on saying so; one that is down may come back.
            if _TUNNEL_REFUSED in str(error):
                raise RequestRefusedError(what, f"the proxy refuses: {_brief(error)}") from None
            raise TransientError(what, _brief(error)) from None
        except requests.RequestException as error:
            # Never chained: requests puts URLs and bodies into its exceptions.
            raise TransientError(what, _brief(error)) from None
        finally:
            seconds = self._clock.monotonic() - started
            tags = {metrics.Tag.endpoint: endpoint}
            log_timer(metrics.Metric.http_request_duration, seconds, tags, ok=ok)
        self._clock.observe(response.headers.get("Date"))
        return response


def _retry(
    error: type[MarketoError], tries: int, factor: float, longest: float
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    return backoff.on_exception(
        backoff.expo,
        error,
        max_tries=tries,
        factor=factor,
        max_value=longest,
        jitter=backoff.full_jitter,
        on_backoff=_log_retry,
        logger=None,
    )


def _log_retry(details: Details) -> None:
    error = details.get("exception")
    LOGGER.warning(
        "%s. Trying again (try %d, next in %.1f s).",
        error.brief if isinstance(error, MarketoError) else error,
        details["tries"],
        details.get("wait", 0.0),
    )


def _brief(error: Exception) -> str:
    """Name a transport error by its kind and innermost reason, without its URL."""
    reason: object = error
    while isinstance(reason, BaseException) and reason.args:
        inner = getattr(reason, "reason", None) or reason.args[-1]
        if inner is reason or not isinstance(inner, BaseException | str):
            break
        reason = inner
    text = redact(str(reason)).partition(": ")[2] or redact(str(reason))
    return f"{type(error).__name__}: {text[:200]}"


def _refuse_redirect(what: str, response: requests.Response) -> None:
    if 300 <= response.status_code < 400:
        raise RequestRefusedError(
            what,
            f"HTTP {response.status_code} sends the call elsewhere, which is not followed because "
            "the access token would go along. Check the endpoint and identity settings",
        )


def _check_status(what: str, response: requests.Response) -> None:
    status = response.status_code
    if status < 300:
        return
    _refuse_redirect(what, response)
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
    raise RequestRefusedError(what, f"HTTP {status}")


def _envelope(
    what: str, response: requests.Response, body: bytes, *, needs_result: bool = True
) -> Envelope:
    """Check an answer and return its envelope.

    HTTP 200 says nothing about success, and an answer without a result where one is due is never
    taken for an empty one (error-codes.md).
    """
    _check_status(what, response)
    envelope = _json_object(what, body)
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


def _json_object(what: str, body: bytes) -> Envelope:
    try:
        parsed = loads_exactly(body)
    except (ValueError, RecursionError):
        raise TransientError(what, f"the answer of {len(body)} bytes is not JSON") from None
    if not isinstance(parsed, dict):
        raise TransientError(what, "the answer is not a JSON object")
    return parsed


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield a body as it arrives.

    iter_content() waits until a chunk is full, in which each byte may take the whole of
    request_timeout: a server that drips would hold a run for days.

    Raises:
        requests.RequestException: the connection broke.
    """
    read = getattr(response.raw, "read1", None)
    if read is None:
        yield from response.iter_content(_FULL_CHUNK_BYTES)
        return
    while True:
        try:
            piece: bytes = read(_CHUNK_BYTES, decode_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from None
        if not piece:
            return
        yield piece


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
