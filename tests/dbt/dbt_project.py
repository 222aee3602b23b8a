"""The dbt project in dbt/, run by the real dbt on what a target has loaded, and what it made."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness import HANG, ROOT
from tests.integration.target_drivers import FAR_FROM_UTC, TOOLS, Database, Rows

PROJECT = ROOT / "dbt"
BIN = TOOLS / "dbt" / "bin"

# Tables and views of the schemas that dbt makes: their columns' types, and their rows.
READ = """
import datetime, decimal, json, os, sys
if sys.argv[1] == "duckdb":
    import duckdb
    connection = duckdb.connect(os.environ["MARKETO_DUCKDB"], read_only=True)
else:
    import psycopg2
    opened = psycopg2.connect(host=os.environ["PGHOST"], user="postgres", dbname="postgres")
    connection = opened.cursor()
def asked(sql):
    connection.execute(sql)
    names = [column[0] for column in connection.description]
    return [dict(zip(names, row)) for row in connection.fetchall()]
def plain(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return int(value) if value == int(value) else float(value)
found = {}
for column in asked("select table_schema, table_name, column_name, data_type"
                    " from information_schema.columns where table_schema like 'analytics_%'"):
    name = column["table_schema"], column["table_name"]
    found.setdefault(name, {})[column["column_name"]] = column["data_type"].lower()
wanted = sys.argv[2:]
print(json.dumps({
    table: {"types": types, "rows": asked(f'select * from {schema}."{table}"')}
    for (schema, table), types in found.items() if not wanted or table in wanted
}, default=plain))
"""

# Runs dbt for each line of arguments, in a process of its own: loading dbt takes as long as a run.
SERVE = """
import json, os, sys
from dbt.cli.main import dbtRunner
import dbt.adapters.duckdb, dbt.adapters.postgres
for line in sys.stdin:
    given = json.loads(line)
    child = os.fork()
    if not child:
        log = os.open(given["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        done = dbtRunner().invoke(given["arguments"])
        print(done.exception or "", flush=True)
        os._exit(0 if done.success else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

Made = dict[str, dict[str, Any]]


def rows_of(made: Made, table: str) -> Rows:
    """Return the rows of a table or view."""
    rows: Rows = made[table]["rows"]
    return rows


def types_of(made: Made, table: str) -> dict[str, str]:
    """Return the types of the columns of a table or view."""
    types: dict[str, str] = made[table]["types"]
    return types


def need_dbt() -> None:
    """Skip where dbt is not installed."""
    if not (BIN / "dbt").exists():
        pytest.skip("dbt is installed by `make dbt`")


class Dbt:
    """Runs dbt with the project's own profile."""

    def __init__(self, driver: Database, directory: Path) -> None:
        """Work on what a target loads, with dbt's files in a directory."""
        self._target, self._schema, environment = driver.dbt_profile()
        # PostgreSQL takes the zone of the session from the client, DuckDB that of the machine.
        zones = {**FAR_FROM_UTC, "PGTZ": FAR_FROM_UTC["TZ"]}
        self._environment = {**os.environ, **environment, **zones}
        self._environment["DBT_PROFILES_DIR"] = str(PROJECT)
        self._directory = directory
        self._process = subprocess.Popen(
            [str(BIN / "python"), "-c", SERVE],
            cwd=PROJECT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Dbt:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, *command: str, **variables: Any) -> dict[str, str]:
        """Run dbt, which must succeed; return the outcome of each model and test by its name."""
        given = json.dumps({"tap_marketo_schema": self._schema, **variables})
        options = ["--target", self._target, "--vars", given]
        options += ["--target-path", str(self._directory), "--log-path", str(self._directory)]
        log = self._directory / "said.log"
        arguments = ["--no-send-anonymous-usage-stats", *command, *options]
        assert self._process.stdin
        assert self._process.stdout
        print(
            json.dumps({"arguments": arguments, "log": str(log)}),
            file=self._process.stdin,
            flush=True,
        )
        assert self._process.stdout.readline() == "0\n", log.read_text()[-5000:]
        results = self.written("run_results")["results"]
        return {result["unique_id"].split(".")[2]: result["status"] for result in results}

    def written(self, name: str) -> Any:
        """Return what dbt wrote in its last run: `run_results`, `manifest`."""
        return json.loads((self._directory / f"{name}.json").read_text(encoding="utf-8"))

    def made(self, *tables: str) -> Made:
        """Return the tables and views that dbt made: these, or all."""
        done = subprocess.run(
            [str(BIN / "python"), "-c", READ, self._target, *tables],
            env=self._environment,
            stdout=subprocess.PIPE,
            timeout=HANG,
            check=True,
        )
        made: Made = json.loads(done.stdout)
        return made


def counts(made: Mapping[str, Any]) -> dict[str, int]:
    """Return how many rows each table and view has."""
    return {table: len(each["rows"]) for table, each in made.items()}
