"""STATE comes at a pace within a stream, and whatever ends a run, it has what has been reached."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import background, discovered, log_of, stopped
from tests.harness import HANG, Account, Tap, Target, account, select

FEW = ("--leads", "1", "--activities", "1", "--late-share", "0")
MANY = (*FEW, "--folders", "120", "--programs", "60", "--tokens", "200", "--lists", "620")
# As many as a page of each stream has, and a call of each parent.
POSITIONS = 180
# Seconds between two STATE messages within a stream (docs/state.md).
PACE = 10
# With the interval of a real account the run's clock is not faster than this machine's.
REAL = {"poll_interval": 60}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*MANY) as running:
        yield running


def states(lines: list[dict[str, Any]]) -> int:
    return sum(message["type"] == "STATE" for message in lines)


def test_streams_read_page_by_page_write_their_ends_and_little_between(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    paged = ["tokens", "segments", "folders", "lists", "programs", "campaigns", "activity_types"]
    began = time.monotonic()
    done = tap.sync(marketo.config(**REAL), select(catalog, paged), Target())
    seconds = time.monotonic() - began
    assert len(log_of(marketo, "tokens")) > POSITIONS
    assert states(done.messages) <= len(paged) + 1 + seconds / PACE
    # Each end has its own, behind its rows.
    assert states(done.messages) > len(paged) / 2


@pytest.mark.parametrize("fault", [None, {"kind": "error", "code": "1077"}])
def test_whatever_ends_a_run_what_it_has_read_is_in_its_last_state(
    marketo: Account, catalog: dict[str, Any], tap: Tap, fault: dict[str, Any] | None
) -> None:
    chosen, target = select(catalog, ["tokens"]), Target()
    config = marketo.config(**REAL, request_timeout=HANG)
    if fault:
        marketo.fault("tokens", times=None, skip=40, **fault)
        done = tap.run(config, chosen)
        stopped(done)
        target.take(done.lines)
    else:
        marketo.fault("tokens", "timeout", None, skip=40, seconds=HANG)
        with background(tap, config, chosen) as run:
            run.until(lambda: len(log_of(marketo, "tokens")) > 40)
            run.ask_to_end(signal.SIGTERM)
            target.take(run.finish().lines)
    assert target.state
    assert target.state["bookmarks"]["tokens"]["parent"]
    asked = {entry["id"] for entry in log_of(marketo, "tokens")}
    marketo.heal()
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    again = {entry["id"] for entry in log_of(marketo, "tokens")}
    # Those that were not answered, five in a row where Marketo fails, and none before them.
    assert len(again & asked) == (5 if fault else 1)
