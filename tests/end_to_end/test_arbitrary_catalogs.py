"""Catalogs as other programs and users leave them, through the whole command."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest

from tests.end_to_end import crm_accounts, expected, expected_assets, expected_linked, people
from tests.end_to_end.checks import SMALL, START, VISITS, assert_activities, assert_leads
from tests.end_to_end.crm_accounts import state_of
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.expected_assets import DESIGNER, SEEN
from tests.harness import Account, Tap, Target, account, select

# One of each kind of list: asked for by date, with details, with keys of several columns, read in
# full, and those that take a call for each parent.
LISTS = [
    "smart_lists", "folders", "tag_types", "segments", "tokens", "custom_object_types", *DESIGNER,
    "users", "user_roles", "workspaces", "custom_activity_types", "object_fields", "form_fields",
]  # fmt: skip
CARS, CAR_VISITS = people.OBJECTS
PEOPLE = [MEMBERS, MEMBERSHIPS, CARS]
HOUSES = expected_linked.HOUSES
STREAMS = ["leads", VISITS, "lists", *LISTS, *PEOPLE, SEEN, *crm_accounts.STREAMS, HOUSES]
# Before any lead changed.
BEGUN = "2026-05-05T00:00:00+00:00"
SIZES = (
    "--programs", "20", "--folders", "20", "--tokens", "40", "--smart-lists", "20",
    "--lists", "20", "--list-memberships", "100", "--program-members", "100", "--users", "12",
    "--designer-emails", "12", "--designer-email-templates", "4", "--designer-fragments", "4",
    "--linked-objects", "--custom-objects", "40", *crm_accounts.OPTIONS,
)  # fmt: skip
# Catalogs without metadata know no default of a column, and no type's number or name in Marketo.
BARE = ["leads", "lists", *LISTS, MEMBERS, MEMBERSHIPS, SEEN, *crm_accounts.STREAMS]
Catalog = dict[str, Any]
Stream = dict[str, Any]


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account(*SMALL, *SIZES, "--export-minutes", "0.5") as running:
        yield running


def assert_people(marketo: Account, catalog: Catalog, target: Target) -> None:
    """The tables of members, memberships, custom objects and assets seen are right, if any."""
    truth = people.tables(marketo, catalog, START)
    for name in target.tables.keys() & {*PEOPLE, SEEN}:
        assert truth[name], "a test without rows would prove nothing"
        assert people.table(target, name) == truth[name], name
    crm_accounts.assert_right(marketo, catalog, target)
    expected_linked.assert_right(marketo, catalog, target, START)


def config_of(marketo: Account) -> dict[str, Any]:
    return marketo.config(start_date=START, **crm_accounts.SETTINGS)


def begun() -> Target:
    state = state_of(BEGUN)
    state["bookmarks"] |= expected_linked.state_of(BEGUN, HOUSES)["bookmarks"]
    return Target(state=state)


@pytest.fixture
def catalog(marketo: Account, tap: Tap) -> Catalog:
    return tap.discover(config_of(marketo))


def stream_of(catalog: Catalog, name: str) -> Stream:
    found: Stream = next(s for s in catalog["streams"] if s["tap_stream_id"] == name)
    return found


def by_meltanos_rules(catalog: Catalog) -> Catalog:
    """Mark everything true or false, as Meltano's select rules do, with its extra metadata."""
    chosen = copy.deepcopy(catalog)
    for stream in chosen["streams"]:
        is_wanted = stream["tap_stream_id"] in STREAMS
        for item in stream["metadata"]:
            # Of a stream that is not selected the columns are marked all the same.
            item["metadata"]["selected"] = is_wanted if not item["breadcrumb"] else True
            if item["metadata"].get("inclusion") == "unsupported":
                item["metadata"]["selected"] = False
        root = next(item for item in stream["metadata"] if not item["breadcrumb"])
        root["metadata"] |= {"replication-method": "INCREMENTAL", "is-view": False}
    return chosen


def without_metadata(catalog: Catalog) -> Catalog:
    """Mark what is selected in the entries, as catalogs did before there was metadata."""
    old = copy.deepcopy(catalog)
    old["streams"] = [s for s in old["streams"] if s["tap_stream_id"] in BARE]
    for stream in old["streams"]:
        unsupported = [
            item["breadcrumb"][-1]
            for item in stream.pop("metadata")
            if item["metadata"].get("inclusion") == "unsupported"
        ]
        stream["selected"] = True
        for column in unsupported:
            del stream["schema"]["properties"][column]
    return old


