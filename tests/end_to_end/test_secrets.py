"""Credentials and tokens show nowhere, whatever goes wrong and however much is logged.

Every run of the harness is searched for them (tests/harness.py). Here all kinds of faults
happen with the log at its fullest, and the account's own answers quote the secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import (
    SMALL,
    START,
    VISITS,
    assert_all_fired,
    assert_leads,
    discovered,
    stopped,
)
from tests.harness import Account, Run, Tap, Target, account, assert_secrets_kept, run, select
from tests.sandbox.fault_kinds import FAULT_KINDS

STREAMS = ["leads", "activity_types", VISITS, "campaigns", "lists", "programs"]
Fault = dict[str, Any]


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(), STREAMS)


@pytest.fixture(scope="module")
def running() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "0.5") as marketo:
        yield marketo


@pytest.fixture
def marketo(running: Account) -> Account:
    running.heal()
    running.control("POST", "reset_counters")
    return running


def quoting(marketo: Account) -> str:
    """Return a message as a careless server words it."""
    return (
        f"GET /identity/oauth/token?client_id={marketo.client_id}&client_secret="
        f"{marketo.client_secret} of {marketo.client_id} with {marketo.client_secret!r} failed"
    )


def run_in_full_detail(
    marketo: Account, tap: Tap, catalog: dict[str, Any], state: Any = None, **settings: Any
) -> Run:
    """Run with everything logged. That no secret shows, the harness looks after."""
    config = marketo.config(start_date=START, **settings)
    done = run(tap.command(config, catalog, state), TAP_MARKETO_LOGLEVEL="DEBUG")
    # Each call is in the log, as the HTTP library tells of it.
    assert re.search(r'DEBUG .*"POST /identity/oauth/token HTTP/1.1"', done.stderr)
    tokens = marketo.control("GET", "token")["tokens"]
    assert len(tokens) > 0
    for secret in (marketo.client_id, marketo.client_secret, tokens[-1]):
        with pytest.raises(AssertionError, match="a secret shows"):
            assert_secrets_kept(config, done.stderr, f"planted: {secret}")
    return done


def codes(call: str, *codes: str) -> list[Fault]:
    return [{"call": call, "kind": "error", "code": code} for code in codes]


def statuses(call: str, *statuses: int) -> list[Fault]:
    return [{"call": call, "kind": "http", "status": status} for status in statuses]


# After all of these together a run comes to its end.
PASSING: list[Fault] = [
    *({"call": "token", "kind": kind} for kind in ("reset", "html_200", "empty_200", "no_result")),
    {"call": "usage", "kind": "timeout", "seconds": 0.2},
    {"call": "describe", "kind": "drip", "bytes_per_second": 50_000},
    {"call": "types", "kind": "half_json"},
    {"call": "types", "kind": "reset_body"},
    {"call": "campaigns", "kind": "empty_page"},
    {"call": "create", "kind": "no_export_id"},
    {"call": "create", "kind": "empty_result"},
    {"call": "any", "kind": "wrong_date", "seconds": 600},
    {"call": "enqueue", "kind": "reset", "executed": True},
    *codes("usage", "601", "602", "604"),
    *codes("types", "606", "608", "611"),
    *codes("lists", "614", "615", "713"),
    *statuses("programs", 401, 408, 429),
    *statuses("list", 500, 502, 503),
]
# These change a file as it comes.
IN_FILES: list[Fault] = [
    {"call": "file", "object": "leads", **fault}
    for fault in (
        {"kind": "close_after", "after_bytes": 10_000},
        {"kind": "bad_range", "truthful": True},
        {"kind": "cut", "after_bytes": 1_000},
        {"kind": "flip_byte"},
        {"kind": "envelope_file"},
        {"kind": "expire_token"},
        {"kind": "file_404"},
        {"kind": "close_late", "seconds": 0.0},
        {"kind": "close_after", "after_bytes": 10_000},
        {"kind": "ignore_range"},
    )
]
# Each of these ends a run.
FINAL: list[Fault] = [
    {"call": "lists", "kind": "repeat_token"},
    {"call": "token", "kind": "http", "status": 400},
    {"call": "campaigns", "kind": "http", "status": 302, "location": "http://127.0.0.1:9/"},
    {"call": "describe", "kind": "html_200"},
    {"call": "file", "kind": "flip_byte"},
    *codes("lists", "602", "603", "607", "610", "9999"),
    *codes("create", "1003", "1006"),
]


def inject(marketo: Account, fault: Fault, times: int | None = 1) -> None:
    more = {"message": quoting(marketo)} if fault["kind"] in ("error", "envelope_file") else {}
    marketo.fault(times=times, **fault, **more)


def test_every_kind_of_fault_is_tried() -> None:
    assert {fault["kind"] for fault in PASSING + IN_FILES + FINAL} == set(FAULT_KINDS)


@pytest.mark.parametrize("faults", [PASSING, IN_FILES], ids=["calls", "files"])
def test_failures_that_pass_show_no_secret(
    marketo: Account, catalog: dict[str, Any], tap: Tap, faults: list[Fault]
) -> None:
    for fault in faults:
        inject(marketo, fault)
    done = run_in_full_detail(marketo, tap, catalog)
    assert done.code == 0, done.stderr
    assert_all_fired(marketo)
    target = Target()
    target.take(done.lines)
    assert_leads(marketo, target)
    if faults is PASSING:
        # The careless messages were told, without what they quoted.
        assert done.stderr.count("client_id=***&client_secret=***") >= 6


@pytest.mark.sampled(3)
@pytest.mark.parametrize("fault", FINAL, ids=lambda fault: "-".join(map(str, fault.values())))
def test_failures_that_stay_show_no_secret(
    marketo: Account, catalog: dict[str, Any], tap: Tap, fault: Fault
) -> None:
    inject(marketo, fault, times=None)
    done = run_in_full_detail(marketo, tap, catalog)
    stopped(done, code={"607": 3, "602": 2}.get(str(fault.get("code")), 1))


def test_what_marketo_says_of_a_job_shows_no_secret(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    outcome = {"status": "Failed", "errorMsg": quoting(marketo)}
    marketo.control("POST", "next_jobs", [outcome] * 20)
    done = run_in_full_detail(marketo, tap, catalog)
    assert "client_secret=***" in stopped(done)
    marketo.control("DELETE", "next_jobs")


def test_a_secret_in_the_state_file_is_not_shown(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    state = {"bookmarks": {"leads": {"updatedAt": marketo.client_secret}}}
    config = marketo.config(start_date=START)
    done = run(tap.command(config, catalog, state), TAP_MARKETO_LOGLEVEL="DEBUG")
    assert "leads.updatedAt" in stopped(done, 2)
