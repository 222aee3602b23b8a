"""The sandbox as a whole: as a process, on a running clock, the same for the same seed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import requests

from tests.harness import Tap, account
from tests.sandbox import Options, Sandbox
from tests.sandbox.client import MONTH, NOW, Client, code, rows_of
from tests.sandbox.clock import parse_time
from tests.sandbox.database import Database


def test_concurrent_calls() -> None:
    with Sandbox(Options(now=NOW, leads=1, activities=0)) as sandbox:
        client = Client(sandbox)
        drip = {"call": "usage", "kind": "drip", "bytes_per_second": 300, "times": 10}
        client.control("faults", drip)
        path = sandbox.base + "/rest/v1/stats/usage.json"
        headers = {"Authorization": str(client.http.headers["Authorization"])}
        threads = [
            threading.Thread(target=requests.get, args=(path,), kwargs={"headers": headers})
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 3
        while client.control("counters")["calls"]["usage"] < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert code(client.get("/rest/v1/stats/usage.json")) == "615"
        for thread in threads:
            thread.join()
        assert client.get("/rest/v1/stats/usage.json")["success"]
        assert client.control("counters")["max_concurrent_calls"] == 11


def test_a_running_clock_moves_jobs_along() -> None:
    with Sandbox(Options(now=NOW, scale=6000, leads=50, activities=50)) as sandbox:
        client = Client(sandbox)
        job_id = client.queued()
        seen = ["Queued"]
        while seen[-1] != "Completed":
            seen.append(client.status(job_id)["status"])
        order = ["Queued", "Processing", "Completed"]
        # A slow machine may see one status only after the next has come.
        assert seen == sorted(seen, key=order.index)


def test_same_seed_same_bytes() -> None:
    files = []
    for seed in (3, 3, 4):
        with Sandbox(Options(now=NOW, scale=0, seed=seed, lead_fields=90)) as sandbox:
            client = Client(sandbox)
            client.control("change", {"updated_leads": 20, "new_activities": 5})
            jobs = [client.queued(kind) for kind in ("leads", "activities")]
            client.advance(1800)
            names = ("leads", "activities")
            files.append([client.file(*each).content for each in zip(jobs, names, strict=True)])
    assert files[0] == files[1]
    assert files[0][0] != files[2][0]
    assert files[0][1] != files[2][1]


def test_padding_and_body_text() -> None:
    options = Options(now=NOW, scale=0, leads=20, lead_fields=120, text_bytes=50_000, crlf=True)
    with Sandbox(options) as sandbox:
        client = Client(sandbox)
        described = client.get("/rest/v1/leads/describe.json")["result"]
        usable = [f for f in described if "rest" in f and f["dataType"] != "formula"]
        assert len(usable) == 120
        everyone = {"updatedAt": MONTH}
        job_id = client.queued(fields=["id", "sandboxBody"], filter=everyone)
        client.advance(1800)
        content = client.file(job_id).content
        assert content.endswith(b"\r\n")
        assert all(len(row["sandboxBody"]) == 50_000 for row in rows_of(content.decode()))


def test_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.sandbox", "--leads", "3", "--exit-with-stdin"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        ready = json.loads(process.stdout.readline())
        assert list(ready) == [
            "endpoint",
            "identity",
            "control",
            "client_id",
            "client_secret",
            "now",
        ]
        assert requests.get(ready["control"] + "/clock", timeout=5).json()["scale"] == 1
        process.stdin.close()
        assert process.wait(timeout=5) == 0


def tables(database: Database, start: float) -> dict[str, list[dict[str, Any]]]:
    return {name: list(database.truth(name, start)) for name in database.tables()}


def test_the_data_follow_from_none_of_the_options_that_processes_share_them_in_spite_of() -> None:
    start = parse_time(NOW)
    assert start is not None
    few = Options(now=NOW, leads=20, activities=200)
    other = replace(
        few, port=1, scale=1, poll_seconds=1, call_seconds=1, lacks="Read-Only Lead",
        export_minutes="9", minutes_per_mb=1, queue_minutes="3", no_updated_at=True,
        daily_export_mb=1, daily_calls=1,
        no_rate_limits=True, crlf=True, token_bytes=900, date_offset=5, no_date=True, verbose=True,
        exit_with_stdin=True,
    )  # fmt: skip
    assert other.of_data() == few
    assert tables(Database(few, start), start) == tables(Database(other, start), start)


def test_forked_processes_share_no_change() -> None:
    with account("--leads", "3") as first:
        before = first.truth("leads")
        first.change(new_leads=1, updated_leads=3)
        with account("--leads", "3") as second:
            assert second.truth("leads") == before != first.truth("leads")


def test_by_default_the_clock_is_the_machines_own(tap: Tap) -> None:
    with Sandbox(Options(leads=1, activities=0)) as sandbox:
        config = {
            "endpoint": sandbox.endpoint,
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "start_date": "2026-01-01T00:00:00Z",
        }
        done = tap.run(config, None, None, "--test")
    assert "ok      Clock" in done.stdout
    assert "clock" not in done.stderr