def with_null_metadata(catalog: Catalog) -> Catalog:
    """Mark what is selected in the schemas."""
    old = without_metadata(catalog)
    for stream in old["streams"]:
        del stream["selected"]
        stream["schema"]["selected"] = True
        stream["metadata"] = None
    return old


def with_extra_keys(catalog: Catalog) -> Catalog:
    """Add what other programs note, some of it about columns that are not there."""
    chosen = select(catalog, STREAMS)
    chosen |= {"version": 3, "of an orchestrator": None}
    for stream in chosen["streams"]:
        stream |= {
            "stream_alias": "x", "database_name": None, "table_name": stream["stream"],
            "is_view": False, "row_count": 17, "replication_key": None,
            "replication_method": "FULL_TABLE",
        }  # fmt: skip
        stream["schema"] |= {"$schema": "http://json-schema.org/draft-07/schema#", "title": "T"}
        stream["metadata"] += [
            {"breadcrumb": ["properties", "not there"], "metadata": {"selected": True}},
            {"breadcrumb": ["properties", "a", "properties", "b"], "metadata": {"selected": True}},
            {"breadcrumb": ["definitions"], "metadata": {"selected": "perhaps"}},
        ]
        stream["metadata"].reverse()
    return chosen


def written_by_hand(catalog: Catalog) -> Catalog:
    """Keep what is needed, with tuples where Python code has them and text for truth."""
    chosen = select(catalog, STREAMS)
    chosen["streams"] = [s for s in chosen["streams"] if s["tap_stream_id"] in STREAMS]
    for stream in chosen["streams"]:
        for key in ("stream", "key_properties"):
            del stream[key]
        for item in stream["metadata"]:
            item["breadcrumb"] = tuple(item["breadcrumb"])
            item["metadata"].pop("table-key-properties", None)
            item["metadata"].pop("forced-replication-method", None)
            if "selected" in item["metadata"]:
                item["metadata"]["selected"] = str(item["metadata"]["selected"])
    return chosen


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "made",
    [by_meltanos_rules, without_metadata, with_null_metadata, with_extra_keys, written_by_hand],
)
def test_a_catalog_of_any_hand_selects_what_it_says(
    marketo: Account, catalog: Catalog, tap: Tap, made: Callable[[Catalog], Catalog]
) -> None:
    target = begun()
    chosen = made(catalog)
    tap.sync(config_of(marketo), chosen, target)
    wanted = [name for name in STREAMS if name in {s["tap_stream_id"] for s in chosen["streams"]}]
    assert sorted(target.tables) == sorted(wanted)
    assert_leads(marketo, target)
    if VISITS in wanted:
        assert_activities(marketo, catalog, target, [VISITS])
    assert_people(marketo, select(catalog, STREAMS), target)
    columns = set(stream_of(catalog, "lists")["schema"]["properties"])
    assert expected.table(target, "lists") == expected.assets(marketo, "lists", columns, START)
    for name in LISTS:
        columns = target.schemas[name]["schema"]["properties"].keys()
        assert target.tables[name], "a table without rows would prove nothing"
        # Details come where a catalog selects all columns, or knows nothing of a default.
        assert columns == set(stream_of(catalog, name)["schema"]["properties"]) - made_without(
            made, name
        )
        assert target.tables[name] == expected_assets.table(marketo, name, columns, START), name


def made_without(made: Callable[[Catalog], Catalog], name: str) -> set[str]:
    """Return the columns of a stream that a catalog of this make does not select."""
    selects_all = made in (by_meltanos_rules, without_metadata, with_null_metadata)
    return set() if selects_all else {*expected_assets.UNSELECTED.get(name, ())}


