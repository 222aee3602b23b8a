"""One HTTP exchange with Marketo: paced, timed, read to its end, and never repeated here."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from singer import metrics

from tap_marketo.clock import Clock
from tap_marketo.config import Config
from tap_marketo.errors import NotFoundError, TransientError
from tap_marketo.log import LOGGER, log_metric
from tap_marketo.marketo.answers import (
    brief,
    check_status,
    error_of,
    json_object,
    transport_error,
)
from tap_marketo.marketo.throttle import Pace

# The most that is read at once. What has arrived is passed on at once, however little it is.
_CHUNK_BYTES = 1 << 16
# The same where urllib3 (before 2.2) waits until a chunk is full: small enough that a server which
# only drips is noticed between two of them.
_FULL_CHUNK_BYTES = 1 << 9
# An error envelope in place of a file is short; a file that looks like one need not be kept.
_LONGEST_ENVELOPE_BYTES = 1 << 20

# An address may be 8 KB long (error-codes.md, 414). What counts into it is not said to the byte.
_LONGEST_ADDRESS = 7000
# Asset calls have no _method since September 2020, but take addresses of 65 KiB (blog.md).
_ASSETS = "/rest/asset/"

# How long a connection may take to be made.
_CONNECT_SECONDS = 10.0
# After so long a wait for an answer a line says what is waited for.
_SILENCE_SECONDS = 5.0


@dataclass(frozen=True)
class FileAnswer:
    """An open answer to a request for an export file.

    Attributes:
        whole: the answer starts at byte 0 whatever was asked for.
        first_byte: where Content-Range says the answer starts; None if it does not say.
        chunks: the bytes. Iterating may raise requests.RequestException.
    """

    whole: bool
    first_byte: int | None
    chunks: Iterator[bytes]
    close: Callable[[], None]


class _SilenceWatch:
    """Logs what is waited for once no answer has come for a while.

    One thread does it for all calls: to start one for each would take longer than most answers.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due = self._wakes = math.inf
        self._line: tuple[object, ...] = ()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, call: str, host: str | None, timeout: float) -> Iterator[None]:
        """Watch over a request, which names ``call`` and may take ``timeout`` seconds."""
        seconds = min(_SILENCE_SECONDS, timeout / 2)
        with self._changed:
            self._line = (host, seconds, call)
            self._due = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif self._due < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            self._due = math.inf

    def _watch(self) -> None:
        text = "Waiting for %s, which has been silent for %g s. The request is %s."
        while True:
            with self._changed:
                self._wakes = self._due
                left = self._wakes - time.monotonic()
                if left > 0:
                    self._changed.wait(None if left == math.inf else left)
                    continue
                line, self._due = self._line, math.inf
            LOGGER.info(text, *line)


