"""What the tests of exports, downloads, calls, pages and fields have in common."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.end_to_end import expected
from tests.fork_server import Process
from tests.harness import (
    HANG,
    Account,
    Run,
    Tap,
    Target,
    account,
    assert_secrets_kept,
    started,
    tap_in_a_directory,
)

# A small account, in which nothing becomes visible by itself while a test looks.
SMALL = ("--leads", "30", "--activities", "300", "--history-days", "40", "--late-share", "0")
# Less than one export window before the sandbox's present.
START = "2026-05-20T00:00:00Z"

VISITS, MAILS, OPENS = (
    "activities_visit_webpage",
    "activities_send_email",
    "activities_open_email",
)
TYPE_OF = {VISITS: 1, MAILS: 6, OPENS: 10}

# The faults that may be why a call was answered with 602.
_REFUSING = ("error", "expire_token")


def discovered(*options: str, **settings: str) -> dict[str, Any]:
    """Return the catalog of a sandbox with these options, which is discovered once for all tests.

    It is for tests that only sync: where faults or changes come before discovery, discover there.
    """
    catalog: dict[str, Any] = json.loads(_catalog_text(options or SMALL, (*settings.items(),)))
    return catalog


# Columns of activities that only exports have.
ONLY_EXPORTED = ("actionResult", "unknown_attributes")


def without_exported_columns(chosen: dict[str, Any], but: str = "") -> dict[str, Any]:
    """Deselect the columns of activities that only exports have, but for `stream.column`."""
    for stream in chosen["streams"]:
        for item in stream["metadata"]:
            name = item["metadata"].get("marketo.extra-column")
            if name in ONLY_EXPORTED and f"{stream['tap_stream_id']}.{name}" != but:
                item["metadata"]["selected"] = False
    return chosen


@cache
def _catalog_text(options: tuple[str, ...], settings: tuple[tuple[str, str], ...]) -> str:
    # As text, so that what a test does to its catalog stays in that test.
    with account(*options) as marketo, tap_in_a_directory() as tap:
        return json.dumps(tap.discover(marketo.config(**dict(settings))))


# What came out ---------------------------------------------------------------------------------


def assert_leads(marketo: Account, target: Target, since: str = START) -> None:
    """The leads table holds all leads changed since then, every column as Marketo has it."""
    truth = expected.leads(marketo)
    assert expected.table(target, "leads") == {key: truth[key] for key in changed(marketo, since)}


def assert_leads_and_others(marketo: Account, target: Target, since: str = START) -> None:
    """As `assert_leads`; an activity may have told of others, in which nothing has changed."""
    truth, held = expected.leads(marketo), expected.table(target, "leads")
    assert held.keys() >= changed(marketo, since)
    assert held == {key: truth[key] for key in held}


def changed(marketo: Account, since: str) -> set[int]:
    """The leads that have changed since then."""
    found = {lead["id"] for lead in marketo.truth("leads") if lead["_changedAt"] >= since}
    assert found, "a test without rows would prove nothing"
    return found


def assert_activities(
    marketo: Account,
    catalog: Mapping[str, Any],
    target: Target,
    streams: Sequence[str],
    since: str = START,
) -> None:
    """The activity tables hold all activities since then, with the columns that are selected."""
    truth = expected.activities(marketo, catalog, since)
    for stream in streams:
        assert truth[stream], "a test without rows would prove nothing"
        columns = target.schemas[stream]["schema"]["properties"].keys()
        rows = truth[stream].items()
        wanted = {key: {name: row[name] for name in columns} for key, row in rows}
        assert expected.table(target, stream) == wanted, stream


def assert_assets(marketo: Account, target: Target, stream: str, since: str = START) -> None:
    """The table holds all campaigns, lists or programs changed since then."""
    columns = set(target.schemas[stream]["schema"]["properties"])
    truth = expected.assets(marketo, stream, columns, since)
    assert truth, "a test without rows would prove nothing"
    assert expected.table(target, stream) == truth


def assert_memberships(marketo: Account, target: Target) -> None:
    """The target knows who is on which list, and whoever it has beside is not."""
    truth = expected.memberships(marketo)
    assert truth, "a test without rows would prove nothing"
    assert expected.table(target, expected.MEMBERSHIPS) == truth


def stopped(done: Run, code: int = 1) -> str:
    """A run that stopped with a reason: an exit code and one CRITICAL line, which is returned."""
    assert done.code == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.critical) == 1
    return done.critical[0]


def not_read(message: str) -> set[str]:
    """Return the streams and families that the line at the end of a run names as not read.

    Parts of a stream stand behind its name, as in ``tokens (Folder/12, Folder/15)``.
    """
    lists = re.findall(r"Not read: ([^.:]+)\.", message)
    return {name for names in lists for name in re.split(r", (?![^(]*\))", names)}


# What was asked --------------------------------------------------------------------------------


def jobs(marketo: Account, what: str | None = None) -> list[dict[str, Any]]:
    """Return the export jobs created since the last reset, of one object or of both."""
    made: list[dict[str, Any]] = marketo.counters()["jobs"]
    return [job for job in made if what in (None, job["object"])]


def span(job: Mapping[str, Any]) -> tuple[str, str]:
    """Return the time that a job covers."""
    dates = job["filter"].get("updatedAt") or job["filter"]["createdAt"]
    return dates["startAt"], dates["endAt"]


def same_window(marketo: Account, job: dict[str, Any]) -> list[str]:
    """Return the statuses of all jobs made for the job's window, the job itself first."""
    return [other["status"] for other in jobs(marketo) if span(other) == span(job)]