def test_streams_that_no_longer_exist_are_named_and_the_rest_goes_on(
    marketo: Account, catalog: Catalog, tap: Tap
) -> None:
    chosen = select(catalog, STREAMS)
    for name, number in (("campaign_folders", None), ("activities_gone", 99999)):
        gone = copy.deepcopy(stream_of(chosen, VISITS))
        gone["tap_stream_id"] = gone["stream"] = name
        for item in gone["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["marketo.activity-id"] = number
        chosen["streams"].insert(0, gone)
    gone = copy.deepcopy(stream_of(chosen, CARS))
    gone["tap_stream_id"] = gone["stream"] = "custom_object_gone_c"
    expected.metadata(gone)[()]["marketo.custom-object"] = "gone_c"
    chosen["streams"].insert(0, gone)
    target = begun()
    done = tap.sync(config_of(marketo), chosen, target)
    for name in ("campaign_folders", "activities_gone", "custom_object_gone_c"):
        (line,) = [x for x in done.stderr.split("\n") if x.startswith("WARNING") and name in x]
        assert "Run discovery again" in line
    assert sorted(target.tables) == sorted(STREAMS)
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])
    assert_people(marketo, chosen, target)


@pytest.mark.soak
def test_a_catalog_without_the_filter_by_updated_at_has_leads_of_any_hand(
    marketo: Account, catalog: Catalog, tap: Tap
) -> None:
    # Discovered by a subscription that lacks the filter; then edited like the others.
    expected.metadata(stream_of(catalog, "leads"))[()]["valid-replication-keys"] = ["createdAt"]
    for made in (by_meltanos_rules, with_extra_keys, written_by_hand):
        chosen = made(catalog)
        for stream in chosen["streams"]:
            expected.metadata(stream)[()]["selected"] = stream["tap_stream_id"] == "leads"
        target = Target()
        tap.sync(marketo.config(start_date=START), chosen, target)
        truth = people.tables(marketo, catalog, START)["leads"]
        assert truth, "a test without rows would prove nothing"
        assert expected.table(target, "leads") == truth
        assert target.schemas["leads"]["bookmark_properties"] == ["createdAt"]


def test_columns_of_people_and_objects_that_are_unselected_or_gone_leave_the_rest_right(
    marketo: Account, catalog: Catalog, tap: Tap
) -> None:
    keyed = {"companies": "industry", "opportunities": "amount", "named_accounts": "city"}
    unselected = {MEMBERS: "acquiredBy", CARS: "color", MEMBERSHIPS: "isMember", **keyed}
    chosen = select(catalog, [*unselected])
    for name, column in unselected.items():
        stream = stream_of(chosen, name)
        expected.metadata(stream)["properties", column]["selected"] = False
        stream["schema"]["properties"]["gone"] = {"type": ["null", "string"]}
        mark = {"inclusion": "available", "selected": True}
        stream["metadata"].append({"breadcrumb": ["properties", "gone"], "metadata": mark})
    target = begun()
    done = tap.sync(config_of(marketo), chosen, target)
    truth = people.tables(marketo, select(catalog, PEOPLE), START)
    truth |= crm_accounts.tables(marketo, catalog)
    for name, column in unselected.items():
        rows = {expected.plain_key(key): row for key, row in target.tables[name].items()}
        for row in truth[name].values():
            del row[column]
        if name == MEMBERSHIPS:
            # What a page does not have is null; its times are those of the run.
            times = ("updatedAt", "readAt")
            rows = {key: {c: row[c] for c in row if c not in times} for key, row in rows.items()}
            truth[name] = {key: {**row, "gone": None} for key, row in truth[name].items()}
        else:
            assert f"WARNING {name}.gone " in done.stderr
        assert rows == truth[name]


def test_schemas_edited_by_users_shape_the_records(
    marketo: Account, catalog: Catalog, tap: Tap
) -> None:
    chosen = select(catalog, ["leads", VISITS])
    leads = stream_of(chosen, "leads")["schema"]["properties"]
    leads["leadScore"] = {"type": ["string", "null"]}
    leads["renewalDate"] = {"type": ["null", "string"], "maxLength": 40}
    leads["lifetimeValue"] = {"type": "integer", "description": "cents do not matter"}
    leads["isSubscriber"] = {"type": ["boolean", "string", "null"]}
    leads["email"] = {"type": "string", "title": "mail"}
    del leads["city"]
    visits = stream_of(chosen, VISITS)["schema"]["properties"]
    visits["leadId"] = {"type": ["null", "string"]}
    visits["activityDate"] = {"type": ["null", "string"]}
    target = Target()
    done = tap.sync(marketo.config(start_date=START), chosen, target)
    # What comes fits the schema that was asked for.
    for message in done.messages:
        if message["type"] == "RECORD":
            jsonschema.validate(message["record"], target.schemas[message["stream"]]["schema"])
    assert target.schemas["leads"]["schema"]["properties"]["email"]["title"] == "mail"
    truth = {lead["id"]: lead for lead in marketo.truth("leads")}
    rows = expected.table(target, "leads")
    assert rows
    for key, row in rows.items():
        true = truth[key]
        assert "city" not in row
        assert row["email"] == (true["email"] or None)
        assert row["leadScore"] == (None if true["leadScore"] is None else str(true["leadScore"]))
        assert row["renewalDate"] == true["renewalDate"]
        value = true["lifetimeValue"]
        assert row["lifetimeValue"] == (None if value is None else int(value))
    activities = expected.activities(marketo, catalog, START)[VISITS]
    for key, row in expected.table(target, VISITS).items():
        assert row["leadId"] == str(activities[key]["leadId"])
        assert row["activityDate"].replace("Z", "+00:00") == activities[key]["activityDate"]


