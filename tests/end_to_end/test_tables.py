"""The tables a target holds after any number of syncs equal what Marketo holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected, people
from tests.end_to_end.expected import MEMBERS
from tests.harness import Account, Tap, Target, account, select

START = "2026-03-01T00:00:00Z"
# Of what takes a call for each.
FEW = (
    *("--tokens", "30", "--folders", "10", "--segmentations", "3"),
    *("--programs", "60", "--lists", "310"),
)


@pytest.fixture
def marketo() -> Iterator[Account]:
    # What of the past is seen late would be seen between a sync and the look at the truth.
    options = ("--leads", "300", "--activities", "3000", "--history-days", "200", *FEW)
    with account(*options, "--late-share", "0") as running:
        yield running


def looked_at(catalog: dict[str, Any]) -> list[str]:
    """Return the streams that :func:`assert_tables` compares."""
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    activities = [name for name in names if name.startswith("activities_")]
    return ["leads", *activities, "campaigns", "lists", "programs", "activity_types"]


def assert_tables(marketo: Account, catalog: dict[str, Any], target: Target, start: str) -> None:
    """Compare every table with the sandbox, column by column."""
    # A lead changed since start_date in any field, as the hidden time of change tells.
    changed = {lead["id"] for lead in marketo.truth("leads") if lead["_changedAt"] >= start}
    leads = {n: row for n, row in expected.leads(marketo).items() if n in changed}
    assert expected.table(target, "leads").keys() == leads.keys()
    for number, row in expected.table(target, "leads").items():
        # fullGreeting is a formula and "Not Over Rest" has no REST name: neither is exported.
        assert row == leads[number]
    activities = expected.activities(marketo, catalog, start)
    assert sum(map(len, activities.values())) > 500
    for stream in catalog["streams"]:
        name = stream["tap_stream_id"]
        if name.startswith("activities_") and name != "activities_delete_lead":
            assert expected.table(target, name) == activities.get(name, {}), name
    for name in ("campaigns", "lists", "programs"):
        columns = set(target.schemas[name]["schema"]["properties"])
        assert expected.table(target, name) == expected.assets(marketo, name, columns, start), name
    members = ("id", "name", "apiName", "description", "primaryAttribute", "attributes")
    types = {t["id"]: {k: t.get(k) for k in members} for t in marketo.truth("activity_types")}
    assert any(row["apiName"] for row in types.values())
    assert expected.table(target, "activity_types") == types


def test_first_and_incremental_syncs_hold_what_marketo_holds(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date=START)
    catalog = tap.discover(config)
    chosen = select(catalog, looked_at(catalog))
    target = Target()
    tap.sync(config, chosen, target)
    assert_tables(marketo, catalog, target, START)
    for day in range(3):
        marketo.change(
            new_leads=5,
            updated_leads=12,
            custom_only_updates=7,
            new_activities=60,
            late_activities=15,
            programs_updated=4,
            campaigns_updated=4,
            lists_updated=4,
        )
        marketo.advance(hours=23 + day)
        tap.sync(config, chosen, target)
        assert_tables(marketo, catalog, target, START)


def test_an_incremental_sync_reads_little(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date=START)
    catalog = tap.discover(config)
    chosen = select(catalog, [*looked_at(catalog), MEMBERS, *people.OBJECTS])
    target = Target()
    first = tap.sync(config, chosen, target)
    marketo.control("POST", "reset_counters")
    second = tap.sync(config, chosen, target)
    jobs = marketo.counters()["jobs"]
    objects = Counter(job["object"] for job in jobs)
    # Of program members only if some have changed.
    objects.pop("program/members", None)
    custom = [f"customobjects/{kind['name']}" for kind in marketo.truth("custom_object_types")]
    assert objects == dict.fromkeys(["leads", "activities", *custom], 1)
    leads, activities = first.records("leads"), second.records("leads")
    assert len(activities) < len(leads) / 10


def test_hard_values_reach_the_target_unchanged(tap: Tap) -> None:
    with account("--leads", "600", "--activities", "10", "--crlf") as marketo:
        config = marketo.config(start_date="2025-01-01T00:00:00Z")
        chosen = select(tap.discover(config), ["leads"])
        target = Target()
        tap.sync(config, chosen, target)
        truth = expected.leads(marketo)
        assert expected.table(target, "leads") == truth
        texts = [v for row in truth.values() for v in row.values() if isinstance(v, str)]
        numbers = [v for row in truth.values() for v in row.values() if isinstance(v, int)]
    for hard in ("\r\n", '"', "\u2028"):
        assert any(hard in text for text in texts)
    assert any(len(text) >= 30000 for text in texts)
    assert any(number > 2**53 for number in numbers)
    assert any("\r" in text.replace("\r\n", "") for text in texts)
    assert any(max(map(ord, text), default=0) > 0xFFFF for text in texts)


def test_deselected_columns_are_absent_and_automatic_ones_present(tap: Tap) -> None:
    with account("--leads", "30", "--activities", "200") as marketo:
        config = marketo.config(start_date="2025-01-01T00:00:00Z")
        catalog = tap.discover(config)
        chosen = select(
            catalog,
            ["leads", "lists", "activities_visit_webpage"],
            leads=["email"],
            lists=[],
            activities_visit_webpage=["webpage_url"],
        )
        done = tap.run(config, chosen)
    assert done.code == 0, done.stderr
    assert set(done.records("leads")[0]) == {"id", "email", "createdAt", "updatedAt"}
    assert set(done.records("lists")[0]) == {"id", "name", "createdAt", "updatedAt"}
    assert set(done.records("activities_visit_webpage")[0]) == {
        "marketoGUID", "leadId", "activityDate", "activityTypeId", "primary_attribute_name",
        "primary_attribute_value", "primary_attribute_value_id", "webpage_url",
    }  # fmt: skip
    # A target makes a column of whatever a SCHEMA message names.
    schemas = {m["stream"]: m["schema"] for m in done.messages if m["type"] == "SCHEMA"}
    assert {name: list(schema["properties"]) for name, schema in schemas.items()} == {
        name: list(done.records(name)[0]) for name in ("leads", "lists", "activities_visit_webpage")
    }


def test_the_replication_key_comes_although_a_catalog_made_by_hand_does_not_select_it(
    tap: Tap,
) -> None:
    with account("--leads", "30", "--activities", "200") as marketo:
        config = marketo.config(start_date="2025-01-01T00:00:00Z")
        chosen = select(tap.discover(config), ["leads", "lists", "activities_visit_webpage"])
        for stream in chosen["streams"]:
            for item in stream["metadata"]:
                if item["breadcrumb"]:
                    item["metadata"] = {"selected": item["breadcrumb"][-1] == "description"}
        done = tap.run(config, chosen)
    assert done.code == 0, done.stderr
    columns = {
        "leads": ["id", "updatedAt"],
        "lists": ["id", "updatedAt", "description"],
        "activities_visit_webpage": ["marketoGUID", "activityDate"],
    }
    for message in done.messages:
        if message["type"] == "SCHEMA":
            assert list(message["schema"]["properties"]) == columns[message["stream"]]
            assert message["bookmark_properties"] == [columns[message["stream"]][1]]
    assert {name: list(done.records(name)[0]) for name in columns} == columns


def test_selected_by_default_counts_where_nothing_is_said(tap: Tap) -> None:
    with account("--leads", "30", "--activities", "10") as marketo:
        config = marketo.config(start_date="2025-01-01T00:00:00Z")
        catalog = tap.discover(config)
        for stream in catalog["streams"]:
            for item in stream["metadata"]:
                if stream["tap_stream_id"] == "leads" and item["breadcrumb"] in (
                    [],
                    ["properties", "email"],
                ):
                    item["metadata"]["selected-by-default"] = True
        done = tap.run(config, catalog)
    assert done.code == 0, done.stderr
    assert set(done.records("leads")[0]) == {"id", "email", "createdAt", "updatedAt"}


def test_rows_come_window_by_window_in_date_order(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date=START, max_export_days="7")
    done = tap.run(config, select(tap.discover(config), ["activities_visit_webpage"]))
    states = [m["value"] for m in done.messages if m["type"] == "STATE"]
    bookmarks = [
        s["bookmarks"]["activities_visit_webpage"]["activityDate"]
        for s in states
        if "activities_visit_webpage" in s.get("bookmarks", {})
    ]
    assert bookmarks == sorted(bookmarks)
    assert len(set(bookmarks)) == 16
    reached = "2026-03-01T00:00:00+00:00"
    for message in done.messages:
        if message["type"] == "RECORD":
            assert message["record"]["activityDate"] >= reached
        elif message["type"] == "STATE":
            marks = message["value"].get("bookmarks", {}).get("activities_visit_webpage")
            reached = marks["activityDate"] if marks else reached
