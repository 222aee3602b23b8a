"""Custom objects: a stream for each type, exported by the time of the last change, as leads are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    background,
    discovered,
    jobs,
    log_of,
    not_read,
    release,
    span,
    stopped,
    wait_until,
)
from tests.end_to_end.test_check import check
from tests.end_to_end.test_quota import sync_until_done
from tests.harness import Account, Run, Tap, Target, account, select

CARS, VISITS = "custom_object_car_c", "custom_object_visit_c"
BOTH = (CARS, VISITS)
CAR_JOBS, VISIT_JOBS = "customobjects/car_c", "customobjects/visit_c"
SMALL = (
    *("--leads", "30", "--activities", "100", "--history-days", "60", "--late-share", "0"),
    *("--export-minutes", "0.5"),
)
START = "2026-05-01T00:00:00Z"


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*SMALL)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def sync(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, **settings: Any
) -> Run:
    """Sync, with the counters set back before."""
    marketo.control("POST", "reset_counters")
    return tap.sync(config_of(marketo, **settings), catalog, target)


def assert_tables(
    marketo: Account, catalog: dict[str, Any], target: Target, since: str = START
) -> None:
    """The tables of the selected types hold what Marketo holds, in every cell."""
    truth = expected.custom_objects(marketo, catalog, since)
    selected = {
        stream["tap_stream_id"]
        for stream in catalog["streams"]
        if expected.metadata(stream)[()].get("selected")
    }
    assert selected & truth.keys()
    for name in selected & truth.keys():
        assert truth[name], "a test without rows would prove nothing"
        assert expected.table(target, name) == truth[name], name


def stream_of(catalog: dict[str, Any], name: str) -> dict[str, Any]:
    (stream,) = (s for s in catalog["streams"] if s["tap_stream_id"] == name)
    found: dict[str, Any] = stream
    return found


def types_of(catalog: dict[str, Any]) -> dict[str, str]:
    """Return the streams of custom objects with their types."""
    notes = {s["tap_stream_id"]: expected.metadata(s)[()] for s in catalog["streams"]}
    return {
        name: own["marketo.custom-object"]
        for name, own in notes.items()
        if "marketo.custom-object" in own
    }


def lines(done: Run, *texts: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if all(text in line for text in texts)]


# Discovery ---------------------------------------------------------------------------------------


def test_types_that_are_listed_by_api_name_are_read_and_their_exports_counted(tap: Tap) -> None:
    with account(*SMALL, "--api-names") as marketo:
        marketo.control("POST", "finished_jobs", {"object": CAR_JOBS, "bytes": 3_000_000})
        chosen = select(tap.discover(marketo.config()), ["leads", *BOTH, "bulk_exports"])
        (line,) = tap.run(config_of(marketo, max_daily_export_mb=2), chosen).critical
        assert "exported 3.0 MB today" in line
        assert check(tap, marketo.config())["export_bytes_today"]["used"] == 3_000_000
        target = Target()
        tap.sync(config_of(marketo, max_daily_export_mb=4), chosen, target)
        assert_tables(marketo, chosen, target)
        held = {row["object"] for row in target.rows("bulk_exports")}
        assert held == {"leads", "car_c", "visit_c"}


def test_discovery_finds_each_type_with_its_fields_by_one_call(tap: Tap) -> None:
    with account(*SMALL, "--custom-object-types", "5") as marketo:
        found = tap.discover(marketo.config())
        described = {
            each["name"]: {field["name"]: field["dataType"].lower() for field in each["fields"]}
            for each in marketo.truth("custom_object_types_details")
        }
        assert len(log_of(marketo, "customobject_describe")) == len(described) == 5
    assert types_of(found) == {f"custom_object_{name}": name for name in described}
    for stream, kind in types_of(found).items():
        entry = stream_of(found, stream)
        own = expected.metadata(entry)
        assert own[()]["table-key-properties"] == entry["key_properties"] == ["marketoGUID"]
        assert own[()]["valid-replication-keys"] == ["updatedAt"]
        assert own[()]["forced-replication-method"] == "INCREMENTAL"
        properties = entry["schema"]["properties"]
        assert properties.keys() == described[kind].keys()
        for name, data_type in described[kind].items():
            is_automatic = name in ("marketoGUID", "createdAt", "updatedAt")
            assert own["properties", name] == {
                "inclusion": "automatic" if is_automatic else "available"
            }
            assert ("null" in properties[name]["type"]) != is_automatic
            is_time = data_type in ("datetime", "date")
            assert (properties[name].get("format") == "date-time") == is_time
        types = {name: properties[name]["type"][0] for name in ("isOwner", "mileage", "year")}
        assert types == {"isOwner": "boolean", "mileage": "number", "year": "integer"}


def test_types_of_the_crm_are_left_out(tap: Tap) -> None:
    with account(*SMALL, "--crm-sync") as marketo:
        done = tap.run(marketo.config(), None, None, "--discover")
        assert done.code == 0
        found = json.loads(done.stdout)
        names = {row["name"] for row in marketo.truth("custom_object_types")}
        (crm,) = names - set(types_of(found).values())
        assert "crm" in crm
        assert len(lines(done, "INFO", crm, "CRM")) == 1
        chosen, target = select(found, [*types_of(found)]), Target()
        sync(marketo, tap, chosen, target)
        assert_tables(marketo, chosen, target)


@pytest.mark.parametrize("code", ["610", "1013"])
def test_a_type_that_cannot_be_described_keeps_no_other_from_being_found(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    marketo.fault("customobject_describe", "error", None, code=code, message="Not found", skip=1)
    done = tap.run(marketo.config(), None, None, "--discover")
    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [*types_of(found)] == [CARS]
    assert len(found["streams"]) == len(catalog["streams"]) - 1
    assert len(lines(done, "WARNING", "visit_c", code)) == 1


# A sync ------------------------------------------------------------------------------------------


def test_each_type_is_exported_by_the_time_of_the_last_change(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    chosen = select(catalog, BOTH)
    done = sync(marketo, tap, chosen, target, max_export_days=20)
    assert_tables(marketo, chosen, target)
    for name, what in ((CARS, CAR_JOBS), (VISITS, VISIT_JOBS)):
        made = jobs(marketo, what)
        spans = [span(job) for job in made]
        assert all(set(job["filter"]) == {"updatedAt"} for job in made)
        assert spans[0][0] == START
        assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
        assert len(spans) == 3
        columns = stream_of(catalog, name)["schema"]["properties"]
        assert all(set(job["fields"]) == set(columns) for job in made)
        schemas = [m for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == name]
        assert [(m["key_properties"], m["bookmark_properties"]) for m in schemas] == [
            (["marketoGUID"], ["updatedAt"])
        ]
        assert target.state
        assert set(target.state["bookmarks"][name]) == {"updatedAt", "settled"}
        (line,) = lines(done, "record_count", f'"endpoint": "{name}"')
        assert json.loads(line.partition("METRIC: ")[2])["value"] == len(done.records(name))
    # Some have not changed since start_date.
    assert len(target.rows(CARS)) < len(marketo.truth("custom_object_car_c"))


def test_day_after_day_the_tables_are_what_marketo_holds(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, chosen = Target(), select(catalog, BOTH)
    sync(marketo, tap, chosen, target)
    for day in range(3):
        marketo.change(new_custom_objects=9, custom_objects_changed=25)
        marketo.advance(hours=23 + 3 * day)
        sync(marketo, tap, chosen, target)
        assert_tables(marketo, chosen, target)
        assert len(jobs(marketo)) == 2


def test_a_run_looks_back_a_little_and_once_a_day_for_a_day(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, chosen = Target(), select(catalog, [CARS])
    sync(marketo, tap, chosen, target)
    for hours, back in ((1, 0.25), (1, 0.25), (21, 24), (1, 0.25)):
        assert target.state
        bookmark = expected.as_time(target.state["bookmarks"][CARS]["updatedAt"])
        marketo.advance(hours=hours)
        sync(marketo, tap, chosen, target)
        (job,) = jobs(marketo)
        start = expected.as_time(span(job)[0].replace("Z", "+00:00"))
        assert back - 0.1 < (bookmark - start).total_seconds() / 3600 < back + 4


def test_types_stand_where_they_stand_each_by_itself(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    sync(marketo, tap, select(catalog, [CARS]), target)
    marketo.advance(hours=30)
    marketo.change(custom_objects_changed=20)
    both = select(catalog, BOTH)
    sync(marketo, tap, both, target)
    (cars,) = jobs(marketo, CAR_JOBS)
    first, *_ = jobs(marketo, VISIT_JOBS)
    assert span(cars)[0] > "2026-06-14"
    assert span(first)[0] == START
    assert_tables(marketo, both, target)


# Stopped runs ------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("stage", ["queued", "processing", "completed"])
def test_a_killed_run_is_resumed_without_making_its_exports_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, stage: str
) -> None:
    chosen, target = select(catalog, BOTH), Target()
    config = config_of(marketo, max_export_days=20)
    stick = "Processing" if stage == "processing" else "Queued"
    marketo.control("POST", "next_jobs", [{"stick": stick}] * 4)
    with background(tap, config, chosen) as run:
        run.until(lambda: run.exports_in_state() == 4)
        run.until(lambda: len(log_of(marketo, "enqueue")) == 4)
        assert set(run.state()["exports"]) == {CARS, VISITS}
        target.take(run.kill().lines)
    before = jobs(marketo)
    if stage == "processing":
        wait_until(lambda: [job["status"] for job in jobs(marketo)].count("Processing") == 2)
    release(marketo)
    if stage == "completed":
        marketo.advance(hours=1)
    done = sync(marketo, tap, chosen, target, max_export_days=20)
    made = [(job["object"], *span(job)) for job in (*before, *jobs(marketo))]
    # The time since the run that was killed is one stretch more at most.
    assert len(made) == len(set(made)) <= 7
    assert len(lines(done, "Resuming the custom_object_")) == 4
    assert_tables(marketo, chosen, target)
    assert target.state
    assert "exports" not in target.state


def test_what_the_days_bytes_do_not_hold_comes_on_the_next_days(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, BOTH), Target()
    config = config_of(marketo, max_daily_export_mb=0.008, max_queued_exports=1, max_export_days=20)
    *runs, _ = sync_until_done(marketo, tap, config, chosen, target)
    assert runs
    for done in runs:
        assert re.search(r"custom_object_(car|visit)_c from 2026-", stopped(done, 3))
    assert_tables(marketo, chosen, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("code", ["1035", "603", "1018"])
def test_a_refused_type_is_named_and_the_others_are_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    marketo.fault("create", "error", None, object=CAR_JOBS, code=code, message="No such thing")
    chosen, target = select(catalog, BOTH), Target()
    done = tap.run(config_of(marketo), chosen)
    message = stopped(done)
    assert not_read(message) == {CARS}
    assert code in message
    assert ("Read-Only Custom Object" in message) == (code == "603")
    target.take(done.lines)
    assert_tables(marketo, select(catalog, [VISITS]), target)
    assert not target.rows(CARS)
    marketo.heal()
    sync(marketo, tap, chosen, target)
    assert_tables(marketo, chosen, target)


def test_without_the_permission_all_types_are_refused_and_nothing_else(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Custom Object"]})
    done = tap.run(config_of(marketo), select(catalog, [*BOTH, "daily_usage"]))
    message = stopped(done)
    assert CARS in message
    assert VISITS in message
    assert "603" in message
    assert "Read-Only Custom Object" in message
    assert done.records("daily_usage")


# Catalogs that no longer fit ---------------------------------------------------------------------


def test_a_type_that_vanished_since_the_catalog_is_named_and_the_others_are_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, BOTH), Target()
    sync(marketo, tap, chosen, target)
    marketo.change(custom_object_types_deleted=["visit_c"])
    marketo.change(new_custom_objects=9, custom_objects_changed=25)
    done = sync(marketo, tap, chosen, target)
    assert len(lines(done, "WARNING custom_object_visit_c is skipped", "visit_c")) == 1
    assert not jobs(marketo, VISIT_JOBS)
    assert_tables(marketo, chosen, target)


@pytest.mark.parametrize("code", ["610", "1013", "603"])
def test_a_type_that_cannot_be_described_any_more_keeps_no_other_from_being_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    marketo.fault("customobject_describe", "error", None, code=code, message="None", skip=1)
    chosen, target = select(catalog, BOTH), Target()
    done = tap.run(config_of(marketo), chosen)
    message = stopped(done)
    assert not_read(message) == {VISITS}
    target.take(done.lines)
    assert_tables(marketo, select(catalog, [CARS]), target)


@pytest.mark.parametrize("is_described", [True, False])
def test_a_field_that_vanished_since_the_catalog_is_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap, is_described: bool
) -> None:
    chosen, target = json.loads(json.dumps(select(catalog, [CARS]))), Target()
    field = "mileage" if is_described else "shoeSize"
    if is_described:
        # Describe still lists it.
        marketo.fault("create", "error", code="1006", message=f"Field '{field}' not found")
    else:
        stream = stream_of(chosen, CARS)
        stream["schema"]["properties"][field] = {"type": ["string", "null"]}
        own = {"inclusion": "available", "selected": True}
        stream["metadata"].append({"breadcrumb": ["properties", field], "metadata": own})
    done = sync(marketo, tap, chosen, target)
    assert len(lines(done, f"WARNING {CARS}.{field} cannot be exported")) == 1
    assert all(field not in line for line in done.lines)
    truth = expected.custom_objects(marketo, catalog, START)[CARS]
    assert expected.table(target, CARS) == {
        key: {column: cell for column, cell in row.items() if column != field}
        for key, row in truth.items()
    }


def test_only_some_columns_may_be_selected(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    sync(marketo, tap, select(catalog, [CARS], custom_object_car_c=["color"]), target)
    truth = expected.custom_objects(marketo, catalog, START)[CARS]
    columns = ("marketoGUID", "createdAt", "updatedAt", "color")
    assert expected.table(target, CARS) == {
        key: {column: row[column] for column in columns} for key, row in truth.items()
    }
    assert {*jobs(marketo)[0]["fields"]} == {*columns}


def test_jobs_of_a_type_that_is_no_longer_selected_are_cancelled(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    marketo.control("POST", "next_jobs", [{"stick": "Queued"}] * 4)
    with background(tap, config_of(marketo), select(catalog, BOTH)) as run:
        run.until(lambda: run.exports_in_state() == 4)
        target.take(run.kill().lines)
    cars = select(catalog, [CARS])
    for job in jobs(marketo, CAR_JOBS):
        marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None})
    before = {job["exportId"] for job in jobs(marketo, VISIT_JOBS)}
    tap.sync(config_of(marketo), cars, target)
    assert before
    assert {job["status"] for job in jobs(marketo, VISIT_JOBS)} == {"Cancelled"}
    assert target.state
    assert "exports" not in target.state
    assert_tables(marketo, cars, target)


# Names and values that are hard ------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("names", ["as_marketo", "plain"])
def test_hard_values_and_names_come_unchanged(tap: Tap, names: str) -> None:
    with account(*SMALL, "--hostile") as marketo:
        found = tap.discover(marketo.config(names=names))
        chosen, target = select(found, [*types_of(found)]), Target()
        columns = expected.columns_of_fields(found, "custom_object_rough_c")
        assert {"marketoguid", "Colour", "colour", "2nd_owner", "__c"} < columns.keys()
        if names == "plain":
            lower = [column.lower() for column in columns.values()]
            assert len(lower) == len(set(lower))
            assert all(re.fullmatch(r"[A-Za-z_]\w{0,62}", column) for column in columns.values())
            assert columns["marketoGUID"] == "marketoGUID"
        done = sync(marketo, tap, chosen, target)
        assert lines(done, "WARNING custom_object_rough_c.", "beyond 64 bits")
        assert_tables(marketo, chosen, target)
        marketo.change(custom_objects_changed=200, new_custom_objects=20)
        sync(marketo, tap, chosen, target)
        assert_tables(marketo, chosen, target)
