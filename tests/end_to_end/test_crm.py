"""Companies, sales persons, opportunities and roles: found by references of leads, read by keys."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected, expected_crm
from tests.end_to_end.checks import calls, discovered, jobs, log_of, not_read, span, stopped
from tests.end_to_end.crm_accounts import BEGUN, BOTH, state_of
from tests.end_to_end.expected_crm import CRM
from tests.harness import Account, Tap, Target, account, select

# All leads have changed within the time that a state leaves to be read.
SMALL = (
    *("--leads", "60", "--activities", "100", "--history-days", "25", "--late-share", "0"),
    *("--crm-objects", "--export-minutes", "0.5"),
)
FILTERS = ("--opportunity-filters", BOTH)
REFERENCES = ["id", "contactCompany", "externalCompanyId", "externalSalesPersonId"]


def begun(*streams: str) -> Target:
    return Target(state=state_of(BEGUN, *streams))


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, *FILTERS) as running:
        yield running


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*SMALL, *FILTERS)


def chosen_of(catalog: dict[str, Any], *streams: str) -> dict[str, Any]:
    return select(catalog, [*(streams or CRM)])


def tables_of(target: Target, *streams: str) -> dict[str, Any]:
    return {name: expected.table(target, name) for name in streams or CRM}


def settled(
    marketo: Account, tap: Tap, config: dict[str, Any], chosen: dict[str, Any], stream: str
) -> Target:
    """Return a target that holds all there is; no later run looks back to a changed lead."""
    target = begun(stream)
    tap.sync(config, chosen, target)
    for _ in range(2):
        marketo.advance(days=2)
        tap.sync(config, chosen, target)
    return target


# What there is -----------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("filters", ["", "externalSalesPersonId", BOTH])
@pytest.mark.parametrize("companies", ["linked", "all"])
def test_tables_hold_all_that_leads_lead_to(tap: Tap, filters: str, companies: str) -> None:
    with account(*SMALL, "--opportunity-filters", filters) as marketo:
        config = marketo.config(companies=companies)
        catalog = tap.discover(config)
        target = begun()
        tap.sync(config, chosen_of(catalog), target)
        true = expected_crm.tables(
            marketo, catalog, filters=[x for x in filters.split(",") if x], companies=companies
        )
        assert all(true.values())
        assert tables_of(target) == true
        amounts = [row["amount"] for row in true["opportunities"].values()]
        assert any(isinstance(amount, float) for amount in amounts)
        (job,) = jobs(marketo, "leads")[1:]
        assert job["fields"] == REFERENCES


@pytest.mark.sampled(2)
@pytest.mark.parametrize("stream", CRM)
def test_a_stream_alone_holds_the_same(
    marketo: Account, catalog: dict[str, Any], tap: Tap, stream: str
) -> None:
    target = begun(stream)
    tap.sync(marketo.config(), chosen_of(catalog, stream), target)
    are_read = stream in ("companies", "sales_persons")
    true = expected_crm.tables(marketo, catalog, filters=BOTH.split(","), are_read=are_read)
    assert tables_of(target, stream)[stream] == true[stream]
    asked = {name for name in calls(marketo) if name in CRM}
    # Nobody pays for what leads to nothing that is wanted.
    assert ("companies" in asked) == are_read
    assert ("sales_persons" in asked) == (stream == "sales_persons")


def test_a_first_sync_begins_with_2006_whatever_start_date_says(tap: Tap) -> None:
    # A job for each month since then.
    now = ("--now", "2008-06-15T12:00:00Z")
    with account(*SMALL, *FILTERS, "--leads", "5", *now) as marketo:
        config = marketo.config(start_date="2008-06-01T00:00:00Z")
        catalog = tap.discover(config)
        marketo.control("POST", "reset_counters")
        target = Target()
        tap.sync(config, chosen_of(catalog), target)
        assert tables_of(target) == expected_crm.tables(marketo, catalog, filters=BOTH.split(","))
        made = sorted(span(job) for job in jobs(marketo, "leads"))
        assert made[0][0] == "2006-01-01T00:00:00Z"
        assert all(one[1] == following[0] for one, following in itertools.pairwise(made))
        # Nobody asks again for what one call has brought.
        assert len(log_of(marketo, "companies")) <= 5


# What has changed --------------------------------------------------------------------------------


def test_changed_leads_lead_to_what_has_changed(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), begun()
    chosen = chosen_of(catalog)
    tap.sync(config, chosen, target)
    marketo.advance(hours=30)
    (company,) = marketo.change(new_companies=1)["new_companies"]
    (person,) = marketo.change(new_sales_persons=1)["new_sales_persons"]
    marketo.change(linked_leads=[[1001, company]], owned_leads=[[1002, person]])
    marketo.advance(hours=1)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, chosen, target)
    assert company in {row["id"] for row in done.records("companies")}
    assert person in {row["id"] for row in done.records("sales_persons")}
    assert tables_of(target) == expected_crm.tables(marketo, catalog, filters=BOTH.split(","))
    (job,) = jobs(marketo)
    assert span(job)[0] > "2026-06-14"
    # Nobody comes twice.
    for name in CRM:
        keys = [json.dumps(row) for row in done.records(name)]
        assert len(keys) == len(set(keys))


def test_a_role_that_comes_is_found_by_its_activity(tap: Tap) -> None:
    with account(*SMALL) as marketo:
        config = marketo.config()
        chosen = chosen_of(tap.discover(config), "opportunity_roles")
        target = settled(marketo, tap, config, chosen, "opportunity_roles")
        (role,) = marketo.change(new_opportunity_roles=1, late_hours=3)["new_opportunity_roles"]
        marketo.advance(hours=1)
        assert not tap.sync(config, chosen, target).records("opportunity_roles")
        # It shows late, and within the look-back.
        marketo.advance(days=1)
        done = tap.sync(config, chosen, target)
        assert role in {row["marketoGUID"] for row in done.records("opportunity_roles")}
        marketo.advance(days=2)
        assert not tap.sync(config, chosen, target).records("opportunity_roles")


@pytest.mark.parametrize("call", ["activities_page", "opportunity_roles"])
def test_a_role_that_comes_while_no_call_succeeds_is_found_later(tap: Tap, call: str) -> None:
    with account(*SMALL) as marketo:
        config = marketo.config()
        chosen = chosen_of(tap.discover(config), "opportunity_roles")
        target = settled(marketo, tap, config, chosen, "opportunity_roles")
        (role,) = marketo.change(new_opportunity_roles=1)["new_opportunity_roles"]
        marketo.advance(hours=1)
        marketo.fault(call, "error", times=None, code="1003")
        for _ in range(2):
            done = tap.run(config, chosen, target.state)
            assert not_read(stopped(done)) == {"opportunity_roles"}
            target.take(done.lines)
            # Longer than the look-back.
            marketo.advance(days=3)
        marketo.heal()
        done = tap.sync(config, chosen, target)
        assert role in {row["marketoGUID"] for row in done.records("opportunity_roles")}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("days", [30, 0])
def test_once_in_a_while_all_references_are_exported_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, days: int
) -> None:
    config = marketo.config(crm_refresh_days=days)
    chosen = chosen_of(catalog, "companies")
    target = settled(marketo, tap, config, chosen, "companies")
    marketo.change(companies_updated=40)
    marketo.advance(hours=1)
    # No lead tells of it, as long as none has changed.
    assert not tap.sync(config, chosen, target).records("companies")
    marketo.advance(days=28)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, chosen, target)
    first = min(span(job)[0] for job in jobs(marketo))
    found = {row["id"] for row in done.records("companies")}
    if days:
        assert "the references of all leads are exported once more" in done.stderr
        assert "crm_refresh_days" in done.stderr
        assert first == "2006-01-01T00:00:00Z"
        true = expected_crm.tables(marketo, catalog)["companies"]
        assert found == true.keys()
        assert tables_of(target, "companies")["companies"] == true
    else:
        assert first > "2026-06-16"
        assert not found


@pytest.mark.soak
def test_a_stopped_refresh_goes_on(marketo: Account, catalog: dict[str, Any], tap: Tap) -> None:
    config = marketo.config()
    chosen, target = chosen_of(catalog, "companies"), begun("companies")
    tap.sync(config, chosen, target)
    marketo.advance(days=31)
    marketo.fault("file", "error", times=None, skip=100, object="leads", code="607")
    done = tap.run(config, chosen, target.state)
    stopped(done, 3)
    target.take(done.lines)
    marketo.heal()
    marketo.control("POST", "reset_counters")
    again = tap.sync(config, chosen, target)
    assert "once more" not in again.stderr
    assert min(span(job)[0] for job in jobs(marketo)) > "2010"
    assert again.records("companies")


# Answers that may be one or the other ------------------------------------------------------------


def test_too_many_matches_halve_the_values(tap: Tap) -> None:
    with account(*SMALL, *FILTERS, "--most-matches", "11") as marketo:
        config = marketo.config()
        catalog = tap.discover(config)
        target = begun()
        done = tap.sync(config, chosen_of(catalog), target)
        assert tables_of(target) == expected_crm.tables(marketo, catalog, filters=BOTH.split(","))
        assert "values at once from now on" in done.stderr
        assert marketo.counters()["errors"]["1003"] < 20


def test_one_value_with_too_many_matches_fails_its_stream_alone(tap: Tap) -> None:
    options = ("--opportunities", "200", "--sales-persons", "2", "--most-matches", "41")
    with account(*SMALL, *FILTERS, *options) as marketo:
        config = marketo.config()
        target = begun()
        done = tap.run(config, chosen_of(tap.discover(config)), target.state)
        message = stopped(done)
        assert "1003: Too many results match the filter" in message
        # Roles and owners of such opportunities would be missing.
        assert not_read(message) == {"opportunities", "opportunity_roles", "sales_persons"}
        target.take(done.lines)
        assert target.rows("companies")
        assert target.state
        assert target.state["bookmarks"]["companies"]["updatedAt"] > "2026-06-15"
        assert target.state["bookmarks"]["opportunities"]["updatedAt"] == BEGUN


def test_a_value_with_a_comma_is_named_and_not_asked_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    change = {"new_companies": 1, "external_id": "Doe, Jane"}
    (company,) = marketo.change(**change)["new_companies"]
    marketo.change(linked_leads=[[1001, company]])
    target = begun()
    done = tap.sync(marketo.config(), chosen_of(catalog), target)
    assert "opportunities: the externalCompanyId 'Doe, Jane' cannot be asked for" in done.stderr
    assert company in tables_of(target)["companies"]


@pytest.mark.soak
def test_without_the_updated_at_filter_references_go_by_creation(tap: Tap) -> None:
    with account(*SMALL, *FILTERS, "--no-updated-at") as marketo:
        config = marketo.config(crm_refresh_days=0)
        catalog = tap.discover(config)
        chosen, target = chosen_of(catalog, "companies"), begun("companies")
        done = tap.sync(config, chosen, target)
        assert "cannot filter lead exports by updatedAt" in done.stderr
        assert (
            tables_of(target, "companies")["companies"]
            == expected_crm.tables(marketo, catalog)["companies"]
        )
        # When activities no longer reach back, all references are exported once more.
        marketo.advance(days=100)
        marketo.control("POST", "reset_counters")
        done = tap.sync(config, chosen, target)
        assert "Change Data Value" in done.stderr
        assert min(span(job)[0] for job in jobs(marketo)) == "2006-01-01T00:00:00Z"


@pytest.mark.parametrize("lacking", ["contactCompany", "externalCompanyId"])
def test_fields_that_the_account_lacks_are_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacking: str
) -> None:
    marketo.change(remove_lead_field=lacking)
    marketo.control("POST", "reset_counters")
    target = begun()
    done = tap.sync(marketo.config(), chosen_of(catalog), target)
    (job,) = jobs(marketo)
    assert job["fields"] == [name for name in REFERENCES if name != lacking]
    assert f"companies: leads have no field {lacking} here" in done.stderr
    assert not target.rows("companies")
    assert target.rows("opportunities")


def test_a_field_that_is_gone_is_left_out_and_one_of_the_docs_is_null(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    gone = [["opportunities", "dealNotes__c"], ["opportunities", "nextStep"]]
    marketo.change(removed_object_fields=gone)
    target = begun("opportunities")
    done = tap.sync(marketo.config(), chosen_of(catalog, "opportunities"), target)
    assert (
        "opportunities.dealNotes__c cannot be read: Marketo no longer has the field" in done.stderr
    )
    rows = target.rows("opportunities")
    assert {row["nextStep"] for row in rows} == {None}
    assert not any("dealNotes__c" in row for row in rows)


# What is not given -------------------------------------------------------------------------------


def test_the_objects_of_a_native_crm_are_left_out_for_three_calls(tap: Tap) -> None:
    with account("--leads", "5", "--activities", "5") as marketo:
        found = tap.run(marketo.config(), None, None, "--discover")
        assert found.code == 0
        names = {stream["tap_stream_id"] for stream in json.loads(found.stdout)["streams"]}
        assert names.isdisjoint(CRM)
        for name in CRM:
            assert f"{name}: left out of the catalog, the account's CRM has them" in found.stderr
        assert {name: n for name, n in calls(marketo).items() if name.startswith(CRM)} == {
            "companies_describe": 1, "sales_persons_describe": 1, "opportunities_describe": 1,
        }  # fmt: skip
        assert "could not be tried" not in found.stderr


def test_what_a_native_crm_takes_away_later_is_refused_and_the_rest_is_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("opportunities", "error", times=None, code="1018")
    target = begun()
    done = tap.run(marketo.config(), chosen_of(catalog), target.state)
    message = stopped(done)
    assert "1018" in message
    assert not_read(message) == {"opportunities"}
    target.take(done.lines)
    true = expected_crm.tables(marketo, catalog, filters=BOTH.split(","))
    assert tables_of(target, "companies")["companies"] == true["companies"]
    assert target.rows("sales_persons")
    skipped = tap.run(marketo.config(on_refused="skip"), chosen_of(catalog), target.state)
    assert skipped.code == 0


@pytest.mark.parametrize(
    ("permission", "streams"),
    [
        ("Read-Only Company", {"companies"}),
        ("Read-Only Sales Person", {"sales_persons"}),
        ("Read-Only Opportunity", {"opportunities", "opportunity_roles"}),
    ],
)
def test_a_permission_that_is_denied_leaves_out_its_streams(
    marketo: Account, catalog: dict[str, Any], tap: Tap, permission: str, streams: set[str]
) -> None:
    marketo.control("POST", "permissions", {"lacks": [permission]})
    found = tap.run(marketo.config(), None, None, "--discover")
    assert permission in found.stderr
    names = {stream["tap_stream_id"] for stream in json.loads(found.stdout)["streams"]}
    assert {*CRM} - names == streams
    done = tap.run(marketo.config(), chosen_of(catalog), state_of())
    message = stopped(done)
    assert not_read(message) == streams
    assert permission in message
