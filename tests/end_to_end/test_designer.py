"""Assets of the Email Designer: workspace by workspace, in either form of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected_assets
from tests.end_to_end.checks import assert_all_fired, calls, discovered, log_of, not_read, stopped
from tests.end_to_end.expected_assets import DESIGNER
from tests.harness import Account, Run, Tap, Target, account, select

FEW = ("--leads", "2", "--activities", "5", "--late-share", "0")
START = "2020-01-01T00:00:00Z"
FORMS: tuple[list[str], ...] = ([], ["--designer-arrays"])
NO_USERS = "Access Users"
EMAILS = "designer_emails"


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*FEW) as running:
        yield running


def lines(done: Run, level: str, text: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if line.startswith(level) and text in line]


def with_details(catalog: dict[str, Any], *streams: str) -> dict[str, Any]:
    columns = {s["tap_stream_id"]: [*s["schema"]["properties"]] for s in catalog["streams"]}
    return select(catalog, streams, **{name: columns[name] for name in streams})


def assert_table(
    marketo: Account, target: Target, name: str, since: str = "", workspaces: tuple[str, ...] = ()
) -> None:
    """The table holds every asset modified since then, of some workspaces or of all."""
    columns = target.schemas[name]["schema"]["properties"]
    truth = expected_assets.table(marketo, name, columns, since)
    if workspaces:
        truth = {k: row for k, row in truth.items() if row["appData"]["workspaceId"] in workspaces}
    assert truth, "a test without rows would prove nothing"
    assert target.tables[name] == truth, name


@pytest.mark.parametrize("form", FORMS)
def test_every_table_holds_what_marketo_holds_at_first_and_later(
    catalog: dict[str, Any], tap: Tap, form: list[str]
) -> None:
    with account(*FEW, *form, "--designer-emails", "260") as marketo:
        config, target = marketo.config(start_date=START), Target()
        chosen = with_details(catalog, *DESIGNER)
        first = tap.sync(config, chosen, target)
        for name in DESIGNER:
            assert_table(marketo, target, name)
            assert len(first.records(name)) == len(target.rows(name)), name
        assert lines(first, "INFO", "createdByAepId")
        assert not lines(first, "WARNING", "workspace")
        for _ in range(2):
            marketo.advance(hours=24)
            marketo.change(**{f"{name}_updated": 3 for name in DESIGNER})
            marketo.change(**{f"new_{name}": 2 for name in DESIGNER})
            marketo.control("POST", "reset_counters")
            later = tap.sync(config, chosen, target)
            for name in DESIGNER:
                assert_table(marketo, target, name)
                assert len(later.records(name)) <= 2 * 5
        # One for each workspace; in an array a page without a new row is the end.
        made = calls(marketo)
        assert made["workspaces"] == 1
        assert 4 <= made[EMAILS] <= (4 if not form else 6)


def test_rows_before_start_date_are_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    since = "2026-03-01T00:00:00Z"
    target = Target()
    tap.sync(marketo.config(start_date=since), select(catalog, [EMAILS]), target)
    assert_table(marketo, target, EMAILS, since)


@pytest.mark.parametrize("form", FORMS)
def test_what_changes_and_goes_while_a_list_is_read_hides_no_other_row(
    catalog: dict[str, Any], tap: Tap, form: list[str]
) -> None:
    with account(*FEW, *form, "--designer-emails", "300") as marketo:
        rows = [
            int(row["id"]) for row in marketo.truth(EMAILS) if row["appData"]["workspaceId"] == "1"
        ]
        target = Target()
        for nth, change in (
            (2, {"designer_emails_deleted": rows[:3]}),
            # Those that are modified leave the range of the scan.
            (3, {"designer_emails_updated": rows[10:50]}),
            (4, {"designer_emails_deleted": rows[90:92]}),
        ):
            request = {"call": EMAILS, "nth": nth, "change": change}
            marketo.control("POST", "before_call", request)
        config, chosen = marketo.config(start_date=START), select(catalog, [EMAILS])
        tap.sync(config, chosen, target)
        marketo.advance(hours=1)
        tap.sync(config, chosen, target)
        columns = target.schemas[EMAILS]["schema"]["properties"]
        truth = expected_assets.table(marketo, EMAILS, columns)
        held = {key: row for key, row in target.tables[EMAILS].items() if key in truth}
        assert held == truth


# Workspaces --------------------------------------------------------------------------------------


def test_the_workspaces_are_those_named_or_those_listed_or_the_first(
    catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, DESIGNER)
    with account(*FEW, "--lacks", NO_USERS) as marketo:
        target = Target()
        done = tap.sync(marketo.config(start_date=START), chosen, target)
        (line,) = lines(done, "WARNING", "workspace_ids")
        assert "only the assets of workspace 1 are read" in line
        assert_table(marketo, target, EMAILS, workspaces=("1",))
        assert calls(marketo)["workspaces"] == 1
        marketo.control("POST", "reset_counters")
        target = Target()
        config = marketo.config(start_date=START, workspace_ids=[1008])
        done = tap.sync(config, chosen, target)
        assert not lines(done, "WARNING", "workspace")
        assert_table(marketo, target, EMAILS, workspaces=("1008",))
        assert "workspaces" not in calls(marketo)


# Refusals ----------------------------------------------------------------------------------------

PERMISSIONS = ("Read-Only Asset", "Access Design Studio", "Access Email", "Access Snippet")


@pytest.mark.parametrize("form", FORMS)
def test_a_role_without_a_permission_is_refused_and_told_which(
    catalog: dict[str, Any], tap: Tap, form: list[str]
) -> None:
    with account(*FEW, *form, "--lacks", "Access Snippet") as marketo:
        done = tap.run(marketo.config(), select(catalog, [*DESIGNER, "campaigns"]))
    message = stopped(done)
    assert not_read(message) == {"designer_fragments"}
    assert "error 603: Access denied" in message
    assert "Access Design Studio, Read-Only Asset, Access Snippet" in message
    assert lines(done, "WARNING", "may not read workspace 1.")
    assert done.records(EMAILS)
    assert done.records("campaigns")


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("code", "level"), [("603", "WARNING"), ("610", "INFO"), ("616", "INFO"), ("601", "WARNING")]
)
def test_discovery_leaves_out_what_the_account_does_not_have(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str, level: str
) -> None:
    marketo.fault(EMAILS, "error", None, code=code, message="Not for you")
    found = tap.run(marketo.config(), None, None, "--discover")
    assert found.code == 0, found.stderr
    (line,) = lines(found, level, "designer_email_templates")
    assert f"error {code}: Not for you" in line
    left = {s["tap_stream_id"] for s in tap.discover(marketo.config())["streams"]}
    assert {s["tap_stream_id"] for s in catalog["streams"]} - left == {*DESIGNER}
    checked = tap.run(marketo.config(), None, None, "--test")
    assert checked.code == 0, checked.stdout
    assert "discovery leaves out designer_emails" in " ".join(checked.stdout.split())
    chosen = tap.run(marketo.config(), select(catalog, [EMAILS]), None, "--test")
    assert chosen.code == 1
    assert "WRONG   Access Design Studio" in chosen.stdout


def test_a_passing_fault_of_the_probe_leaves_them_in(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault(EMAILS, "error", None, code="1003", message="Say why", skip=1)
    assert {s["tap_stream_id"] for s in tap.discover(marketo.config())["streams"]} == {
        s["tap_stream_id"] for s in catalog["streams"]
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_token_that_is_refused_to_them_alone_is_named_as_that(
    catalog: dict[str, Any], tap: Tap, form: list[str]
) -> None:
    with account(*FEW, *form) as marketo:
        marketo.fault(EMAILS, "error", None, code="601", message="Access token invalid")
        done = tap.run(marketo.config(), select(catalog, [EMAILS, "emails"]))
        assert len(log_of(marketo, EMAILS)) == 4
    message = stopped(done)
    assert not_read(message) == {EMAILS}
    assert "error 601: Access token invalid. Marketo takes the same access token" in message
    assert "have the token in the address, which Marketo no longer takes" in message
    assert done.records("emails")


@pytest.mark.parametrize("form", FORMS)
def test_a_token_that_ends_meanwhile_is_replaced(
    catalog: dict[str, Any], tap: Tap, form: list[str]
) -> None:
    with account(*FEW, *form) as marketo:
        marketo.fault(EMAILS, "expire_token")
        marketo.fault("designer_email", "expire_token")
        target = Target()
        tap.sync(marketo.config(start_date=START), with_details(catalog, EMAILS), target)
        assert_all_fired(marketo)
        assert_table(marketo, target, EMAILS)


def test_workspaces_that_cannot_be_asked_for_now_are_not_taken_for_one(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("workspaces", "error", None, code="611", message="System error")
    target = Target()
    chosen = select(catalog, [*DESIGNER, "channels"])
    done = tap.run(marketo.config(start_date=START), chosen)
    assert not_read(stopped(done)) == {*DESIGNER}
    # The call that failed for good is made for the first of them only.
    assert len(log_of(marketo, "workspaces")) == 8
    target.take(done.lines)
    assert target.rows("channels")
    marketo.heal()
    tap.sync(marketo.config(start_date=START), chosen, target)
    for name in DESIGNER:
        assert_table(marketo, target, name)
