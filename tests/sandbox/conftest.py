"""Sandboxes for the sandbox's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def _forked(*options: str) -> Iterator[Client]:
    """A sandbox whose clock stands still, for a test that may change it."""
    with account("--scale", "0", *options) as running:
        base = running.endpoint.removesuffix("/rest")
        credentials = running.client_id, running.client_secret
        client = Client(Forked(base, running.identity, running.url, *credentials))
        client.live_long()
        yield client


@pytest.fixture(name="client")
def _client() -> Iterator[Client]:
    """A sandbox in which an export takes two to five minutes."""
    with _forked("--export-minutes", "2-5") as client:
        yield client


@pytest.fixture(name="timely")
def _timely() -> Iterator[Client]:
    """A sandbox in which no activity of the past is late."""
    with _forked("--late-share", "0") as client:
        yield client


@pytest.fixture(name="punctual")
def _punctual() -> Iterator[Client]:
    """A sandbox all of whose activities are written at once, with none of the past missing."""
    with _forked("--activities", "4000", "--late-share", "0") as client:
        yield client


@pytest.fixture(name="past", scope="module")
def _past() -> Iterator[Client]:
    """The same with a longer past, for tests that change nothing."""
    with _forked("--activities", "12000", "--late-share", "0") as client:
        yield client


@pytest.fixture(name="shared", scope="module")
def _shared() -> Iterator[Client]:
    """A sandbox for tests that leave nothing behind but faults, which each of them clears."""
    with Sandbox(Options(now=NOW, scale=0, leads=300, activities=3000)) as sandbox:
        client = Client(sandbox)
        client.live_long()
        yield client
