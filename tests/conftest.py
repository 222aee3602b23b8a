"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Tap


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[Tap]:
    """The tap's command, with a directory for its files."""
    yield Tap(tmp_path)
