"""What the tests outside the process share: the sandbox as a process, the tap as a process, and a
target that holds the tables and keeps the state as orchestrators do."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from tests.fork_server import ForkServer, Process, can_be_set

ROOT = Path(__file__).resolve().parent.parent
TAP = [sys.executable, "-m", "tap_marketo"]
_TAPS = ForkServer("tap_marketo.cli", "tap_marketo.run")
_SANDBOXES = ForkServer("tests.sandbox.__main__")
_STDERR = 2

# Marketo's clock stands, so that it does not matter how fast this machine is: a poll takes a minute
# of it, any other call so long that 80 of them fit into 20 seconds, fewer than Marketo allows.
_STANDING = ("--scale", "0", "--poll-seconds", "60", "--call-seconds", "0.25")
# The settings of who does not say how what is new is to come: by pages, as long as it is little.
BY_PAGES: Any = {"increments": "auto"}
# The tap's setting, in seconds: what is a minute of Marketo.
POLL_INTERVAL = 0.02
# In the past for good, so that the sandbox's future never is the machine's.
NOW = "2026-06-15T12:00:00Z"
# Whether `make soak` runs the tests, with its budgets.
SOAK = bool(os.environ.get("MARKETO_SOAK"))
# A run that takes longer than this many seconds hangs.
HANG = 120
# How a line of the log begins where stderr is no terminal.
TIMED = re.compile(r"(?m)^(DEBUG|INFO|WARNING|CRITICAL) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
# Shorter "secrets" of tests about faulty configs are ordinary words.
SHORTEST_SECRET = 8


@dataclass
class Account:
    """A running sandbox."""

    endpoint: str
    identity: str
    client_id: str
    client_secret: str
    url: str

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the sandbox's control API."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def truth(self, what: str) -> list[dict[str, Any]]:
        """Return the rows Marketo holds now."""
        rows: list[dict[str, Any]] = self.control("GET", f"truth/{what}")["rows"]
        return rows

    def activities(self, types: Collection[int]) -> list[dict[str, Any]]:
        """Return the activities of some types that Marketo holds now."""
        query = urlencode({"type": [*types]}, doseq=True)
        return self.truth(f"activities?{query}") if types else []

    def counters(self) -> dict[str, Any]:
        """Return what has been asked of the sandbox."""
        counters: dict[str, Any] = self.control("GET", "counters")
        return counters

    def change(self, **what: Any) -> Any:
        """Let the account's data change."""
        return self.control("POST", "change", what)

    def advance(self, **span: float) -> None:
        """Let time pass, in hours, days or seconds."""
        seconds = span.get("seconds", 0) + span.get("hours", 0) * 3600 + span.get("days", 0) * 86400
        self.control("POST", "clock", {"advance_seconds": seconds})

    def fault(self, call: str, kind: str, times: int | None = 1, **more: Any) -> None:
        """Let a call fail."""
        self.control("POST", "faults", {"call": call, "kind": kind, "times": times, **more})

    def heal(self) -> None:
        """Take all faults back."""
        self.control("DELETE", "faults")

    def config(self, **settings: Any) -> dict[str, Any]:
        """Return a config for this account, with waits of hundredths of a second.

        What is new comes by exports, as most tests look at these; `BY_PAGES` says otherwise.
        """
        return {
            "endpoint": self.endpoint,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "start_date": "2026-04-01T00:00:00Z",
            "poll_interval": POLL_INTERVAL,
            "max_calls_per_20_seconds": 60_000,
            "request_timeout": 60,
            "increments": "exports",
            **settings,
        }


# The sandboxes that are up, by endpoint: what a run says is searched for the tokens they gave.
_RUNNING: dict[str, Account] = {}


