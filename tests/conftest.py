"""Fixtures that all tests share, and the sums of what they tried."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.harness import Tap

# Tests that record a property of this name, a dictionary with a label and numbers, are summed up.
SUMS = "sums"


@pytest.fixture
def tap(tmp_path: Path) -> Tap:
    """The tap's command, with a directory for its files."""
    return Tap(tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end how much was tried and what came of it."""
    totals: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if not isinstance(report, pytest.TestReport) or report.when != "call":
                continue
            for name, value in report.user_properties:
                if name == SUMS and isinstance(value, dict):
                    numbers = {key: number for key, number in value.items() if key != "label"}
                    totals.setdefault(str(value["label"]), Counter()).update(numbers)
    for label, total in totals.items():
        told = ", ".join(f"{number:,} {name}" for name, number in total.items())
        terminalreporter.write_line(f"{label}: {told}")
