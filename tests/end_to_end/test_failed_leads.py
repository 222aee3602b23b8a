"""Leads that Marketo never gives by their ids: found by halves, named, and asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import discovered, log_of
from tests.end_to_end.test_children import as_before, failing, marks, refuse
from tests.end_to_end.test_lead_changes import EVER, WITHOUT, told_since
from tests.harness import Account, Tap, Target, account, select

CALL = "leads_by_filter"
MANY = (*WITHOUT, "--leads", "700", "--activities", "4000")


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*WITHOUT), ["leads"])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*MANY) as running:
        yield running


def named(*leads: int) -> set[str]:
    return {f"leads ({', '.join(f'Lead/{number}' for number in leads)})"}


def assert_all_but(marketo: Account, target: Target, *failed: int) -> None:
    """The table holds all leads as Marketo has them, but for some of them."""
    truth = expected.leads(marketo)
    held = expected.table(target, "leads")
    wrong = {key for key in truth if held.get(key) != truth[key]}
    assert wrong == {*failed}


def asked(marketo: Account) -> int:
    """How many calls asked for leads by id."""
    return len(log_of(marketo, CALL))


def synced(marketo: Account, tap: Tap, catalog: Any) -> Target:
    target = Target()
    tap.sync(marketo.config(start_date=EVER), catalog, target)
    assert_all_but(marketo, target)
    marketo.advance(hours=2)
    return target


@pytest.mark.sampled(2)
@pytest.mark.parametrize("often", [1, 12], ids=["found by pages", "found by an export"])
def test_the_others_come_and_the_next_run_asks_for_those_leads_alone(
    marketo: Account, catalog: dict[str, Any], tap: Tap, often: int
) -> None:
    target = synced(marketo, tap, catalog)
    changed = {n for _ in range(often) for n in marketo.change(updated_leads=280)["updated_leads"]}
    one, other = sorted(changed)[10], sorted(changed)[200]
    refuse(marketo, CALL, str(one), code="1003")
    refuse(marketo, CALL, str(other), code="611")
    # No later run looks back as far as to that.
    marketo.advance(hours=1)
    reached = marks(target, "lead_changes")["activityDate"]
    assert failing(marketo, tap, catalog, target, start_date=EVER) == named(one) | named(other)
    assert_all_but(marketo, target, one, other)
    # Some two calls for each of nine halves; of those that 611 answers each is made eight times.
    refused = [entry["code"] for entry in log_of(marketo, CALL)]
    assert 0 < refused.count("1003") <= 10
    assert 0 < refused.count("611") <= 10 * 8
    assert refused.count(None) <= 25
    assert marks(target, "lead_changes")["failed"].keys() == {f"Lead/{one}", f"Lead/{other}"}
    assert marks(target, "lead_changes")["others"]["activityDate"] > reached

    before = target.state
    marketo.advance(hours=3)
    marketo.heal()
    refuse(marketo, CALL, str(one))
    assert failing(marketo, tap, catalog, target, start_date=EVER) == named(one)
    assert_all_but(marketo, target, one)
    # One call for both, and one for each.
    assert asked(marketo) == 3

    marketo.heal()
    marketo.control("POST", "reset_counters")
    tap.sync(marketo.config(start_date=EVER), catalog, target)
    assert_all_but(marketo, target)
    assert asked(marketo) == 1
    assert not {"failed", "others"} & marks(target, "lead_changes").keys()

    # The version before reads all that changed once more.
    old = Target(state=as_before(before))
    done = tap.sync(marketo.config(start_date=EVER), catalog, old)
    assert {row["id"] for row in done.records("leads")} >= changed


def test_after_five_in_a_row_the_stream_fails_and_the_next_run_goes_on_behind_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = synced(marketo, tap, catalog)
    bad = sorted(marketo.change(updated_leads=60)["updated_leads"])[10:16]
    refuse(marketo, CALL, *map(str, bad))
    assert "leads" in failing(marketo, tap, catalog, target, start_date=EVER)
    assert asked(marketo) < 25
    assert marks(target, "lead_changes")["failed"].keys() == {f"Lead/{n}" for n in bad[:5]}
    failing(marketo, tap, catalog, target, start_date=EVER)
    assert_all_but(marketo, target, *bad)
    marketo.heal()
    tap.sync(marketo.config(start_date=EVER), catalog, target)
    assert_all_but(marketo, target)


def test_a_first_sync_names_the_lead_that_its_export_found(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, start = Target(), "2026-06-01T00:00:00Z"
    old = {lead["id"] for lead in marketo.truth("leads") if lead["createdAt"] < start}
    bad = min(told_since(marketo, start) & old)
    refuse(marketo, CALL, str(bad))
    assert failing(marketo, tap, catalog, target, start_date=start) == named(bad)
    assert bad not in expected.table(target, "leads")
    marketo.heal()
    tap.sync(marketo.config(start_date=start), catalog, target)
    held = expected.table(target, "leads")
    assert held.keys() >= told_since(marketo, start) & expected.leads(marketo).keys()
    assert held[bad] == expected.leads(marketo)[bad]
