"""Tables of assets equal what Marketo holds, cell by cell: at first, later, with details."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected, expected_assets
from tests.end_to_end.checks import assert_all_fired, discovered, log_of
from tests.end_to_end.expected_assets import ASSETS, BY_DATE, DETAILS, FILTERED, IN_FULL, UNSELECTED
from tests.harness import Account, Run, Tap, Target, account, select

FEW = ("--leads", "1", "--activities", "1", "--late-share", "0")
# Before everything there is.
START = "2020-01-01T00:00:00Z"
# All asset tables that change and go.
CHANGING = (*(name for name in ASSETS if name != "landing_page_domains"),)


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*FEW, "--landing-page-domains", "210") as running:
        yield running


def chosen_of(catalog: dict[str, Any], *streams: str, details: bool = False) -> dict[str, Any]:
    """Select streams, with their detail columns or without."""
    columns = {
        stream["tap_stream_id"]: [
            column
            for column in stream["schema"]["properties"]
            if details or column not in DETAILS.get(stream["tap_stream_id"], ())
        ]
        for stream in catalog["streams"]
    }
    return select(catalog, streams, **{name: columns[name] for name in streams})


def assert_table(
    marketo: Account,
    target: Target,
    name: str,
    since: str = "",
    *,
    details: bool = False,
    only_dated: bool = False,
) -> None:
    """The table holds every row changed since then, each cell as Marketo has it."""
    columns = set(target.schemas[name]["schema"]["properties"])
    columns -= set() if details else set(DETAILS.get(name, ()))
    truth = expected_assets.table(marketo, name, columns, since)
    assert truth, "a test without rows would prove nothing"
    held = target.tables[name]
    if only_dated:
        truth, held = (
            {key: row for key, row in rows.items() if row["updatedAt"]} for rows in (truth, held)
        )
    assert held.keys() == truth.keys()
    for key, row in truth.items():
        assert held[key] == row, (name, key)


def calls_of(marketo: Account, name: str) -> int:
    return len(log_of(marketo, name))


def test_every_table_holds_what_marketo_holds_at_first_and_after_changes(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(start_date=START), Target()
    chosen = chosen_of(catalog, *ASSETS)
    first = tap.sync(config, chosen, target)
    for name in ASSETS:
        assert_table(marketo, target, name)
        assert len(first.records(name)) == len(target.rows(name)), name
    for _ in range(2):
        marketo.advance(hours=24)
        marketo.change(**{f"{name}_updated": 3 for name in CHANGING})
        marketo.change(**{f"new_{name}": 2 for name in CHANGING})
        tap.sync(config, chosen, target)
        for name in ASSETS:
            assert_table(marketo, target, name)


def test_an_incremental_run_emits_what_changed_and_costs_little(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(start_date=START), Target()
    chosen = chosen_of(catalog, *ASSETS)
    tap.sync(config, chosen, target)
    marketo.advance(hours=24)
    changed = marketo.change(**{f"{name}_updated": 3 for name in (*BY_DATE, *FILTERED)})
    # So long that the look-back of the run after this one does not reach them.
    marketo.advance(hours=1)
    marketo.control("POST", "reset_counters")
    again = tap.sync(config, chosen, target)
    for name in (*BY_DATE, *FILTERED):
        # Programs stand among the folders; a row without a date could have changed at any time.
        dated = [row for row in again.records(name) if row["updatedAt"] is not None]
        rows = {row["id"] for row in dated if name != "folders" or row["type"] == "Folder"}
        assert rows >= set(changed[f"{name}_updated"]), name
        # Some row may have changed within the look-back.
        assert len(rows) <= 3 + 2, name
    # Rows and the page that proves the end.
    assert {name: calls_of(marketo, name) for name in BY_DATE} == dict.fromkeys(BY_DATE, 2)
    marketo.advance(hours=24)
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    assert {name: calls_of(marketo, name) for name in BY_DATE} == dict.fromkeys(BY_DATE, 1)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [*BY_DATE, *FILTERED])
def test_rows_before_start_date_are_left_out(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    since = "2026-05-01T00:00:00Z"
    target = Target()
    tap.sync(marketo.config(start_date=since), chosen_of(catalog, name), target)
    # Where Marketo filters, only it knows whether a row that shows no date is wanted.
    assert_table(marketo, target, name, since, only_dated=name in BY_DATE)


def said(done: Run, text: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if text in line]


def test_keys_that_no_column_has_are_named_once(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    assert expected_assets.unknown(marketo, "emails")
    config = marketo.config(start_date=START)
    done = tap.sync(config, chosen_of(catalog, "emails", "folders"), Target())
    for name in ("emails", "folders"):
        (line,) = said(done, f"{name}: Marketo sends what no column has")
        assert line.startswith("INFO")
        assert "sandboxExtra" in line


# Details -----------------------------------------------------------------------------------------

# The calls of each stream, with a column that each gives.
DETAIL_CALLS = {
    "programs": {"program": "tags", "program_smart_list": "smartList"},
    "smart_campaigns": {"campaign_smart_list": "rules"},
    "smart_lists": {"smart_list": "rules"},
    "emails": {"email_content": "content", "email_variables": "variables"},
    "email_templates": {"email_template_content": "content", "email_template_used_by": "usedBy"},
    "landing_pages": {"landing_page_content": "content", "landing_page_variables": "variables"},
    "landing_page_templates": {"landing_page_template_content": "content"},
    "forms": {"form_fields": "fields", "form_used_by": "usedBy"},
    "snippets": {"snippet_content": "content"},
    "tag_types": {"tag_type": "allowableValues"},
}


def calls_for(call: str, rows: list[dict[str, Any]]) -> int:
    """Return how many calls of a kind some rows take."""
    if call == "tag_type":
        # By a name with a comma Marketo finds no tag type: the call is not made.
        return sum("," not in row["tagType"] for row in rows)
    if call == "program_smart_list":
        return sum(row["type"] == "Email" for row in rows)
    # More than 200 emails use the first template.
    return len(rows) + (call == "email_template_used_by" and any(r["id"] == 1001 for r in rows))


@pytest.fixture
def small() -> Iterator[Account]:
    counts = (
        "--programs 60 --smart-lists 50 --forms 40 --campaigns 30 --emails 40 --email-templates 30 "
        "--landing-pages 40 --landing-page-templates 30 --snippets 40"
    ).split()
    with account(*FEW, *counts) as running:
        yield running


def test_details_are_not_selected_by_default(catalog: dict[str, Any]) -> None:
    for stream in catalog["streams"]:
        name = stream["tap_stream_id"]
        if name.startswith("activities_"):
            continue
        unselected = {
            item["breadcrumb"][1]: item["metadata"]["inclusion"]
            for item in stream["metadata"]
            if item["breadcrumb"] and item["metadata"].get("selected-by-default") is False
        }
        assert unselected == dict.fromkeys(UNSELECTED.get(name, ()), "available"), name


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", DETAIL_CALLS)
def test_details_come_for_the_rows_that_are_emitted_and_for_no_other(
    small: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    config, target = small.config(start_date=START), Target()
    tap.sync(config, chosen_of(catalog, name), Target())
    assert not any(calls_of(small, call) for call in DETAIL_CALLS[name])
    chosen = chosen_of(catalog, name, details=True)
    tap.sync(config, chosen, target)
    assert_table(small, target, name, details=True)
    for call, column in DETAIL_CALLS[name].items():
        assert calls_of(small, call) == calls_for(call, target.rows(name)), call
        assert any(row[column] for row in target.rows(name)), column
    small.advance(hours=24)
    small.change(**{f"{name}_updated": 3})
    small.control("POST", "reset_counters")
    again = tap.sync(config, chosen, target)
    assert_table(small, target, name, details=True)
    for call in DETAIL_CALLS[name]:
        assert calls_of(small, call) == calls_for(call, again.records(name)), call


def test_of_several_details_only_the_selected_take_a_call(
    small: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, ["emails"], emails=["name", "variables"])
    target = Target()
    tap.sync(small.config(start_date=START), chosen, target)
    assert calls_of(small, "email_variables") == len(target.rows("emails")) == 40
    assert not calls_of(small, "email_content")


def test_what_a_rule_of_marketos_keeps_back_is_null_and_counted(
    small: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen, target = chosen_of(catalog, "landing_pages", details=True), Target()
    done = tap.sync(small.config(start_date=START), chosen, target)
    # Pages with social content.
    kept = [row["id"] for row in target.rows("landing_pages") if row["content"] is None]
    assert len(kept) > 5
    (line,) = said(done, "could not be looked up")
    assert f"landing_pages: content could not be looked up of {len(kept)} rows" in line
    assert "error 709" in line
    assert all(row["variables"] is not None for row in target.rows("landing_pages"))


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        *(("programs", "program"), ("smart_lists", "smart_list"), ("tag_types", "tag_type")),
        ("snippets", "snippet_content"),
    ],
)
def test_a_row_that_is_gone_by_then_has_no_details(
    small: Account, catalog: dict[str, Any], tap: Tap, name: str, call: str
) -> None:
    small.fault(call, "error", code="610", message="Requested resource not found")
    small.fault(call, "error", skip=1, code="702", message="No data found")
    target = Target()
    config = small.config(start_date=START)
    tap.sync(config, chosen_of(catalog, name, details=True), target)
    assert_all_fired(small)
    column = DETAIL_CALLS[name][call]
    assert sum(row[column] is None for row in target.rows(name)) >= 2
    tap.sync(config, chosen_of(catalog, name, details=True), Target())


# Lists that change while they are read -----------------------------------------------------------


# Lists of several pages: by token, by date, without a filter, of which some are in the order of
# names; the tree; those that are read in full; pages of the children of one parent.
SEVERAL_PAGES = (
    *("campaigns", "lists", "smart_lists", "static_lists", "programs", "landing_pages", "files"),
    *("snippets", "folders", "landing_page_domains", "segments"),
)


def meanwhile(marketo: Account, name: str, **change: Any) -> None:
    """Let something change before the second page of a list is answered."""
    marketo.control("POST", "before_call", {"call": name, "nth": 2, "change": change})


def truth_of(marketo: Account, target: Target, name: str) -> dict[Any, dict[str, Any]]:
    """Return the table as Marketo has it, without details."""
    columns = set(target.schemas[name]["schema"]["properties"]) - set(DETAILS.get(name, ()))
    if name in ("campaigns", "lists"):
        table = expected.assets(marketo, name, columns, "")
        return {(key,): row for key, row in table.items()}
    return expected_assets.table(marketo, name, columns)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", SEVERAL_PAGES)
def test_a_row_deleted_between_two_pages_hides_no_other(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    table = "lists" if name == "static_lists" else name
    meanwhile(marketo, name, **{f"{table}_deleted": 2})
    target = Target()
    tap.sync(marketo.config(start_date=START), chosen_of(catalog, name), target)
    (happened,) = marketo.control("GET", "before_call")["before_call"]
    assert len(happened["done"][f"{table}_deleted"]) == 2
    truth = truth_of(marketo, target, name)
    assert truth.keys() <= target.tables[name].keys()
    assert all(target.tables[name][key] == row for key, row in truth.items())


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [n for n in SEVERAL_PAGES if n != "landing_page_domains"])
def test_what_changes_or_comes_between_two_pages_comes_with_the_next_run_at_the_latest(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    # Where a list is in the order of names, some of its rows change their places.
    meanwhile(marketo, name, **{f"{name}_updated": 40, f"new_{name}": 5})
    config, target = marketo.config(start_date=START), Target()
    chosen = chosen_of(catalog, name)
    tap.sync(config, chosen, target)
    (happened,) = marketo.control("GET", "before_call")["before_call"]
    assert len(happened["done"][f"{name}_updated"]) == 40
    tap.sync(config, chosen, target)
    assert target.tables[name] == truth_of(marketo, target, name)


def test_a_list_that_loses_its_first_row_before_each_page_comes_whole(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    changes = [
        {"call": "landing_pages", "nth": nth, "change": {"landing_pages_deleted": [1000 + nth]}}
        for nth in range(1, 12)
    ]
    marketo.control("POST", "before_call", changes)
    target = Target()
    tap.sync(marketo.config(start_date=START), chosen_of(catalog, "landing_pages"), target)
    left = {(row["id"],) for row in marketo.truth("landing_pages")}
    assert len(left) > 190
    assert left <= set(target.tables["landing_pages"])


def test_the_parameters_say_what_is_wanted(catalog: dict[str, Any]) -> None:
    """Every table is one of the three kinds of replication that docs/streams.md tells."""
    methods = {
        stream["tap_stream_id"]: stream["metadata"][0]["metadata"]["forced-replication-method"]
        for stream in catalog["streams"]
    }
    for name in ASSETS:
        assert methods[name] == ("FULL_TABLE" if name in IN_FULL else "INCREMENTAL")
