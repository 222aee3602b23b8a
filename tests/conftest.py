"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import Tap


@pytest.fixture
def tap(tmp_path: Path) -> Tap:
    """The tap's command, with a directory for its files."""
    return Tap(tmp_path)
