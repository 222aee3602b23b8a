"""A database that a real target loads twice, and what dbt made of it each time."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.dbt.dbt_project import Dbt, Made, need_dbt
from tests.dbt.dbt_truth import Expected, Truth
from tests.end_to_end import expected
from tests.harness import Account, Tap, account, assert_secrets_kept, select, tap_in_a_directory
from tests.integration.target_drivers import Database, Rows, database

# Few rows of all but activities, which must be enough for mails to come in every shape.
OPTIONS = (
    *("--leads", "110", "--activities", "1700", "--history-days", "60", "--late-share", "0"),
    # Deletions of the past are gone after 14 days, and nobody asks for them.
    *("--deleted-leads", "0"),
    *("--programs", "30", "--program-members", "560", "--lists", "20", "--campaigns", "40"),
    *("--list-memberships", "400", "--emails", "40", "--merged-leads", "6", "--smart-lists", "3"),
    *("--folders", "5", "--tokens", "3", "--forms", "3", "--files", "3", "--snippets", "3"),
    *("--landing-pages", "3", "--segments", "3", "--landing-page-redirect-rules", "3"),
    *("--email-templates", "3", "--landing-page-templates", "3", "--segmentations", "3"),
)
# Before everything there is.
START = "2026-03-01T00:00:00Z"
# target-duckdb writes all names in lower case, so that the exact ones stand in lead_fields alone.
NAMES = {"target-duckdb": "as_marketo", "target-postgres": "plain"}
MAILS = (
    *("send_email", "email_delivered", "email_bounced"),
    *("open_email", "click_email", "unsubscribe_email"),
)
WITH_VIEWS = (*MAILS, "change_data_value", "merge_leads", "delete_lead")
OTHERS = (
    *("email_bounced_soft", "add_to_list", "remove_from_list", "change_status_in_progression"),
    *("change_score", "new_lead", "every_data_type", "attend_conference"),
)
STREAMS = (
    *("leads", "lead_fields", "campaigns", "smart_campaigns", "programs", "emails"),
    *("activity_types", "program_members", "list_memberships", "assets_seen"),
    *(f"activities_{name}" for name in (*WITH_VIEWS, *OTHERS)),
)
CHANGES: dict[str, Any] = {
    "new_leads": 4,
    "new_activities": 150,
    "late_activities": 60,
    "new_program_members": 8,
    "program_members_changed": 20,
    "program_members_left": 6,
    "list_members_added": 8,
    "list_members_removed": 10,
    "emails_updated": 5,
    "programs_updated": 3,
    "campaigns_deleted": 2,
    "programs_deleted": 1,
}
# Sends, opens, clicks, bounces for good and soft ones, unsubscriptions: how many more, by type.
MAILED = {6: 20, 10: 30, 11: 30, 8: 6, 27: 6, 9: 8}
TRUTHS = (
    *("leads", "activities", "activity_types", "campaigns", "emails", "programs"),
    *("programs_details", "program_members", "list_memberships"),
)


SENDS = "Send Email"
# What the page says to run after each load.
COMMAND = "dbt build --select tap_marketo"
# What it says to do where views stand in the way of a load.
DROP = "drop schema analytics_fivetran cascade"


class Warehouse(NamedTuple):
    """What one warehouse went through, and what dbt made of it each time."""

    target: str
    outcomes: dict[str, str]
    """Of the models and tests of the last run."""
    empty: Made
    """When nothing was loaded."""
    first: Made
    """After a first load: the timeline."""
    last: Made
    """After an incremental load, with changes, late rows and merges in between: everything."""
    old: Made
    """With tables that Fivetran left."""
    truth: dict[str, Rows]
    """The sandbox's tables at the end."""
    tables: dict[str, Rows]
    """Each stream's rows at the end, as records would have them; deleted leads are there."""
    described: dict[str, list[str]]
    """Columns of each model that have a description."""
    sources: dict[str, dict[str, str]]
    """The columns of each source, with their descriptions."""
    left: tuple[int, int, int]
    """A list, and a winner who left it after a merge with the last, who was on it."""
    retyped: tuple[str, bool, Made]
    """How a load ended whose column has another type, whether the column could be altered beneath a
    view, and the view made when both had been done. Of PostgreSQL alone."""


