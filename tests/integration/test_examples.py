"""The example with many accounts, run by the real Dagster: two sandboxes are its subscriptions."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.checks import (
    SMALL,
    START,
    VISITS,
    assert_activities,
    assert_assets,
    assert_leads,
    discovered,
    jobs,
    release,
    span,
    wait_until,
)
from tests.harness import HANG, ROOT, Account, Run, Target, account, assert_secrets_kept, select
from tests.integration.target_drivers import TOOLS, Jsonl

EXAMPLE = ROOT / "examples" / "many_accounts"
DAGSTER = TOOLS / "dagster" / "bin"
STREAMS = ["leads", VISITS, "lists"]
# Dagster takes seconds to begin anything; meanwhile the sandbox's day must not come to its end.
OPTIONS = (*SMALL, "--scale", "300", "--export-minutes", "1")

# Dagster's name for the run in what its command says.
RUN = re.compile(r" - ([0-9a-f-]{36}) - ")

# What the daemon does when a schedule is due.
TICK = """
import sys, dagster, definitions
with dagster.DagsterInstance.get() as instance:
    with dagster.build_schedule_context(instance=instance) as context:
        due = definitions.defs.resolve_schedule_def(sys.argv[1]).evaluate_tick(context)
print(due.skip_message or [request.run_key for request in due.run_requests])
"""


class Started:
    """A sync that goes on meanwhile."""

    def __init__(self, process: subprocess.Popen[bytes], console: Path, storage: Path) -> None:
        self.process = process
        self._console = console
        self._storage = storage

    def log(self) -> str:
        """Return what the step has logged; before there is a step, what the command has said.

        When a run is stopped the last lines may be missing from what the command says.
        """
        console = self._console.read_text()
        if run := RUN.search(console):
            for captured in self._storage.glob(f"{run[1]}/compute_logs/*.err"):
                return captured.read_text()
        return console

    def until(self, word: str) -> None:
        """Wait until the log has a word."""
        wait_until(lambda: word in self.log() or self.process.poll() is not None)
        assert word in self.log(), self.log()

    def finish(self) -> Run:
        return Run(self.process.wait(HANG), "", self.log())


class Dagster:
    """A Dagster instance of its own, with the example in it."""

    def __init__(self, directory: Path, home: Path, catalog: Mapping[str, Any]) -> None:
        self._directory = directory
        self._catalog = catalog
        self._subscriptions: dict[str, Account] = {}
        self._syncs = 0
        self._home = home
        programs = [Path(sys.executable).parent, TOOLS / "target-jsonl" / "bin"]
        self._environment = {
            **os.environ,
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
            "DAGSTER_HOME": str(home),
            "MARKETO_HOME": str(directory),
            "MARKETO_RETRY_SECONDS": "0.1",
        }

    def subscribe(self, name: str, marketo: Account) -> None:
        """Set a subscription up as docs/many-accounts.md says."""
        self._subscriptions[name] = marketo
        home = self.place(name)
        home.mkdir()
        (home / "catalog.json").write_text(json.dumps(self._catalog))
        settings = {"destination_path": "rows", "do_timestamp_file": False}
        (home / "target.json").write_text(json.dumps(settings))
        for key, value in marketo.config(start_date=START).items():
            self._environment[f"MARKETO_{name.upper()}__{key.upper()}"] = str(value)

    def place(self, name: str) -> Path:
        """Return where a subscription's files are."""
        return self._directory / name

    def state(self, name: str) -> dict[str, Any]:
        """Return the state kept of a subscription."""
        state: dict[str, Any] = json.loads((self.place(name) / "state.json").read_text())
        return state

    def loaded(self, name: str) -> Target:
        """Return the tables of a subscription."""
        keys = {
            stream["tap_stream_id"]: stream["key_properties"] for stream in self._catalog["streams"]
        }
        tables = Jsonl("target-jsonl", self.place(name) / "rows").tables(keys)
        return Target(
            {
                stream: {tuple(row[key] for key in keys[stream]): row for row in rows}
                for stream, rows in tables.items()
            },
            {stream: {"schema": {"properties": rows[0]}} for stream, rows in tables.items()},
        )

    def assert_complete(self, name: str) -> None:
        """Everything is loaded."""
        marketo, target = self._subscriptions[name], self.loaded(name)
        assert_leads(marketo, target)
        assert_activities(marketo, self._catalog, target, [VISITS])
        assert_assets(marketo, target, "lists")

    @contextmanager
    def started(self, name: str) -> Iterator[Started]:
        """Start a sync; kill it at the end if it still goes on."""
        self._syncs += 1
        path = self._directory / f"sync{self._syncs}.log"
        command = [str(DAGSTER / "dagster"), "job", "execute", "-j", f"sync_{name}"]
        command += ["-f", str(EXAMPLE / "definitions.py")]
        with (
            path.open("wb") as log,
            subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            ) as process,
        ):
            try:
                yield Started(process, path, self._home / "storage")
            finally:
                process.kill()

    def sync(self, name: str) -> Run:
        """Sync a subscription once, as Dagster's daemon would."""
        with self.started(name) as sync:
            return sync.finish()

    def ask(self, *command: str) -> str:
        """Return what a program of Dagster's environment says."""
        done = subprocess.run(
            [str(DAGSTER / command[0]), *command[1:]],
            cwd=EXAMPLE,
            env=self._environment,
            capture_output=True,
            timeout=HANG,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def assert_secrets_kept(self) -> None:
        """No file holds a secret: neither Dagster's own, nor states, rows and logs."""
        files = [path for path in self._directory.rglob("*") if path.is_file()]
        texts = [path.read_bytes().decode(errors="replace") for path in files]
        for marketo in self._subscriptions.values():
            assert_secrets_kept(marketo.config(), *texts)


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(), STREAMS)


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME with an empty instance: two processes cannot make one at the same time."""
    if not (DAGSTER / "dagster").exists():
        pytest.skip("dagster is installed by `make integration`")
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(EXAMPLE / "dagster.yaml", home)
    command = [str(DAGSTER / "dagster"), "instance", "info"]
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=HANG, check=True)
    return home


@pytest.fixture
def dagster(tmp_path: Path, new_home: Path, catalog: dict[str, Any]) -> Iterator[Dagster]:
    home = shutil.copytree(new_home, tmp_path / "dagster")
    instance = Dagster(tmp_path, home, catalog)
    yield instance
    instance.assert_secrets_kept()


@pytest.fixture
def emea(dagster: Dagster) -> Iterator[Account]:
    with account(*OPTIONS) as marketo:
        dagster.subscribe("emea", marketo)
        yield marketo


@pytest.fixture
def americas(dagster: Dagster) -> Iterator[Account]:
    with account(*OPTIONS, "--seed", "2") as marketo:
        dagster.subscribe("americas", marketo)
        yield marketo


def test_the_definitions_are_valid(dagster: Dagster) -> None:
    dagster.ask("dagster", "definitions", "validate", "-f", "definitions.py")


def test_each_subscription_goes_on_from_its_own_state(
    dagster: Dagster, emea: Account, americas: Account
) -> None:
    with dagster.started("emea") as one, dagster.started("americas") as other:
        assert one.finish().code == other.finish().code == 0
    dagster.assert_complete("emea")
    dagster.assert_complete("americas")
    assert emea.truth("leads") != americas.truth("leads")
    before = dagster.state("emea"), dagster.state("americas")
    first = (dagster.place("emea") / "rows" / "leads.jsonl").read_text()
    emea.change(new_leads=3, updated_leads=4)
    emea.advance(hours=1)
    for marketo in (emea, americas):
        marketo.control("POST", "reset_counters")
    assert dagster.sync("emea").code == 0
    dagster.assert_complete("emea")
    assert len(dagster.loaded("emea").rows("leads")) > first.count("\n")
    # Only what is new was asked for, and nothing of the other subscription.
    assert jobs(emea)
    assert all(span(job)[0] > "2026-06" for job in jobs(emea))
    assert americas.counters()["total_calls"] == 0
    assert dagster.state("americas") == before[1]
    assert dagster.state("emea") != before[0]


def test_a_spent_allowance_is_not_tried_again_today_and_holds_no_other_up(
    dagster: Dagster, emea: Account, americas: Account
) -> None:
    emea.control("POST", "usage", {"foreign_bytes": 500_000_000})
    with dagster.started("emea") as spent, dagster.started("americas") as other:
        assert spent.finish().code == 1
        assert other.finish().code == 0
    dagster.assert_complete("americas")
    assert spent.log().count("STEP_START ") == 1
    assert "STEP_UP_FOR_RETRY" not in spent.log()
    failure = next(line for line in spent.log().split("\n") if "Failure: Subscription" in line)
    assert "exit code 3" in failure
    assert "The next run can continue at 2026-06-16T05:00:00Z" in failure
    # What needs no exports is loaded, and the state says so.
    assert set(dagster.state("emea")["bookmarks"]) == {"lists"}
    emea.advance(days=1)
    assert dagster.sync("emea").code == 0
    dagster.assert_complete("emea")


def test_what_no_retry_mends_is_not_tried_again(dagster: Dagster, emea: Account) -> None:
    catalog = dagster.place("emea") / "catalog.json"
    whole = catalog.read_text()
    catalog.write_text("")
    done = dagster.sync("emea")
    catalog.write_text(whole)
    assert done.code == 1
    assert done.stderr.count("STEP_START ") == 1
    assert "STEP_UP_FOR_RETRY" not in done.stderr
    assert "exit code 2" in done.stderr
    assert "catalog.json is not valid JSON: it is empty" in done.stderr


def test_a_failure_is_tried_again_from_the_state_that_it_left(
    dagster: Dagster, emea: Account
) -> None:
    emea.fault("lists", "error", code="603", message="Access denied")
    done = dagster.sync("emea")
    assert done.code == 0
    assert done.stderr.count("STEP_UP_FOR_RETRY ") == done.stderr.count("STEP_RESTARTED ") == 1
    assert "error 603: Access denied" in done.stderr
    dagster.assert_complete("emea")
    # The exports of the first attempt were not made for nothing.
    assert sum(span(job)[0] == START for job in jobs(emea, "leads")) == 1


def test_one_sync_of_a_subscription_at_a_time_and_one_that_is_stopped_leaves_its_state(
    dagster: Dagster, emea: Account
) -> None:
    emea.control("POST", "next_jobs", [{"stick": "Processing"}] * 2)
    tick = ("python", "-c", TICK, "hourly_emea")
    assert dagster.ask(*tick) == "[None]\n"
    with dagster.started("emea") as first:
        first.until("2 processing")
        with dagster.started("emea") as second:
            assert dagster.ask(*tick) == "The last sync of emea is still under way.\n"
            second.until("blocked by")
            first.process.send_signal(signal.SIGTERM)
            assert first.finish().code != 0
            assert "Stopped by SIGTERM" in first.log()
            assert sum(map(len, dagster.state("emea")["exports"].values())) == 2
            release(emea)
            assert second.finish().code == 0
    dagster.assert_complete("emea")
    # The exports that were under way when it was stopped were not created again.
    assert [span(job)[0] for job in jobs(emea)].count(START) == 2
