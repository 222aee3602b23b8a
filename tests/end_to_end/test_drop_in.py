"""In place of singer-io's tap-marketo: its catalogs, its state files, its columns and types."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import SMALL
from tests.end_to_end.test_quota import exported, sync_until_done
from tests.harness import Account, Tap, Target, account, select

NULLABLE_DATE = {"type": ["string", "null"], "format": "date-time"}


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    options = ("--leads", "60", "--activities", "800", "--programs", "30", "--late-share", "0")
    with account(*options) as running:
        yield running


def by_name(catalog: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {stream["tap_stream_id"]: stream for stream in catalog["streams"]}


def types_of(stream: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a stream's columns with what it has: descriptions are ours."""
    return {
        column: {word: what for word, what in schema.items() if word != "description"}
        for column, schema in stream["schema"]["properties"].items()
    }


def test_leads_have_its_columns_and_types(marketo: Account, tap: Tap) -> None:
    leads = by_name(tap.discover(marketo.config()))["leads"]
    columns = types_of(leads)
    assert columns["id"] == {"type": "integer"}
    assert columns["createdAt"] == {"type": "string", "format": "date-time"}
    assert columns["email"] == {"type": ["string", "null"]}
    assert columns["renewalDate"] == NULLABLE_DATE
    assert columns["leadScore"] == {"type": ["integer", "null"]}
    assert columns["discountPercent"] == {"type": ["integer", "null"]}
    assert columns["lifetimeValue"] == {"type": ["number", "null"]}
    assert columns["isSubscriber"] == {"type": ["boolean", "null"]}
    assert columns["interestTags"] == {
        "type": ["array", "null"],
        "items": {"type": ["integer", "number", "string", "null"]},
    }
    assert leads["schema"]["additionalProperties"] is False
    own = expected.metadata(leads)
    assert own[()] == {
        "table-key-properties": ["id"],
        "forced-replication-method": "INCREMENTAL",
        "valid-replication-keys": ["updatedAt"],
    }
    automatic = {b[-1] for b, m in own.items() if b and m["inclusion"] == "automatic"}
    assert automatic == {"id", "createdAt", "updatedAt"}
    unsupported = {b[-1] for b, m in own.items() if b and m["inclusion"] == "unsupported"}
    assert "fullGreeting" in unsupported
    assert len(unsupported) == 2


def test_activity_streams_have_its_names_columns_and_metadata(marketo: Account, tap: Tap) -> None:
    streams = by_name(tap.discover(marketo.config()))
    visit = streams["activities_visit_webpage"]
    columns = types_of(visit)
    assert list(columns)[:8] == [
        "marketoGUID", "leadId", "activityDate", "activityTypeId", "campaignId",
        "primary_attribute_name", "primary_attribute_value", "primary_attribute_value_id",
    ]  # fmt: skip
    assert columns["marketoGUID"] == {"type": ["null", "string"]}
    assert columns["leadId"] == {"type": ["null", "integer"]}
    assert columns["activityDate"] == {"type": ["null", "string"], "format": "date-time"}
    assert columns["client_ip_address"] == {"type": ["string", "null"]}
    own = expected.metadata(visit)
    assert own[()] == {
        "table-key-properties": ["marketoGUID"],
        "forced-replication-method": "INCREMENTAL",
        "valid-replication-keys": ["activityDate"],
        "marketo.activity-id": 1,
        "marketo.primary-attribute-name": "webpage_id",
    }
    available = {b[-1] for b, m in own.items() if b and m["inclusion"] == "available"}
    assert available == set(columns) - set(list(columns)[:8]) | {"campaignId"}
    assert "primary_attribute_name" not in streams["activities_bare"]["schema"]["properties"]


def test_asset_streams_have_its_columns(marketo: Account, tap: Tap) -> None:
    streams = by_name(tap.discover(marketo.config()))
    assert set(streams["campaigns"]["schema"]["properties"]) == {
        "id", "createdAt", "updatedAt", "active", "description", "name", "programId",
        "programName", "type", "workspaceName",
    }  # fmt: skip
    assert set(streams["lists"]["schema"]["properties"]) == {
        "id", "name", "createdAt", "updatedAt", "description", "programName", "workspaceId",
        "workspaceName",
    }  # fmt: skip
    assert set(streams["programs"]["schema"]["properties"]) == {
        "id", "createdAt", "updatedAt", "name", "description", "url", "type", "channel", "status",
        "workspace", "folder",
        # New; those that take a call each are not selected by default.
        "headStart", "sfdcId", "sfdcName", "startDate", "endDate", "tags", "costs", "smartList",
    }  # fmt: skip
    assert set(streams["activity_types"]["schema"]["properties"]) == {
        "id", "name", "apiName", "description", "primaryAttribute", "attributes",
    }  # fmt: skip
    automatic = {
        name: {b[-1] for b, m in expected.metadata(s).items() if m.get("inclusion") == "automatic"}
        for name, s in streams.items()
    }
    assert automatic["activity_types"] == {"id", "name"}
    assert automatic["lists"] == {"id", "name", "createdAt", "updatedAt"}
    assert automatic["campaigns"] == automatic["programs"] == {"id", "createdAt", "updatedAt"}
    full = expected.metadata(streams["activity_types"])[()]
    assert full["forced-replication-method"] == "FULL_TABLE"


