"""A run that is asked to end leaves no jobs behind that would spend the day's bytes for nobody."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import (
    SMALL,
    START,
    VISITS,
    Background,
    assert_activities,
    assert_leads,
    background,
    between_calls,
    discovered,
    jobs,
    release,
)
from tests.harness import Account, Tap, Target, account, select

# Whoever asks a program to end does not wait for long (seconds).
PATIENCE = 5
# Six places of the queue held, two of them by jobs that are being processed.
SETTINGS = {"start_date": START, "max_export_days": 5, "max_queued_exports": 6}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(), ["leads", VISITS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        running.control("POST", "next_jobs", [{"stick": "Processing"}] * 6)
        yield running


def statuses(marketo: Account) -> list[str]:
    return sorted(job["status"] for job in jobs(marketo))


def end(run: Background, signum: signal.Signals) -> tuple[int, list[str], str]:
    """Ask a run to end; return its exit code, the lines it wrote and its log."""
    began = time.monotonic()
    run.ask_to_end(signum)
    done = run.finish()
    # Six calls that are not answered would take a minute.
    assert time.monotonic() - began < 2 * PATIENCE
    return done.code, done.lines, done.stderr


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_waiting_jobs_are_cancelled_and_the_next_run_makes_them_anew_without_a_word_of_failure(
    marketo: Account, catalog: dict[str, Any], tap: Tap, signum: signal.Signals
) -> None:
    target = Target()
    with background(tap, marketo.config(**SETTINGS), catalog) as run:
        run.until(lambda: [job["enqueues"] for job in jobs(marketo)] == [1] * 6)
        run.until(lambda: run.log().count("is processing.") == 2)
        run.until(lambda: run.exports_in_state() == 6)
        code, lines, log = end(run, signum)
    assert code == 128 + signum
    target.take(lines)
    assert statuses(marketo) == ["Cancelled"] * 4 + ["Processing"] * 2
    assert {job["cancelled_in"] for job in jobs(marketo)} == {"Queued", None}
    assert "CRITICAL" not in log
    processed = {job["exportId"] for job in jobs(marketo) if job["status"] == "Processing"}
    release(marketo)
    done = tap.run(marketo.config(**SETTINGS), catalog, target.state)
    assert done.code == 0, done.stderr
    target.take(done.lines)
    assert "failed" not in done.stderr
    assert all(f"export {each} from" in done.stderr for each in processed)
    # Twelve windows in all, and the four that were cancelled.
    assert len(jobs(marketo)) == 16
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])


def test_each_job_is_tried_once_and_a_marketo_that_does_not_answer_holds_nobody_up(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    with background(tap, marketo.config(**SETTINGS), catalog) as run:
        run.until(lambda: [job["enqueues"] for job in jobs(marketo)] == [1] * 6)
        run.until(lambda: run.exports_in_state() == 6)
        for call in ("list", "status", "cancel"):
            marketo.fault(call, "timeout", times=None, seconds=30)
        code, _, log = end(run, signal.SIGTERM)
    assert code == 128 + signal.SIGTERM
    assert "Traceback" not in log
    assert sum(marketo.counters()["calls"]["cancel"].values()) <= 6


def test_a_second_signal_ends_it_at_once(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    with background(tap, marketo.config(**SETTINGS), catalog) as run:
        run.until(lambda: run.exports_in_state() == 6)
        marketo.fault("list", "timeout", times=None, seconds=30)
        run.ask_to_end(signal.SIGTERM)
        time.sleep(0.5)
        began = time.monotonic()
        run.ask_to_end(signal.SIGTERM)
        done = run.finish()
        assert time.monotonic() - began < PATIENCE - 1
    assert done.code == 128 + signal.SIGTERM
    assert "Traceback" not in done.stderr


def test_a_row_that_takes_no_export_is_out_before_a_job_is_made(tap: Tap) -> None:
    # Orchestrators try a config so: they end the run at its first row, and keep no state.
    written: list[str] = []

    def look(path: str) -> None:
        if path.endswith("/create.json"):
            written.append((tap.directory / "stdout").read_text())

    with account(*SMALL) as marketo, between_calls(marketo, look) as endpoint:
        chosen = select(tap.discover(marketo.config()), ["leads", "lists", "activity_types"])
        with background(tap, marketo.config(**SETTINGS, endpoint=endpoint), chosen) as run:
            done = run.finish()
        assert done.code == 0, done.stderr
    messages = [json.loads(line) for line in written[0].splitlines()]
    streams = {message["stream"] for message in messages if message["type"] == "RECORD"}
    assert streams == {"activity_types"}