def load(driver: Database, tap: Tap, marketo: Account, state: Any) -> tuple[Any, Mapping[str, Any]]:
    """Run tap and target once; return the STATE, and the catalog."""
    config = marketo.config(start_date=START, names=NAMES[driver.name], assets_sweep_days=1)
    catalog = tap.discover(config)
    (programs,) = (s for s in catalog["streams"] if s["tap_stream_id"] == "programs")
    catalog = select(catalog, STREAMS, programs=list(programs["schema"]["properties"]))
    state, log = driver.load(tap.command(config, catalog, state))
    assert_secrets_kept(config, log)
    return state, catalog


def old_tables(driver: Database) -> None:
    """Let Fivetran have left tables: with a row that ours have too, and one that they lack."""
    driver.execute(
        "create schema old;"
        "create table old.activity_open_email as select 'long ago' as id, 7 as lead_id,"
        " timestamptz '2020-01-01 02:00:00+02' as activity_date, 'Phone' as device, 1 as useless;"
        'insert into old.activity_open_email select "marketoGUID", 1,'
        " timestamptz '2020-01-01 00:00:00+00', 'stale', 1 from activities_open_email;"
        "create table old.lead as select 7 as id, 'Ada' as first_name;"
        "create table old.email_template_history as select 1001 as id,"
        " timestamptz '2020-01-01 00:00:00+00' as updated_at, 'An older subject' as subject;"
    )


def go_through(target: str, directory: Path) -> Warehouse:
    """Load and build, change and load and build again."""
    need_dbt()
    with (
        tap_in_a_directory() as tap,
        account(*OPTIONS) as marketo,
        database(target, tap.directory) as driver,
        Dbt(driver, directory) as dbt,
    ):
        # A file that dbt's DuckDB makes is too new for the target's: the target comes first.
        driver.execute("select 1")
        dbt.run("run")
        empty = dbt.made()
        leads = [row["id"] for row in marketo.truth("leads")]
        # The winner loses later, when this has been told; and what was told is not read again.
        marketo.change(merged_leads=[[leads[0], leads[1]]])
        marketo.advance(days=2)
        marketo.change(new_activities=5)
        state, catalog = load(driver, tap, marketo, None)
        before = tables_of(marketo, catalog)
        # All that a later run adds to.
        wanted = ["--select", "+mkto_activities", "+mkto_email_versions"]
        dbt.run("build", *wanted, "--exclude-resource-type", "test")
        first = dbt.made("mkto_activities", "mkto_email_versions")
        # No page says whose a membership is that two losers bring.
        pairs = [[leads[place], leads[place + 1]] for place in range(2, 12, 2)]
        # Two have got one mail. Of two others the loser is on a list, and the winner leaves it.
        mailed = two_with_one_mail(marketo, leads[40:])
        left = one_on_a_list(marketo, [lead for lead in leads[40:] if lead not in mailed])
        listed, *merged = left
        marketo.change(merged_leads=[*pairs, [leads[20], leads[0]], mailed, merged])
        # What the winners of a merge do after it counts, not what they do in its second.
        marketo.advance(hours=1)
        marketo.change(list_members_removed=[[listed, merged[0]]])
        marketo.change(**CHANGES)
        for _ in range(4):
            # One update in eleven is of a score.
            marketo.change(updated_leads=100)
        for kind, count in MAILED.items():
            marketo.change(new_activities=count, activity_type=kind)
        marketo.change(deleted_leads=[leads[2], *leads[30:34]])
        # Longer than a listing of the programs waits.
        marketo.advance(days=2)
        _, catalog = load(driver, tap, marketo, state)
        outcomes = dbt.run(*shlex.split(COMMAND)[1:])
        described = {
            node["name"]: [name for name, each in node["columns"].items() if each["description"]]
            for node in dbt.written("manifest")["nodes"].values()
            if node["resource_type"] in ("model", "snapshot") and node["description"]
        }
        sources = {
            each["name"]: {name: own["description"] for name, own in each["columns"].items()}
            for each in dbt.written("manifest")["sources"].values()
        }
        last = dbt.made()
        truth = {table: marketo.truth(table) for table in TRUTHS}
        tables = tables_of(marketo, catalog)
        for name in ("leads", "programs", "campaigns", "smart_campaigns"):
            # What is gone stays as it was last loaded.
            tables[name] = {**before[name], **tables[name]}
        old_tables(driver)
        models = [
            "fivetran_activity_open_email",
            "fivetran_lead",
            "fivetran_email_template_history",
        ]
        dbt.run("run", "--select", *models, tap_marketo_old_schema="old")
        old = dbt.made("activity_open_email", "lead", "email_template_history")
        retyped = retype(driver, dbt, directory) if target == "target-postgres" else ("", True, {})
    rows = {name: list(table.values()) for name, table in tables.items()}
    told = (described, sources, left, retyped)
    return Warehouse(target, outcomes, empty, first, last, old, truth, rows, *told)


