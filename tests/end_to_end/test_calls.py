"""Calls that fail, are refused or are one too many, and what they carry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.end_to_end.checks import (
    MAILS,
    SMALL,
    START,
    VISITS,
    assert_activities,
    assert_all_fired,
    assert_assets,
    assert_leads,
    background,
    discovered,
    log_of,
    polls,
    release,
    stopped,
)
from tests.harness import ROOT, Account, Tap, Target, account, run, select

STREAMS = ["leads", "activity_types", VISITS, MAILS, "campaigns", "lists", "programs"]

# Every kind of call a sync makes, with the path that a message names it by.
PATHS = {
    "token": "identity/oauth/token",
    "usage": "/rest/v1/stats/usage.json",
    "describe": "/rest/v1/leads/describe.json",
    "types": "/rest/v1/activities/types.json",
    "campaigns": "/rest/v1/campaigns.json",
    "lists": "/rest/v1/lists.json",
    "programs": "/rest/asset/v1/programs.json",
    "create": "/bulk/v1/leads/export/create.json",
    "enqueue": "/enqueue.json",
    "list": "/bulk/v1/leads/export.json",
    "file": "/file.json",
}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "0.5") as marketo:
        yield marketo


@pytest.fixture
def marketo(running: Account) -> Account:
    running.heal()
    running.control("POST", "reset_counters")
    return running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def assert_everything(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS, MAILS])
    for stream in ("campaigns", "lists", "programs"):
        assert_assets(marketo, target, stream)
    assert len(target.rows("activity_types")) == len(marketo.truth("activity_types"))


def count(marketo: Account, call: str) -> int:
    """Return how often a call was made; of the bulk calls, those for leads."""
    if call == "token":
        return len(log_of(marketo, "token_post") + log_of(marketo, "token_get"))
    bulk = call in ("create", "enqueue", "list", "file")
    return len(log_of(marketo, call, "leads" if bulk else None))


# How calls are made ----------------------------------------------------------------------------


def test_credentials_and_tokens_travel_in_no_address(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    tap.sync(config_of(marketo), select(catalog, STREAMS), target)
    counters = marketo.counters()
    assert counters["calls"]["token_post"] >= 1
    assert counters["calls"]["token_get"] == 0
    assert counters["query_access_tokens"] == 0
    assert counters["calls"]["unknown"] == 0
    assert counters["max_concurrent_calls"] == 1
    assert_everything(marketo, catalog, target)


# Failures that pass ----------------------------------------------------------------------------


def errors(*codes: str) -> list[dict[str, Any]]:
    return [{"kind": "error", "code": code} for code in codes]


# One after another on the same call.
TRANSIENT: dict[str, list[dict[str, Any]]] = {
    "connections": [{"kind": "reset"}, {"kind": "reset_body"}],
    "statuses": [{"kind": "http", "status": status} for status in (500, 502, 503, 429)],
    "bodies": [{"kind": "half_json"}, {"kind": "html_200"}],
    "nothing": [{"kind": "empty_200"}, {"kind": "no_result"}],
    "codes": errors("502", "604", "608", "611"),
    "more_codes": errors("614", "713", "719"),
    "limits": errors("606", "615"),
    "tokens": [*errors("601", "602"), {"kind": "expire_token"}],
}


def fits(kind: str, code: str = "") -> list[str]:
    """Return the calls that a fault fits, of errors those at which it passes."""
    # The call for a token carries none that could have ended.
    left_out = {"token"} if kind == "expire_token" or code in ("601", "602") else set()
    if kind in ("half_json", "no_result"):
        left_out.add("file")
    return [call for call in PATHS if call not in left_out]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("faults", TRANSIENT.values(), ids=TRANSIENT)
def test_every_call_may_fail_in_ways_that_pass(
    marketo: Account, catalog: dict[str, Any], tap: Tap, faults: list[dict[str, Any]]
) -> None:
    for fault in faults:
        for call in fits(fault["kind"], fault.get("code", "")):
            marketo.fault(call, **fault)
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, STREAMS), target)
    assert_all_fired(marketo)
    assert_everything(marketo, catalog, target)
    assert done.messages[-1]["type"] == "STATE"
    assert target.state
    assert set(target.state["bookmarks"]) == set(STREAMS) - {"activity_types"}


def test_discovery_survives_failures_too(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    for call in ("token", "usage", "describe", "types", "create", "cancel"):
        marketo.fault(call, "http", status=502)
    assert tap.discover(config_of(marketo)) == catalog
    assert_all_fired(marketo)


def test_calls_carried_out_though_their_answers_are_lost_do_no_harm(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    for call in fits("reset"):
        if call != "token":
            marketo.fault(call, "reset", executed=True)
    target = Target()
    tap.sync(config_of(marketo), select(catalog, STREAMS), target)
    assert_all_fired(marketo)
    assert_everything(marketo, catalog, target)


def test_a_token_that_ends_in_the_middle_of_a_run_is_renewed(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    for end in ("expire", "revoke"):
        marketo.control("POST", "reset_counters")
        marketo.control("POST", "next_jobs", [{"stick": "Queued"}])
        with background(tap, config_of(marketo), select(catalog, ["leads"])) as run:
            run.until(lambda: len(polls(marketo)) > 0)
            before = count(marketo, "token")
            marketo.control("POST", "token", {end: True})
            release(marketo)
            done = run.finish()
        assert done.code == 0, done.stderr
        assert count(marketo, "token") > before
        assert marketo.counters()["errors"]["602" if end == "expire" else "601"] >= 1
        target.take(done.lines)
    assert_leads(marketo, target)


def test_a_token_that_ends_within_the_second_is_asked_for_until_it_is_renewed(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "token", {"revoke": True})
    # What is left of a new one. A call for it takes a quarter of a second.
    marketo.control("POST", "token", {"prolong_seconds": 0.7 - 3600})
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, ["lists"]), target)
    assert "no access_token that lives for a time" in done.stderr
    assert count(marketo, "token") > 1
    assert_assets(marketo, target, "lists")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "code": "606"},
        {"kind": "error", "code": "615"},
        {"kind": "http", "status": 429},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_limits_that_others_use_up_are_waited_for_longer_than_failures(
    marketo: Account, catalog: dict[str, Any], tap: Tap, fault: dict[str, Any]
) -> None:
    marketo.fault("lists", times=20, **fault)
    target = Target()
    tap.sync(config_of(marketo), select(catalog, ["lists"]), target)
    assert_all_fired(marketo)
    assert_assets(marketo, target, "lists")


# Hosts that cannot be reached --------------------------------------------------------------------

# Nothing listens there, nor will (discard, RFC 863); a name that never resolves (RFC 6761).
REFUSING, NOWHERE = "http://127.0.0.1:9", "https://123-abc-456.invalid"


@pytest.mark.parametrize(
    ("wrong", "call", "setting", "said"),
    [
        ({"endpoint": f"{REFUSING}/rest"}, "token", "endpoint", "refused"),
        ({"endpoint": f"{NOWHERE}/rest"}, "token", "endpoint", "resolve"),
        ({"identity": f"{REFUSING}/identity"}, "token", "identity", "refused"),
        ({"identity": f"{NOWHERE}/identity"}, "token", "identity", "resolve"),
        # The token comes from a host that is there.
        ({"endpoint": f"{REFUSING}/rest", "identity": "right"}, "usage", "endpoint", "refused"),
    ],
)
def test_a_host_that_was_never_reached_is_given_up_soon_and_its_setting_named(
    marketo: Account, tap: Tap, wrong: dict[str, Any], call: str, setting: str, said: str
) -> None:
    # The sandbox's pace is for the sandbox alone.
    config = config_of(marketo, max_calls_per_20_seconds=50, **wrong)
    if config.get("identity") == "right":
        config["identity"] = marketo.identity
    command = tap.command(config, None, None, "--discover")
    done = run(command, ROOT, no_proxy="*")
    message = stopped(done)
    for part in (PATHS[call], said, "3 times", f"Check the {setting} setting"):
        assert part in message
    assert done.stderr.count("Trying again") == 2


def test_a_host_that_is_gone_later_is_tried_as_often_as_any_failure_that_passes(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with ExitStack() as stack:
        with account(*SMALL) as marketo:
            marketo.fault("campaigns", "timeout", None, seconds=60)
            chosen = select(catalog, ["campaigns"])
            going = stack.enter_context(background(tap, config_of(marketo), chosen))
            going.until(lambda: "Calls today" in (tap.directory / "stderr").read_text())
        done = going.finish()
    message = stopped(done)
    for part in (PATHS["campaigns"], "Connection refused", "run again later"):
        assert part in message
    assert done.stderr.count("Trying again") == 7


# Failures that do not pass (more of them in test_matrix.py) ---------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        ("describe", "603", "permission"),
        ("campaigns", "603", "permission"),
        ("create", "603", "permission"),
        ("lists", "610", "deselect"),
        ("create", "1003", "error 1003"),
        ("enqueue", "1013", "error 1013"),
        ("campaigns", "9999", "error 9999"),
    ],
)
def test_a_refused_call_is_not_repeated(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, code: str, said: str
) -> None:
    marketo.fault(call, "error", None, code=code, message=f"Refused with {code}")
    message = stopped(tap.run(config_of(marketo), select(catalog, STREAMS)))
    for part in (PATHS[call], f"error {code}: Refused with {code}", said):
        assert part in message
    assert re.search(r"requestId [0-9a-f]+#[0-9a-f]+", message)
    assert count(marketo, call) == 1


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("601", 2, "client_secret"),
        ("602", 2, "client_secret"),
        ("603", 2, "IP allow-list"),
        ("607", 3, "midnight US Central"),
        ("610", 2, "endpoint"),
        # What these say of exports is nothing that a run could do without here.
        ("1006", 2, "error 1006"),
        ("1029", 2, "error 1029"),
        ("1035", 2, "error 1035"),
    ],
)
def test_an_error_in_place_of_a_token_is_named_and_stops_the_run_where_it_stays(
    marketo: Account, tap: Tap, code: str, exit_code: int, said: str
) -> None:
    told = f"Refused {marketo.client_id} with {marketo.client_secret}"
    marketo.fault("token", "error", None, code=code, message=told)
    done = tap.run(config_of(marketo), None, None, "--discover")
    message = stopped(done, exit_code)
    for part in (PATHS["token"], f"error {code}: Refused *** with ***", "requestId", said):
        assert part in message
    assert count(marketo, "token") == 1


def test_a_spent_call_quota_is_not_asked_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("types", "error", None, code="607", message="Daily quota reached")
    message = stopped(tap.run(config_of(marketo), select(catalog, STREAMS)), code=3)
    for part in (PATHS["types"], "error 607: Daily quota reached", "midnight US Central"):
        assert part in message
    assert count(marketo, "types") == 1


def reset_after(marketo: Account) -> str:
    """Return the next midnight US Central after the sandbox's now, in UTC."""
    epoch = marketo.control("GET", "clock")["epoch"]
    local = datetime.fromtimestamp(epoch, ZoneInfo("America/Chicago")) + timedelta(days=1)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_run_stops_at_max_daily_calls_and_goes_on_the_next_day(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL) as marketo:
        today = marketo.control("POST", "usage", {"foreign_calls": 29_990})["calls_today"]
        assert today == 29_990
        config = config_of(marketo, max_daily_calls="30000")
        chosen = select(catalog, STREAMS)
        target = Target()
        done = tap.run(config, chosen)
        message = stopped(done, code=3)
        target.take(done.lines)
        for part in ("30,000 calls", "30,000 that max_daily_calls allows", reset_after(marketo)):
            assert part in message
        # Of Marketo's count, not only of its own calls; not one more than allowed.
        assert 29_995 <= marketo.counters()["calls_today"] <= 30_000
        again = tap.run(config, chosen, target.state)
        assert "max_daily_calls" in stopped(again, code=3)
        assert marketo.counters()["calls_today"] <= 30_002
        marketo.advance(hours=24)
        tap.sync(config, chosen, target)
        assert_everything(marketo, catalog, target)