@contextmanager
def account(*options: str) -> Iterator[Account]:
    """Run a sandbox of its own; with the option --scale its clock runs by itself."""
    clock = [] if "--scale" in options else _STANDING
    arguments = ["--exit-with-stdin", "--now", NOW, *clock, *options]
    (stdin, theirs), (ours, stdout) = os.pipe(), os.pipe()
    process = _SANDBOXES.start(arguments, ROOT, os.environ, stdin, stdout, _STDERR)
    for fd in (stdin, stdout):
        os.close(fd)
    with open(theirs, "wb"), open(ours, "rb") as answers:
        try:
            told = json.loads(answers.readline())
            running = Account(
                told["endpoint"],
                told["identity"],
                told["client_id"],
                told["client_secret"],
                told["control"],
            )
            _RUNNING[running.endpoint] = running
            yield running
            del _RUNNING[running.endpoint]
        finally:
            process.terminate()
            process.wait(HANG)


@dataclass
class Target:
    """Tables as a target that upserts by key holds them, and the last STATE that came out."""

    tables: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: dict[str, Any] | None = None
    last: dict[str, Any] = field(default_factory=dict)
    """The message taken last."""

    def take(self, lines: Sequence[str]) -> None:
        """Load messages; every line must be one, and each stream's SCHEMA must come first."""
        for line in lines:
            self.last = message = json.loads(line)
            if message["type"] == "SCHEMA":
                self.schemas[message["stream"]] = message
                self.tables.setdefault(message["stream"], {})
            elif message["type"] == "RECORD":
                schema = self.schemas[message["stream"]]
                key = tuple(message["record"][k] for k in schema["key_properties"])
                self.tables[message["stream"]][key] = message["record"]
            else:
                assert message["type"] == "STATE"
                self.state = message["value"]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Return a table's rows."""
        return list(self.tables.get(stream, {}).values())


@dataclass
class Run:
    """A finished run of the tap."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """The messages."""
        # Not splitlines(): U+2028 within a record ends no line.
        return [line for line in self.stdout.split("\n") if line]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages, parsed."""
        return [json.loads(line) for line in self.lines]

    @property
    def critical(self) -> list[str]:
        """The CRITICAL lines of the log."""
        return [line for line in self.stderr.split("\n") if line.startswith("CRITICAL")]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """Return a stream's records in the order in which they came."""
        return [
            m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream
        ]


class Tap:
    """The real command, with its files in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        """Keep files in this directory."""
        self.directory = directory

    def write(self, name: str, content: Any) -> Path:
        """Write a file: text as it is, anything else as JSON."""
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def command(self, config: Any, catalog: Any = None, state: Any = None, *more: str) -> list[str]:
        """Return the command line, with its files written."""
        command = [*TAP, "--config", str(self.write("config.json", config)), *more]
        if catalog is not None:
            command += ["--catalog", str(self.write("catalog.json", catalog))]
        if state is not None:
            command += ["--state", str(self.write("state.json", state))]
        return command

    def run(self, config: Any, catalog: Any = None, state: Any = None, *more: str) -> Run:
        """Run the command to its end."""
        return run(self.command(config, catalog, state, *more))

    def discover(self, config: Any) -> dict[str, Any]:
        """Discover and return the catalog."""
        found = self.run(config, None, None, "--discover")
        assert found.code == 0, found.stderr
        catalog: dict[str, Any] = json.loads(found.stdout)
        return catalog

    def sync(self, config: Any, catalog: Any, target: Target) -> Run:
        """Sync into a target from the state it kept; it must succeed."""
        done = self.run(config, catalog, target.state)
        assert done.code == 0, done.stderr
        target.take(done.lines)
        return done


def assert_secrets_kept(config: Any, *texts: str) -> None:
    """Fail if a text holds client_id, client_secret or a token the config's sandbox ever gave."""
    if not isinstance(config, dict):
        return
    secrets = [config.get("client_id"), config.get("client_secret")]
    sandbox = _RUNNING.get(str(config.get("endpoint")))
    if sandbox:
        secrets += sandbox.control("GET", "token")["tokens"]
    for secret in secrets:
        if isinstance(secret, str) and len(secret) >= SHORTEST_SECRET:
            for spelling in {secret, quote(secret), quote(secret, safe="")}:
                # Not asserted on the text itself: pytest would show the secret's surroundings.
                shows = any(spelling in text for text in texts)
                assert not shows, "a secret shows in what the tap wrote"


