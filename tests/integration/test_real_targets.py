"""After a first and an incremental sync real targets hold what Marketo holds, in every cell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import pytest

from tests.end_to_end import (
    crm_accounts,
    expected,
    expected_assets,
    expected_crm,
    expected_linked,
)
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.expected_assets import ASSETS, CHILDREN, DESIGNER, SEEN
from tests.harness import Account, Tap, account, assert_secrets_kept, select
from tests.integration.target_drivers import TARGETS, Rows, TargetDriver, target_driver

# An account full of what targets stumble over, under names that every target can hold.
OPTIONS = (
    "--leads",
    "120",
    "--activities",
    "1200",
    "--history-days",
    "60",
    "--late-share",
    "0",
    "--hostile",
    *("--programs", "60", "--smart-lists", "60", "--folders", "60", "--tokens", "200"),
    *("--custom-object-types", "5", "--crm-sync", "--lists", "60"),
    *("--linked-objects", *crm_accounts.OPTIONS),
)
# Each run lists all assets.
SETTINGS: dict[str, Any] = {"names": "plain", "assets_sweep_days": 0.5, **crm_accounts.SETTINGS}

# Before everything there is: of assets that show no date only Marketo knows when they changed.
START = "2026-03-01T00:00:00Z"
# Before any lead changed: no year before it is exported.
BEGUN = "2026-04-15T00:00:00+00:00"
BEGINNING = {
    "bookmarks": {
        **crm_accounts.state_of(BEGUN)["bookmarks"],
        **expected_linked.state_of(BEGUN)["bookmarks"],
    }
}

CHANGES = {
    "new_leads": 5,
    "updated_leads": 12,
    "custom_only_updates": 7,
    "deleted_leads": 3,
    "new_activities": 60,
    "late_activities": 15,
    "campaigns_updated": 4,
    "lists_updated": 4,
    "new_campaigns": 2,
    "new_lists": 2,
    "custom_object_types_updated": 2,
    "new_lead_partitions": 1,
    "new_program_members": 12,
    "program_members_changed": 25,
    "program_members_left": 9,
    "program_members_back": 3,
    "list_members_added": 15,
    "list_members_removed": 20,
    # Nothing of a domain changes.
    **{f"{name}_updated": 4 for name in (*ASSETS, *CHILDREN) if name != "landing_page_domains"},
    **{f"new_{name}": 2 for name in (*ASSETS, *CHILDREN)},
    **{f"{name}_updated": 4 for name in DESIGNER},
}
# What is as it was after these changes.
FIXED = {
    "lead_fields", "object_fields", "form_fields", "custom_activity_types",
    "users", "user_roles", "workspaces",
}  # fmt: skip
NEW_TYPE = 100900

Truth = dict[str, dict[Any, dict[str, Any]]]
# Keys of rows by stream.
Keys = Mapping[str, Set[Any]]


class Between(NamedTuple):
    """A time of which Marketo does not tell more."""

    first: str
    last: str


class Cell(NamedTuple):
    """A cell that is not as it should be."""

    stream: str
    key: Any
    column: str
    wanted: Any
    held: Any


# What a table that is not there, a row too many or a row too few, has in place of cells.
ABSENT = "absent"


# Tables of which a run changes rows: today's calls and errors, the jobs under way.
MOVING = ("daily_usage", "daily_errors", "bulk_exports")

# Whole numbers of up to 40 digits, which go out as they are: the tap counts and names them.
HUGE = {"hugeNumber", "hugeScore", "huge_number"}


def holds(target: str, column: str) -> bool:
    """Whether the target can hold the values of a column."""
    if target != "target-jsonl" and column.startswith("_sdc_"):
        # They write the time of the load into their own _sdc_batched_at, whatever the record has.
        return False
    if target == "target-postgres" and column == "merge_ids":
        # Its arrays are of texts, whatever an array holds.
        return False
    # The integers of databases have 64 bits, DuckDB's 128.
    return target == "target-jsonl" or column not in HUGE


def selected(target: str, catalog: Mapping[str, Any]) -> dict[str, Any]:
    """Return the catalog with everything selected that the target can hold."""
    held = {
        stream["tap_stream_id"]: [
            breadcrumb[-1]
            for breadcrumb, own in expected.metadata(stream).items()
            if breadcrumb and "marketo.extra-column" not in own and holds(target, breadcrumb[-1])
        ]
        for stream in catalog["streams"]
    }
    return select(catalog, list(held), **held)


def selected_streams(catalog: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the catalog's streams that are selected."""
    return [s for s in catalog["streams"] if expected.metadata(s)[()]["selected"]]


