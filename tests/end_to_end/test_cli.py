"""The command as a user meets it: options, exit codes, stdout, stderr."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tap_marketo import __version__
from tap_marketo.times import UTC
from tests.harness import (
    HANG,
    ROOT,
    TAP,
    TIMED,
    Account,
    Tap,
    Target,
    account,
    assert_secrets_kept,
    fresh_run,
    select,
)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "100", "--activities", "1000") as running:
        yield running


def test_version() -> None:
    done = fresh_run([*TAP, "--version"])
    assert (done.code, done.stdout) == (0, f"tap-marketo {__version__}\n")


def test_help_names_every_option() -> None:
    done = fresh_run([*TAP, "--help"])
    for option in ("-c", "--config", "-s", "--state", "-d", "--discover", "--catalog", "-p",
                   "--properties", "--version"):  # fmt: skip
        assert re.search(rf"(?m)^  .*{option}\b", done.stdout), option


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_what_needs_no_run_loads_nothing_for_one(option: str) -> None:
    told = fresh_run([sys.executable, "-X", "importtime", "-m", "tap_marketo", option]).stderr
    loaded = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "argparse" in loaded
    assert not loaded & {"requests", "singer", "pendulum", "orjson", "backoff"}


def test_discovery_prints_the_catalog_and_nothing_else(marketo: Account, tap: Tap) -> None:
    marketo.control("POST", "reset_counters")
    done = tap.run(marketo.config(), None, None, "--discover")
    assert done.code == 0
    catalog = json.loads(done.stdout)
    assert catalog["streams"][0]["tap_stream_id"] == "leads"
    assert {"campaigns", "lists", "programs"} < {s["tap_stream_id"] for s in catalog["streams"]}
    # The trial export that tells whether leads can be read by updatedAt is cancelled.
    assert marketo.counters()["calls"]["cancel"]["leads"] == 1


def test_a_sync_without_a_catalog_says_what_to_do(marketo: Account, tap: Tap) -> None:
    done = tap.run(marketo.config())
    assert (done.code, done.stdout) == (2, "")
    assert len(done.critical) == 1
    assert "--discover" in done.critical[0]
    assert "--catalog" in done.critical[0]


def test_properties_is_the_old_name_of_catalog(marketo: Account, tap: Tap) -> None:
    chosen = select(tap.discover(marketo.config()), ["activity_types"])
    path = tap.write("properties.json", chosen)
    done = tap.run(marketo.config(), None, None, "-p", str(path))
    assert done.code == 0, done.stderr
    assert len(done.records("activity_types")) == len(marketo.truth("activity_types"))


def no_stream(catalog: dict[str, Any]) -> dict[str, Any]:
    return catalog


def streams_of_another_tap(catalog: dict[str, Any]) -> dict[str, Any]:
    chosen = select(catalog, ["lists"])
    for stream in chosen["streams"]:
        stream["tap_stream_id"] = f"other_{stream['tap_stream_id']}"
    return chosen


def a_type_that_is_gone(catalog: dict[str, Any]) -> dict[str, Any]:
    chosen = select(catalog, ["activities_visit_webpage"])
    for stream in chosen["streams"]:
        if stream["tap_stream_id"] == "activities_visit_webpage":
            stream["metadata"][0]["metadata"]["marketo.activity-id"] = 987
    return chosen


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (no_stream, "No stream is selected"),
        (streams_of_another_tap, "Not one of the selected streams exists"),
        (a_type_that_is_gone, "Not one of the selected streams exists"),
    ],
)
def test_where_there_is_nothing_to_read_all_commands_say_so_and_how_to_select(
    marketo: Account, tap: Tap, spoilt: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    config, chosen = marketo.config(), spoilt(tap.discover(marketo.config()))
    for command in ([], ["--plan"]):
        done = tap.run(config, chosen, None, *command)
        assert (done.code, done.stdout) == (1, "")
        (line,) = done.critical
        assert said in line
        assert "--select 'leads.*'" in line
        assert "meltano select tap-marketo" in line
    found = tap.run(config, chosen, None, "--test")
    assert found.code == 1
    assert re.search(r"(?m)^WRONG +Catalog ", found.stdout)


def test_an_unreachable_host_is_one_line(tap: Tap) -> None:
    config = {
        "endpoint": "http://127.0.0.1:9/rest",
        "client_id": "an-id",
        "client_secret": "a-very-secret-thing",
        "start_date": "2026-01-01",
        "poll_interval": 0.05,
    }
    done = tap.run(config, None, None, "--discover")
    assert done.code == 1
    assert len(done.critical) == 1
    assert "Connection refused" in done.critical[0]
    assert "a-very-secret-thing" not in done.stderr


def test_a_misspelt_setting_is_warned_of(marketo: Account, tap: Tap) -> None:
    config = marketo.config(poll_intervall=5, dbt_cloud="orchestrators add keys")
    done = tap.run(config, None, None, "--discover")
    assert done.code == 0
    assert "poll_interval" in done.stderr
    assert "dbt_cloud" not in done.stderr


def test_a_start_date_in_the_future_is_nothing_to_sync(marketo: Account, tap: Tap) -> None:
    catalog = select(tap.discover(marketo.config()))
    done = tap.run(marketo.config(start_date="2031-01-01"), catalog)
    assert done.code == 0
    assert "future" in done.stderr
    assert not any(m["type"] == "RECORD" for m in done.messages)
    found = tap.run(marketo.config(start_date="2031-01-01"), catalog, None, "--test")
    assert found.code == 1
    assert re.search(
        r"(?m)^WRONG +Start date +2031-01-01T00:00:00Z lies in the future", found.stdout
    )


def test_log_lines_carry_their_time_and_the_last_sums_the_run_up(
    marketo: Account, tap: Tap
) -> None:
    catalog = select(tap.discover(marketo.config()), ["activity_types", "campaigns"])
    began = datetime.now(UTC).replace(microsecond=0)
    done = subprocess.run(
        tap.command(marketo.config(), catalog), cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    times = [line.split(" ")[1] for line in lines]
    assert all(TIMED.match(line) for line in lines)
    assert times == sorted(times)
    assert began <= datetime.fromisoformat(times[0].replace("Z", "+00:00")) <= datetime.now(UTC)
    rows = sum(json.loads(line)["type"] == "RECORD" for line in done.stdout.split("\n") if line)
    assert re.search(
        rf"^INFO \S+ Summary: {rows:,} rows of 2 streams, 0 exports, in \d+ seconds?\. "
        r"Today: [\d,]+ of 40,000 calls, 0\.0 of 500 MB exported\. "
        r"The next run reads what is new\.$",
        lines[-1],
    )


def test_log_and_metrics_go_to_stderr_in_singers_format(marketo: Account, tap: Tap) -> None:
    catalog = select(
        tap.discover(marketo.config()), ["leads", "activities_visit_webpage", "campaigns"]
    )
    command = tap.command(marketo.config(), catalog)
    assert "http_request_duration" not in fresh_run(command).stderr
    done = fresh_run(command, TAP_MARKETO_LOGLEVEL="DEBUG")
    lines = [line for line in done.stderr.split("\n") if line]
    assert all(re.match(r"(DEBUG|INFO|WARNING|CRITICAL) ", line) for line in lines)
    points = [json.loads(line.split(": ", 1)[1]) for line in lines if " METRIC: " in line]
    counted = {p["tags"]["endpoint"]: p["value"] for p in points if p["metric"] == "record_count"}
    assert counted["leads"] == len(done.records("leads")) > 0
    assert counted["campaigns"] == len(done.records("campaigns")) > 0
    timed = {p["tags"]["endpoint"] for p in points if p["metric"] == "http_request_duration"}
    assert {"token", "usage", "leads_create", "activities_list", "leads_file"} <= timed
    jobs = [p["tags"]["job_type"] for p in points if p["metric"] == "job_duration"]
    assert set(jobs) == {"leads_export", "activities_export"}
    for step in ("queued", "processing", "ready", "MB read", "calls today"):
        assert step in done.stderr


def test_a_page_whose_reader_goes_speaks_of_no_target(marketo: Account, tap: Tap) -> None:
    command = " ".join(tap.command(marketo.config(), None, None, "--discover"))
    done = fresh_run(["bash", "-c", f"{command} | head -n 1"])
    assert done.critical == [
        "CRITICAL What reads this output closed it before the end: not all is written."
    ]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_at_once_and_the_next_goes_on(
    tap: Tap, signum: signal.Signals, code: int
) -> None:
    # Ten thousand polls are more than it has time for.
    with account("--leads", "30", "--activities", "300", "--export-minutes", "10000") as marketo:
        config = marketo.config()
        chosen = select(tap.discover(config), ["leads", "activities_visit_webpage"])
        process = subprocess.Popen(
            tap.command(config, chosen),
            cwd=ROOT,
            # Unbuffered: communicate() would not see what a buffer has read ahead.
            bufsize=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout
        lines: list[str] = []
        while len(lines) < 4:
            lines.append(process.stdout.readline().decode())
        process.send_signal(signum)
        started = time.monotonic()
        rest, log = process.communicate(timeout=HANG)
        assert time.monotonic() - started < 20
        assert process.returncode == code
        assert b"Traceback" not in log
        assert_secrets_kept(config, log.decode(), rest.decode(), *lines)
        target = Target()
        target.take(lines + [line for line in rest.decode().split("\n") if line])
        made = len(marketo.counters()["jobs"])
        assert target.state
        assert sum(map(len, target.state["exports"].values())) == made - 1
        marketo.advance(days=7)
        marketo.control("POST", "next_jobs", [{"minutes": 1}] * 20)
        tap.sync(config, chosen, target)
        windows = [
            (job["object"], json.dumps(job["filter"]))
            for job in marketo.counters()["jobs"][1:]
            if not job["cancelled_in"]
        ]
        # None is exported twice: two weeks, two weeks, a month and the rest, leads and activities.
        assert len(windows) == len(set(windows)) == 8
        assert len(target.rows("leads")) > 0


def test_a_target_that_goes_away_is_one_line(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date="2025-01-01")
    chosen = select(tap.discover(config))
    with subprocess.Popen(
        tap.command(config, chosen), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        log = process.stderr.read().decode()
        assert process.wait(HANG) == 1
    assert [line for line in log.split("\n") if line.startswith("CRITICAL")] == [
        line for line in log.split("\n") if "target closed our stdout" in line
    ]
    assert "Traceback" not in log
    assert "BrokenPipe" not in log
    assert_secrets_kept(config, log)


def test_a_closed_stdout_is_one_line(marketo: Account, tap: Tap) -> None:
    command = tap.command(marketo.config(), None, None, "--discover")
    shell = " ".join(f"'{word}'" for word in command) + " >&-"
    done = fresh_run(["sh", "-c", shell])
    assert done.code == 1
    assert "stdout" in done.critical[0]


@pytest.mark.parametrize("code", ["610", "616", "1029"])
def test_discovery_does_without_knowing_whether_leads_have_a_filter(
    marketo: Account, tap: Tap, code: str
) -> None:
    message = "Export daily quota exceeded" if code == "1029" else "Not for this subscription"
    marketo.fault("create", "error", code=code, message=message)
    done = tap.run(marketo.config(), None, None, "--discover")
    marketo.heal()
    assert done.code == 0, done.stderr
    assert "WARNING leads: the filter by updatedAt could not be tried" in done.stderr
    (leads,) = (s for s in json.loads(done.stdout)["streams"] if s["tap_stream_id"] == "leads")
    (own,) = (item["metadata"] for item in leads["metadata"] if not item["breadcrumb"])
    assert own["valid-replication-keys"] == ["updatedAt"]
