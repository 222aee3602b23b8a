"""Config, catalog and state files that anything may have happened to: usable, or one clear line."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_marketo.commands.sync import Sync
from tap_marketo.config import Config, load_config, setting_names
from tap_marketo.errors import InputError
from tap_marketo.exports.cursors import Cursor
from tap_marketo.exports.windows import Plan, plan_windows
from tap_marketo.protocol.catalog import catalog_entry, load_catalog
from tap_marketo.protocol.marks import ChildMark, ListMark, PageMark, SeenMark
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.position import Bookmark, Position
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_file import check_past, load_state
from tap_marketo.streams.account import Account
from tests.fuzzing import budget, json_bytes, spoilt

UTC = timezone.utc
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
FUZZ = settings(max_examples=budget(100, soak=8_000))

CONFIG = {
    "endpoint": "http://localhost:1/rest",
    "identity": "http://localhost:1/identity",
    "client_id": "the-id-of-the-client",
    "client_secret": "the-secret-of-the-client",
    "start_date": "2026-01-01T00:00:00Z",
    "max_daily_calls": "40000",
    "max_daily_export_mb": 500,
    "on_quota": "stop",
    "max_export_days": 30,
    "max_queued_exports": 4,
    "poll_interval": 60.5,
    "job_timeout": "10800",
    "request_timeout": 300,
    "leads_lookback_hours": 24,
    "activities_lookback_hours": 0.5,
    "max_calls_per_20_seconds": 50,
    "user_agent": "somebody/1.0",
    "of an orchestrator": {"a": [1]},
}
CATALOG = {
    "streams": [
        {
            **catalog_entry(
                "leads",
                {
                    "id": {"type": "integer"},
                    "updatedAt": {"type": "string", "format": "date-time"},
                    "email": {"type": ["string", "null"]},
                    "tags": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
                },
                ["id"],
                "updatedAt",
                {"id": "automatic", "updatedAt": "automatic", "email": "available",
                 "tags": "unsupported"},
                {"selected": True},
                {"email": {"selected": True}},
            ),
            "replication_method": "INCREMENTAL",
        },
        catalog_entry(
            "activities_visit_webpage",
            {"marketoGUID": {"type": ["null", "string"]}, "link": {"type": ["null", "string"]}},
            ["marketoGUID"],
            "activityDate",
            {"marketoGUID": "automatic", "link": "available"},
            {"selected-by-default": True, "marketo.activity-id": 1},
        ),
    ]
}  # fmt: skip
STATE = {
    "bookmarks": {
        "leads": {
            "updatedAt": "2026-06-01T00:00:00+00:00",
            "settled": "2026-05-31T00:00:00+00:00",
            "export_id": "ce45a7a1",
            "export_end": "2026-06-11T00:00:00+00:00",
        },
        "lists": {
            "updatedAt": "2026-06-01T00:00:00+00:00",
            "next_page_token": "TOKEN",
            "scan_started": "2026-06-02T00:00:00Z",
        },
        "program_members": {
            "updatedAt": "2026-06-01T00:00:00+00:00",
            "settled": "2026-05-31T00:00:00+00:00",
            "parent": "Program/1007",
            "scan_started": "2026-06-02T00:00:00+00:00",
            "refreshed": None,
        },
        "program_members_sweep": {
            "parent": None,
            "scan_started": None,
            "refreshed": "2026-06-01T00:00:00+00:00",
        },
        "list_memberships": {
            "reached": 3007,
            "scan_started": "2026-06-01T00:00:00+00:00",
            "reading": 3008,
            "next_page_token": "TOKEN",
            "read_since": "2026-06-01T00:02:00+00:00",
            "readings": {
                "3001": "2026-06-01T00:00:00+00:00",
                "3005": "2026-06-01T00:01:00+00:00",
            },
        },
        "assets_seen": {
            "listed": {"forms": "2026-06-01T00:00:00+00:00", "lists": "2026-06-01T00:00:00+00:00"},
            "shown": {"forms": 12, "lists": 0},
        },
        "lead_changes": {
            "activityDate": "2026-06-01T00:00:00+00:00",
            "settled": "2026-05-31T00:00:00+00:00",
        },
    },
    "exports": {
        "leads": [
            {
                "export_id": "1",
                "start": "2026-06-01T00:00:00+00:00",
                "end": "2026-06-04T00:00:00+00:00",
                "made": "2026-06-04T00:00:00+00:00",
                "streams": ["leads"],
                "replication_key": "updatedAt",
            }
        ],
        "program_members": [
            {
                "export_id": "2",
                "start": "2026-06-01T00:00:00+00:00",
                "end": "2026-06-02T00:00:00+00:00",
                "made": "2026-06-02T00:00:00+00:00",
                "ids": [1008, 1009],
                "streams": ["program_members"],
                "replication_key": "updatedAt",
            }
        ],
    },
    "export_bytes_per_day": {"leads": 1000},
    "currently_syncing": "leads",
    "of another tap": {"a": [1]},
}


# What may stand around a state.
WRAPPED: list[Any] = [
    STATE,
    {"type": "STATE", "value": STATE},
    {"value": STATE},
    {"singer_state": STATE},
    {"completed": {"singer_state": STATE}, "partial": {}},
    {"completed": {"singer_state": STATE}, "partial": {"singer_state": STATE}},
]


@contextmanager
def file_of(data: bytes) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "the file.json")
        with open(path, "wb") as file:
            file.write(data)
        yield path


def load_or_one_line(load: Callable[[str], Any], data: bytes, names: list[str]) -> Any:
    """Load a file; what cannot be loaded must be said in one line that names file or key."""
    with file_of(data) as path:
        try:
            return load(path)
        except InputError as error:
            message = str(error)
            assert len(message.splitlines()) == 1
            assert any(name in message for name in (path, *names)), message
            return None


@FUZZ
@given(spoilt(CONFIG, most=2).flatmap(json_bytes))
def test_a_config_file_is_usable_or_said_not_to_be(data: bytes) -> None:
    config = load_or_one_line(lambda path: load_config([path]), data, setting_names())
    if config is not None:
        use_config(config)


def use_config(config: Config) -> None:
    """Do with the settings what a run does before its first call."""
    read, write = os.pipe()
    try:
        Sync(Account(config), State(), Output(write))
        assert 0 < config.wait_scale <= 1
        for hours in (config.leads_lookback_hours, config.activities_lookback_hours):
            lookback = timedelta(hours=hours)
            for bookmark in (None, config.start_date, NOW):
                where = Cursor(bookmark, None, config.start_date, lookback)
                assert where.start(NOW) <= max(NOW, config.start_date)
                plan_windows({"leads": where}, [], NOW)
    finally:
        os.close(read)
        os.close(write)


@FUZZ
@given(spoilt(CATALOG).flatmap(json_bytes))
def test_a_catalog_file_is_usable_or_said_not_to_be(data: bytes) -> None:
    for entry in load_or_one_line(load_catalog, data, []) or []:
        assert set(entry.columns) <= set(entry.schema["properties"])
        # What SCHEMA messages carry.
        orjson.dumps([entry.stream, entry.wire_schema(["id"])])
        entry.stream_metadata("selected")
        for column in entry.columns:
            entry.column_metadata(column, "selected")


@FUZZ
@given(
    st.sampled_from(WRAPPED).flatmap(spoilt).flatmap(json_bytes),
    st.sampled_from((0, 24, 8760)).map(lambda hours: timedelta(hours=hours)),
)
def test_a_state_file_is_usable_or_said_not_to_be(data: bytes, lookback: timedelta) -> None:
    state = load_or_one_line(load_state, data, [])
    if state is not None:
        # A file with bookmarks or jobs in it is never taken for one of a first run, and what
        # stands around a state never for a key of it.
        assert state.value != {"bookmarks": {}} or b'updatedAt"' not in data
        assert state.value.keys().isdisjoint(("value", "singer_state", "completed", "partial"))
        use_state(state, lookback)


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_a_state_is_the_same_whatever_stands_around_it(wrapped: Any) -> None:
    with file_of(orjson.dumps(wrapped)) as path:
        assert load_state(path).value == State(STATE).value


def use_state(state: State, lookback: timedelta) -> None:
    """Do with a state what a run does: plan, go on from where it stands, write it."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    state.bytes_per_day()
    with contextlib.suppress(InputError):
        # Or one line that names what lies in the future.
        check_past(state, NOW)
    for family in (*state.streams_with_exports(), "leads", "activities"):
        state.pending_exports(family, {}, start)
    try:
        pending = state.pending_exports("leads", {"leads": "updatedAt"}, start)
    except InputError:
        # An export_id without its export_end is of no consequence until its stream is selected.
        return
    bookmark = state.bookmark("leads", "updatedAt")
    where = Cursor(bookmark, state.settled("leads"), start, lookback)
    adopted = [Plan(export.window, export.streams, export, export.made) for export in pending]
    plans = plan_windows({"leads": where}, adopted, NOW)
    reached = where
    for plan in plans:
        reached = reached.after(plan.window, plan.made)
    assert reached.bookmark is None or reached.bookmark >= min(NOW, bookmark or NOW)
    state.mark(PageMark, "lists")
    use_marks(state)
    orjson.dumps(state.value)
    state.apply(
        Position(
            bookmarks={"leads": Bookmark("updatedAt", reached.bookmark or NOW, reached.settled)},
            marks={"lists": PageMark()},
            exports={"leads": pending},
        )
    )
    again = State(orjson.loads(orjson.dumps(state.value)))
    assert again.bookmark("leads", "updatedAt") == state.bookmark("leads", "updatedAt")
    assert again.pending_exports("leads", {"leads": "updatedAt"}, start) == pending


