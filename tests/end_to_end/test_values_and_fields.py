"""Catalogs and accounts that no longer fit each other, and names that meet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    MAILS,
    SMALL,
    START,
    TYPE_OF,
    VISITS,
    assert_activities,
    assert_all_fired,
    assert_leads,
    background,
    between_calls,
    discovered,
    jobs,
    release,
    stopped,
)
from tests.harness import Account, Run, Tap, Target, account, select


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "0.5") as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def warnings(log: str, about: str) -> list[str]:
    """Return the WARNING lines that name something."""
    return [x for x in log.split("\n") if x.startswith("WARNING") and about in x]


def stream_of(catalog: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in catalog["streams"] if s["tap_stream_id"] == name)
    return found


def selected_all_the_same(catalog: dict[str, Any], stream: str, column: str) -> dict[str, Any]:
    """Mark a column as an old catalog has it: available and selected."""
    for item in stream_of(catalog, stream)["metadata"]:
        if item["breadcrumb"] == ["properties", column]:
            item["metadata"].update(inclusion="available", selected=True)
    return catalog


def assert_leads_without(marketo: Account, done: Run, target: Target, *columns: str) -> None:
    """The leads table is right, and no message speaks of some columns."""
    changed = {lead["id"] for lead in marketo.truth("leads") if lead["_changedAt"] >= START}
    truth = {n: row for n, row in expected.leads(marketo).items() if n in changed}
    assert truth
    assert expected.table(target, "leads") == {
        number: {name: value for name, value in row.items() if name not in columns}
        for number, row in truth.items()
    }
    left = [name for name in first(truth) if name not in columns]
    assert columns_of_schemas(done, "leads") == [left]


def first(rows: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    return next(iter(rows.values()))


def columns_of_schemas(done: Run, stream: str) -> list[list[str]]:
    """Return the columns of each SCHEMA message of a stream."""
    return [
        list(message["schema"]["properties"])
        for message in done.messages
        if message["type"] == "SCHEMA" and message["stream"] == stream
    ]


# Lead fields -----------------------------------------------------------------------------------


def test_a_lead_field_removed_since_the_catalog_was_made_is_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.change(remove_lead_field="city")
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    assert len(warnings(done.stderr, "leads.city")) == 1
    (job,) = jobs(marketo)
    assert "city" not in job["fields"]
    assert_leads_without(marketo, done, target, "city")


def test_a_lead_field_that_only_the_export_misses_is_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # Describe still lists it.
    marketo.fault("create", "error", code="1006", message="Field 'city' not found")
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    assert_all_fired(marketo)
    assert len(warnings(done.stderr, "leads.city")) == 1
    (job,) = jobs(marketo)
    assert "city" not in job["fields"]
    assert len(job["fields"]) > 60
    assert_leads_without(marketo, done, target, "city")


def test_a_lead_field_removed_during_the_run_is_left_out_from_there_on(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, ["leads"], leads=["city", "email"])
    calls: list[str] = []

    def remove_after_a_file(path: str) -> None:
        calls.append(path.rpartition("/")[2])
        if calls[-1] == "create.json" and calls.count("file.json") == 1 and "gone" not in calls:
            marketo.change(remove_lead_field="city")
            calls.append("gone")

    with between_calls(marketo, remove_after_a_file) as endpoint:
        config = config_of(marketo, endpoint=endpoint, identity=marketo.identity)
        config |= {"start_date": "2026-05-06", "max_export_days": 5, "max_queued_exports": 1}
        target = Target()
        done = tap.sync(config, chosen, target)
    assert "gone" in calls
    assert len(warnings(done.stderr, "leads.city")) == 1
    before, after = columns_of_schemas(done, "leads")
    assert set(before) == {"id", "city", "email", "createdAt", "updatedAt"}
    assert set(after) == set(before) - {"city"}
    for message in done.messages:
        if message["type"] == "SCHEMA":
            columns = set(message["schema"]["properties"])
        elif message["type"] == "RECORD":
            assert set(message["record"]) == columns
    changed = {x["id"] for x in marketo.truth("leads") if x["_changedAt"] >= "2026-05-06"}
    assert expected.table(target, "leads").keys() == changed


def test_lead_fields_that_an_export_calls_invalid_are_left_out_and_the_rest_comes(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    refused = ("city", "fax", "leadRole")
    marketo.change(unexportable_fields=refused)
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    for field in refused:
        assert len(warnings(done.stderr, f"leads.{field}")) == 1
    (job,) = jobs(marketo)
    assert not set(refused) & set(job["fields"])
    assert len(job["fields"]) > 60
    assert_leads_without(marketo, done, target, *refused)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1006", "Field 'id' not found"),
        ("1006", "Field 'nowhere' not found"),
        ("1006", "Field?"),
        ("1003", "Invalid fields [id] in request"),
        ("1003", "Invalid fields [nowhere] in request"),
        ("1003", "Invalid fields [] in request"),
    ],
)
def test_an_unknown_field_that_cannot_be_left_out_stops_the_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str, message: str
) -> None:
    marketo.fault("create", "error", None, code=code, message=message)
    done = tap.run(config_of(marketo), select(catalog, ["leads"]))
    assert done.code == 1
    (critical,) = done.critical
    assert message in critical
    assert "discovery" in critical
    assert marketo.counters()["calls"]["create"]["leads"] == 1


def test_a_formula_selected_in_an_old_catalog_is_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = selected_all_the_same(select(catalog, ["leads"]), "leads", "fullGreeting")
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    assert len(warnings(done.stderr, "leads.fullGreeting")) == 1
    (job,) = jobs(marketo)
    assert "fullGreeting" not in job["fields"]
    assert_leads_without(marketo, done, target, "fullGreeting")


def test_fields_that_cannot_be_exported_are_marked_so_and_stay_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    own = expected.metadata(stream_of(catalog, "leads"))
    unsupported = {b[-1] for b, m in own.items() if m.get("inclusion") == "unsupported"}
    fields = marketo.truth("lead_fields")
    formulas = {f["rest"]["name"] for f in fields if f["dataType"] == "formula"}
    assert formulas
    without_rest_name = {f["soap"]["name"] for f in fields if "rest" not in f}
    assert without_rest_name
    assert unsupported == formulas | without_rest_name
    # Selecting them by hand changes nothing.
    chosen = select(catalog, ["leads"])
    for item in stream_of(chosen, "leads")["metadata"]:
        item["metadata"]["selected"] = True
    target = Target()
    tap.sync(config_of(marketo), chosen, target)
    assert_leads(marketo, target)


def test_a_new_lead_field_waits_for_the_next_discovery(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.change(new_lead_field={"name": "shoeSize", "dataType": "integer"})
    target = Target()
    tap.sync(config_of(marketo), select(catalog, ["leads"], leads=["email"]), target)
    assert all(
        set(row) == {"id", "email", "createdAt", "updatedAt"} for row in target.rows("leads")
    )
    fresh = tap.discover(config_of(marketo))
    kind = stream_of(fresh, "leads")["schema"]["properties"]["shoeSize"]
    assert kind["type"] == ["integer", "null"]
    tap.sync(config_of(marketo, start_date="2026-01-01"), select(fresh, ["leads"]), Target())
    assert "shoeSize" in jobs(marketo, "leads")[-1]["fields"]


# Activity types and attributes -----------------------------------------------------------------


def test_an_activity_type_removed_since_the_catalog_was_made_is_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    truth = expected.activities(marketo, catalog, START)
    marketo.change(remove_activity_type=6)
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, [VISITS, MAILS]), target)
    assert len(warnings(done.stderr, MAILS)) == 1
    (job,) = jobs(marketo)
    assert job["filter"]["activityTypeIds"] == [1]
    assert MAILS not in target.tables
    assert expected.table(target, VISITS) == truth[VISITS]
    assert target.state
    assert set(target.state["bookmarks"]) == {VISITS}


def test_nothing_is_exported_when_no_selected_activity_type_is_left(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [VISITS])
    (stream,) = (s for s in chosen["streams"] if s["tap_stream_id"] == VISITS)
    for item in stream["metadata"]:
        if not item["breadcrumb"]:
            item["metadata"]["marketo.activity-id"] = 999_999
    # An export without types would be one of all types.
    done = tap.run(config_of(marketo), chosen)
    assert "Not one of the selected streams exists" in stopped(done)
    assert len(warnings(done.stderr, VISITS)) == 1
    assert jobs(marketo) == []
    assert done.stdout == ""


def test_an_attribute_that_the_catalog_lacks_is_counted_and_harms_nothing(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [VISITS, MAILS])
    stream = stream_of(chosen, VISITS)
    lacking = ("webpage_url", "unknown_attributes")
    for column in lacking:
        del stream["schema"]["properties"][column]
    stream["metadata"] = [m for m in stream["metadata"] if not {*m["breadcrumb"]} & {*lacking}]
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    # One warning for each way in which rows spell the name.
    lines = [x for x in warnings(done.stderr, VISITS) if "webpage url" in x.lower()]
    counted = [int(number) for x in lines for number in re.findall(r": (\d+) of", x)]
    raw = marketo.activities([TYPE_OF[VISITS]])
    given = [a for a in raw if a["activityDate"] >= START and a["attributes"].get("Webpage URL")]
    assert sum(counted) == len(given) > 0
    truth = expected.activities(marketo, catalog, START)[VISITS]
    assert expected.table(target, VISITS) == {
        key: {column: v for column, v in row.items() if column not in lacking}
        for key, row in truth.items()
    }
    assert_activities(marketo, catalog, target, [MAILS])


def test_an_attribute_removed_since_the_catalog_was_made_keeps_its_column(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # A catalog with one attribute more than Marketo has.
    chosen = select(catalog, [VISITS])
    stream = stream_of(chosen, VISITS)
    stream["schema"]["properties"]["gone_by"] = {"type": ["string", "null"]}
    stream["metadata"].append(
        {
            "breadcrumb": ["properties", "gone_by"],
            "metadata": {
                "inclusion": "available",
                "selected": True,
                "marketo.attribute-name": "Gone By",
            },
        }
    )
    target = Target()
    tap.sync(config_of(marketo), chosen, target)
    truth = expected.activities(marketo, catalog, START)[VISITS]
    assert expected.table(target, VISITS) == {
        key: {**row, "gone_by": None} for key, row in truth.items()
    }


CLASHES = [
    "activities_attend_conference",
    "activities_attend_conference_100002",
    "activities_clashing_names",
]


def test_types_and_attributes_whose_names_meet_all_survive_under_the_same_names(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    again = tap.discover(config_of(marketo))
    assert again == catalog
    names = [stream["tap_stream_id"].lower() for stream in catalog["streams"]]
    assert len(names) == len(set(names))
    for activity_type in marketo.truth("activity_types"):
        (stream,) = [
            s
            for s in catalog["streams"]
            if expected.metadata(s)[()].get("marketo.activity-id") == activity_type["id"]
        ]
        columns = [column.lower() for column in stream["schema"]["properties"]]
        assert len(columns) == len(set(columns))
        noted = [m.get("marketo.attribute-name") for m in expected.metadata(stream).values()]
        assert sorted(filter(None, noted)) == sorted(a["name"] for a in activity_type["attributes"])
    target = Target()
    for number in (100_001, 100_002, 100_005):
        marketo.change(late_activities=20, activity_type=number)
    marketo.advance(seconds=60)
    tap.sync(config_of(marketo), select(catalog, CLASHES), target)
    assert_activities(marketo, catalog, target, CLASHES)
    # Each of the attributes that meet has values of its own.
    rows = target.rows(CLASHES[2])
    for column in ("web_page", "web_page_2", "web_page_3", "activity_date", "activityDate"):
        assert len({row[column] for row in rows}) > 1


def test_a_new_type_that_takes_a_name_leaves_the_old_streams_their_names(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.change(
        new_activity_type={
            "id": 100_900,
            "name": "ATTEND CONFERENCE",
            "attributes": [{"name": "Booth", "dataType": "string"}],
        }
    )
    fresh = tap.discover(config_of(marketo))
    names = {
        expected.metadata(s)[()].get("marketo.activity-id"): s["tap_stream_id"]
        for s in fresh["streams"]
    }
    for stream in catalog["streams"]:
        number = expected.metadata(stream)[()].get("marketo.activity-id")
        assert number is None or names[number] == stream["tap_stream_id"]
    assert names[100_900] == "activities_attend_conference_100900"


def test_a_job_resumed_after_a_type_was_removed_is_read_without_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    truth = expected.activities(marketo, catalog, START)
    chosen = select(catalog, [VISITS, MAILS])
    marketo.control("POST", "next_jobs", [{"stick": "Queued"}])
    target = Target()
    with background(tap, config_of(marketo), chosen) as run:
        run.until(lambda: run.exports_in_state() == 1 and jobs(marketo)[0]["enqueues"] == 1)
        target.take(run.kill().lines)
    release(marketo)
    marketo.change(remove_activity_type=6)
    tap.sync(config_of(marketo), chosen, target)
    assert expected.table(target, VISITS) == truth[VISITS]


# Nothing to do ---------------------------------------------------------------------------------


def test_a_start_date_in_the_future_is_a_warning_and_nothing_is_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    done = tap.run(config_of(marketo, start_date="2027-01-01"), select(catalog))
    assert done.code == 0
    assert len(warnings(done.stderr, "future")) == 1
    assert not any(message["type"] == "RECORD" for message in done.messages)
    assert jobs(marketo) == []
    assert marketo.counters()["total_calls"] == 1
