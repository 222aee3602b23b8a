"""The whole pipeline on this machine: sandbox Marketo, tap, target, a DuckDB file.

``make demo`` runs it against the sandbox: a first sync, then changes in Marketo, then an
incremental sync from the saved state, and at the end the documented SQL that applies deletions and
merges. ``make demo CONFIG=config.json`` selects in the account of that config what the definition
for Meltano selects, shows the plan, and begins one sync when it is told to. Standard library only:
it makes the environments it needs in ``.demo/``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.readme import code

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
DATABASE = HOME / "marketo.duckdb"
LOG = HOME / "tap.log"
DEFINITION = ROOT / "meltano" / "extractors" / "tap-marketo.yml"
AT_A_TERMINAL = sys.stderr.isatty()
# With DuckDB from 1.3 on, target-duckdb takes the first row of a batch for a header.
TARGET = ["target-duckdb==0.8.0", "duckdb<1.3"]

# A minute of the sandbox takes a tenth of a second; so do the tap's waits.
SCALE = 600
FAST = {"poll_interval": 60 / SCALE, "max_calls_per_20_seconds": 50 * SCALE}
# The sandbox's clock starts in the past and stays there: what it makes up is never in the future.
SANDBOX_NOW = "2026-06-15T12:00:00Z"
START_DATE = "2025-06-15T12:00:00Z"

SQL_TITLE = "Deleted and merged leads"

COUNT_TABLES = """
import sys, duckdb, json
connection = duckdb.connect(sys.argv[1])
connection.execute(sys.stdin.read())
tables = [row[0] for row in connection.execute(
    "select table_name from information_schema.tables order by 1").fetchall()]
print(json.dumps({t: connection.execute(f'select count(*) from "{t}"').fetchone()[0]
                  for t in tables}))
"""


def main() -> int:
    """Run the demo; the exit code is 0 when every step worked."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.demo", description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, help="the config of a real account")
    parser.add_argument("--yes", action="store_true", help="read that account without a question")
    options = parser.parse_args()
    if options.config and not options.config.is_file():
        raise SystemExit(f"There is no config file {options.config}.")
    tap = _environment("tap", [str(ROOT)]) / "tap-marketo"
    target = _environment("target", TARGET)
    for leftover in HOME.glob(f"{DATABASE.name}*"):
        leftover.unlink()
    with tempfile.TemporaryDirectory() as directory:
        if options.config:
            pipeline = Pipeline(Path(directory), tap, target, options.config.resolve())
            pipeline.discover(re.findall(r'(?m)^  - "(.*)"$', DEFINITION.read_text("utf-8")))
            pipeline.plan()
            _ask(options.yes)
            pipeline.sync()
            _print_tables(pipeline.tables())
        else:
            config = Path(directory) / "config.json"
            with sandbox() as account:
                _write_config(config, account)
                _demonstrate(Pipeline(Path(directory), tap, target, config), account)
    log = "" if AT_A_TERMINAL else f", the log of the last run in {LOG.relative_to(ROOT)}"
    print(f"The tables are in {DATABASE.relative_to(ROOT)}{log}; `make clean` removes them.")
    return 0


def _ask(is_answered: bool) -> None:
    """Ask whether to read the account as planned; end the demo where nobody says yes."""
    if is_answered:
        return
    if not sys.stdin.isatty():
        raise SystemExit("Nothing has been read yet. To begin: make demo CONFIG=... YES=1")
    if input("Begin this sync? [y/N] ").strip().lower() not in ("y", "yes"):
        raise SystemExit("Nothing has been read.")


