"""dbt builds views as dbt_marketo wants them, and every cell is as Marketo has it."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import dbt_sources
from tests.dbt.dbt_project import PROJECT, rows_of, types_of
from tests.dbt.dbt_warehouse import COMMAND, Warehouse, moment, who_is_gone
from tests.dbt_sources import name_of
from tests.harness import ROOT
from tests.integration.target_drivers import Row, Rows
from tests.readme import code
from tests.relations import RELATIONS, Relation

# Of columns and their kinds: what information_schema calls them.
KINDS = {
    "int": {"bigint", "hugeint", "integer"},
    "string": {"character varying", "text", "varchar"},
    "boolean": {"boolean"},
    "timestamp": {"timestamp", "timestamp without time zone"},
}


def contract() -> dict[str, Rows]:
    """Return what dbt_marketo asks of each of its sources: the columns, and where ours are."""
    path = Path(__file__).with_name("fivetran_tables.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    tables: dict[str, Rows] = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        tables.setdefault(row["table"], []).append(row)
    return tables


CONTRACT = contract()


def cell(raw: Any, kind: str) -> Any:
    """Return a record's value as a column of a kind has it."""
    if raw is None or kind == "boolean":
        return raw
    if kind == "int":
        return int(raw) if str(raw).lstrip("-").isdigit() else None
    return moment(raw) if kind == "timestamp" else str(raw)


def test_the_page_has_the_command_and_the_versions_that_are_tested() -> None:
    shown = code("Run it", "sh").splitlines()
    assert COMMAND in shown
    (installed,) = (line for line in shown if "pip install" in line)
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    for requirement in shlex.split(installed)[2:]:
        if not requirement.startswith("dbt-core"):
            assert requirement in made
    core = re.search(r"dbt-core==(\d+\.\d+)\.", made)
    assert core
    assert f"dbt-core>={core[1]}," in installed


def test_dbt_is_content(warehouse: Warehouse) -> None:
    """Its tests pass: what they warn of does not occur in the sandbox, but for rows that are gone.

    Of relations they warn where a row need not be there, and where it is not.
    """
    of_relations = {name_of(relation): relation for relation in RELATIONS}
    own = {name: said for name, said in warehouse.outcomes.items() if name not in of_relations}
    assert set(own.values()) == {"success", "pass"}
    assert len(own) > 100
    told = {name: warehouse.outcomes[name] for name in of_relations}
    lacking = {name for name, each in of_relations.items() if is_lacking(warehouse.tables, each)}
    assert {name for name, said in told.items() if said == "warn"} == lacking
    assert {name for name, said in told.items() if said == "pass"} == told.keys() - lacking
    assert len(lacking) > 3


def is_lacking(tables: Mapping[str, Rows], relation: Relation) -> bool:
    """Whether a row that is loaded names one that is not, though its table is."""
    there = {tuple(str(row[key]) for key in relation.keys) for row in tables.get(relation.to, ())}
    named = {
        each
        for stream, rows in tables.items()
        if relation.is_of(stream)
        for row in rows
        for each in relation.found(row)
    }
    return bool(there and named - there)


def test_every_model_and_column_is_described(warehouse: Warehouse) -> None:
    names = {path.stem for path in PROJECT.glob("models/*/*.sql")} | {"mkto_email_versions"}
    assert warehouse.described.keys() == names
    fields = set(types_of(warehouse.last, "lead"))
    for model, described in warehouse.described.items():
        table = warehouse.last[model.removeprefix("fivetran_")]
        dynamic = fields if model in ("fivetran_lead", "mkto_leads") else set()
        own = {name for name in table["types"] if not name.startswith("dbt_")}
        if model != "mkto_email_versions":
            assert own - dynamic == set(described) - dynamic, model


def test_the_sources_say_of_columns_what_the_catalog_says(warehouse: Warehouse) -> None:
    # The others are there for the relations that are tested.
    described = {table: columns for table, columns in warehouse.sources.items() if columns}
    assert described == dbt_sources.tables()


@pytest.mark.parametrize("table", CONTRACT)
def test_a_view_has_the_columns_that_dbt_marketo_asks_for(table: str, warehouse: Warehouse) -> None:
    types = types_of(warehouse.last, table)
    for row in CONTRACT[table]:
        assert types[row["column"]] in KINDS[row["kind"]], row["column"]
    more = types.keys() - {row["column"] for row in CONTRACT[table]}
    assert not more or table == "lead"


@pytest.mark.parametrize("table", CONTRACT)
def test_a_view_holds_what_marketo_holds(table: str, warehouse: Warehouse) -> None:
    streams = {row["stream"]: None for row in CONTRACT[table]}
    key = "name" if table == "lead_describe" else None
    rows: dict[str, dict[Any, Row]] = {}
    for stream in streams.keys() - {"assets_seen"}:
        own = key or ("marketoGUID" if stream.startswith("activities_") else "id")
        rows[stream] = {row[own]: row for row in warehouse.tables[stream]}
    (main, *_) = (row["stream"] for row in CONTRACT[table] if row["column"] == "id")
    held = {row["restname" if key else "id"]: row for row in rows_of(warehouse.last, table)}
    names = {number: number for number in rows[main]}
    if key:
        names = {name: _in_fivetrans_way(name) for name in rows[main]}
    assert held.keys() == set(names.values())
    full = set()
    gone = who_is_gone(warehouse)
    for number, name in names.items():
        for column in CONTRACT[table]:
            if column["column"].startswith("_fivetran") or column["stream"] == "assets_seen":
                continue
            raw = rows[column["stream"]].get(number, {}).get(column["source"])
            wanted = cell(_member(raw, column["member"]), column["kind"])
            if column["column"] == "restname":
                wanted = name
            if column["column"] == "merge_ids":
                wanted = f"[{','.join(map(str, raw or []))}]"
            found = held[name][column["column"]]
            if column["column"] == "lead_id":
                # Rows that were loaded before a merge have the loser's id.
                found = gone.get(found, found)
            assert found == wanted, (name, column["column"])
            full |= {column["column"]} - ({column["column"]} if wanted is None else set())
    assert len(full) > len(CONTRACT[table]) / 3


def _member(raw: Any, member: str) -> Any:
    if not member or raw is None:
        return raw
    if member == "program":
        return raw["value"] if str(raw.get("type")).lower() == "program" else None
    return raw.get(member)


def _in_fivetrans_way(name: str) -> str:
    usual = {"anonymousIP": "anonymous_ip", "2ndChoice": "_2nd_choice", "Region__c": "region_c"}
    parts = [f"_{letter.lower()}" if letter.isupper() else letter for letter in name]
    return usual.get(name, "".join(parts).lstrip("_"))


def test_all_that_was_loaded_was_read_from_marketo_before(warehouse: Warehouse) -> None:
    for table in CONTRACT:
        for row in rows_of(warehouse.last, table):
            assert row["_fivetran_synced"] > "2026-01-01"
