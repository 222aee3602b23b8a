"""Users, roles and workspaces: calls not below /rest, answered in a way of their own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end import expected_assets
from tests.end_to_end.checks import calls, discovered, log_of, not_read, stopped
from tests.end_to_end.expected import metadata
from tests.harness import Account, Run, Tap, Target, account, select

FEW = ("--leads", "2", "--activities", "5", "--late-share", "0", "--users", "12")
STREAMS = ("users", "user_roles", "workspaces")
PERMISSIONS = ("Access User Management Api", "Access Users")


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


def lines(done: Run, level: str, text: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if line.startswith(level) and text in line]


def with_details(catalog: dict[str, Any]) -> dict[str, Any]:
    (users,) = (s for s in catalog["streams"] if s["tap_stream_id"] == "users")
    return select(catalog, STREAMS, users=[*users["schema"]["properties"]])


def assert_tables(marketo: Account, target: Target) -> None:
    for name in STREAMS:
        columns = target.schemas[name]["schema"]["properties"]
        truth = expected_assets.table(marketo, name, columns)
        assert truth, "a test without rows would prove nothing"
        assert target.tables[name] == truth, name


def test_a_catalog_in_which_nothing_is_marked_has_them_off(catalog: dict[str, Any]) -> None:
    off = {
        stream["tap_stream_id"]
        for stream in catalog["streams"]
        if metadata(stream)[()].get("selected-by-default") is False
    }
    assert off == {*STREAMS}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("lacking", PERMISSIONS)
@pytest.mark.parametrize("form", [[], ["--bare-errors"]])
def test_discovery_leaves_them_out_without_a_warning(
    catalog: dict[str, Any], tap: Tap, lacking: str, form: list[str]
) -> None:
    with account(*FEW, *form, "--lacks", lacking) as marketo:
        found = tap.run(marketo.config(), None, None, "--discover")
        left = {stream["tap_stream_id"] for stream in tap.discover(marketo.config())["streams"]}
        checked = tap.run(marketo.config(), None, None, "--test")
    assert found.code == 0
    # Nobody is to give the permission only because it is missing.
    assert not lines(found, "WARNING", PERMISSIONS[0])
    (line,) = lines(found, "INFO", PERMISSIONS[0])
    assert all(name in line for name in STREAMS)
    assert {s["tap_stream_id"] for s in catalog["streams"]} - left == {*STREAMS}
    assert checked.code == 0, checked.stdout
    assert "which are off by default" in " ".join(checked.stdout.split())
    assert "Grant it" not in checked.stdout


@pytest.mark.parametrize("form", [[], ["--bare-errors"]])
def test_a_sync_skips_them_and_names_both_permissions(
    catalog: dict[str, Any], tap: Tap, form: list[str]
) -> None:
    with account(*FEW, *form, "--lacks", PERMISSIONS[1]) as marketo:
        chosen = select(catalog, [*STREAMS, "channels"])
        done = tap.run(marketo.config(), chosen)
        checked = tap.run(marketo.config(), chosen, None, "--test")
        assert calls(marketo)["users"] == 1
    message = stopped(done)
    assert not_read(message) == {*STREAMS}
    assert "Access User Management Api, Access Users" in message
    assert ("error 603" in message) == (not form)
    assert ("HTTP 403" in message) == bool(form)
    assert done.records("channels")
    assert checked.code == 1
    assert "WRONG" in checked.stdout


def test_a_token_that_ends_meanwhile_is_replaced(catalog: dict[str, Any], tap: Tap) -> None:
    with account(*FEW) as marketo:
        for call in ("users", "user", "workspaces"):
            marketo.fault(call, "expire_token")
        target = Target()
        done = tap.sync(marketo.config(), with_details(catalog), target)
        assert len(lines(done, "INFO", "fetching a new one")) == 3
        assert_tables(marketo, target)
        # Who has not accepted the invitation has no details.
        pending = [row for row in target.rows("users") if row["optedIn"] is None]
        assert [row["id"] for row in pending] == [9]


def test_a_token_that_is_refused_to_them_alone_ends_no_run(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*FEW) as marketo:
        marketo.fault("user_roles", "error", None, code="601", message="Access token invalid")
        done = tap.run(marketo.config(), select(catalog, [*STREAMS, "channels"]))
        assert len(log_of(marketo, "user_roles")) == 4
    message = stopped(done)
    assert not_read(message) == {"user_roles"}
    assert "Marketo takes the same access token for other calls" in message
    assert done.records("users")
    assert done.records("channels")


def test_a_token_that_is_refused_to_all_ends_the_run(catalog: dict[str, Any], tap: Tap) -> None:
    with account(*FEW) as marketo:
        marketo.fault("user_roles", "error", None, code="601", message="Access token invalid")
        marketo.fault("usage", "error", None, code="601", message="Access token invalid", skip=1)
        done = tap.run(marketo.config(), select(catalog, ["user_roles", "channels"]))
    assert "error 601" in stopped(done, 2)
