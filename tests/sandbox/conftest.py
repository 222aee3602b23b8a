"""Sandboxes for the sandbox's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.harness import account
from tests.sandbox import Options, Sandbox
from tests.sandbox.client import NOW, Client


@dataclass(frozen=True)
class Forked:
    """A sandbox in a process of its own, forked from one that has made its data."""

    base: str
    identity: str
    control: str
    client_id: str
    client_secret: str


@pytest.fixture(name="client")
def _client() -> Iterator[Client]:
    """A sandbox whose clock stands still."""
    with account("--scale", "0", "--export-minutes", "2-5") as running:
        base = running.endpoint.removesuffix("/rest")
        credentials = running.client_id, running.client_secret
        client = Client(Forked(base, running.identity, running.url, *credentials))
        client.live_long()
        yield client


@pytest.fixture(name="shared", scope="module")
def _shared() -> Iterator[Client]:
    """A sandbox for tests that leave nothing behind but faults, which each of them clears."""
    with Sandbox(Options(now=NOW, scale=0, leads=300, activities=3000)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client
