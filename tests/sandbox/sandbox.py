"""A running sandbox: all parts put together."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.sandbox.answers import Answer, Request
from tests.sandbox.api import TOKEN_PATH, Api
from tests.sandbox.clock import Clock, bulk_time, parse_time
from tests.sandbox.control import PREFIX, Control
from tests.sandbox.database import Database
from tests.sandbox.exports import ExportQueue
from tests.sandbox.options import Options
from tests.sandbox.server import Server


class Sandbox:
    """A Marketo on a free port of the loopback interface, until it is closed.

    with Sandbox(Options(seed=7)) as sandbox:
        requests.get(sandbox.endpoint + "/v1/leads/describe.json", ...)
    """

    def __init__(self, options: Options | None = None, database: Database | None = None) -> None:
        """Make a subscription, of a database that follows from the same options if one is given."""
        self.options = options or Options()
        start = time.time() if self.options.now is None else parse_time(self.options.now)
        if start is None:
            raise ValueError(f"not a time: {self.options.now}")
        self._lock = threading.Condition(threading.RLock())
        self._folder = Path(tempfile.mkdtemp(prefix="marketo-sandbox-"))
        # Whole seconds, as in every answer: data that follow from the start are then the same
        # for two sandboxes of the same second.
        self.database = database or Database(self.options, float(int(start)))
        self.clock = Clock(float(int(start)), self.options.scale)
        self.queue = ExportQueue(self.options, self.clock, self.database, self._folder, self._lock)
        self.api = Api(self.options, self.clock, self.database, self.queue, self._lock)
        self.control_api = Control(self.api, self.database)
        self._server = Server(
            self.options.port, self._respond, self._begin, self._date, self.options.verbose
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="sandbox", daemon=True
        )

    @property
    def base(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def endpoint(self) -> str:
        """The Endpoint of Admin > Web Services (base-url.md)."""
        return self.base + "/rest"

    @property
    def identity(self) -> str:
        """The Identity URL of Admin > Web Services (authentication.md)."""
        return self.base + "/identity"

    @property
    def control(self) -> str:
        """The address of the control API."""
        return self.base + PREFIX

    @property
    def client_id(self) -> str:
        """The client id of the custom service."""
        return self.api.tokens.client_id

    @property
    def client_secret(self) -> str:
        """The client secret of the custom service."""
        return self.api.tokens.client_secret

    def described(self) -> dict[str, str]:
        """What a program needs to know to use this sandbox."""
        return {
            "endpoint": self.endpoint,
            "identity": self.identity,
            "control": self.control,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "now": bulk_time(self.clock.now()),
        }

    def start(self) -> None:
        """Begin to serve."""
        self.queue.start()
        self._thread.start()

    def close(self) -> None:
        """Stop serving and delete every file."""
        if self._thread.is_alive():
            self._server.stop()
            self._thread.join(timeout=5)
        self.queue.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _respond(self, request: Request) -> Answer:
        if request.path == PREFIX or request.path.startswith(PREFIX + "/"):
            return self.control_api.answer(request)
        return self.api.answer(request)

    def _begin(self, request: Request) -> Callable[[int], None]:
        """Count a call as going on; the answer ends it.

        Token calls "are not counted towards API call limit" (swagger-identity.json).
        """
        if request.path.startswith(PREFIX) or request.path == TOKEN_PATH:
            return lambda _: None
        with self._lock:
            self.api.limits.begin()
        return self._end

    def _end(self, sent: int) -> None:
        with self._lock:
            self.api.limits.end()
            self.api.counters.bytes_served += sent

    def _date(self, offset: float) -> float | None:
        if self.options.no_date:
            return None
        return self.clock.now() + self.options.date_offset + offset
