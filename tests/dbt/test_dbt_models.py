"""The models of dbt/ hold what follows from what Marketo holds."""

from __future__ import annotations

import pytest

from tests.dbt.dbt_mail_truth import performance, sends
from tests.dbt.dbt_project import rows_of
from tests.dbt.dbt_truth import Expected
from tests.dbt.dbt_warehouse import (
    CHANGES,
    OTHERS,
    WITH_VIEWS,
    Warehouse,
    moment,
    truth_of,
)
from tests.integration.target_drivers import Rows


def same_rows(held: Rows, wanted: Expected, *key: str, **kinds: str) -> None:
    """Each row that is wanted is held, with these cells, and no other row is."""
    found = {tuple(row[name] for name in key): row for row in held}
    assert len(found) == len(held)
    true = {each if isinstance(each, tuple) else (each,): row for each, row in wanted.items()}
    assert found.keys() == true.keys()
    assert wanted
    for each, row in true.items():
        for column, raw in row.items():
            value = moment(raw) if column.endswith(("_at", "_date", "_since")) else raw
            value = moment(raw) if column in ("since", "until") else value
            assert found[each][column] == (
                pytest.approx(value) if isinstance(value, float) else value
            ), (each, column)


def test_leads_and_who_is_gone(warehouse: Warehouse) -> None:
    truth = truth_of(warehouse)
    same_rows(rows_of(warehouse.last, "mkto_gone_leads"), truth.gone_leads(), "lead_id")
    current = {row["id"] for row in rows_of(warehouse.last, "mkto_leads")}
    assert current == {row["id"] for row in warehouse.truth["leads"]}
    raw = {row["id"]: row for row in rows_of(warehouse.last, "lead")}
    losers: dict[int, int] = {}
    for row in truth.gone_leads().values():
        losers[row["current_lead_id"]] = losers.get(row["current_lead_id"], 0) + 1
    for row in rows_of(warehouse.last, "mkto_leads"):
        assert row.pop("merged_leads") == losers.get(row["id"], 0)
        assert row == raw[row["id"]]
    merges = rows_of(warehouse.last, "mkto_lead_merges")
    gone = {
        row["lead_id"]: row["current_lead_id"] for row in rows_of(warehouse.last, "mkto_gone_leads")
    }
    assert {row["lead_id"] for row in merges} == {lead for lead, now in gone.items() if lead != now}
    # Of each heir of a loser, too, the end of the chain is known.
    assert all(gone.get(row["heir_id"], row["heir_id"]) == gone[row["lead_id"]] for row in merges)
    assert len({row["lead_id"] for row in merges}) < len(merges)


def test_the_timeline_has_every_activity(warehouse: Warehouse) -> None:
    truth = truth_of(warehouse)
    loaded = {
        row["activityTypeId"]
        for name in (*WITH_VIEWS, *OTHERS)
        for row in warehouse.tables[f"activities_{name}"]
    }
    same_rows(rows_of(warehouse.last, "mkto_activities"), truth.activities(loaded), "activity_id")
    kinds = {row["activity_type"] for row in rows_of(warehouse.last, "mkto_activities")}
    assert kinds == {*WITH_VIEWS, *OTHERS}


def test_members_and_their_history(warehouse: Warehouse) -> None:
    truth = truth_of(warehouse)
    members = rows_of(warehouse.last, "mkto_program_members")
    same_rows(members, truth.program_members(), "program_id", "lead_id")
    history = rows_of(warehouse.last, "mkto_program_status_history")
    same_rows(history, truth.status_history(), "status_id")
    assert {row["is_from_activity"] for row in history} == {True, False}
    assert any(row["until"] and row["status"] != "Not in Program" for row in history)


def test_funnels_and_costs(warehouse: Warehouse) -> None:
    truth = truth_of(warehouse)
    funnel = rows_of(warehouse.last, "mkto_program_funnel")
    same_rows(funnel, truth.funnel(), "program_id", "status")
    assert any(row["leads_ever"] > row["leads_now"] > 0 for row in funnel)
    there = {row["id"] for row in warehouse.truth["programs"]}
    programs = [r for r in rows_of(warehouse.last, "mkto_programs") if r["program_id"] in there]
    same_rows(programs, truth.programs(), "program_id")
    assert any(row["cost_per_success"] for row in programs)


def test_stays_on_lists(warehouse: Warehouse) -> None:
    held = rows_of(warehouse.last, "mkto_list_membership_history")
    found = [(r["list_id"], r["lead_id"], r["since"], r["until"]) for r in held]
    wanted = {
        (list_id, lead, moment(since), moment(until))
        for list_id, lead, since, until in truth_of(warehouse).stays_on_lists()
    }
    assert set(found) == wanted
    assert len(found) == len(wanted)
    assert (
        {row["is_current"] for row in held}
        == {row["is_from_activity"] for row in held}
        == {True, False}
    )


def test_what_became_of_mails(warehouse: Warehouse) -> None:
    truth = truth_of(warehouse)
    same_rows(rows_of(warehouse.last, "mkto_email_sends"), sends(truth), "send_id")
    emails = rows_of(warehouse.last, "mkto_email_performance")
    same_rows(emails, performance(truth), "program_id", "email_id")
    for name in ("sends", "opens", "clicks", "bot_opens", "bot_clicks", "leads_unsubscribed"):
        assert sum(row[name] for row in emails) > 5, name
    for name in ("leads_bounced", "leads_bounced_softly", "leads_met_by_bots"):
        assert sum(row[name] for row in emails) > 2, name
    for row in emails:
        reached = row["leads_delivered"]
        wanted = row["leads_opened"] / reached if reached else None
        assert row["open_rate"] == (wanted if wanted is None else pytest.approx(wanted))
    skipped = [row for row in rows_of(warehouse.last, "activity_send_email")
               if row["action_result"] != "succeeded"]  # fmt: skip
    assert len(skipped) > 2


def test_scores(warehouse: Warehouse) -> None:
    held = rows_of(warehouse.last, "mkto_score_history")
    same_rows(held, truth_of(warehouse).scores(), "activity_id")
    assert any(row["until"] for row in held)


def test_versions_of_emails(warehouse: Warehouse) -> None:
    """A run after an email has changed keeps how it was."""
    versions: dict[int, Rows] = {}
    for row in rows_of(warehouse.last, "mkto_email_versions"):
        versions.setdefault(row["id"], []).append(row)
    now = {row["id"]: row for row in rows_of(warehouse.last, "email_template_history")}
    before = {row["id"]: row for row in rows_of(warehouse.first, "mkto_email_versions")}
    assert versions.keys() == now.keys()
    kept = ("name", "subject", "from_name", "operational", "status", "version", "updated_at")
    for number, rows in versions.items():
        (current,) = (row for row in rows if row["dbt_valid_to"] is None)
        assert [current[name] for name in kept] == [now[number][name] for name in kept]
        older = [row for row in rows if row is not current]
        assert [[row[name] for name in kept] for row in older] in (
            [],
            [[before[number][name] for name in kept]],
        )
    assert sum(len(rows) > 1 for rows in versions.values()) == CHANGES["emails_updated"]
