"""A run killed at any moment and started again from the last STATE that came out loses nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
from collections import Counter
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.harness import HANG, ROOT, Account, Tap, Target, account, select

START = "2026-03-01T00:00:00Z"
STREAMS = [
    "leads", "campaigns", "programs", "activities_visit_webpage", "activities_send_email",
    "activities_every_data_type",
]  # fmt: skip


def killed_run(command: list[str], seconds: float, signum: signal.Signals) -> tuple[list[str], int]:
    """Run a command, send it a signal after some seconds; return its whole lines and its code."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        timer = threading.Timer(seconds, process.send_signal, [signum])
        timer.start()
        stdout, _ = process.communicate(timeout=HANG)
        timer.cancel()
    lines = stdout.decode().split("\n")
    if signum is not signal.SIGKILL:
        assert lines[-1] == "", "half a line was left"
    # A target drops what is no whole line.
    return lines[:-1], process.returncode


def sync_with_kills(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, rng: random.Random
) -> int:
    """Sync until a run ends by itself, killing the others at random moments; count the kills."""
    config = marketo.config(start_date=START, max_export_days=15)
    for kills in range(40):
        command = tap.command(config, catalog, target.state)
        signum = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        # Each run may live a little longer, so that one gets through on a busy machine too.
        seconds = rng.uniform(0.3, 1.2) * (1 + kills / 4)
        lines, code = killed_run(command, seconds, signum)
        # Only what stands before the last STATE counts: an orchestrator keeps no more.
        target.take(lines)
        if code == 0:
            return kills
    raise AssertionError("no run came to its end")


def assert_equal_to_marketo(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    changed = {x["id"] for x in marketo.truth("leads") if x["_changedAt"] >= START}
    leads = {n: row for n, row in expected.leads(marketo).items() if n in changed}
    assert expected.table(target, "leads") == leads
    activities = expected.activities(marketo, catalog, START)
    for name in STREAMS:
        if name.startswith("activities_"):
            assert expected.table(target, name) == activities[name]
    for name in ("campaigns", "programs"):
        columns = set(target.schemas[name]["schema"]["properties"])
        assert expected.table(target, name) == expected.assets(marketo, name, columns, START)


@pytest.mark.parametrize("seed", range(4))
def test_killed_runs_lose_nothing_and_make_few_exports_again(tap: Tap, seed: int) -> None:
    rng = random.Random(seed)
    options = ["--leads", "400", "--activities", "4000", "--history-days", "150"]
    with account(*options, "--seed", str(seed)) as marketo:
        catalog = tap.discover(marketo.config())
        chosen = select(catalog, STREAMS)
        marketo.control("POST", "reset_counters")
        target = Target()
        kills = sync_with_kills(marketo, tap, chosen, target, rng)
        assert_equal_to_marketo(marketo, catalog, target)
        # After the first sync: changes, and an incremental sync that is killed as well.
        marketo.change(new_leads=10, updated_leads=30, new_activities=200, late_activities=20)
        marketo.advance(hours=20)
        kills += sync_with_kills(marketo, tap, chosen, target, rng)
        assert_equal_to_marketo(marketo, catalog, target)
        windows = Counter(
            (job["object"], next(iter(job["filter"].values()))["startAt"])
            for job in marketo.counters()["jobs"]
        )
        again = sum(windows.values()) - len(windows)
        # A kill between the creation of a job and its STATE line costs that one job.
        assert again <= kills
        assert kills >= 2