def test_schemas_edited_by_users_shape_the_rows_of_people(
    marketo: Account, catalog: Catalog, tap: Tap
) -> None:
    chosen = select(catalog, PEOPLE)
    text = {"type": ["null", "string"]}
    edited = {MEMBERS: "leadId", MEMBERSHIPS: "listId", CARS: "createdAt"}
    for name, column in edited.items():
        stream_of(chosen, name)["schema"]["properties"][column] = text
    target = Target()
    done = tap.sync(marketo.config(start_date=START), chosen, target)
    for message in done.messages:
        if message["type"] == "RECORD":
            jsonschema.validate(message["record"], target.schemas[message["stream"]]["schema"])
    truth = people.tables(marketo, select(catalog, PEOPLE), START)
    for name in (MEMBERS, MEMBERSHIPS):
        column = edited[name]
        held = people.table(target, name)
        place = target.schemas[name]["key_properties"].index(column)
        assert {
            tuple(str(part) if n == place else part for n, part in enumerate(key)): {
                **row, column: str(row[column]),
            }
            for key, row in truth[name].items()
        } == held  # fmt: skip
    raw = {row["marketoGUID"]: row["createdAt"] for row in marketo.truth("custom_object_car_c")}
    held = people.table(target, CARS)
    assert held == {key: {**row, "createdAt": raw[key]} for key, row in truth[CARS].items()}


def test_schemas_edited_by_users_shape_the_rows_of_lists(
    marketo: Account, catalog: Catalog, tap: Tap
) -> None:
    raw_times = ("smart_lists", "designer_emails", "user_roles", "companies")
    chosen = select(catalog, ["folders", *raw_times])
    folders = stream_of(chosen, "folders")["schema"]["properties"]
    folders["isArchive"] = {"type": ["string", "null"]}
    folders["accessZoneId"] = {"type": ["null", "string"]}
    folders["parent"] = {"type": ["null", "string"]}
    del folders["url"]
    for name in raw_times:
        stream_of(chosen, name)["schema"]["properties"]["createdAt"] = {"type": ["null", "string"]}
    companies = stream_of(chosen, "companies")["schema"]["properties"]
    companies["numberOfEmployees"] = {"type": ["null", "string"]}
    target = begun()
    done = tap.sync(config_of(marketo), chosen, target)
    for message in done.messages:
        if message["type"] == "RECORD":
            jsonschema.validate(message["record"], target.schemas[message["stream"]]["schema"])
    columns = set(target.schemas["folders"]["schema"]["properties"])
    truth = expected_assets.table(marketo, "folders", columns, START)
    assert target.tables["folders"].keys() == truth.keys()
    assert "url" not in columns
    for key, row in target.tables["folders"].items():
        assert row["isArchive"] == str(truth[key]["isArchive"]).lower()
        zone = truth[key]["accessZoneId"]
        assert row["accessZoneId"] == (None if zone is None else str(zone))
        assert json.loads(row["parent"] or "null") == truth[key]["parent"]
    for name in raw_times:
        raw = {str(row["id"]): row.get("metadata", row) for row in marketo.truth(name)}
        assert target.tables[name]
        for (key,), row in target.tables[name].items():
            assert row["createdAt"] == raw[str(key)]["createdAt"]
    sizes = {row["id"]: row["numberOfEmployees"] for row in marketo.truth("companies")}
    for row in target.rows("companies"):
        number = sizes[row["id"]]
        assert row["numberOfEmployees"] == (None if number is None else str(number))