def is_selected(stream: Mapping[str, Any], column: str) -> bool:
    """Whether a column of a stream is emitted."""
    own = expected.metadata(stream)["properties", column]
    return own["inclusion"] == "automatic" or bool(own.get("selected"))


def same(wanted: Any, held: Any, is_time: bool = False) -> bool:
    """Whether a target's value is the JSON value; times are compared as instants."""
    if isinstance(wanted, dict) and isinstance(held, dict):
        return wanted.keys() == held.keys() and all(same(wanted[k], held[k]) for k in wanted)
    if isinstance(wanted, list) and isinstance(held, list):
        return len(wanted) == len(held) and all(map(same, wanted, held))
    if isinstance(wanted, Between) and isinstance(held, str):
        first, last = map(expected.as_time, wanted)
        return first <= expected.as_time(held) <= last
    if is_time and isinstance(wanted, str) and isinstance(held, str):
        return expected.as_time(wanted) == expected.as_time(held)
    # In Python, but not in JSON, true is 1.
    return isinstance(wanted, bool) == isinstance(held, bool) and bool(wanted == held)


def differences(
    driver: TargetDriver,
    catalog: Mapping[str, Any],
    truth: Truth,
    tables: Mapping[str, Rows],
    moved: Keys,
    past: Truth,
) -> list[Cell]:
    """Return every cell of the target that is not as the truth has it.

    Rows that moved while the tap ran may be there as they were at any time of it, or not yet;
    those of the past need not be there, but are to be right.
    """
    found: list[Cell] = []
    for stream in selected_streams(catalog):
        name, keys = stream["tap_stream_id"], stream["key_properties"]
        rows = tables.get(driver.table_name(name), [])
        columns = [driver.column_name(key) for key in keys]
        held = {expected.plain_key(tuple(row[c] for c in columns)): row for row in rows}
        if len(held) != len(rows):
            found.append(Cell(name, ABSENT, str(keys), len(held), len(rows)))
        certain = truth[name].keys() - moved.get(name, set())
        true = {**past.get(name, {}), **truth[name]}
        for key in (held.keys() - true.keys()) | (certain - held.keys()):
            found.append(Cell(name, key, str(keys), key in true, key in held))
        for key in held.keys() & true.keys() - moved.get(name, set()):
            found += _row(driver, stream, key, true[key], held[key])
    return found


def _row(
    driver: TargetDriver, stream: Mapping[str, Any], key: Any, wanted: Any, held: Mapping[str, Any]
) -> list[Cell]:
    emitted = [column for column in wanted if is_selected(stream, column)]
    columns = {driver.column_name(column): column for column in emitted}
    assert len(columns) == len(emitted)
    found = []
    for name, column in columns.items():
        is_time = stream["schema"]["properties"][column].get("format") == "date-time"
        value = held.get(name, ABSENT)
        if not same(wanted[column], value, is_time):
            found.append(Cell(stream["tap_stream_id"], key, column, wanted[column], value))
    # Columns that the target adds tell of the load; any others hold nothing.
    for name in held.keys() - columns.keys():
        if not name.startswith("_sdc_") and held[name] is not None:
            found.append(Cell(stream["tap_stream_id"], key, name, ABSENT, held[name]))
    return found


def sync(
    driver: TargetDriver, tap: Tap, marketo: Account, catalog: Mapping[str, Any], state: Any
) -> Any:
    """Run tap and target once; return the STATE to go on from."""
    config = configured(marketo)
    state, log = driver.load(tap.command(config, catalog, state))
    assert_secrets_kept(config, log)
    return state


