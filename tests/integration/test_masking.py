"""What docs/masking.md says: addresses masked, columns and streams renamed, by the real mapper."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.checks import SMALL
from tests.harness import ROOT, TAP, Run, Tap, account, run, select
from tests.integration.target_drivers import TOOLS
from tests.readme import code

MAP = ROOT / "examples" / "map_transform" / "map.json"
TITLE = "Masking and renaming"
# The page's own.
SALT = "<a long random text>"

# A program of the pipeline that leaves a copy of what it writes.
COPYING = """\
#!/bin/bash
set -o pipefail
{program} "$@" | tee {copy}
"""
PROGRAMS = {
    "tap-marketo": " ".join(TAP),
    "meltano-map-transform": str(TOOLS / "meltano-map-transform/bin/meltano-map-transform"),
    "target-jsonl": str(TOOLS / "target-jsonl/bin/target-jsonl"),
}

LEADS, MEMBERS, CHANGES, MEMBER_CHANGES, CONFERENCES, VISITS = (
    "leads",
    "program_members",
    "activities_change_data_value",
    "activities_change_program_member_data",
    "activities_attend_conference",
    "activities_visit_webpage",
)
Row = dict[str, Any]


def masked(address: str) -> str:
    return hashlib.sha256((SALT + address.strip().lower()).encode()).hexdigest()


def without(row: Mapping[str, Any], *columns: str) -> Row:
    return {column: value for column, value in row.items() if column not in columns}


def lead(row: Row) -> Row:
    left = without(row, "secondEmail", "firstName", "lastName", "mobilePhone")
    return {
        **left,
        "email": masked(row["email"]) if row["email"] else None,
        "mobile": row["mobilePhone"],
    }


def member(row: Row) -> Row:
    return {column: row[column] for column in ("programId", "leadId", "statusName", "updatedAt")}


def change(row: Row) -> Row:
    values = {column: row[column] for column in ("new_value", "old_value")}
    return {
        **without(row, "unknown_attributes"),
        **{
            column: masked(value) if value and "@" in value else value
            for column, value in values.items()
        },
    }


def conference(row: Row) -> Row | None:
    if row["paid?"] is None:
        return None
    return {**without(row, "paid?", "unknown_attributes"), "paid": row["paid?"]}


def page_view(row: Row) -> Row | None:
    if row["campaignId"] is None:
        return None
    return {**without(row, "marketoGUID", "unknown_attributes"), "view_id": row["marketoGUID"]}


# The stream that becomes of each, and the row that becomes of a row.
MEANT = {
    LEADS: (LEADS, lead),
    MEMBERS: (MEMBERS, member),
    CHANGES: (CHANGES, change),
    MEMBER_CHANGES: (MEMBER_CHANGES, change),
    CONFERENCES: (CONFERENCES, conference),
    VISITS: ("page_views", page_view),
}


def meant(message: Mapping[str, Any]) -> Row | None:
    """Return what has to become of a RECORD or STATE message."""
    if message["type"] == "STATE":
        return {"type": "STATE", "value": message["value"]}
    if message["stream"] not in MEANT:
        return None
    name, become = MEANT[message["stream"]]
    row = become(message["record"])
    return None if row is None else {"type": "RECORD", "stream": name, "record": row}


def messages(path: Path) -> Run:
    return Run(0, path.read_text(), "")


def test_the_page_shows_the_example_that_is_tested() -> None:
    assert code(TITLE, "json") == MAP.read_text()


def test_each_rule_does_what_it_says_and_nothing_else_changes(tap: Tap, tmp_path: Path) -> None:
    if not Path(PROGRAMS["meltano-map-transform"]).exists():
        pytest.skip("meltano-map-transform is installed by `make integration`")
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    for name, program in PROGRAMS.items():
        path = bin_directory / name
        path.write_text(COPYING.format(program=program, copy=tmp_path / f"{name}.jsonl"))
        path.chmod(0o755)
    with account(*SMALL, "--activities", "2000", "--program-members", "3000") as marketo:
        config = marketo.config(start_date="2026-05-01T00:00:00Z")
        # Streams that no rule names are left out.
        chosen = select(tap.discover(config), [*MEANT, "emails", "activities_click_email"])
        tap.command(config, chosen, {"bookmarks": {}})
        tap.write("map.json", MAP.read_text())
        tap.write("target.json", {"destination_path": "rows", "do_timestamp_file": False})
        done = run(
            ["bash", "-euo", "pipefail", "-c", code(TITLE, "sh")],
            tap.directory,
            PATH=f"{bin_directory}:{os.environ['PATH']}",
            PYTHONPATH=str(ROOT),
        )
    assert done.code == 0, done.stderr[-3000:]
    assert SALT not in done.stderr
    raw, mapped = (messages(tmp_path / f"{name}.jsonl") for name in list(PROGRAMS)[:2])
    assert_met(raw)
    # Every row and every STATE is in its place: no STATE goes before the rows that it stands for.
    wanted = [become for m in raw.messages if m["type"] != "SCHEMA" and (become := meant(m))]
    got = [m for m in mapped.messages if m["type"] != "SCHEMA"]
    assert [without(m, "time_extracted") for m in got] == wanted
    keys = {m["stream"]: m["key_properties"] for m in mapped.messages if m["type"] == "SCHEMA"}
    assert keys["page_views"] == ["view_id"]
    assert keys[MEMBERS] == ["programId", "leadId"]
    # Addresses are nowhere, whatever column, row or message they were in.
    assert "@" not in mapped.stdout
    # The real target has taken it all, as each row fits its SCHEMA.
    states = [m["value"] for m in mapped.messages if m["type"] == "STATE"]
    assert json.loads((tmp_path / "states.json").read_text()) == states[-1]
    for name, _ in MEANT.values():
        lines = (tmp_path / "rows" / f"{name}.jsonl").read_text().split("\n")[:-1]
        assert [json.loads(line) for line in lines] == mapped.records(name)


def assert_met(raw: Run) -> None:
    """Every rule has something to do."""
    assert any(row["email"] for row in raw.records(LEADS))
    assert any(row["mobilePhone"] for row in raw.records(LEADS))
    changes = raw.records(MEMBER_CHANGES)
    assert any("@" in (row["new_value"] or "") for row in changes)
    assert any("@" in (row["old_value"] or "") for row in changes)
    assert {row["paid?"] for row in raw.records(CONFERENCES)} == {True, False, None}
    assert {row["campaignId"] is None for row in raw.records(VISITS)} == {True, False}
    assert raw.records(CHANGES)
    assert raw.records(MEMBERS)
    assert raw.records("emails")
