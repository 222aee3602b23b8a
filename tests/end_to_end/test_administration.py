"""What describes the account itself: fields, custom objects, partitions, use, export jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected_assets
from tests.end_to_end.checks import discovered, log_of, not_read, stopped
from tests.end_to_end.expected_assets import ADMINISTRATION
from tests.harness import Account, Tap, Target, account, select

FEW = ("--leads", "5", "--activities", "20", "--late-share", "0", "--export-minutes", "0.5")
SCHEMA_PERMISSIONS = ["Read-Write Schema Standard Field", "Read-Write Schema Custom Field"]
SCHEMA_COLUMNS = ("description", "isHidden", "isHtmlEncodingInEmail", "isSensitive", "isCustom")


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*FEW, "--custom-object-types", "5", "--crm-sync") as running:
        yield running


def assert_table(marketo: Account, target: Target, name: str) -> None:
    columns = target.schemas[name]["schema"]["properties"]
    truth = expected_assets.table(marketo, name, columns)
    assert truth, "a test without rows would prove nothing"
    held = target.tables[name]
    if name.startswith("daily_"):
        # The calls of the run itself are in today's.
        today = max(truth)
        assert held[today]["total"] <= truth.pop(today)["total"]
        held = {key: row for key, row in held.items() if key != today}
    assert held.keys() >= truth.keys()
    for key, row in truth.items():
        assert held[key] == row, (name, key)


def test_every_table_holds_what_marketo_holds_at_first_and_later(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    for name in ("program/members", "customobjects/car_c", "activities"):
        done = {"object": name, "bytes": 10, "minutes_ago": 5}
        marketo.control("POST", "finished_jobs", done)
    chosen = select(catalog, ADMINISTRATION)
    for _ in range(2):
        tap.sync(config, chosen, target)
        for name in ADMINISTRATION:
            assert_table(marketo, target, name)
        marketo.control("POST", "usage", {"foreign_calls": 7})
        marketo.change(custom_object_types_updated=2, new_lead_partitions=1)
        marketo.advance(hours=24)
    objects = {row["object"] for row in target.rows("bulk_exports")}
    assert objects == {"activities", "program_members", "car_c"}


@pytest.mark.parametrize("lacking", [*([one] for one in SCHEMA_PERMISSIONS), SCHEMA_PERMISSIONS])
def test_what_the_role_may_not_see_of_the_schema_is_null(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacking: list[str]
) -> None:
    marketo.control("POST", "permissions", {"lacks": lacking})
    target = Target()
    tap.sync(marketo.config(), select(catalog, ["lead_fields"]), target)
    rows = target.tables["lead_fields"]
    marketo.control("POST", "permissions", {"lacks": []})
    columns = target.schemas["lead_fields"]["schema"]["properties"]
    truth = expected_assets.table(marketo, "lead_fields", columns)
    assert rows.keys() == truth.keys()
    shown = {bool(row["isCustom"]) for row in rows.values() if row["isCustom"] is not None}
    expected = {False, True}
    expected -= {False} if SCHEMA_PERMISSIONS[0] in lacking else set()
    expected -= {True} if SCHEMA_PERMISSIONS[1] in lacking else set()
    assert shown == expected
    for key, row in truth.items():
        hidden = row["isCustom"] not in expected
        assert rows[key] == {**row, **(dict.fromkeys(_nulls(row)) if hidden else {})}


def _nulls(row: dict[str, Any]) -> list[str]:
    return [column for column in row if column in (*SCHEMA_COLUMNS, "isApiCreated")]


def test_fields_of_custom_objects_take_a_call_each_and_only_if_they_are_selected(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    without = select(catalog, ["custom_object_types"], custom_object_types=["displayName"])
    tap.sync(marketo.config(), without, Target())
    assert not log_of(marketo, "customobject_describe")
    target = Target()
    tap.sync(marketo.config(), select(catalog, ["custom_object_types"]), target)
    assert len(log_of(marketo, "customobject_describe")) == len(target.rows("custom_object_types"))
    assert all(row["fields"] for row in target.rows("custom_object_types"))


def test_exports_of_objects_that_may_not_be_read_are_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "finished_jobs", {"object": "activities", "bytes": 10})
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Lead", "Read-Only Custom Object"]})
    target, chosen = Target(), select(catalog, ["bulk_exports"])
    tap.sync(marketo.config(), chosen, target)
    assert {row["object"] for row in target.rows("bulk_exports")} == {"activities"}
    every = ["Read-Only Lead", "Read-Only Custom Object", "Read-Only Activity"]
    marketo.control("POST", "permissions", {"lacks": every})
    assert not_read(stopped(tap.run(marketo.config(), chosen))) == {"bulk_exports"}


# Metadata ----------------------------------------------------------------------------------------

OBJECTS = (
    "companies", "opportunities", "opportunity_roles", "sales_persons", "named_accounts",
    "program_members",
)  # fmt: skip


@pytest.fixture
def with_crm() -> Iterator[Account]:
    with account(*FEW, "--crm-objects", "--lead-fields", "230") as running:
        yield running


def objects_of(target: Target, name: str) -> set[str]:
    return {row["object"] for row in target.rows(name)}


def test_fields_of_all_objects_and_of_forms_are_those_that_there_are(
    with_crm: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, chosen = Target(), select(catalog, ["object_fields", "form_fields"])
    done = tap.sync(with_crm.config(), chosen, target)
    for name in ("object_fields", "form_fields"):
        assert_table(with_crm, target, name)
        assert len(done.records(name)) == len(target.rows(name))
    assert objects_of(target, "object_fields") == {*OBJECTS}
    assert objects_of(target, "form_fields") == {"leads", "program_members"}
    # More than a page.
    assert len(log_of(with_crm, "lead_form_fields")) == 3
    assert {row["searchable"] for row in target.rows("object_fields")} == {True, False}
    assert any(row["picklistValues"] for row in target.rows("form_fields"))
    schemas = [f"{name}_schema" for name in OBJECTS if "roles" not in name and "sales" not in name]
    assert [len(log_of(with_crm, call)) for call in schemas] == [1] * 4


def test_objects_that_marketo_does_not_describe_are_left_out_and_the_others_come(
    with_crm: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    lacks = ["Read-Only Opportunity", *SCHEMA_PERMISSIONS]
    with_crm.control("POST", "permissions", {"lacks": lacks})
    with_crm.fault("companies_describe", "error", None, code="1018", message="CRM Enabled")
    with_crm.fault("member_form_fields", "error", None, code="610", message="Not here")
    target, chosen = Target(), select(catalog, ["object_fields", "form_fields"])
    done = tap.sync(with_crm.config(), chosen, target)
    assert objects_of(target, "object_fields") == {
        "sales_persons", "named_accounts", "program_members",
    }  # fmt: skip
    assert objects_of(target, "form_fields") == {"leads"}
    lines = [line for line in done.stderr.split("\n") if "cannot be listed" in line]
    assert [line.split(" cannot")[0] for line in lines] == [
        "INFO Fields of companies", "INFO Fields of opportunities",
        "INFO Fields of opportunity_roles", "INFO Form fields of program_members",
    ]  # fmt: skip
    # One schema that is denied tells of all.
    assert len(log_of(with_crm, "named_accounts_schema")) == 1
    assert not log_of(with_crm, "program_members_schema")
    assert all(row["isCustom"] is None for row in target.rows("object_fields"))
    assert not any(row["description"] for row in target.rows("object_fields"))


def test_what_describe_tells_of_custom_activity_types_takes_a_call_each_if_it_is_selected(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    name, details = "custom_activity_types", ["attributes", "primaryAttribute"]
    without = select(catalog, [name], **{name: ["name", "status"]})
    tap.sync(marketo.config(), without, Target())
    assert not log_of(marketo, "external_type")
    target = Target()
    done = tap.sync(marketo.config(), select(catalog, [name], **{name: details}), target)
    assert len(log_of(marketo, "external_type")) == len(target.rows(name))
    # Of one there is but a draft.
    (null,) = [row["apiName"] for row in target.rows(name) if row["attributes"] is None]
    assert null == "planVisit"
    assert f"WARNING {name}: attributes, primaryAttribute could not be looked up of 1 row" in (
        done.stderr
    )


def test_fields_that_describe2_does_not_tell_of_are_not_known_to_be_searchable(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("describe2", "error", None, code="610", message="Not here")
    target = Target()
    tap.sync(marketo.config(), select(catalog, ["lead_fields"]), target)
    assert {row["searchable"] for row in target.rows("lead_fields")} == {None}
    assert all(row["soapReadOnly"] is not None for row in target.rows("lead_fields"))


def test_the_list_of_one_object_that_fails_keeps_no_other_from_being_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    for name in ("leads", "program/members"):
        made = {"object": name, "bytes": 10, "minutes_ago": 90}
        marketo.control("POST", "finished_jobs", made)
    target, chosen = Target(), select(catalog, ["bulk_exports"])
    marketo.fault("list", "error", None, object="leads", code="1003", message="No")
    done = tap.run(marketo.config(), chosen)
    assert not_read(stopped(done)) == {"bulk_exports"}
    target.take(done.lines)
    assert {row["object"] for row in target.rows("bulk_exports")} == {"program_members"}
    marketo.heal()
    tap.sync(marketo.config(), chosen, target)
    assert {row["object"] for row in target.rows("bulk_exports")} == {"leads", "program_members"}