def configured(marketo: Account) -> dict[str, Any]:
    """Return the tap's config."""
    return marketo.config(start_date=START, **SETTINGS)


def now_of(marketo: Account) -> str:
    """Return Marketo's time."""
    return str(expected.value(marketo.control("GET", "clock")["now"], "datetime"))


def true_tables(marketo: Account, catalog: Mapping[str, Any], began: str, synced: str) -> Truth:
    """Return every table as Marketo has it, deleted leads among them.

    Args:
        marketo: the sandbox.
        catalog: names the columns.
        began: when the first sync did.
        synced: when it had ended.
    """
    tables = {
        **expected.tables(marketo, catalog, START),
        **expected.deletions(marketo, catalog, START),
    }
    # Since when it is known who is on a list: since an activity told, if not since the list was
    # read, at first or as a new one.
    new = {row["id"] for row in marketo.truth("lists") if row["createdAt"] >= synced}
    told = {
        key: expected.value(date, "datetime")
        for key, (date, _) in expected.list_words(marketo).items()
        if date >= synced and key[0] not in new
    }
    read, all_read = Between(began, now_of(marketo)), Between(began, synced)
    tables[MEMBERSHIPS] = {
        key: {**row, "updatedAt": told.get(key, read), "readAt": all_read}
        for key, row in tables[MEMBERSHIPS].items()
    }
    tables[SEEN] = {key: {**row, "seenAt": read} for key, row in tables[SEEN].items()}
    linked = expected_linked.tables(marketo, catalog, START)
    return {**tables, **crm_accounts.tables(marketo, catalog), **linked}


def who_left(marketo: Account, catalog: Mapping[str, Any], read: Between, since: str = "") -> Truth:
    """Return the rows of those who left, then or later, where rows tell that somebody did.

    Args:
        marketo: the sandbox.
        catalog: names the columns.
        read: when all lists were read.
        since: of those who left then or later.
    """
    off = expected.off_lists(marketo, since)
    return {
        MEMBERS: {**expected.leavers(marketo, catalog, since)},
        MEMBERSHIPS: {key: {**row, "readAt": read} for key, row in off.items()},
    }


def moving(marketo: Account) -> Truth:
    """Return the rows that a run may change, all columns as Marketo has them."""
    return {
        name: {
            key: raw for raw in marketo.truth(name) for key in [raw[expected_assets.KEYS[name][0]]]
        }
        for name in MOVING
    }


def changed(before: Truth, after: Truth) -> Keys:
    """Return the keys of the rows that are not as they were, or are new."""
    return {
        name: {key for key, row in rows.items() if row != before[name].get(key)}
        for name, rows in after.items()
    }


def assert_held(
    driver: TargetDriver, catalog: Mapping[str, Any], truth: Truth, moved: Keys, past: Truth
) -> dict[str, Rows]:
    """Every cell of every table is as Marketo has it; returns what the target holds."""
    keys = {s["tap_stream_id"]: s["key_properties"] for s in selected_streams(catalog)}
    tables = driver.tables(keys)
    assert tables.keys() <= set(map(driver.table_name, keys))
    wrong = differences(driver, catalog, truth, tables, moved, past)
    assert not wrong, "\n".join(map(str, wrong[:50]))
    return tables


def change(marketo: Account) -> None:
    """Let every table change, a type of activities come to be, and a day pass."""
    attributes = [{"name": "Booth", "dataType": "string"}, {"name": "Size", "dataType": "integer"}]
    marketo.change(
        new_activity_type={"id": NEW_TYPE, "name": "Visit Booth", "attributes": attributes}
    )
    marketo.change(new_activities=5, activity_type=NEW_TYPE)
    marketo.change(**CHANGES)
    crm_accounts.change(marketo)
    for kind in marketo.truth("custom_object_types"):
        marketo.change(custom_objects_changed=5, custom_object_type=kind["name"])
    # The next run looks for activities written late (docs/state.md), and tokens are old.
    marketo.advance(hours=24)


