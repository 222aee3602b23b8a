"""Sandboxes for the sandbox's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client


@pytest.fixture(name="client")
def _client() -> Iterator[Client]:
    """A sandbox whose clock stands still."""
    with Sandbox(Options(now=NOW, scale=0, export_minutes="2-5")) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client


@pytest.fixture(name="shared", scope="module")
def _shared() -> Iterator[Client]:
    """A sandbox for tests that leave nothing behind but faults, which each of them clears."""
    with Sandbox(Options(now=NOW, scale=0, leads=300, activities=3000)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client
