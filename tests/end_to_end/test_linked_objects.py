"""Custom objects that bulk extract does not give: exports of links find their keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    background,
    calls,
    discovered,
    jobs,
    log_of,
    not_read,
    release,
    span,
    stopped,
)
from tests.end_to_end.expected_linked import (
    BRIDGES,
    CONTRACTS,
    COURSES,
    HOUSES,
    LEADS,
    LINKED,
    PREFIX,
    SERVICES,
    linked_rows,
    state_of,
    tables,
)
from tests.end_to_end.test_custom_objects import lines, types_of
from tests.harness import Account, Run, Tap, Target, account, select
from tests.sandbox.assets.linked_types import ENROLLMENT, STAY

SMALL = (
    *("--leads", "60", "--activities", "60", "--history-days", "25", "--late-share", "0"),
    *("--crm-objects", "--linked-objects", "--custom-objects", "60", "--export-minutes", "0.5"),
    *("--custom-object-types", "0"),
)
START = "2026-01-01T00:00:00Z"
# Before any row changed.
BEGUN = "2026-05-18T00:00:00+00:00"


def is_selected(stream: dict[str, Any]) -> bool:
    return bool(expected.metadata(stream)[()]["selected"])


def begun(*streams: str) -> Target:
    return Target(state=state_of(BEGUN, *streams))


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*SMALL)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


def held(target: Target, *streams: str) -> Any:
    return {name: expected.table(target, name) for name in streams or LINKED}


def sync(
    marketo: Account, tap: Tap, chosen: dict[str, Any], target: Target, **settings: Any
) -> Run:
    marketo.control("POST", "reset_counters")
    return tap.sync(marketo.config(start_date=START, **settings), chosen, target)


def test_rows_that_links_lead_to_are_what_marketo_holds(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun()
    done = sync(marketo, tap, select(catalog, LINKED), target)
    true = tables(marketo, catalog, START)
    assert all(true.values())
    assert held(target) == true
    # One export of each bridge serves all: what their rows name, and when they changed.
    made = {job["object"]: {*job["fields"]} for job in jobs(marketo)}
    assert made == {
        LEADS: {"updatedAt", "contactCompany", "externalCompanyId"},
        BRIDGES[0]: {"updatedAt", "courseID", "enrollmentID"},
        BRIDGES[1]: {"updatedAt", "courseTaken", "mlsNum", "ownerId"},
    }
    # All keys of a file by one call.
    asked = [entry["id"] for entry in log_of(marketo, "custom_object_rows")]
    assert sorted(asked) == ["contract_c", "course_c", "course_c", "house_c", "service_c"]
    assert calls(marketo)["customobject_describe"] == len(LINKED)
    for name in LINKED:
        schemas = [m for m in done.messages if m["type"] == "SCHEMA" and m["stream"] == name]
        assert [m["key_properties"] for m in schemas] == [["marketoGUID"]]
        assert target.state
        own = target.state["bookmarks"][name]
        assert own["updatedAt"] == own["read_at"] == "2026-06-15T12:00:00+00:00"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("companies", ["linked", "all"])
def test_it_is_the_same_where_edges_tell_what_links_them(tap: Tap, companies: str) -> None:
    with account(*SMALL, "--edges-tell", "--most-matches", "20") as marketo:
        config = marketo.config(companies=companies, start_date=START)
        found = tap.discover(config)
        target = begun()
        done = tap.sync(config, select(found, LINKED), target)
        assert held(target) == tables(marketo, found, START, companies=companies)
        assert "values at once from now on" in done.stderr


@pytest.mark.parametrize("told", ["list", "describe"])
def test_one_of_the_two_calls_that_tell_of_links_is_enough(tap: Tap, told: str) -> None:
    with account(*SMALL, "--links-told", told) as marketo:
        found = tap.discover(marketo.config())
        assert "custom_object_lonely_c" not in types_of(found)
        target = begun()
        sync(marketo, tap, select(found, [*LINKED, PREFIX + STAY]), target)
        assert held(target) == tables(marketo, found, START)
        # The bridge is exported, as all that hangs on leads.
        assert len(target.rows(PREFIX + STAY)) == 60
        assert "lonely_c" not in {entry["id"] for entry in log_of(marketo, "custom_object_rows")}


def test_the_catalog_has_what_can_be_read(marketo: Account, tap: Tap) -> None:
    marketo.control("POST", "reset_counters")
    done = tap.run(marketo.config(), None, None, "--discover", "--select", f"{COURSES}.*")
    found = json.loads(done.stdout)
    assert [s["tap_stream_id"] for s in found["streams"] if is_selected(s)] == [COURSES]
    types = marketo.truth("custom_object_types_details")
    assert {*types_of(found).values()} == {each["name"] for each in types} - {"lonely_c"}
    (line,) = lines(done, "lonely_c")
    assert "WARNING" in line
    assert "neither that they hang on leads or companies" in line
    made = calls(marketo)
    assert made.pop("customobject_describe") == len(types)
    assert sum(made.values()) <= 16
    described = {each["name"]: {field["name"] for field in each["fields"]} for each in types}
    for stream in found["streams"]:
        if kind := types_of(found).get(stream["tap_stream_id"]):
            assert {*stream["schema"]["properties"]} == described[kind]
            assert stream["key_properties"] == ["marketoGUID"]


def test_a_check_says_which_types_take_the_permission_for_leads(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    """Leads lead to those that hang on companies (docs/companies.md), and to no others."""
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Lead"]})
    config, lead = marketo.config(), "Read-Only Lead"
    done = tap.run(config, select(catalog, LINKED), None, "--test", "--format", "json")
    assert done.code == 1
    told = {each["name"]: each for each in json.loads(done.stdout)["permissions"]}
    assert told["Read-Only Custom Object"]["streams"] == sorted(LINKED)
    assert (told[lead]["verdict"], told[lead]["streams"]) == ("wrong", [CONTRACTS])
    message = stopped(tap.run(config, select(catalog, LINKED), begun().state))
    assert not_read(message) == {CONTRACTS}
    others = [name for name in LINKED if name != CONTRACTS]
    assert not tap.run(config, select(catalog, others), None, "--test").code


# What has changed --------------------------------------------------------------------------------


def test_once_a_day_what_has_changed_comes_and_what_is_newly_linked(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, LINKED), begun()
    sync(marketo, tap, chosen, target)
    marketo.advance(hours=20)
    done = sync(marketo, tap, chosen, target)
    assert len(lines(done, "INFO", "is read again 23 hours later (child_refresh_hours)")) == 4
    assert not jobs(marketo)
    assert not log_of(marketo, "custom_object_rows")
    # Of the last third of the courses none is linked.
    there = linked_rows(marketo)[COURSES]
    old = next(row for row in marketo.truth(COURSES) if row["marketoGUID"] not in there)
    change = {"new_custom_objects": 1, "custom_object_type": ENROLLMENT}
    marketo.change(**change, linked_to=old["marketoGUID"])
    marketo.advance(hours=30)
    changed = marketo.change(custom_objects_changed=40)["custom_objects_changed"]
    marketo.advance(hours=1)
    done = sync(marketo, tap, chosen, target)
    assert held(target) == tables(marketo, catalog, START)
    by_stream = linked_rows(marketo)
    for name in LINKED:
        rows = [row["marketoGUID"] for row in done.records(name)]
        assert len(rows) == len({*rows}) < len(target.rows(name))
        assert {*rows} >= by_stream[name] & {guid for _, guid in changed}
        assert (old["marketoGUID"] in rows) == (name == COURSES)
    assert len(jobs(marketo)) == 3


def test_what_has_not_changed_since_start_date_comes_only_where_news_lead_to_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    since, target = "2026-06-05T00:00:00Z", begun(HOUSES)
    tap.sync(marketo.config(start_date=since), select(catalog, [HOUSES]), target)
    whole = tables(marketo, catalog, START)[HOUSES]
    news = {
        (r["mlsNum"], r["ownerId"]) for r in marketo.truth(PREFIX + STAY) if r["updatedAt"] >= since
    }
    wanted = {
        row["marketoGUID"]: whole[row["marketoGUID"]]
        for row in marketo.truth(HOUSES)
        if row["marketoGUID"] in whole
        and (row["updatedAt"] >= since or (row["mlsNum"], row["houseOwnerId"]) in news)
    }
    assert held(target, HOUSES)[HOUSES] == wanted
    assert 0 < len(wanted) < len(whole)


# Stopped runs ------------------------------------------------------------------------------------


def reached(state: dict[str, Any]) -> int:
    """Return how many exports have been begun, each counted for each of its streams."""
    marks = state.get("bookmarks", {}).values()
    return sum(len(mark.get("reached_by") or ()) for mark in marks)


def test_a_killed_run_goes_on_with_its_exports(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, LINKED), begun()
    config = marketo.config(start_date=START, max_export_days=10)
    # Of a bridge's exports the first is read, no other gets any further: Marketo works on two.
    stuck = [{"object": BRIDGES[0]}, *[{"object": BRIDGES[0], "stick": "Processing"}] * 2]
    marketo.control("POST", "next_jobs", stuck)
    with background(tap, config, chosen, target.state) as run:
        run.until(lambda: reached(run.state()) > 0 and run.exports_in_state() > 1)
        target.take(run.kill().lines)
    assert target.state
    assert "updatedAt" not in target.state["bookmarks"][COURSES]
    before = [(job["object"], *span(job)) for job in jobs(marketo)]
    marketo.control("DELETE", "next_jobs")
    release(marketo)
    marketo.advance(hours=1)
    done = sync(marketo, tap, chosen, target, max_export_days=10)
    assert len(lines(done, "Resuming the links_of/")) > 1
    made = [(job["object"], *span(job)) for job in jobs(marketo)]
    assert not {*made} & {*before}
    assert held(target) == tables(marketo, catalog, START)
    assert reached(target.state) == 0
    marks = target.state["bookmarks"]
    assert {marks[name]["updatedAt"] for name in LINKED} == {"2026-06-15T12:00:00+00:00"}


def test_scarce_calls_and_bytes_are_waited_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, [COURSES, CONTRACTS]), Target()
    settings = {"max_daily_calls": 40, "start_date": START}
    # Where the rows begin is not known: nothing is older than 2006.
    done = tap.run(marketo.config(**settings), chosen)
    stopped(done, 3)
    assert {span(job)[0] for job in jobs(marketo)[:3]} == {"2006-01-01T00:00:00Z"}
    target = begun(COURSES, CONTRACTS)
    settings = {"max_daily_export_mb": 0.004, "max_export_days": 8, "max_queued_exports": 1}
    for _ in range(8):
        marketo.advance(days=1)
        done = tap.run(marketo.config(start_date=START, **settings), chosen, target.state)
        target.take(done.lines)
        if not done.code:
            break
        stopped(done, 3)
    assert done.code == 0
    true = tables(marketo, catalog, START)
    assert held(target, COURSES, CONTRACTS) == {name: true[name] for name in (COURSES, CONTRACTS)}


# What is not given -------------------------------------------------------------------------------


@pytest.mark.sampled(3)
@pytest.mark.parametrize("code", ["603", "1018", "1013"])
def test_a_refused_type_is_named_and_the_others_are_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    marketo.fault("custom_object_rows", "error", None, id="course_c", code=code)
    chosen, target = select(catalog, LINKED), begun()
    done = tap.run(marketo.config(start_date=START), chosen, target.state)
    message = stopped(done)
    assert not_read(message) == {COURSES}
    assert code in message
    assert ("Read-Only Custom Object" in message) == (code == "603")
    target.take(done.lines)
    others = [name for name in LINKED if name != COURSES]
    true = tables(marketo, catalog, START)
    assert held(target, *others) == {name: true[name] for name in others}
    assert target.state
    assert "updatedAt" not in target.state["bookmarks"][COURSES]
    marketo.heal()
    sync(marketo, tap, chosen, target)
    assert held(target) == true


def test_leads_that_may_not_be_exported_are_named(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("create", "error", None, object=LEADS, code="603")
    target = begun()
    done = tap.run(marketo.config(start_date=START), select(catalog, LINKED), target.state)
    message = stopped(done)
    assert not_read(message) == {CONTRACTS}
    assert "Read-Only Lead" in message
    target.take(done.lines)
    assert held(target, HOUSES)[HOUSES] == tables(marketo, catalog, START)[HOUSES]


def test_a_bridge_that_is_not_exported_fails_what_it_leads_to(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("create", "error", None, object=BRIDGES[0], code="1035")
    target = begun()
    done = tap.run(marketo.config(start_date=START), select(catalog, LINKED), target.state)
    assert not_read(stopped(done)) == {COURSES, SERVICES}
    target.take(done.lines)
    assert held(target, HOUSES)[HOUSES] == tables(marketo, catalog, START)[HOUSES]
    assert target.state
    assert "updatedAt" not in target.state["bookmarks"][COURSES]


def test_without_the_updated_at_filter_leads_go_by_creation(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL, "--no-updated-at") as marketo:
        begins = {"leads by createdAt": "2026-05-18T00:00:00+00:00"}
        target = Target(state={"bookmarks": {CONTRACTS: {"begins_by": begins}}})
        sync(marketo, tap, select(catalog, [CONTRACTS]), target)
        assert held(target, CONTRACTS)[CONTRACTS] == tables(marketo, catalog, START)[CONTRACTS]


# Catalogs and states of another time -------------------------------------------------------------


def test_a_bookmark_of_exports_is_none_of_what_is_read_by_keys(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = begun(HOUSES)
    assert target.state
    target.state["bookmarks"][HOUSES]["updatedAt"] = "2026-06-15T11:00:00+00:00"
    sync(marketo, tap, select(catalog, [HOUSES]), target)
    assert held(target, HOUSES)[HOUSES] == tables(marketo, catalog, START)[HOUSES]


def test_a_type_of_which_nothing_is_known_is_refused(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [HOUSES])
    marketo.change(custom_object_types_deleted=["stay_c"])
    message = stopped(tap.run(marketo.config(start_date=START), chosen))
    assert not_read(message) == {HOUSES}
    assert "is not linked to leads" in message


def test_any_columns_may_be_selected(marketo: Account, catalog: dict[str, Any], tap: Tap) -> None:
    chosen = select(catalog, LINKED)
    left = {"color", "mileage"}
    for stream in chosen["streams"]:
        for item in stream["metadata"]:
            if stream["tap_stream_id"] in LINKED and item["breadcrumb"]:
                item["metadata"]["selected"] = item["breadcrumb"][-1] in left
    target = begun()
    sync(marketo, tap, chosen, target)
    true = tables(marketo, catalog, START)
    columns = ("marketoGUID", "createdAt", "updatedAt", *left)
    for name in LINKED:
        wanted = {k: {c: row[c] for c in columns} for k, row in true[name].items()}
        assert expected.table(target, name) == wanted


# What is said beforehand -------------------------------------------------------------------------


def test_a_plan_names_exports_and_calls_and_when_it_is_due(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = select(catalog, LINKED), begun()
    config = marketo.config(start_date=START)
    shown = tap.run(config, chosen, target.state, "--plan").stdout
    for name in (LEADS, *BRIDGES):
        assert f"links_of/{name}" in shown
    assert "one for 300 keys of" in shown
    sync(marketo, tap, chosen, target)
    shown = tap.run(config, chosen, target.state, "--plan").stdout
    assert re.search(r"not before 2026-06-16T11:00:\d\dZ \(child_refresh_hours\)", shown)
    # The day's calls, the list of types.
    (line,) = [line for line in shown.split("\n") if line.startswith("start of the run")]
    assert line.split()[-1] == "2"