def altered(cell: Any) -> Any:
    """Return another value, of the same kind where it is a single one."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return not cell
    if isinstance(cell, str):
        return cell.replace("+00:00", "+01:00") if cell.endswith("+00:00") else cell + " "
    return cell + 1 if isinstance(cell, int | float) else [cell]


def assert_each_kind_is_compared(
    driver: TargetDriver,
    catalog: Mapping[str, Any],
    truth: Truth,
    tables: Mapping[str, Rows],
    moved: Keys,
    past: Truth,
) -> None:
    """One cell of each kind of column that is altered, full or null, is found, and it alone."""
    cells: dict[tuple[str, bool], tuple[str, Any, str]] = {}
    for stream in selected_streams(catalog):
        name, properties = stream["tap_stream_id"], stream["schema"]["properties"]
        for key in truth[name].keys() - moved.get(name, set()):
            for column, cell in truth[name][key].items():
                if is_selected(stream, column) and column not in stream["key_properties"]:
                    kind = json.dumps({**properties[column], "description": None})
                    cells.setdefault((kind, cell is None), (name, key, column))
    assert len(cells) > 10
    for name, key, column in cells.values():
        alone = {"streams": [s for s in catalog["streams"] if s["tap_stream_id"] == name]}
        rows, row = truth[name], truth[name][key]
        spoilt = {name: {**rows, key: {**row, column: altered(row[column])}}}
        found = differences(driver, alone, spoilt, tables, moved, past)
        assert [cell[:3] for cell in found] == [(name, key, column)]
        fewer = {name: {other: row for other, row in rows.items() if other != key}}
        found = differences(driver, alone, fewer, tables, moved, past)
        assert [(cell.key, cell.wanted, cell.held) for cell in found] == [(key, False, True)]


@pytest.mark.parametrize("target", TARGETS)
def test_a_real_target_holds_every_cell(target: str, tap: Tap) -> None:
    with account(*OPTIONS) as marketo, target_driver(target, tap.directory) as driver:
        for name in ("program/members", "customobjects/car_c", "activities"):
            done = {"object": name, "bytes": 10, "minutes_ago": 5}
            marketo.control("POST", "finished_jobs", done)
        catalog = selected(target, tap.discover(configured(marketo)))
        start, began = moving(marketo), now_of(marketo)
        state = sync(driver, tap, marketo, catalog, BEGINNING)
        synced = now_of(marketo)
        before = true_tables(marketo, catalog, began, synced)
        assert_held(driver, catalog, before, changed(start, moving(marketo)), past={})
        change(marketo)
        catalog = selected(target, tap.discover(configured(marketo)))
        start = moving(marketo)
        sync(driver, tap, marketo, catalog, state)
        truth = true_tables(marketo, catalog, began, synced)
        left = who_left(marketo, catalog, Between(began, synced), synced)
        assert all(left.values())
        # What Marketo no longer shows stays as it was last seen: a deleted lead, of which
        # activities_delete_lead tells, with its memberships, and days that passed a week ago.
        # Of who left a program or a list since there is a row that says so; of who left before
        # there may be, as runs look back.
        for name in ("leads", *MOVING, *left):
            truth[name] = {**before[name], **left.get(name, {}), **truth[name]}
        # Activities name further roles.
        further = {
            **who_left(marketo, catalog, Between(began, synced)),
            **expected_crm.every_row(marketo, catalog),
        }
        past = {
            name: {key: row for key, row in rows.items() if key not in truth[name]}
            for name, rows in further.items()
        }
        moved = changed(start, moving(marketo))
        tables = assert_held(driver, catalog, truth, moved, past)
    # A table without rows, or one in which nothing changed, would prove nothing.
    for stream in selected_streams(catalog):
        name = stream["tap_stream_id"]
        if not name.startswith("activities_"):
            assert before[name], name
            assert truth[name] != before[name] or name in FIXED, name
    assert sum(map(len, truth.values())) > 1000
    assert_each_kind_is_compared(driver, catalog, truth, tables, moved, past)
