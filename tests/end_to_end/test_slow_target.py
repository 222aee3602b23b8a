"""A target that reads slowly, stands still or dies: the tap waits, does not grow, loses nothing."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.checks import (
    MAILS,
    SMALL,
    START,
    VISITS,
    assert_activities,
    assert_leads,
    discovered,
    jobs,
    log_of,
    release,
    span,
    stopped,
    wait_until,
)
from tests.harness import (
    HANG,
    ROOT,
    SOAK,
    Account,
    Run,
    Tap,
    Target,
    account,
    assert_secrets_kept,
    select,
)

# A slow target takes so many bytes a second; after so many it has caught up.
SLOW = 1_000_000 if SOAK else 2_000_000
SLOWLY = float("inf") if SOAK else 4_000_000
TEXT_BYTES = 20_000
# More than the pipe and the buffers of a connection hold.
FILE = 20_000_000
# Seconds for which the sandbox keeps a download open.
OPEN = 10.0 if SOAK else 1.0

STATUS = Path("/proc/self/status")
CHUNK = 1 << 16


class Piped:
    """A run of the tap whose target is the test: nothing is read unless the test reads."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, config: Any) -> None:
        self.received = bytearray()
        self.peak_mb = 0.0
        self._process = process
        self._log = log
        self._config = config

    def take(self, amount: float = float("inf"), rate: float = float("inf")) -> None:
        """Read so many bytes, or to the end.

        Args:
            amount: bytes.
            rate: bytes a second, at the most.
        """
        taken = 0
        while taken < amount and (chunk := self._read()):
            taken += len(chunk)
            self._note_memory()
            # Each time anew: what a busy machine has delayed is not caught up.
            time.sleep(len(chunk) / rate)

    def finish(self) -> Run:
        """Read to the end."""
        self.take()
        return self._ended()

    def die(self) -> Run:
        """Go away as a target that crashed; what it had read remains."""
        assert self._process.stdout
        self._process.stdout.close()
        return self._ended()

    def _read(self) -> bytes:
        assert self._process.stdout
        chunk = os.read(self._process.stdout.fileno(), CHUNK)
        self.received += chunk
        return chunk

    def _note_memory(self) -> None:
        """Look up the most memory it has used up to now (proc(5), VmHWM)."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            self.peak_mb = int(found[1]) / 1024

    def _ended(self) -> Run:
        code = self._process.wait(HANG)
        # A target drops what is no whole line.
        whole = self.received[: self.received.rfind(b"\n") + 1].decode()
        done = Run(code, whole, self._log.read_text())
        assert_secrets_kept(self._config, done.stdout, done.stderr)
        return done


@contextmanager
def piped(tap: Tap, config: Any, catalog: Any, state: Any = None) -> Iterator[Piped]:
    """Start a run with the test as its target; kill it at the end if it still goes on."""
    log = tap.directory / "stderr"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            tap.command(config, catalog, state),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,
        ) as process,
    ):
        try:
            yield Piped(process, log, config)
        finally:
            process.kill()


def options(leads_bytes: int) -> tuple[str, ...]:
    """Return the options of an account whose leads take so many bytes."""
    sizes = ("--leads", str(leads_bytes // TEXT_BYTES), "--text-bytes", str(TEXT_BYTES))
    return (*SMALL, *sizes, "--export-minutes", "0.5", "--history-days", "25")


def assert_resumed(marketo: Account) -> None:
    """The leads were downloaded in pieces, none of them from the start again."""
    (job,) = jobs(marketo, "leads")
    first, *rest = (entry["status"] for entry in log_of(marketo, "file", "leads"))
    assert first == 200
    assert set(rest) == {206}
    # What was under way when the connection closed comes twice, the whole does not.
    assert marketo.counters()["bytes_served"] < 2 * job["bytes"]


@pytest.mark.skipif(not STATUS.exists(), reason="memory is looked up where Linux tells it")
def test_a_slow_target_is_waited_for_in_no_more_memory_than_a_quick_one(
    tap: Tap, record_property: Callable[[str, object], None]
) -> None:
    with account(*options(FILE)) as marketo:
        catalog = tap.discover(marketo.config())
        marketo.control("POST", "reset_counters")
        marketo.fault("file", "close_late", None, seconds=OPEN)
        config = marketo.config(start_date=START)
        with piped(tap, config, select(catalog, ["activity_types"])) as run:
            assert run.finish().code == 0
        peaks = {"no": run.peak_mb}
        for pace, rate in {"quick": float("inf"), "slow": SLOW}.items():
            marketo.control("POST", "reset_counters")
            with piped(tap, config, select(catalog, ["leads"])) as run:
                run.take(SLOWLY, rate)
                done = run.finish()
            assert done.code == 0, done.stderr
            peaks[pace] = run.peak_mb
            target = Target()
            target.take(done.lines)
            assert_leads(marketo, target)
        assert_resumed(marketo)
        (job,) = jobs(marketo, "leads")
        assert job["bytes"] > FILE * 0.9
        # A small part of the file, however long it takes.
        for pace in ("quick", "slow"):
            assert 0 < peaks[pace] < peaks["no"] + FILE / 1e6 / 2
        assert peaks["slow"] < peaks["quick"] * 1.2
    sums = {f"{pace} target, MB of memory": round(peak, 1) for pace, peak in peaks.items()}
    record_property("sums", {"label": "slow target", "runs": 1, **sums})


# Standing still ----------------------------------------------------------------------------------

MAILS_FROM = "2026-06-05T00:00:00Z"


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*options(FILE)), ["leads", VISITS, MAILS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*options(FILE)) as running:
        # The leads are exported at once, the activities not until somebody lets them.
        running.control("POST", "next_jobs", [{}, *[{"stick": "Processing"}] * 2])
        yield running


def config_of(marketo: Account) -> dict[str, Any]:
    """Return a config with which two windows of activities are exported, one after the other."""
    return marketo.config(
        start_date=START, max_queued_exports=1, activities_lookback_hours=0, request_timeout=2
    )


STATE = {"bookmarks": {MAILS: {"activityDate": MAILS_FROM}}}


def assert_tables(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])
    assert_activities(marketo, catalog, target, [MAILS], MAILS_FROM)


def calls_made(marketo: Account, call: str, since: int) -> int:
    """Count the calls of a kind that went well, after the first so many of all."""
    log = marketo.control("GET", "log")["log"][since:]
    return sum(entry["call"] == call and entry["code"] is None for entry in log)


def stand_still_in_the_leads(marketo: Account, run: Piped) -> int:
    """Read some leads, then nothing until the sandbox has closed; return the calls before."""
    run.take(1_000_000)
    before = len(marketo.control("GET", "log")["log"])
    wait_until(lambda: calls_made(marketo, "list", before) >= 3)
    return before


def test_a_target_that_stands_still_holds_up_nothing_but_itself(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("file", "close_late", None, seconds=OPEN, object="leads")
    with piped(tap, config_of(marketo), catalog, STATE) as run:
        before = stand_still_in_the_leads(marketo, run)
        stood = time.monotonic()
        # Once the job under way is done the next is made, enqueued and looked at.
        release(marketo)
        wait_until(lambda: statuses(marketo) == ["Completed", "Processing"])
        # The token ends, and another is fetched.
        polls = calls_made(marketo, "list", before)
        wait_until(lambda: calls_made(marketo, "token_post", before) >= 1)
        wait_until(lambda: calls_made(marketo, "list", before) >= polls + 3)
        # Longer than a download is kept open, and than Marketo may take for an answer.
        wait_until(lambda: time.monotonic() > stood + max(2 * OPEN, 3))
        release(marketo)
        received = len(run.received)
        done = run.finish()
    assert done.code == 0, done.stderr
    assert received < 2_000_000 < len(run.received)
    assert "Resuming there" in done.stderr
    assert "The target has read nothing for" in done.stderr
    assert_resumed(marketo)
    target = Target()
    target.take(done.lines)
    assert_tables(marketo, catalog, target)
    assert [job["downloads"] for job in jobs(marketo, "activities")] == [1, 1]


def statuses(marketo: Account) -> list[str]:
    return [job["status"] for job in jobs(marketo, "activities")]


def test_a_target_that_dies_while_it_stands_still_is_one_line_and_the_next_run_finishes(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    with piped(tap, config_of(marketo), catalog, STATE) as run:
        stand_still_in_the_leads(marketo, run)
        done = run.die()
    assert "The target closed our stdout" in stopped(done)
    assert "BrokenPipe" not in done.stderr
    target = Target(state=STATE)
    target.take(done.lines)
    assert target.rows("leads")
    assert target.state
    assert "leads" not in target.state["bookmarks"]
    marketo.control("DELETE", "next_jobs")
    release(marketo)
    tap.sync(config_of(marketo), catalog, target)
    assert_tables(marketo, catalog, target)
    # Both jobs were resumed: no window was exported twice.
    assert len({span(job) for job in jobs(marketo)}) == len(jobs(marketo))