def _config_of(command: Sequence[str]) -> Any:
    """Return the config that a command line names, None if there is none to read."""
    for option, path in itertools.pairwise(command):
        if option in ("-c", "--config"):
            try:
                return json.loads(Path(path).read_text())
            except (OSError, ValueError):
                return None
    return None


def without_times(log: str) -> str:
    """Return a log without the time of each line; tests/end_to_end/test_cli.py looks at those."""
    return re.sub(TIMED, r"\1 ", log)


def run(command: Sequence[str], cwd: Path = ROOT, /, **environment: str) -> Run:
    """Run a command to its end, from the project's root if nothing else is said.

    The tap is forked from a process that has it loaded. Whatever run it is, no secret of its config
    may show in what it writes.
    """
    if list(command[: len(TAP)]) != TAP or not all(map(can_be_set, environment)):
        return fresh_run(command, cwd, **environment)
    code, out, log = _TAPS.run(command[len(TAP) :], cwd, {**os.environ, **environment}, HANG)
    ended = Run(code, out, without_times(log))
    assert_secrets_kept(_config_of(command), ended.stdout, ended.stderr)
    return ended


@contextmanager
def started(command: Sequence[str], stdout: int, stderr: int) -> Iterator[Process]:
    """Start the tap, forked like those of `run`; kill it at the end if it still goes on.

    Args:
        command: its command line.
        stdout, stderr: descriptors, which it gets, and the caller keeps.
    """
    nothing = os.open(os.devnull, os.O_RDONLY)
    process = _TAPS.start(command[len(TAP) :], ROOT, os.environ, nothing, stdout, stderr)
    os.close(nothing)
    try:
        yield process
    finally:
        process.kill()
        process.wait(HANG)


@contextmanager
def piped(command: Sequence[str], stderr: int) -> Iterator[tuple[Process, FileIO]]:
    """Start the tap as `started` does, with what it writes to stdout in an unbuffered pipe."""
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as out, started(command, writer, stderr) as process:
        os.close(writer)
        yield process, out


def fresh_run(command: Sequence[str], cwd: Path = ROOT, /, **environment: str) -> Run:
    """Run a command as `run` does, in a process that loads it: where the start is the subject."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=HANG,
        check=False,
    )
    ended = Run(done.returncode, done.stdout.decode(), without_times(done.stderr.decode()))
    assert_secrets_kept(_config_of(command), ended.stdout, ended.stderr)
    return ended


def select(
    catalog: Mapping[str, Any], streams: Sequence[str] | None = None, **columns: Sequence[str]
) -> dict[str, Any]:
    """Return the catalog with streams selected.

    Args:
        catalog: as discovered.
        streams: stream ids; all of them when None.
        columns: of a stream, the columns selected; when a stream is not named, all of them but
            those that take a call for each row.
    """
    chosen: dict[str, Any] = orjson.loads(orjson.dumps(catalog))
    for stream in chosen["streams"]:
        name = stream["tap_stream_id"]
        for item in stream["metadata"]:
            breadcrumb = item["breadcrumb"]
            if not breadcrumb:
                item["metadata"]["selected"] = streams is None or name in streams
            elif item["metadata"]["inclusion"] == "available":
                wanted = columns.get(name)
                calls = item["metadata"].get("selected-by-default") is False and (
                    "marketo.extra-column" not in item["metadata"]
                )
                item["metadata"]["selected"] = (
                    not calls if wanted is None else breadcrumb[-1] in wanted
                )
    return chosen


@contextmanager
def tap_in_a_directory() -> Iterator[Tap]:
    """A tap with a temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        yield Tap(Path(directory))