def retype(driver: Database, dbt: Dbt, directory: Path) -> tuple[str, bool, Made]:
    """Let a number become a text: load it, alter the column, drop the views, alter and load."""
    columns = {"id": {"type": ["integer"]}, "programId": {"type": ["string", "null"]}}
    of_stream = {"stream": "campaigns", "key_properties": ["id"]}
    messages = [
        {"type": "SCHEMA", **of_stream, "schema": {"properties": columns}},
        {"type": "RECORD", **of_stream, "record": {"id": 1, "programId": "77"}},
        {"type": "STATE", "value": {"bookmarks": {}}},
    ]
    path = directory / "retyped.jsonl"
    path.write_text("".join(f"{json.dumps(message)}\n" for message in messages))
    refused, is_altered = "", True
    try:
        driver.load(["cat", str(path)])
    except AssertionError as error:
        refused = str(error)
    alter = 'alter table campaigns alter column "programId" type text'
    try:
        driver.execute(alter)
    except subprocess.CalledProcessError:
        is_altered = False
    driver.execute(f"{DROP}; {alter}")
    driver.load(["cat", str(path)])
    dbt.run("run", "--select", "fivetran_campaign")
    return refused, is_altered, dbt.made("campaign")


def two_with_one_mail(marketo: Account, leads: Sequence[int]) -> list[int]:
    """Return two of some leads that have got one mail, sent by one run of a campaign."""
    (kind,) = (each["id"] for each in marketo.truth("activity_types") if each["name"] == SENDS)
    got: dict[Any, list[int]] = {}
    for row in marketo.truth("activities"):
        if row["activityTypeId"] == kind and row["actionResult"] == "succeeded":
            run = row["attributes"].get("Campaign Run ID")
            same = got.setdefault((row["primaryAttributeValueId"], run), [])
            if row["leadId"] in leads and row["leadId"] not in same:
                same.append(row["leadId"])
            if run and len(same) > 1:
                return same
    raise AssertionError("no two leads have got one mail")


def one_on_a_list(marketo: Account, leads: Sequence[int]) -> tuple[int, int, int]:
    """Return a list, a lead that is not on it, and one that is: two of some leads."""
    members: dict[int, set[int]] = {}
    for row in marketo.truth("list_memberships"):
        members.setdefault(row["listId"], set()).add(row["leadId"])
    return next(
        (listed, winner, loser)
        for listed, on_it in members.items()
        for loser in leads
        for winner in leads
        if loser in on_it and winner not in on_it
    )


def tables_of(marketo: Account, catalog: Mapping[str, Any]) -> dict[str, Expected]:
    """Return every table as records would have it, by key."""
    found = {
        **expected.tables(marketo, catalog, START),
        **expected.deletions(marketo, catalog, START),
    }
    return {name: found[name] for name in STREAMS if name in found}


def truth_of(warehouse: Warehouse) -> Truth:
    """Return what follows from the sandbox's tables."""
    campaigns = warehouse.tables["campaigns"]
    return Truth({**warehouse.truth, "campaigns": campaigns})


def who_is_gone(warehouse: Warehouse) -> dict[int, int]:
    """Return whom each lead that is gone has become, as Marketo has it."""
    return {lead: row["current_lead_id"] for lead, row in truth_of(warehouse).gone_leads().items()}


def moment(text: str | None) -> str | None:
    """Return a time as dbt's views have it: in UTC, without a zone."""
    if text is None:
        return None
    time = datetime.fromisoformat(text.replace("Z+0000", "Z").replace("Z", "+00:00"))
    return time.replace(tzinfo=None).isoformat()
