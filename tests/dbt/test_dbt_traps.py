"""Each trap of docs/dbt.md, with which all tests of dbt_marketo were green, and what it led to."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import readme
from tests.dbt.dbt_project import BIN, PROJECT, Dbt, counts, need_dbt, rows_of, types_of
from tests.dbt.dbt_warehouse import (
    COMMAND,
    DROP,
    MAILS,
    OTHERS,
    Warehouse,
    moment,
    who_is_gone,
)
from tests.dbt.test_dbt import CONTRACT, KINDS
from tests.integration.target_drivers import Database, database

# A user's project with dbt_marketo in it: that looks for its sources in the database, too.
OTHER_PACKAGE = "package:marketo"
PROJECT_OF_A_USER = {
    "dbt_project.yml": """
name: marketo
profile: tap_marketo
models: {marketo: {+schema: marketo}}
""",
    "packages.yml": f"packages: [local: {json.dumps(str(PROJECT))}]",
    "models/marketo__leads.sql": """
{% set lead = adapter.get_relation(target.database, var('marketo_schema'), 'lead') %}
select {{ 'id from ' ~ lead if lead else 'null as id where false' }}
""",
}


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


class User(NamedTuple):
    """A user's project, beside a DuckDB file in which one lead has been loaded."""

    driver: Database
    dbt: Dbt
    directory: Path

    def run(self, *wanted: str, schema: str = "main") -> set[str]:
        """Run some models on what is in a schema, which must succeed; return the outcomes."""
        chosen = ("run", "--project-dir", str(self.directory), "--select", *wanted)
        schemas = {"tap_marketo_schema": schema, "marketo_schema": "analytics_fivetran"}
        return {*self.dbt.run(*chosen, **schemas).values()}


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    need_dbt()
    home, directory = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("project")
    for name, text in PROJECT_OF_A_USER.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # As `dbt deps` installs it, but for its tests, which take dbt longer to read than all else.
    for path in (PROJECT / "dbt_project.yml", *PROJECT.glob("ma*/*"), *PROJECT.glob("mo*/*/*.sql")):
        installed = directory / "dbt_packages" / "tap_marketo" / path.relative_to(PROJECT)
        installed.parent.mkdir(parents=True, exist_ok=True)
        installed.symlink_to(path)
    with database("target-duckdb", home) as driver, Dbt(driver, home) as dbt:
        driver.execute(
            "create table leads as select 7 as id;"
            "create schema marketo; create table marketo.marketo.leads as select 7 as id;"
        )
        yield User(driver, dbt, directory)


def test_one_build_for_both_packages_is_green_and_empty(user: User) -> None:
    """dbt does not know that the views come first. Two commands, as the page has them, do."""
    commands = [line for line in readme.code("Run it", "sh").splitlines() if "--select" in line]
    assert [line.partition(" #")[0].rstrip() for line in commands] == [
        COMMAND,
        "dbt build --select marketo",
    ]
    assert user.run("+fivetran_lead", OTHER_PACKAGE) == {"success"}
    assert rows_of(user.dbt.made("marketo__leads"), "marketo__leads") == []
    assert user.run(OTHER_PACKAGE) == {"success"}
    assert rows_of(user.dbt.made("marketo__leads"), "marketo__leads") == [{"id": 7}]


def test_a_duckdb_file_and_a_schema_of_one_name_are_told_apart_by_nobody(user: User) -> None:
    """The file is marketo.duckdb."""
    assert user.run("fivetran_lead_describe", schema="marketo") == {"success"}
    with pytest.raises(AssertionError, match="Ambiguous reference"):
        user.run("fivetran_lead", schema="marketo")


def test_a_file_that_dbt_makes_is_none_for_the_target(tmp_path: Path) -> None:
    need_dbt()
    with database("target-duckdb", tmp_path) as driver:
        _, _, place = driver.dbt_profile()
        made = f"import duckdb; duckdb.connect({place['MARKETO_DUCKDB']!r}).execute('select 1')"
        subprocess.run([str(BIN / "python"), "-c", made], check=True)
        with pytest.raises(subprocess.CalledProcessError):
            driver.execute("select 1")


@pytest.mark.parametrize("warehouse", ["target-postgres"], indirect=True)
def test_a_column_changes_its_type_where_no_view_stands_in_the_way(warehouse: Warehouse) -> None:
    refused, is_altered, made = warehouse.retyped
    assert "Altering columns is not supported" in refused
    assert not is_altered
    assert DROP in readme.section("Traps")
    held = {row["id"]: row["program_id"] for row in rows_of(made, "campaign")}
    assert held.pop(1) == 77
    assert held == {r["id"]: r["program_id"] for r in rows_of(warehouse.last, "campaign")}
    assert types_of(made, "campaign") == types_of(warehouse.last, "campaign")


# The traps of the page, each with its test.
TRAPS = {
    "capitals in REST names": test_restname_is_a_column_of_lead_without_capitals,
    "names in lower case": test_names_in_lower_case_are_told_apart,
    "arrays of leads": test_arrays_of_leads_are_texts,
    "`merge_ids`": test_merge_ids_are_numbers_in_brackets,
    "`folder.type` of emails": test_the_program_of_an_email_is_found_in_any_letter_case,
    "times with a zone": test_times_are_in_utc_without_a_zone,
    "one `dbt build` for both packages": test_one_build_for_both_packages_is_green_and_empty,
    "a DuckDB file and a schema of one name": (
        test_a_duckdb_file_and_a_schema_of_one_name_are_told_apart_by_nobody
    ),
    "dbt makes the DuckDB file": test_a_file_that_dbt_makes_is_none_for_the_target,
    "a column changes its type in PostgreSQL": (
        test_a_column_changes_its_type_where_no_view_stands_in_the_way
    ),
}


def test_each_trap_of_the_page_has_a_test() -> None:
    assert [row[0] for row in readme.table("Traps")] == [*TRAPS]
