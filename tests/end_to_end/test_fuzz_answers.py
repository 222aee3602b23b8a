"""Answers that anything may have happened to: right rows or one clear line, and never a hang."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_marketo.protocol.catalog import load_catalog
from tests.end_to_end import expected
from tests.end_to_end.checks import SMALL
from tests.end_to_end.forks import Forks, forks
from tests.end_to_end.replay import (
    EVERY_TYPE,
    LEADS,
    MEMBER_DESCRIBE,
    PAGED,
    STREAMS,
    VISITS,
    Replay,
    config,
    record,
    replaying,
)
from tests.end_to_end.servers import Reply
from tests.fuzzing import budget, json_bytes, spoilt
from tests.harness import Run, Tap, Target, account, assert_secrets_kept, select

FUZZ = settings(
    max_examples=budget(10),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
START = "2026-06-08T00:00:00Z"
# No run needs more, whatever is repeated.
MOST_CALLS = 600
ERRORS = ["600", "601", "602", "603", "604", "606", "607", "608", "610", "611", "614", "615", "713",
          "1003", "1006", "1013", "1029", "1035", ""]  # fmt: skip
MESSAGES = ["Access token expired", "Field 'email' not found", "Too many jobs in queue",
            "Export daily quota 500MB exceeded", "Job already queued", "", "{}\n%s"]  # fmt: skip
# How often an answer is odd.
TIMES = (1, float("inf"))
TOKEN, USAGE = "/identity/oauth/token", "/rest/v1/stats/usage.json"
DESCRIBE, TYPES = "/rest/v1/leads/describe.json", "/rest/v1/activities/types.json"
LEADS_EXPORT, ACTIVITIES_EXPORT = "/bulk/v1/leads/export", "/bulk/v1/activities/export"
CREATE, CANCEL = f"{LEADS_EXPORT}/create.json", f"{LEADS_EXPORT}/*/cancel.json"
# All calls of a sync and of a discovery.
CALLS = {
    TOKEN, USAGE, DESCRIBE, TYPES, *PAGED, CANCEL,
    "/rest/v1/customobjects.json", "/bulk/v1/program/members/export.json",
    *(f"{export}{call}" for export in (LEADS_EXPORT, ACTIVITIES_EXPORT)
      for call in ("/create.json", "/*/enqueue.json", ".json", "/*/status.json", "/*/file.json")),
}  # fmt: skip

Tables = Mapping[str, Mapping[Any, Mapping[str, Any]]]


@dataclass
class World:
    """A recorded account, the command, and what the right tables are."""

    replay: Replay
    forks: Forks
    tap: Tap
    catalog: Mapping[str, Any]
    tables: Tables

    def run(self, *more: str, catalog: Any = None) -> Run:
        """Run the command; however it ends, it ends properly."""
        settings_of_run = config(self.replay, start_date=START)
        done = self.forks.run(self.tap.command(settings_of_run, catalog, None, *more))
        assert_ended_properly(done)
        assert self.replay.calls < MOST_CALLS
        assert_secrets_kept(settings_of_run, done.stdout, done.stderr)
        token = self.replay.told.json(TOKEN)["access_token"]
        assert token not in done.stdout + done.stderr
        return done


def assert_ended_properly(done: Run) -> None:
    assert done.code in (0, 1, 3)
    assert "Traceback" not in done.stderr, done.stderr
    assert "fault of tap-marketo" not in done.stderr
    assert len(done.critical) == (0 if done.code == 0 else 1)
    for line in done.stderr.split("\n"):
        assert re.match(r"(DEBUG|INFO|WARNING|CRITICAL) |$", line), line
    assert done.stdout[-1:] in ("", "\n")


def tables_of(done: Run) -> Tables:
    target = Target()
    target.take(done.lines)
    return {name: expected.table(target, name) for name in target.tables}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tap = Tap(tmp_path_factory.mktemp("world"))
    with account(*SMALL, "--export-minutes", "0.5") as marketo:
        told = record(marketo, tap, start_date=START)
    with replaying(told) as replay, forks(tap.directory) as running:
        found = World(replay, running, tap, {}, {}).run("--discover")
        catalog = select(json.loads(found.stdout), STREAMS)
        world = World(replay, running, tap, catalog, {})
        done = world.run(catalog=catalog)
        assert done.code == 0, done.stderr
        world.tables = tables_of(done)
        assert set(world.tables) == set(STREAMS)
        recorded = {path for path in told.replies if not path.startswith("/bulk/v1/customobj")}
        assert recorded - {CANCEL.replace("leads", "activities"), MEMBER_DESCRIBE} == CALLS
        assert all(world.tables.values()), "a test without rows would prove nothing"
        yield world


def error_answers() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda code, message: {
            "requestId": "e42b#14272d07d78",
            "success": False,
            "errors": [{"code": code, "message": message}],
        },
        st.sampled_from(ERRORS),
        st.sampled_from(MESSAGES),
    )


def odd_replies(true: Reply) -> st.SearchStrategy[Reply]:
    """Return a strategy for what may come in place of a recorded answer."""
    usual: st.SearchStrategy[Any] = error_answers()
    if true.body.startswith(b"{"):
        usual |= st.just(json.loads(true.body))
    return st.builds(
        lambda body, status: Reply(
            status, body, {**true.headers, "Content-Type": "application/json"}
        ),
        usual.flatmap(spoilt).flatmap(json_bytes),
        st.sampled_from((*[200] * 12, 201, 206, 400, 401, 403, 409, 500)),
    )


def parsed_rows(reply: Reply) -> list[Any] | None:
    """Return the rows of an answer, None if it cannot be known what they are."""
    try:
        envelope = json.loads(reply.body)
        return list(envelope["result"]) if isinstance(envelope["result"], list) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def assert_rows_right(world: World, path: str, reply: Reply, table: Mapping[Any, Any]) -> None:
    """What came unharmed is in the table as it should be."""
    true_table = world.tables[PAGED[path]]
    came = parsed_rows(reply)
    for row in world.replay.told.json(path)["result"]:
        key = row["id"]
        twins = [r for r in came or [row] if isinstance(r, dict) and str(r.get("id")) == str(key)]
        if twins and all(twin == row for twin in twins):
            assert table[key] == true_table[key]
        elif len(twins) == 1 and key in table:
            # Beside a harmed member the others are as they were; what is gone is null.
            (twin,) = twins
            for column, value in table[key].items():
                if column not in twin:
                    assert value in (None, true_table[key][column])
                elif json.dumps(twin[column]) == json.dumps(row.get(column)):
                    assert value == true_table[key][column]


def assert_equal_or_said(table: Mapping[Any, Any], true: Mapping[Any, Any], log: str) -> None:
    """Every value is right, or missing, and then there is a warning or it is kept aside."""
    assert set(table) <= set(true)
    missing = set(table) != set(true)
    for key, row in table.items():
        aside = row.get("unknown_attributes")
        for column, value in row.items():
            if column == "unknown_attributes":
                # What types.json does not name is kept here, and is in no other column then.
                continue
            assert value == true[key][column] or value is None
            missing = missing or (value != true[key][column] and not aside)
    assert not missing or "WARNING" in log


@pytest.mark.parametrize("path", sorted(CALLS - {CANCEL}))
def test_a_sync_with_an_odd_answer_is_right_or_says_what_is_wrong(world: World, path: str) -> None:
    @FUZZ
    @given(odd_replies(world.replay.told.replies[path]), st.sampled_from(TIMES))
    def sync(reply: Reply, times: float) -> None:
        world.replay.spoil(path, reply, times)
        done = world.run(catalog=world.catalog)
        tables = tables_of(done)
        if done.code == 0:
            assert_tables_right(world, path, reply, tables, done.stderr)

    sync()


def assert_tables_right(world: World, path: str, reply: Reply, tables: Tables, log: str) -> None:
    for stream in STREAMS:
        if PAGED.get(path) == stream:
            assert_rows_right(world, path, reply, tables[stream])
        elif (path == DESCRIBE and stream == LEADS) or (
            path == TYPES and stream in (VISITS, EVERY_TYPE)
        ):
            assert_equal_or_said(tables.get(stream, {}), world.tables[stream], log)
        else:
            assert tables[stream] == world.tables[stream]


@pytest.mark.parametrize("path", [TOKEN, USAGE, DESCRIBE, TYPES, CREATE, CANCEL])
def test_a_discovery_with_an_odd_answer_gives_a_catalog_of_use_or_says_what_is_wrong(
    world: World, path: str
) -> None:
    @FUZZ
    @given(odd_replies(world.replay.told.replies[path]), st.sampled_from(TIMES))
    def discover(reply: Reply, times: float) -> None:
        world.replay.spoil(path, reply, times)
        done = world.run("--discover")
        if done.code != 0:
            assert done.stdout == ""
            return
        chosen = select(json.loads(done.stdout))
        names = [stream["tap_stream_id"] for stream in chosen["streams"]]
        entries = load_catalog(str(world.tap.write("discovered.json", chosen)))
        assert [entry.stream for entry in entries] == names
        # What Marketo denies is left out, with a warning that names the permission.
        assert {LEADS, *PAGED.values()} <= set(names) or "are left out" in done.stderr

    discover()
