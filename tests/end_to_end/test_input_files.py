"""Config, catalog and state that cannot be used: one line names the file and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness import (
    TAP,
    Account,
    Tap,
    account,
    fresh_run,
    run,
    select,
)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "100", "--activities", "1000") as running:
        yield running


def test_all_config_faults_are_named_at_once(tap: Tap) -> None:
    config = {"endpoint": "ftp://x", "start_date": "soon", "max_export_days": 99, "client_id": 5}
    done = tap.run(config, None, None, "--discover")
    assert (done.code, done.stdout) == (2, "")
    assert len(done.critical) == 1
    for key in ("endpoint", "start_date", "max_export_days", "client_id", "client_secret"):
        assert key in done.critical[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "content", "named"),
    [
        ("--config", "{", "config"),
        ("--config", "[]", "config"),
        ("--catalog", "{}", "catalog"),
        ("--catalog", '{"streams": [{"schema": 5}]}', "streams[0]"),
        ("--state", "nonsense", "state"),
        ("--state", '{"bookmarks": {"leads": {"updatedAt": "yesterday"}}}', "leads.updatedAt"),
        ("--state", '{"bookmark": {"leads": {}}}', "did you mean 'bookmarks'?"),
        ("--state", '{"leads": {"updatedAt": "2026-01-01"}, "lists": {}}', "'leads', 'lists'"),
        ("--state", '{"singer_state": {"of": {"another": "tap"}}}', "'of'"),
        ("--state", '{"bookmarks": {}}\n{"bookmarks": {}}\n', "the last line"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    marketo: Account, tap: Tap, option: str, content: str, named: str
) -> None:
    files = {
        "--config": marketo.config(),
        "--catalog": {"streams": []},
        "--state": {},
        option: content,
    }
    command = [*TAP]
    for name, value in files.items():
        command += [name, str(tap.write(f"{name[2:]}.json", value))]
    done = run(command)
    assert (done.code, done.stdout) == (2, "")
    assert len(done.critical) == 1
    assert named in done.critical[0]
    assert "Traceback" not in done.stderr


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {"type": "STATE", "value": state},
        lambda state: {"value": state},
        lambda state: {"singer_state": state},
        lambda state: {"completed": {"singer_state": state}, "partial": {}},
        lambda state: {"completed": {}, "partial": {"singer_state": state}},
    ],
)
def test_a_state_with_a_wrapper_around_it_is_resumed(
    marketo: Account, tap: Tap, wrapped: Callable[[Any], Any]
) -> None:
    chosen = select(tap.discover(marketo.config()), ["lists"])
    state = {"bookmarks": {"lists": {"updatedAt": "2026-06-01T00:00:00+00:00"}}}
    plain = tap.run(marketo.config(), chosen, state)
    done = tap.run(marketo.config(), chosen, wrapped(state))
    assert done.code == 0, done.stderr
    assert done.records("lists") == plain.records("lists")
    assert len(done.records("lists")) < len(tap.run(marketo.config(), chosen).records("lists"))
    assert set(done.messages[-1]["value"]) == {"bookmarks"}
    told = [line for line in done.stderr.split("\n") if "state.json" in line]
    assert [line.startswith("INFO ") for line in told] == [True]
    assert "state.json" not in plain.stderr


CONTACTS = {"bookmarks": {"contacts": {"updatedAt": "2026-06-01T00:00:00+00:00"}}}
LEADS = {"bookmarks": {"leads": {"updatedAt": "2026-06-01T00:00:00+00:00"}}}


@pytest.mark.parametrize("command", [[], ["--plan"]])
def test_a_state_of_another_tap_is_refused(marketo: Account, tap: Tap, command: list[str]) -> None:
    chosen = select(tap.discover(marketo.config()), ["lists"])
    done = tap.run(marketo.config(), chosen, CONTACTS, *command)
    assert (done.code, done.stdout) == (2, "")
    (line,) = done.critical
    assert "only contacts" in line
    # What one of this tap's streams stands beside is carried on.
    both = {"bookmarks": {**CONTACTS["bookmarks"], "lists": {}}}
    assert tap.run(marketo.config(), chosen, both, *command).code == 0


@pytest.mark.sampled(4)
@pytest.mark.parametrize("command", [[], ["--plan"]])
@pytest.mark.parametrize(
    ("stream", "state", "warns"),
    [
        ("lists", LEADS, True),
        ("lists", {"bookmarks": {"lists": {"updatedAt": None}, **LEADS["bookmarks"]}}, True),
        ("lists", {}, False),
        ("lists", {"bookmarks": {}, "currently_syncing": None}, False),
        ("lists", {"bookmarks": {**CONTACTS["bookmarks"], "lists": {}}}, True),
        ("lists", {"bookmarks": {**LEADS["bookmarks"], "lists": {"next_page_token": "x"}}}, False),
        # It is read in full each time, and has no bookmark ever.
        ("activity_types", LEADS, False),
    ],
)
def test_a_state_without_a_bookmark_of_what_is_selected_is_warned_of(
    marketo: Account, tap: Tap, command: list[str], stream: str, state: Any, warns: bool
) -> None:
    chosen = select(tap.discover(marketo.config()), [stream])
    done = tap.run(marketo.config(), chosen, state, *command)
    told = [line for line in done.stderr.split("\n") if "no bookmark of a selected stream" in line]
    assert [line.startswith("WARNING ") for line in told] == [True] * warns
    assert all("state.json" in line and line.endswith("start_date: lists.") for line in told)


def test_a_target_that_writes_to_the_file_that_the_tap_reads_is_named(
    marketo: Account, tap: Tap
) -> None:
    chosen = select(tap.discover(marketo.config()), ["lists"])
    command = " ".join(tap.command(marketo.config(), chosen, {}))
    state = tap.directory / "state.json"
    done = run(["bash", "-c", f"{command} > {state}"])
    assert done.code == 2
    (line,) = done.critical
    assert f"The state file {state} is empty. A target that writes to the file" in line


def test_a_missing_file_is_named(tap: Tap) -> None:
    done = fresh_run([*TAP, "--config", "/nowhere/config.json", "--discover"])
    assert done.code == 2
    assert "/nowhere/config.json" in done.critical[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        ('{"streams": []}'.encode("utf-16"), "save it as UTF-8"),
        (b'{"streams": [],}', "a comma too many"),
        (b'{"streams": [', "it may be cut off"),
        (b'{"stre', "it may be cut off"),
        (b"// mine\n{}", "JSON has no comments"),
        ("{\u201cstreams\u201d: []}".encode(), "quotes are typographic"),
        (b"{'streams': []}", 'texts stand in "'),
    ],
)
def test_a_file_that_is_no_json_is_named_with_its_fault(
    tap: Tap, content: bytes, said: str
) -> None:
    for option in ("config", "catalog"):
        command = tap.command({"endpoint": "http://127.0.0.1:1"}, {"streams": []})
        (tap.directory / f"{option}.json").write_bytes(content)
        config = {"endpoint": "http://127.0.0.1:1", "client_id": "unused-id"}
        config |= {"client_secret": "unused-secret", "start_date": "2026-01-01"}
        if option == "catalog":
            tap.write("config.json", config)
        done = run(command)
        assert done.code == 2
        (line,) = done.critical
        assert said in line
        assert "streams" not in line