class Exchange:
    """Sends single requests and reads their answers; ``sent`` counts the requests.

    If there is a ``deadline``, a time of the monotonic clock, all calls end by then whatever the
    pace.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self._timeout = config.request_timeout
        self._pace = Pace(config.max_calls_per_20_seconds, clock)
        self._clock = clock
        self.deadline: float | None = None
        self.sent = 0
        self._silence = _SilenceWatch()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = config.user_agent
        self._environment: dict[str, dict[str, Any]] = {}

    def send(
        self, method: str, url: str, call: str, endpoint: str, **request: Any
    ) -> requests.Response:
        """Send a request and return its answer, whose body is still to come.

        ``call`` names it in errors, ``endpoint`` in metrics; ``request`` is as requests takes it.

        Raises:
            NotReachedError: the certificate is not trusted, or the proxy or the address is no good.
            UnreachableError: no connection could be made.
            NoAnswerError: no answer came in time.
            TransientError: the connection broke.
        """
        timeout = self._timeout
        if self.deadline is None:
            self._pace.wait()
        started = self._clock.monotonic()
        if self.deadline is not None:
            timeout = self.deadline - started
            if timeout <= 0:
                raise TransientError(call, "there is no time left for it")
        ok = False
        self.sent += 1
        try:
            if method == "GET":
                method, url, request = as_post_if_too_long(url, **request)
            with self._silence.over(call, urlsplit(url).hostname, timeout):
                response = self._session.request(
                    method,
                    url,
                    timeout=(min(timeout, _CONNECT_SECONDS), timeout),
                    allow_redirects=False,
                    **self._settings_for(url),
                    **request,
                )
            ok = response.ok
        except (OSError, urllib3.exceptions.HTTPError, UnicodeError) as error:
            # Never chained: requests puts URLs and bodies into its exceptions.
            raise transport_error(call, error) from None
        finally:
            seconds = self._clock.monotonic() - started
            status = metrics.Status.succeeded if ok else metrics.Status.failed
            tags = {metrics.Tag.endpoint: endpoint, metrics.Tag.status: status}
            # Half of all lines of a first sync would be these.
            log_metric("timer", metrics.Metric.http_request_duration, seconds, tags, logging.DEBUG)
        self._clock.observe(response.headers.get("Date"))
        return response

    def _settings_for(self, url: str) -> dict[str, Any]:
        """Return the environment's proxies and certificates for a URL, read once for each host.

        requests reads the whole environment for each request, and credentials out of .netrc files.
        """
        origin = urlsplit(url)._replace(path="", query="").geturl()
        if origin not in self._environment:
            self._session.trust_env = True
            found = self._session.merge_environment_settings(origin, {}, True, None, None)
            self._environment[origin] = {**found}
            self._session.trust_env = False
        return self._environment[origin]

    def read(self, call: str, response: requests.Response) -> bytes:
        """Read an answer's body, for no longer than request_timeout altogether.

        Raises:
            TransientError: the connection broke, or it takes longer.
        """
        try:
            return self._collect(call, _pieces(response))
        finally:
            response.close()

    def _collect(self, call: str, pieces: Iterator[bytes], longest: float = math.inf) -> bytes:
        """Join pieces, for no longer than request_timeout and not far beyond a size."""
        deadline = self.deadline or self._clock.monotonic() + self._timeout
        collected = bytearray()
        try:
            while len(collected) < longest and (piece := next(pieces, b"")):
                collected += piece
                if self._clock.monotonic() > deadline:
                    raise TransientError(
                        call, f"the answer took longer than request_timeout ({self._timeout:g} s)"
                    )
        except requests.RequestException as error:
            raise TransientError(call, brief(error)) from None
        return bytes(collected)

    def file_answer(self, call: str, response: requests.Response) -> FileAnswer:
        """Return the answer to a request for a file.

        Raises:
            MarketoError: it is no file.
        """
        pieces, status = _pieces(response), response.status_code
        content_type = response.headers.get("Content-Type", "").lower()
        body = b""
        if 400 <= status < 500:
            body = self._collect(call, pieces, _LONGEST_ENVELOPE_BYTES)
            is_plain = "html" not in content_type and not body.lstrip().startswith(b"{")
            if status == 404 and is_plain:
                # bulk-extract.md: an unknown id is answered with 404 and plain text.
                raise NotFoundError(call, "HTTP 404: not found")
        check_status(call, status, body)
        whole = status != 206
        if whole:
            # Marketo has been seen to answer 200 with a JSON error in place of the file. The name
            # of a file's first column never begins with a brace.
            first = self._collect(call, pieces, longest=1)
            pieces = chain((first,), pieces)
            if "html" in content_type:
                raise TransientError(call, "HTML came in place of the file")
            if "json" in content_type or first.lstrip().startswith(b"{"):
                body = self._collect(call, pieces, _LONGEST_ENVELOPE_BYTES)
                raise error_of(call, json_object(call, body))
        content_range = response.headers.get("Content-Range", "")
        unit, _, span = content_range.partition(" ")
        first_byte, _, _ = span.partition("-")
        known = unit == "bytes" and first_byte.isdecimal()
        return FileAnswer(whole, int(first_byte) if known else None, pieces, response.close)


def as_post_if_too_long(
    url: str, params: Mapping[str, Any] | None = None, **request: Any
) -> tuple[str, str, dict[str, Any]]:
    """Return method, URL and the rest of a GET request whose address Marketo takes.

    A query too long for an address travels as the form of a POST that stands for a GET
    (error-codes.md, 414: ``_method=GET`` in the URL, the rest of the query string in the body).
    """
    address = requests.Request("GET", url, params=params).prepare().url or url
    if len(address) <= _LONGEST_ADDRESS or _ASSETS in url:
        return "GET", url, {"params": params, **request}
    return "POST", f"{url}?_method=GET", {"data": params, **request}


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