class Pipeline:
    """Tap and target, joined by a pipe, with the state kept as an orchestrator keeps it."""

    def __init__(self, directory: Path, tap: Path, target: Path, config: Path) -> None:
        """Work in a directory with the tap's command and config, and the target's bin directory."""
        self._tap = tap
        self._target = target
        self._config = config
        self._catalog = directory / "catalog.json"
        self._state = directory / "state.json"
        self._target_config = directory / "target.json"
        self._target_config.write_text(
            # Without a column that is no text DuckDB takes the first row for a header.
            json.dumps(
                {
                    "path": str(DATABASE),
                    "default_target_schema": "main",
                    "add_metadata_columns": True,
                }
            )
        )

    def discover(self, patterns: Sequence[str]) -> None:
        """Discover, and select what the patterns select."""
        command = [str(self._tap), "--config", str(self._config), "--discover"]
        print("$ tap-marketo --config config.json --discover > catalog.json", flush=True)
        with LOG.open("wb") as log:
            found = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, check=False)
        if found.returncode:
            raise SystemExit(LOG.read_text(encoding="utf-8"))
        catalog = json.loads(found.stdout)
        number = _select(catalog["streams"], patterns)
        self._catalog.write_text(json.dumps(catalog))
        selection = "all" if patterns == ["*"] else f"of which {DEFINITION.name} selects {number}"
        print(f"  {len(catalog['streams'])} streams, {selection}\n")

    def plan(self) -> None:
        """Show what a sync would do now."""
        command = [str(self._tap), "--config", str(self._config), "--catalog", str(self._catalog)]
        print("$ tap-marketo --config config.json --catalog catalog.json --plan", flush=True)
        if subprocess.run([*command, "--plan"], check=False).returncode:
            raise SystemExit("There is no plan, and nothing has been read.")
        print()

    def sync(self) -> float:
        """Run tap and target once and keep the last STATE; return the seconds it took."""
        command = [str(self._tap), "--config", str(self._config), "--catalog", str(self._catalog)]
        shown = "$ tap-marketo --config config.json --catalog catalog.json"
        if self._state.exists():
            command += ["--state", str(self._state)]
            shown += " --state state.json"
        print(f"{shown} | target-duckdb --config target.json", flush=True)
        started = time.monotonic()
        with (
            LOG.open("wb") as log,
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                # At a terminal the tap shows how far it is; then there is no need of its log.
                stderr=None if AT_A_TERMINAL else log,
                env=os.environ | ({"TAP_MARKETO_LOGLEVEL": "WARNING"} if AT_A_TERMINAL else {}),
            ) as tap,
        ):
            target = subprocess.run(
                [str(self._target / "target-duckdb"), "--config", str(self._target_config)],
                stdin=tap.stdout,
                capture_output=True,
                check=False,
            )
            if tap.stdout:
                tap.stdout.close()
        said = LOG.read_text(encoding="utf-8").splitlines()
        if tap.returncode or target.returncode:
            print("\n".join(said[-20:]), target.stderr.decode()[-2000:], sep="\n")
            raise SystemExit(f"tap exit code {tap.returncode}, target {target.returncode}")
        for line in said:
            if line.startswith("WARNING"):
                print(f"  {line}")
        states = target.stdout.splitlines()
        if states:
            self._state.write_bytes(states[-1])
        seconds = time.monotonic() - started
        print(f"  done in {seconds:.1f} s\n")
        return seconds

    def tables(self, sql: str = "") -> dict[str, int]:
        """Return the number of rows of each table and view in the database, after some SQL."""
        counted = subprocess.run(
            [str(self._target / "python"), "-c", COUNT_TABLES, str(DATABASE)],
            input=sql.encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        tables: dict[str, int] = json.loads(counted.stdout)
        return tables


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    """Start the sandbox as a process of its own; give what it says of itself."""
    command = [sys.executable, "-m", "tests.sandbox", "--exit-with-stdin"]
    command += ["--now", SANDBOX_NOW, "--scale", str(SCALE), "--leads", "2000"]
    command += ["--activities", "20000"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            if process.stdout is None:
                raise SystemExit("the sandbox has no stdout")
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def _select(streams: Sequence[Mapping[str, Any]], patterns: Sequence[str]) -> int:
    """Mark in a catalog what patterns for streams and columns select; return how many streams.

    What matches nothing counts for nothing: a role may lack the permission for some streams.
    """
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    selected = 0
    for stream in streams:
        for item in stream["metadata"]:
            name = ".".join([stream["tap_stream_id"], *(item["breadcrumb"][1:] or "*")])
            is_selected = any(fnmatchcase(name, pattern) for pattern in patterns)
            is_selected &= not any(fnmatchcase(name, pattern) for pattern in unwanted)
            item["metadata"]["selected"] = is_selected
            selected += is_selected and not item["breadcrumb"]
    return selected


def _write_config(path: Path, account: Mapping[str, str]) -> None:
    config = {key: account[key] for key in ("endpoint", "client_id", "client_secret")}
    path.write_text(json.dumps({**config, "start_date": START_DATE, **FAST}))


def _demonstrate(pipeline: Pipeline, account: Mapping[str, str]) -> None:
    print(f"A sandbox Marketo runs at {account['endpoint']}.")
    print(f"Its clock stands in June 2026 and runs {SCALE} times as fast as yours.")
    print("So the tap warns that the two clocks differ; with a real account it would be a fault.\n")
    pipeline.discover(["*"])
    _control(account, "POST", "reset_counters")
    pipeline.sync()
    before = pipeline.tables()
    _print_tables(before)
    _print_cost("The first sync of a year", _control(account, "GET", "counters"))

    changes = {"new_leads": 25, "updated_leads": 40, "new_activities": 300, "programs_updated": 3}
    changes |= {"deleted_leads": 4, "merged_leads": 6, "merge_chains": 2}
    print(f"Now Marketo changes: {json.dumps(changes)}\n")
    _control(account, "POST", "change", changes)
    _control(account, "POST", "clock", {"advance_seconds": 3600})
    _control(account, "POST", "reset_counters")
    pipeline.sync()
    after = pipeline.tables()
    grown = {t: n - before.get(t, 0) for t, n in after.items() if n != before.get(t)}
    print("Tables that grew:")
    _print_tables(grown, "+")
    _print_cost("The incremental sync", _control(account, "GET", "counters"))

    current = pipeline.tables(code(SQL_TITLE, "sql"))
    views = ", ".join(
        f"{name} with {current[f'current_{name}']:,} of {current[name]:,} rows"
        for name in ("leads", "list_memberships", "program_members")
    )
    print(f'The SQL of the docs, "{SQL_TITLE}", made views of those that are there: {views}.\n')


def _print_tables(tables: Mapping[str, int], sign: str = "") -> None:
    for table, rows in tables.items():
        print(f"  {table:<50} {sign}{rows:>8,}")
    print()


def _print_cost(what: str, counters: Mapping[str, Any]) -> None:
    exported = sum(job["bytes"] or 0 for job in counters["jobs"])
    print(
        f"{what} took {counters['total_calls']:,} calls of Marketo's daily 50,000, "
        f"{len(counters['jobs'])} export jobs, and {exported / 1e6:.2f} MB of its daily 500 MB.\n"
    )


def _control(account: Mapping[str, str], method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{account['control']}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def _environment(name: str, requirements: Sequence[str]) -> Path:
    """Make a virtual environment with something installed; return its bin directory."""
    home = HOME / name
    ready = home / "ready"
    if not ready.exists() or str(ROOT) in requirements:
        print(f"Installing the {name} into .demo/{name} ...", flush=True)
        if not ready.exists():
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run(
            [*pip, "--disable-pip-version-check", "--upgrade", *requirements], check=True
        )
        ready.touch()
    return home / "bin"


if __name__ == "__main__":
    sys.exit(main())