def asked_for(made: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what each job asks for, to compare."""
    return [f"{job['object']} {job['filter']}" for job in made]


def log_of(marketo: Account, call: str, what: str | None = None) -> list[dict[str, Any]]:
    """Return the sandbox's log of a call.

    Without the calls that came with a token whose hour, three seconds of ours, had just passed:
    the tap repeats them, and when that happens is chance.
    """
    log: list[dict[str, Any]] = marketo.control("GET", "log")["log"]
    return [
        entry
        for entry in log
        if entry["call"] == call
        and what in (None, entry["object"])
        and (entry["code"] != "602" or entry["fault"] in _REFUSING)
    ]


def list_pages(marketo: Account) -> list[tuple[int, int]]:
    """The pages of lists' members that were asked for: of which list, and which page it was."""
    return [(int(entry["id"]), entry["page"]) for entry in log_of(marketo, "list_members")]


def calls(marketo: Account) -> dict[str, int]:
    """Return how often each call was made, tokens left out."""
    counted: dict[str, int] = {}
    for call in marketo.counters()["calls"]:
        made = 0 if call.startswith("token_") else len(log_of(marketo, call))
        if made:
            counted[call] = made
    return counted


def polls(marketo: Account) -> list[dict[str, Any]]:
    """Return the polls of jobs; lists before a job is made count the day's bytes."""
    log: list[dict[str, Any]] = marketo.control("GET", "log")["log"]
    made = next((i for i, entry in enumerate(log) if entry["call"] == "create"), len(log))
    return [entry for entry in log_of(marketo, "list") if entry in log[made:]]


def assert_all_fired(marketo: Account) -> None:
    """Every fault that was arranged has happened, as often as it was to."""
    for fault in marketo.control("GET", "faults")["faults"]:
        assert fault["fired"] == fault["times"], fault


def release(marketo: Account) -> None:
    """Let the jobs that stick go on."""
    for job in jobs(marketo):
        if job["status"] in ("Created", "Queued", "Processing"):
            marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None})


# A run that the test can look at while it goes on ------------------------------------------------


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that is going to happen."""
    deadline = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


class Background:
    """A run of the tap that goes on meanwhile."""

    def __init__(self, process: Process, tap: Tap, config: Any) -> None:
        self._process = process
        self._tap = tap
        self._config = config

    def _ended(self) -> Run:
        code = self._process.wait(HANG)
        out, log = ((self._tap.directory / name).read_bytes() for name in ("stdout", "stderr"))
        # A target drops what is no whole line.
        done = Run(code, out[: out.rfind(b"\n") + 1].decode(), log.decode())
        assert_secrets_kept(self._config, done.stdout, done.stderr)
        return done

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that happens while it goes on."""

        has_happened = False

        def ended_or_met() -> bool:
            nonlocal has_happened
            # Asked once: what has been met may be over a moment later.
            has_happened = condition()
            return has_happened or self._process.poll() is not None

        wait_until(ended_or_met)
        assert has_happened or condition(), self._ended().stderr

    def until_or_ended(self, condition: Callable[[], bool]) -> None:
        """Wait for something that may happen while it goes on, or for its end."""
        wait_until(lambda: condition() or self._process.poll() is not None)

    def finish(self) -> Run:
        """Wait for its end."""
        return self._ended()

    def ask_to_end(self, signum: int) -> None:
        """Send it a signal."""
        self._process.send_signal(signum)

    def log(self) -> str:
        """What it has logged so far."""
        return (self._tap.directory / "stderr").read_text()

    def kill(self) -> Run:
        """Kill it with SIGKILL; what it had written remains."""
        self._process.kill()
        return self._ended()

    def state(self) -> dict[str, Any]:
        """Return the last STATE it has written, an empty one if there is none yet."""
        target = Target()
        text = (self._tap.directory / "stdout").read_text()
        target.take(text[: text.rfind("\n") + 1].split("\n")[:-1])
        return target.state or {}

    def exports_in_state(self) -> int:
        """How many export jobs its last STATE names."""
        return sum(map(len, self.state().get("exports", {}).values()))


@contextmanager
def background(tap: Tap, config: Any, catalog: Any, state: Any = None) -> Iterator[Background]:
    """Start a run; kill it at the end if it still goes on."""
    command = tap.command(config, catalog, state)
    with (
        (tap.directory / "stdout").open("wb") as out,
        (tap.directory / "stderr").open("wb") as log,
        started(command, out.fileno(), log.fileno()) as process,
    ):
        yield Background(process, tap, config)


# Something that happens between two calls -------------------------------------------------------


@contextmanager
def between_calls(marketo: Account, act: Callable[[str], None]) -> Iterator[str]:
    """A proxy in front of the sandbox that acts before it passes a call on; gives its endpoint.

    Args:
        marketo: the sandbox.
        act: is given the path and query of each call.
    """
    sandbox = urlsplit(marketo.endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            act(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.closing(http.client.HTTPConnection(sandbox)) as connection:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
            self.send_response_only(answer.status)
            for name in ("Content-Type", "Date", "Content-Range"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/rest"
        finally:
            server.shutdown()
            thread.join()
