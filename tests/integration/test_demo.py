"""``make demo`` with a config of one's own: what it selects, that it asks first, what it loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT, Account, Tap, account, assert_secrets_kept

# It installs the tap and a target first.
SECONDS = 300


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "30", "--activities", "300", "--lacks", "Read-Only Asset") as running:
        yield running


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo where nobody can be asked."""
    return subprocess.run(
        [sys.executable, "-m", "tests.demo", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def test_the_demo_reads_an_account_only_when_asked_to(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date="2026-05-20T00:00:00Z")
    path = str(tap.write("config.json", config))
    planned = demo(path)
    assert planned.returncode == 1
    assert "What a sync would do now" in planned.stdout
    assert "To begin: make demo CONFIG=... YES=1" in planned.stderr
    # Whether leads can be filtered by updatedAt is asked with a job that is cancelled at once.
    assert {job["status"] for job in marketo.counters()["jobs"]} <= {"Cancelled"}
    done = demo(path, "--yes")
    assert done.returncode == 0, done.stderr
    loaded = done.stdout[done.stdout.index("done in") :]
    # The role lacks the permission for programs; tokens and members are not selected.
    assert "  leads " in loaded
    assert "  activities_visit_webpage " in loaded
    assert not any(name in loaded for name in ("  programs ", "  tokens ", "  program_members "))
    assert_secrets_kept(config, done.stdout, done.stderr, planned.stdout, planned.stderr)


def test_a_config_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = demo(str(tmp_path / "nofile.json"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"There is no config file {tmp_path / 'nofile.json'}."]