def use_marks(state: State) -> None:
    """Go on from the marks of members and lists, write them, and find them again."""
    for stream in ("program_members", "program_members_sweep"):
        try:
            mark = state.mark(ChildMark, stream)
        except InputError:
            # What is no parent is of no consequence until its stream is selected.
            continue
        state.apply(Position(marks={stream: mark}))
        assert State(orjson.loads(orjson.dumps(state.value))).mark(ChildMark, stream) == mark
    again = State(orjson.loads(orjson.dumps(state.value)))
    with contextlib.suppress(InputError):
        lists = state.mark(ListMark, "list_memberships")
        assert all(isinstance(number, int) for number in lists.readings)
        again.apply(Position(marks={"list_memberships": lists}))
        assert (
            State(orjson.loads(orjson.dumps(again.value))).mark(ListMark, "list_memberships")
            == lists
        )
    seen = state.mark(SeenMark, "assets_seen")
    again.apply(Position(marks={"assets_seen": seen}))
    assert State(orjson.loads(orjson.dumps(again.value))).mark(SeenMark, "assets_seen") == seen
    for family in ("program_members", "program_members_sweep"):
        exports = state.pending_exports(family, {}, NOW)
        assert all(type(number) is int for export in exports for number in export.ids)
        again.apply(Position(exports={family: exports}))
        assert again.pending_exports(family, {}, NOW) == exports


SELECTIONS: list[tuple[Any, bool | None]] = [
    (True, True),
    (False, False),
    ("true", True),
    ("True", True),
    ("false", False),
    ("False", False),
    (1, True),
    (0, False),
    ("", None),
    ("yes", None),
    ([], None),
    ({}, None),
]


@pytest.mark.parametrize(("mark", "selected"), SELECTIONS)
def test_a_selection_in_any_spelling_means_what_it_says(mark: Any, selected: bool | None) -> None:
    catalog = orjson.loads(orjson.dumps(CATALOG))
    catalog["streams"][0]["metadata"][0]["metadata"]["selected"] = mark
    catalog["streams"][1]["metadata"][1]["metadata"] = {"inclusion": "available", "selected": mark}
    with file_of(orjson.dumps(catalog)) as path:
        if selected is None:
            with pytest.raises(InputError, match=r"streams\[0\].*selected must be true or false"):
                load_catalog(path)
            return
        entries = {entry.stream: entry for entry in load_catalog(path)}
    assert ("leads" in entries) is selected
    assert ("marketoGUID" in entries["activities_visit_webpage"].columns) is selected
