"""What tests of several modules share."""

from __future__ import annotations

import fcntl
import json

import pytest

from tests.dbt.dbt_warehouse import Warehouse, go_through
from tests.integration.target_drivers import DATABASES


@pytest.fixture(scope="session", params=DATABASES)
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """A warehouse that has gone through it all, once for all workers."""
    shared = tmp_path_factory.getbasetemp().parent / f"dbt-{request.param}.json"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            done = go_through(request.param, tmp_path_factory.mktemp("dbt"))
            shared.write_text(json.dumps(done), encoding="utf-8")
    return Warehouse(*json.loads(shared.read_text(encoding="utf-8")))
