"""Each trap of docs/dbt.md, with which all tests of dbt_marketo were green, and what it led to."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

from tests.integration.dbt_project import counts, rows_of, types_of
from tests.integration.dbt_warehouse import MAILS, OTHERS, Warehouse, moment, who_is_gone
from tests.integration.test_dbt import CONTRACT, KINDS


def test_restname_is_a_column_of_lead_without_capitals(warehouse: Warehouse) -> None:
    """Else dbt_marketo makes another name of it, and finds no change of the field."""
    columns = types_of(warehouse.last, "lead").keys()
    names = {row["restname"] for row in rows_of(warehouse.last, "lead_describe")}
    assert "lead_status" in names
    # No export has a formula field.
    assert names - columns == {"full_greeting"}
    assert {name for name in names if name != name.lower()} == set()
    told = {
        row["primary_attribute_value"]
        for row in rows_of(warehouse.last, "activity_change_data_value")
    }
    shown = {row["display_name"] for row in rows_of(warehouse.last, "lead_describe")}
    assert told
    assert told <= shown


def test_streams_that_are_not_loaded_give_empty_views(warehouse: Warehouse) -> None:
    for table, columns in CONTRACT.items():
        assert {row["column"] for row in columns} <= types_of(warehouse.empty, table).keys()
    assert set(counts(warehouse.empty).values()) == {0}
    assert counts(warehouse.empty).keys() >= {"lead", "mkto_leads", "mkto_activities"}


def test_names_in_lower_case_are_told_apart(warehouse: Warehouse) -> None:
    """target-duckdb writes firstname for firstName: a field that is not a usual one is told too."""
    columns = types_of(warehouse.last, "lead")
    assert {"first_name", "favourite_colour", "region_c", "_2nd_choice"} <= columns.keys()
    assert not {"firstname", "favouritecolour"} & columns.keys()
    held = {row["id"]: row["favourite_colour"] for row in rows_of(warehouse.last, "lead")}
    assert any(held.values())
    for row in warehouse.tables["leads"]:
        assert held[row["id"]] == row["favouriteColour"]


def test_arrays_of_leads_are_texts(warehouse: Warehouse) -> None:
    assert types_of(warehouse.last, "lead")["ecids"] in KINDS["string"]
    held = {row["id"]: row["ecids"] for row in rows_of(warehouse.last, "lead")}
    assert any(held.values())
    for row in warehouse.tables["leads"]:
        assert (held[row["id"]] and json.loads(held[row["id"]])) == row["ecids"]


def test_merge_ids_are_numbers_in_brackets(warehouse: Warehouse) -> None:
    ids = {row["merge_ids"] for row in rows_of(warehouse.last, "activity_merge_leads")}
    assert any("," in each for each in ids)
    for each in ids:
        assert re.fullmatch(r"\[\d+(,\d+)*\]", each)


def test_the_program_of_an_email_is_found_in_any_letter_case(warehouse: Warehouse) -> None:
    emails = rows_of(warehouse.last, "email_template_history")
    types = {row["folder_type"] for row in emails if row["program_id"]}
    assert types == {"Program", "program"}


def test_ids_of_emails_meet_across_the_tables_of_mails(warehouse: Warehouse) -> None:
    """dbt_marketo joins them by email, campaign, run and lead; at 0 its tests are green."""
    key = ("email_template_id", "campaign_id", "campaign_run_id", "lead_id")
    sent = {tuple(row[k] for k in key) for row in rows_of(warehouse.last, "activity_send_email")}
    for name in MAILS[1:]:
        rows = rows_of(warehouse.last, f"activity_{name}")
        met = [row for row in rows if tuple(row[k] for k in key) in sent]
        # Who unsubscribes by a form does so without a campaign; losers of merges are another lead.
        assert len(met) > len(rows) / (4 if name == "unsubscribe_email" else 2) > 0
    emails = {row["id"] for row in rows_of(warehouse.last, "email_template_history")}
    assert len({mail for mail, *_ in sent} & emails) > 5


def test_times_are_in_utc_without_a_zone(warehouse: Warehouse) -> None:
    for table, made in warehouse.last.items():
        for column, kind in made["types"].items():
            assert "with time zone" not in kind, (table, column)


def test_there_is_one_row_for_each_id(warehouse: Warehouse) -> None:
    for table in CONTRACT:
        ids = [row["id"] for row in rows_of(warehouse.last, table) if row["id"] is not None]
        assert len(ids) == len(set(ids)), table


def test_the_target_loads_on_beneath_the_views(warehouse: Warehouse) -> None:
    """dbt needs a newer DuckDB than the target: the file stays readable for the older one."""
    before = {row["activity_id"] for row in rows_of(warehouse.first, "mkto_activities")}
    after = {row["activity_id"] for row in rows_of(warehouse.last, "mkto_activities")}
    assert before < after


def test_every_type_of_activities_has_a_view(warehouse: Warehouse) -> None:
    gone = who_is_gone(warehouse)
    made = {row["view_name"] for row in rows_of(warehouse.last, "other_activities")}
    assert made == {f"activity_{name}" for name in OTHERS}
    for name in OTHERS:
        held = {row["id"]: row for row in rows_of(warehouse.last, f"activity_{name}")}
        wanted = {row["marketoGUID"]: row for row in warehouse.tables[f"activities_{name}"]}
        assert held.keys() == wanted.keys()
        for guid, row in wanted.items():
            assert gone.get(held[guid]["lead_id"], held[guid]["lead_id"]) == row["leadId"]
            assert held[guid]["activity_date"] == moment(row["activityDate"])
    custom = {row["id"]: row for row in rows_of(warehouse.last, "activity_attend_conference")}
    wanted = {row["marketoGUID"]: row for row in warehouse.tables["activities_attend_conference"]}
    types = types_of(warehouse.last, "activity_attend_conference")
    assert (types["conference_date"], types["number_of_attendees"]) in product(
        KINDS["timestamp"], KINDS["int"]
    )
    assert {row["number_of_attendees"] for row in custom.values()} == {
        row["number_of_attendees"] for row in wanted.values()
    }


def test_late_rows_are_taken(warehouse: Warehouse) -> None:
    """What is dated before the newest row of an earlier run, and shows after it, is there."""
    first = {row["activity_id"]: row for row in rows_of(warehouse.first, "mkto_activities")}
    newest = max(row["activity_date"] for row in first.values())
    late = [
        row
        for row in rows_of(warehouse.last, "mkto_activities")
        if row["activity_id"] not in first and row["activity_date"] < newest
    ]
    assert len(late) > 10


def test_rows_of_leads_that_merged_since_are_the_winners(warehouse: Warehouse) -> None:
    """All of them, and no other row has moved."""
    gone = who_is_gone(warehouse)
    last = {
        row["activity_id"]: row["current_lead_id"]
        for row in rows_of(warehouse.last, "mkto_activities")
    }
    moved = 0
    for row in rows_of(warehouse.first, "mkto_activities"):
        before, now = row["current_lead_id"], last[row["activity_id"]]
        assert now == gone.get(before, before)
        moved += now != before
    assert moved > 10


def test_leads_that_merged_count_once_where_both_got_a_mail(warehouse: Warehouse) -> None:
    got: dict[Any, dict[int, set[int]]] = {}
    for row in rows_of(warehouse.last, "mkto_email_sends"):
        mail = got.setdefault((row["program_id"], row["email_id"]), {})
        mail.setdefault(row["lead_id"], set()).add(row["sent_to"])
    both = {key for key, leads in got.items() if any(len(sent) > 1 for sent in leads.values())}
    assert both
    for row in rows_of(warehouse.last, "mkto_email_performance"):
        assert row["leads_sent"] == len(got[row["program_id"], row["email_id"]])


def test_who_left_a_list_after_a_merge_is_off_it_although_the_loser_was_on_it(
    warehouse: Warehouse,
) -> None:
    listed, winner, loser = warehouse.left
    rows = {(r["listId"], r["leadId"]): r for r in warehouse.tables["list_memberships"]}
    assert (listed, winner) not in rows
    assert who_is_gone(warehouse)[loser] == winner
    held = {(r["list_id"], r["lead_id"]) for r in rows_of(warehouse.last, "mkto_list_members")}
    assert held == rows.keys()


def test_assets_that_are_gone_are_marked(warehouse: Warehouse) -> None:
    for table, truth in (("campaign", "campaigns"), ("program", "programs")):
        there = {row["id"] for row in warehouse.truth[truth]}
        held = {row["id"]: row["_fivetran_deleted"] for row in rows_of(warehouse.last, table)}
        assert held == {number: number not in there for number in held}
        assert True in held.values()


def test_rows_of_fivetrans_old_tables_that_ours_lack_are_added(warehouse: Warehouse) -> None:
    new = {row["id"]: row for row in rows_of(warehouse.old, "activity_open_email")}
    ours = {row["id"]: row for row in rows_of(warehouse.last, "activity_open_email")}
    added = new.pop("long ago")
    assert new == ours
    assert added["activity_date"] == "2020-01-01T00:00:00"
    assert (added["lead_id"], added["device"], added["platform"]) == (7, "Phone", None)
    leads = {row["id"]: row for row in rows_of(warehouse.old, "lead")}
    assert leads.pop(7)["first_name"] == "Ada"
    assert leads == {row["id"]: row for row in rows_of(warehouse.last, "lead")}
    subjects = [
        r["subject"] for r in rows_of(warehouse.old, "email_template_history") if r["id"] == 1001
    ]
    assert "An older subject" in subjects
    assert len(subjects) == 2