def without_extras(catalog: dict[str, Any]) -> dict[str, Any]:
    """Return the catalog without the columns of activities that the other tap does not have."""
    older: dict[str, Any] = copy.deepcopy(catalog)
    for stream in older["streams"]:
        extras = [b for b, m in expected.metadata(stream).items() if "marketo.extra-column" in m]
        for _, column in extras:
            del stream["schema"]["properties"][column]
        stream["metadata"] = [m for m in stream["metadata"] if tuple(m["breadcrumb"]) not in extras]
    return older


def old_catalog(catalog: dict[str, Any]) -> dict[str, Any]:
    """Make the catalog as the other tap writes it: its faults, and none of our notes."""
    chosen = select(without_extras(catalog))
    for stream in chosen["streams"]:
        for item in stream["metadata"]:
            item["metadata"].pop("marketo.attribute-name", None)
            keys = item["metadata"].get("valid-replication-keys")
            if keys:
                item["metadata"]["valid-replication-keys"] = keys[0]
            if stream["tap_stream_id"].startswith("activities_") and not item["breadcrumb"]:
                item["metadata"]["forced-replication-method"] = "FULL_TABLE"
                item["metadata"].pop("valid-replication-keys")
            if item["breadcrumb"] == ["properties", "fullGreeting"]:
                item["metadata"].update(inclusion="available", selected=True)
    return chosen


def test_its_catalog_works(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date="2025-01-01T00:00:00Z")
    catalog = tap.discover(config)
    target = Target()
    done = tap.sync(config, old_catalog(catalog), target)
    assert "fullGreeting cannot be exported" in done.stderr
    assert not any("actionResult" in job["fields"] for job in marketo.counters()["jobs"])
    leads = expected.leads(marketo)
    assert expected.table(target, "leads") == leads
    for name, rows in expected.activities(marketo, without_extras(catalog), "2025-01-01").items():
        # Where names clash that tap merges two attributes into one column.
        if name != "activities_clashing_names":
            assert expected.table(target, name) == rows


def test_its_state_is_continued(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date="2025-01-01T00:00:00Z")
    streams = ["leads", "lists", "activities_visit_webpage", "activities_send_email"]
    chosen = select(tap.discover(config), streams)
    state = {
        "bookmarks": {
            "leads": {
                "updatedAt": "2026-06-10T00:00:00+00:00", "export_id": None, "export_end": None,
            },
            "activities_visit_webpage": {
                "activityDate": "2026-06-09T22:10:00+00:00", "export_id": None, "export_end": None,
            },
            "activities_send_email": {
                "activityDate": "2026-06-09T22:40:00+00:00", "export_id": None, "export_end": None,
            },
            "lists": {"updatedAt": "2026-06-01T00:00:00+00:00", "next_page_token": None},
        },
        "currently_syncing": "activities_send_email",
    }  # fmt: skip
    marketo.control("POST", "reset_counters")
    done = tap.run(config, chosen, state)
    assert done.code == 0, done.stderr
    spans = {
        job["object"]: next(iter(job["filter"].values()))["startAt"]
        for job in marketo.counters()["jobs"]
    }
    # Each begins a day before its bookmark; types that stand close together share one job.
    assert spans == {"leads": "2026-06-09T00:00:00Z", "activities": "2026-06-08T22:10:00Z"}
    assert len(marketo.counters()["jobs"]) == 2
    assert {r["updatedAt"] >= "2026-06-01" for r in done.records("lists") if r["updatedAt"]} == {
        True
    }
    after = done.messages[-1]["value"]
    for stream, key in (("leads", "updatedAt"), ("activities_send_email", "activityDate")):
        assert after["bookmarks"][stream][key] >= "2026-06-15T12:00:00+00:00"
        assert after["bookmarks"][stream]["export_id"] is None
    assert after["bookmarks"]["lists"]["next_page_token"] is None


# One type that Marketo keeps for 90 days, which is read first where bytes are scarce, and one kept
# for longer; the second stands where that tap stopped.
SCARCE = ("leads", "activities_visit_webpage", "activities_open_email")


