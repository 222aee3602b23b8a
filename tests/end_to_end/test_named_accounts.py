"""Named accounts on chosen lists: the lists by name, their members by the id of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import SMALL, calls, log_of, not_read, stopped
from tests.end_to_end.expected_crm import ACCOUNTS, LISTS, named_tables
from tests.end_to_end.expected_crm import LISTED as MEMBERS
from tests.end_to_end.expected_crm import NAMED as STREAMS
from tests.harness import Account, Tap, Target, account, select

# The third is empty.
NAMES = ["Named List 1", "Named List 2", "Named List 3"]


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--leads", "5", "--activities", "5") as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"named_account_lists": NAMES, **settings})


def chosen_of(tap: Tap, config: dict[str, Any], *streams: str) -> dict[str, Any]:
    return select(tap.discover(config), [*(streams or STREAMS)])


def true_tables(marketo: Account) -> dict[str, Any]:
    return named_tables(marketo, NAMES)


def tables_of(target: Target) -> dict[str, Any]:
    return {name: expected.table(target, name) for name in STREAMS}


def test_tables_hold_the_lists_and_their_members_for_one_call_a_list(
    marketo: Account, tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    chosen = chosen_of(tap, config)
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    true = true_tables(marketo)
    assert all(true.values())
    assert tables_of(target) == true
    assert calls(marketo) == {
        "usage": 1, "named_account_lists": 1, "named_accounts_describe": 1,
        "named_account_list_members": len(NAMES),
    }  # fmt: skip

    # Soon after only the lists are read; a day later all is.
    done = tap.sync(config, chosen, target)
    assert done.stderr.count("read again 23 hours later") == 2
    assert done.records(LISTS)
    assert not done.records(ACCOUNTS)
    marketo.advance(days=1)
    marketo.change(named_accounts_updated=3, named_accounts_listed=[[3, [1, 2]]])
    done = tap.sync(config, chosen, target)
    assert len(done.records(MEMBERS)) == len(true_tables(marketo)[MEMBERS])
    assert tables_of(target)[ACCOUNTS] == true_tables(marketo)[ACCOUNTS]


def test_members_alone_are_asked_for_their_keys(marketo: Account, tap: Tap) -> None:
    config, target = config_of(marketo), Target()
    chosen = chosen_of(tap, config, MEMBERS)
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    assert tables_of(target)[MEMBERS] == true_tables(marketo)[MEMBERS]
    assert "named_accounts_describe" not in calls(marketo)


def test_without_the_setting_there_are_no_such_streams(marketo: Account, tap: Tap) -> None:
    chosen = chosen_of(tap, config_of(marketo))
    marketo.control("POST", "reset_counters")
    names = {stream["tap_stream_id"] for stream in tap.discover(marketo.config())["streams"]}
    assert names.isdisjoint(STREAMS)
    assert not [name for name in calls(marketo) if name.startswith("named")]
    message = stopped(tap.run(marketo.config(), chosen), 2)
    assert "named_account_lists names no list" in message


def test_a_name_that_marketo_does_not_know_is_named(marketo: Account, tap: Tap) -> None:
    config, target = config_of(marketo, named_account_lists="Named List 2, Typo List"), Target()
    done = tap.sync(config, chosen_of(tap, config), target)
    assert "Marketo gives no list 'Typo List'" in done.stderr
    assert {row["name"] for row in target.rows(LISTS)} == {"Named List 2"}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("permission", "streams"),
    [
        ("Read-Only Named Account", {ACCOUNTS, MEMBERS}),
        ("Read-Only Named Account List", set(STREAMS)),
    ],
)
def test_a_permission_that_is_denied_is_named(
    marketo: Account, tap: Tap, permission: str, streams: set[str]
) -> None:
    config = config_of(marketo)
    chosen = chosen_of(tap, config, *STREAMS, "campaigns")
    marketo.control("POST", "permissions", {"lacks": [permission]})
    done = tap.run(config, chosen)
    message = stopped(done)
    assert not_read(message) == streams
    assert permission in message
    assert done.records("campaigns")
    checked = json.loads(tap.run(config, None, None, "--test", "--format", "json").stdout)
    (told,) = (each for each in checked["permissions"] if each["name"] == permission)
    assert told["granted"] is False


def test_a_stopped_run_goes_on_at_the_list_it_had_reached(marketo: Account, tap: Tap) -> None:
    config, target = config_of(marketo), Target()
    chosen = chosen_of(tap, config)
    marketo.fault("named_account_list_members", "error", skip=2, code="607")
    done = tap.run(config, chosen)
    stopped(done, 3)
    target.take(done.lines)
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    assert tables_of(target) == true_tables(marketo)
    # The last list for both, and the first two for the members alone.
    asked = log_of(marketo, "named_account_list_members")
    assert len(asked) == len(NAMES)
