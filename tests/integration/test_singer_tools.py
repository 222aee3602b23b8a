"""What Singer's own checker, and a target of databases, make of tables under Marketo's names."""

from __future__ import annotations

import subprocess

import pytest

from tests.end_to_end import expected
from tests.harness import Tap, account, select
from tests.integration.target_drivers import TOOLS, target_driver

OPTIONS = ("--leads", "60", "--activities", "600", "--late-share", "0")
START = "2025-01-01T00:00:00Z"


def test_singer_check_tap_accepts_the_output(tap: Tap) -> None:
    checker = TOOLS / "singer-tools" / "bin" / "singer-check-tap"
    if not checker.exists():
        pytest.skip("singer-tools is installed by `make integration`")
    with account(*OPTIONS) as marketo:
        config = marketo.config(start_date=START)
        done = tap.run(config, select(tap.discover(config)))
    checked = subprocess.run(
        [str(checker)], input=done.stdout.encode(), capture_output=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stderr.decode()[-2000:]
    assert b"The output is valid" in checked.stdout + checked.stderr


def test_a_database_holds_what_marketo_holds_under_marketos_names(tap: Tap) -> None:
    with account(*OPTIONS) as marketo, target_driver("target-duckdb", tap.directory) as driver:
        config = marketo.config(start_date=START)
        catalog = select(tap.discover(config))
        driver.load(tap.command(config, catalog))
        truth = expected.leads(marketo)
        tables = driver.tables({})
    assert len(tables) > len(catalog["streams"]) / 2
    held = {row["id"]: [row["email"], row["numberofemployees"]] for row in tables["leads"]}
    assert held == {
        number: [row["email"], row["numberOfEmployees"]] for number, row in truth.items()
    }