def test_its_state_is_continued_over_days_that_run_out_of_bytes(tap: Tap) -> None:
    options = ("--leads", "400", "--activities", "4000", "--history-days", "120")
    with account(*options, "--late-share", "0", "--export-minutes", "0.5") as marketo:
        config = marketo.config(start_date="2025-01-01T00:00:00Z")
        chosen = select(tap.discover(config), SCARCE)
        keys = dict(zip(SCARCE, ("updatedAt", "activityDate", "activityDate"), strict=True))
        starts = dict(zip(SCARCE, ("2026-02-20", "2026-02-24", "2026-03-20"), strict=True))
        state: dict[str, Any] = {
            "bookmarks": {
                name: {
                    keys[name]: f"{starts[name]}T10:00:00+00:00",
                    "export_id": None,
                    "export_end": None,
                }
                for name in SCARCE
            },
            "currently_syncing": SCARCE[1],
        }
        whole, target = Target(state=copy.deepcopy(state)), Target(state=state)
        tap.sync(config, chosen, whole)
        needed = exported(marketo)
        # The bytes of that sync are spent on another day.
        marketo.advance(days=1)
        marketo.control("POST", "reset_counters")
        scarce = {**config, "max_daily_export_mb": round(needed / 3e6, 3)}
        runs = sync_until_done(marketo, tap, scarce, chosen, target)
        assert [done.code for done in runs] == [3] * (len(runs) - 1) + [0]
        assert 3 <= len(runs) <= 5
        # Nothing is exported twice but for the look-backs of the days.
        assert exported(marketo) < 1.2 * needed
        assert target.tables == whole.tables
        assert target.state
        for name in SCARCE:
            true = expected.tables(marketo, chosen, f"{starts[name]}T10:00:00Z")[name]
            assert true, "a test without rows would prove nothing"
            held = expected.table(target, name)
            assert {key: held.get(key) for key in true} == true, name
            own = target.state["bookmarks"][name]
            assert own[keys[name]] >= "2026-06-17"
            assert own["export_id"] is None


def test_the_job_that_its_state_names_is_resumed(marketo: Account, tap: Tap) -> None:
    config = marketo.config(start_date="2025-01-01T00:00:00Z")
    streams = ["activities_visit_webpage", "activities_send_email"]
    chosen = select(tap.discover(config), streams)
    # A job such as that tap makes: one type, up to export_end.
    first = Target()
    tap.sync(marketo.config(start_date="2026-05-20T00:00:00Z"), select(chosen, streams[:1]), first)
    (job,) = [j for j in marketo.counters()["jobs"] if j["object"] == "activities"][-1:]
    end = job["filter"]["createdAt"]["endAt"]
    state = {
        "bookmarks": {
            stream: {"activityDate": "2026-05-20T00:00:00+00:00", "export_id": None}
            for stream in streams
        }
    }
    state["bookmarks"][streams[0]] |= {"export_id": job["exportId"], "export_end": end}
    marketo.control("POST", "reset_counters")
    target = Target(state=state)
    tap.sync(config, chosen, target)
    rows = expected.activities(marketo, chosen, "2026-05-20T00:00:00Z")
    assert expected.table(target, streams[0]) == rows[streams[0]]
    made = marketo.counters()["jobs"]
    # The job stands for its type; the other type catches up, and both go on from there.
    types = [sorted(j["filter"]["activityTypeIds"]) for j in made]
    assert [6] in types
    assert all(
        j["filter"]["createdAt"]["startAt"] >= "2026-06-14" for j in made
        if 1 in j["filter"]["activityTypeIds"]
    )  # fmt: skip
    assert target.state
    assert target.state["bookmarks"][streams[0]]["export_id"] is None


def test_a_job_that_its_state_names_and_marketo_lost_is_created_again(
    marketo: Account, tap: Tap
) -> None:
    config = marketo.config(start_date="2026-05-20T00:00:00Z")
    chosen = select(tap.discover(config), ["leads"])
    state = {
        "bookmarks": {
            "leads": {
                "updatedAt": "2026-05-20T00:00:00+00:00",
                "export_id": "00000000-0000-4000-8000-000000000000",
                "export_end": "2026-06-01T00:00:00+00:00",
            }
        }
    }
    target = Target(state=state)
    done = tap.sync(config, chosen, target)
    assert "Marketo no longer has it" in done.stderr
    changed = [x["id"] for x in marketo.truth("leads") if x["_changedAt"] >= "2026-05-20"]
    assert sorted(expected.table(target, "leads")) == sorted(changed)


def test_a_state_as_an_orchestrator_exports_it_is_resumed(tap: Tap) -> None:
    with account(*SMALL) as marketo:
        config = marketo.config()
        chosen = select(tap.discover(config), ["campaigns"])
        target = Target()
        tap.sync(config, chosen, target)
        wrapped = {"completed": {"singer_state": target.state}, "partial": {}}
        done = tap.run(config, chosen, wrapped)
        assert done.code == 0, done.stderr
        plain = tap.run(config, chosen, target.state)
        assert done.records("campaigns") == plain.records("campaigns")
        assert len(plain.records("campaigns")) < len(target.rows("campaigns"))
        assert done.messages[-1]["value"]["bookmarks"]["campaigns"]["updatedAt"]
