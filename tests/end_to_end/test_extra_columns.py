"""Columns of activities that are off by default: results of actions, and attributes unknown."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    MAILS,
    SMALL,
    START,
    VISITS,
    assert_activities,
    background,
    discovered,
    jobs,
    release,
)
from tests.harness import Account, Tap, Target, account, select

EXTRAS = {"actionResult", "unknown_attributes"}
# Of types without a primary attribute; others have them always.
PRIMARY = {"primary_attribute_value", "primary_attribute_value_id"}
NOTE = "marketo.extra-column"
DELETIONS, TYPE_OF_DELETIONS = "activities_delete_lead", 37


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "0.5") as running:
        yield running


def config_of(marketo: Account) -> dict[str, Any]:
    return marketo.config(start_date=START)


def stream_of(catalog: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in catalog["streams"] if s["tap_stream_id"] == name)
    return found


def activity_streams(catalog: dict[str, Any]) -> list[str]:
    names = [stream["tap_stream_id"] for stream in catalog["streams"]]
    return [name for name in names if name.startswith("activities_") and name != DELETIONS]


def without(catalog: dict[str, Any], *columns: str) -> dict[str, Any]:
    """Return the catalog with some columns deselected in every stream."""
    chosen = copy.deepcopy(catalog)
    for stream in chosen["streams"]:
        for item in stream["metadata"]:
            if item["breadcrumb"] and item["breadcrumb"][-1] in columns:
                item["metadata"]["selected"] = False
    return chosen


def older(catalog: dict[str, Any]) -> dict[str, Any]:
    """Return the catalog as it was before there were such columns, without notes about any."""
    made = copy.deepcopy(catalog)
    for stream in made["streams"]:
        extras = {b[-1] for b, m in expected.metadata(stream).items() if NOTE in m}
        for column in extras:
            del stream["schema"]["properties"][column]
        stream["metadata"] = [m for m in stream["metadata"] if not extras & {*m["breadcrumb"]}]
        for item in stream["metadata"]:
            item["metadata"].pop("marketo.attribute-name", None)
    return made


def test_every_stream_has_them_and_nobody_gets_them_who_does_not_ask(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = copy.deepcopy(catalog)
    for stream in chosen["streams"]:
        own = expected.metadata(stream)
        extras = {m[NOTE] for m in own.values() if NOTE in m}
        is_exported = stream["tap_stream_id"] in activity_streams(catalog)
        assert extras - PRIMARY == (EXTRAS if is_exported else set())
        if stream["tap_stream_id"].startswith("activities_"):
            assert {*stream["schema"]["properties"]} >= PRIMARY
        for note in own.values():
            if NOTE in note:
                assert note["inclusion"] == "available"
                assert note.get("selected-by-default", True) is (note[NOTE] in PRIMARY)
        # What an orchestrator does that selects streams and leaves columns to their defaults.
        own[()]["selected"] = is_exported
    done = tap.run(config_of(marketo), chosen)
    assert done.code == 0, done.stderr
    (job,) = jobs(marketo)
    assert "actionResult" not in job["fields"]
    records = [m["record"] for m in done.messages if m["type"] == "RECORD"]
    assert len(records) > 100
    assert not any(EXTRAS & record.keys() for record in records)


def test_results_of_actions_are_in_every_stream_that_selects_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    streams = activity_streams(catalog)
    chosen = select(catalog, streams)
    target = Target()
    tap.sync(config_of(marketo), chosen, target)
    for _ in range(2):
        marketo.change(new_activities=80, late_activities=20)
        marketo.advance(hours=23)
        tap.sync(config_of(marketo), chosen, target)
    assert all("actionResult" in job["fields"] for job in jobs(marketo))
    truth = expected.activities(marketo, catalog, START)
    for stream in streams:
        assert expected.table(target, stream) == truth.get(stream, {})
    results = {row["actionResult"] for stream in streams for row in target.rows(stream)}
    assert results == {"succeeded", "skipped", "failed"}


def test_one_stream_that_selects_results_gives_none_to_another(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [VISITS, MAILS], **{MAILS: []})
    target = Target()
    tap.sync(config_of(marketo), chosen, target)
    (job,) = jobs(marketo)
    assert "actionResult" in job["fields"]
    assert_activities(marketo, catalog, target, [VISITS])
    assert target.rows(MAILS)
    assert not any("actionResult" in row for row in target.rows(MAILS))


@pytest.mark.parametrize("had_it", [True, False])
def test_a_job_of_an_earlier_run_serves_if_it_has_the_results_that_are_asked_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap, had_it: bool
) -> None:
    asking = select(catalog, [VISITS])
    not_asking = without(asking, "actionResult")
    first, second = (asking, not_asking) if had_it else (not_asking, asking)
    marketo.control("POST", "next_jobs", [{"stick": "Queued"}])
    target = Target()
    with background(tap, config_of(marketo), first) as run:
        run.until(lambda: run.exports_in_state() == 1 and jobs(marketo)[0]["enqueues"] == 1)
        target.take(run.kill().lines)
    release(marketo)
    done = tap.sync(config_of(marketo), second, target)
    (left, *made) = jobs(marketo)
    assert ("actionResult" in left["fields"]) is had_it
    assert f"Resuming the activities export {left['exportId']}" in done.stderr
    truth = expected.activities(marketo, catalog, START)[VISITS]
    if had_it:
        assert "no column" not in done.stderr
        truth = {
            key: {column: v for column, v in row.items() if column != "actionResult"}
            for key, row in truth.items()
        }
    else:
        assert "its file has no column actionResult" in done.stderr
        assert any(job["filter"] == left["filter"] for job in made)
        assert all("actionResult" in job["fields"] for job in made)
    assert expected.table(target, VISITS) == truth


MEETING = {
    "id": 100_901,
    "name": "Names That Meet",
    "attributes": [
        {"name": "ActionResult", "dataType": "string", "apiName": "resultOfAction"},
        {"name": "Unknown Attributes", "dataType": "string", "apiName": "whatIsUnknown"},
    ],
}
MET = "activities_names_that_meet"


def test_attributes_of_the_same_names_keep_their_columns(marketo: Account, tap: Tap) -> None:
    marketo.change(new_activity_type=MEETING, new_activities=40, activity_type=MEETING["id"])
    marketo.advance(seconds=60)
    fresh = tap.discover(config_of(marketo))
    notes = {
        breadcrumb[-1]: told.get(NOTE) or told.get("marketo.attribute-name")
        for breadcrumb, told in expected.metadata(stream_of(fresh, MET)).items()
        if breadcrumb
    }
    assert {column: note for column, note in notes.items() if note and note not in PRIMARY} == {
        "actionresult": "ActionResult",
        "unknown_attributes": "Unknown Attributes",
        "actionResult_2": "actionResult",
        "unknown_attributes_2": "unknown_attributes",
    }
    for made in (fresh, older(fresh)):
        target = Target()
        tap.sync(config_of(marketo), select(made, [MET]), target)
        truth = expected.activities(marketo, fresh, START)[MET]
        assert len(truth) == 40
        columns = stream_of(made, MET)["schema"]["properties"]
        assert ("actionResult_2" in columns) == (made is fresh)
        assert expected.table(target, MET) == {
            key: {column: v for column, v in row.items() if column in columns}
            for key, row in truth.items()
        }
        assert any(row["unknown_attributes"] for row in target.rows(MET))


def test_under_plain_names_attributes_give_way(marketo: Account, tap: Tap) -> None:
    marketo.change(new_activity_type=MEETING, new_activities=40, activity_type=MEETING["id"])
    marketo.advance(seconds=60)
    fresh = tap.discover({**config_of(marketo), "names": "plain"})
    own = expected.metadata(stream_of(fresh, MET))
    for extra in EXTRAS:
        assert own["properties", extra][NOTE] == extra
    target = Target()
    tap.sync(config_of(marketo), select(fresh, [MET]), target)
    assert_activities(marketo, fresh, target, [MET])


def test_columns_added_by_hand_to_an_older_catalog_are_filled(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(older(catalog), [VISITS])
    stream = stream_of(chosen, VISITS)
    for column, kind in (("actionResult", "string"), ("unknown_attributes", "object")):
        stream["schema"]["properties"][column] = {"type": ["null", kind]}
        told = {"inclusion": "available", "selected": True}
        stream["metadata"].append({"breadcrumb": ["properties", column], "metadata": told})
    target = Target()
    tap.sync(config_of(marketo), chosen, target)
    assert_activities(marketo, catalog, target, [VISITS])


CONFERENCES = "activities_attend_conference"


@pytest.mark.parametrize("is_selected", [True, False])
def test_an_attribute_that_is_newer_than_the_catalog_is_kept_or_counted(
    marketo: Account, catalog: dict[str, Any], tap: Tap, is_selected: bool
) -> None:
    seat = {"activity_type": 100_001, "name": "Seat", "dataType": "string"}
    marketo.change(new_attribute=seat, new_activities=60, activity_type=100_001)
    marketo.advance(seconds=60)
    chosen = select(catalog, [CONFERENCES])
    if not is_selected:
        chosen = without(chosen, "unknown_attributes")
    target = Target()
    done = tap.sync(config_of(marketo), chosen, target)
    given = {
        a["marketoGUID"]: a["attributes"].get("Seat")
        for a in marketo.activities([100_001])
        if a["activityDate"] >= START
    }
    assert len([seat for seat in given.values() if seat]) > 10
    assert ("the catalog lacks" in done.stderr) is not is_selected
    assert expected.table(target, CONFERENCES).keys() == given.keys()
    for key, row in expected.table(target, CONFERENCES).items():
        if is_selected:
            kept = row["unknown_attributes"] or {}
            # At times rows spell a name in another letter case.
            assert {name.lower(): text for name, text in kept.items()} == (
                {"seat": given[key]} if given[key] else {}
            )
        else:
            assert "unknown_attributes" not in row


def untell(marketo: Account) -> dict[int, dict[str, Any]]:
    """Let types.json no longer name an attribute of each type; return the attributes by type."""
    untold = {}
    for kind in marketo.truth("activity_types"):
        if kind["id"] == TYPE_OF_DELETIONS:
            continue
        folded = [attribute["name"].casefold() for attribute in kind["attributes"]]
        # Without one that could be meant by another attribute's name.
        able = [a for a in kind["attributes"] if folded.count(a["name"].casefold()) == 1]
        if able:
            untold[kind["id"]] = attribute = able[kind["id"] % len(able)]
            request = {"activity_type": kind["id"], "name": attribute["name"]}
            marketo.change(untold_attribute=request)
    return untold


def is_same(sent: Any, true: Any) -> bool:
    """Say whether a value is what Marketo holds, in one of the ways it writes it in a file."""
    if isinstance(true, bool):
        return sent in (true, str(true).lower(), str(int(true)))
    if isinstance(true, int | float):
        return Decimal(str(sent)) == Decimal(str(true))
    return bool(sent == true.replace("\0", ""))


def assert_kept(
    marketo: Account, fresh: dict[str, Any], target: Target, untold: dict[int, dict[str, Any]]
) -> None:
    """Every row has its untold attribute in the one column, and all others where they belong."""
    truth = expected.activities(marketo, fresh, START)
    held = {a["marketoGUID"]: a["attributes"] for a in marketo.truth("activities")}
    kept = 0
    for stream in activity_streams(fresh):
        number = expected.metadata(stream_of(fresh, stream))[()]["marketo.activity-id"]
        attribute = untold.get(number, {"name": None})
        for key, row in expected.table(target, stream).items():
            assert {**row, "unknown_attributes": None} == truth[stream].pop(key)
            true = held[key].get(attribute["name"])
            if true is None:
                assert row["unknown_attributes"] is None
            else:
                ((name, sent),) = row["unknown_attributes"].items()
                names = {attribute["name"].casefold(), attribute.get("apiName", "").casefold()}
                assert name.casefold() in names
                assert is_same(sent, true), (stream, sent, true)
                kept += 1
    assert not any(truth.values())
    assert kept > 100


def test_attributes_that_no_definition_names_are_kept(marketo: Account, tap: Tap) -> None:
    untold = untell(marketo)
    fresh = tap.discover(config_of(marketo))
    target = Target()
    chosen = select(fresh, activity_streams(fresh))
    done = tap.sync(config_of(marketo), chosen, target)
    assert "the catalog lacks" not in done.stderr
    assert_kept(marketo, fresh, target, untold)
    marketo.change(new_activities=100, late_activities=20)
    marketo.advance(hours=23)
    tap.sync(config_of(marketo), chosen, target)
    assert_kept(marketo, fresh, target, untold)


def test_attributes_that_no_definition_names_are_counted_where_nothing_keeps_them(
    marketo: Account, tap: Tap
) -> None:
    untold = untell(marketo)
    fresh = tap.discover(config_of(marketo))
    streams = activity_streams(fresh)
    target = Target()
    done = tap.sync(
        config_of(marketo), without(select(fresh, streams), "unknown_attributes"), target
    )
    # Where no column is left for any attribute, they are not even looked at.
    looked_at = {kind["id"] for kind in marketo.truth("activity_types") if kind["attributes"]}
    given = [
        a
        for a in marketo.activities(untold.keys() & looked_at)
        if a["activityDate"] >= START
        and a["attributes"].get(untold[a["activityTypeId"]]["name"]) is not None
    ]
    counted = [int(n.replace(",", "")) for n in re.findall(r": ([\d,]+) of an attr", done.stderr)]
    assert sum(counted) == len(given) > 100
    truth = expected.activities(marketo, fresh, START)
    for stream in streams:
        for key, row in expected.table(target, stream).items():
            assert {**row, "unknown_attributes": None} == truth[stream][key]