@pytest.mark.parametrize("key", ["client_id", "client_secret"])
def test_wrong_credentials_are_named_once_and_not_shown(
    marketo: Account, tap: Tap, key: str
) -> None:
    wrong = "a-planted-and-wrong-thing-7391"
    done = tap.run(config_of(marketo, **{key: wrong}), None, None, "--discover")
    message = stopped(done, code=2)
    for part in ("client_id", "client_secret", "LaunchPoint"):
        assert part in message
    assert done.stdout == ""
    assert wrong not in done.stderr
    assert count(marketo, "token") == 1
    assert marketo.counters()["total_calls"] == 0


@pytest.mark.parametrize("call", ["token", "campaigns", "create", "file"])
def test_a_redirect_is_not_followed(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str
) -> None:
    # To another sandbox: the token must not go there.
    with account("--leads", "1", "--activities", "1") as elsewhere:
        host = elsewhere.endpoint.removesuffix("/rest")
        location = f"{host}/identity/oauth/token" if call == "token" else f"{host}{PATHS[call]}"
        marketo.fault(call, "http", None, status=302, location=location)
        done = tap.run(config_of(marketo), select(catalog, ["leads", "campaigns"]))
        message = stopped(done)
        assert "302" in message
        assert "endpoint" in message
        assert count(marketo, call) == 1
        counters = elsewhere.counters()
        assert counters["total_calls"] == counters["calls"]["token_post"] == 0
        assert counters["calls"]["token_get"] == 0


def test_marketos_own_count_of_calls_is_read_again_during_a_long_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # Others use up the day while this run looks at its job.
    marketo.control("POST", "next_jobs", [{"stick": "Queued"}])
    target = Target()
    config = config_of(marketo, poll_interval=0.002, max_daily_calls=45_000)
    with background(tap, config, select(catalog, ["leads"])) as run:
        run.until(lambda: len(polls(marketo)) > 0)
        marketo.control("POST", "usage", {"foreign_calls": 46_000})
        done = run.finish()
    assert re.search(r"4[67],\d{3} calls", stopped(done, code=3))
    target.take(done.lines)
    assert 200 < len(log_of(marketo, "list")) < 300
    release(marketo)
    marketo.advance(hours=24)
    tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    assert_leads(marketo, target)
