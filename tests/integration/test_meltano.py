"""A Meltano user's way, with the real Meltano: docs/meltano.md, command by command.

``make meltano`` runs this file and shows the commands.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import jobs, span
from tests.harness import HANG, ROOT, Account, account
from tests.integration.target_drivers import TOOLS, DuckDB
from tests.meltano_definition import CHEAP, DEFINITION, PROJECT, SOURCE_VARIABLE, details

MELTANO = TOOLS / "meltano" / "bin" / "meltano"

# An account in which nothing becomes visible by itself while a test looks.
OPTIONS = ("--leads", "40", "--activities", "400", "--history-days", "40", "--late-share", "0")
# A minute takes a second, and an export an hour: what a test leaves under way is so afterwards.
SLOW_SCALE = 60
SLOW = ("--scale", str(SLOW_SCALE), "--export-minutes", "60")
START = "2026-05-01T00:00:00Z"
EXCLUDED = "activities_change_data_value"
ENDPOINT_OF_THE_PAGE = "https://123-ABC-456.mktorest.com/rest"
ALLOWANCE = "TAP_MARKETO_MAX_DAILY_EXPORT_MB"
ADD = f"add tap-marketo --from-ref ../tap-marketo/{DEFINITION.relative_to(ROOT)}"
TARGET = ROOT / "meltano" / "loaders" / "target-duckdb.yml"
LOAD = "run tap-marketo target-duckdb"

# Meltano leaves everybody alone but PyPI, which pip asks as it is set up on this machine.
QUIET = {
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    "MELTANO_HUB_URL": "http://127.0.0.1:9",
    "MELTANO_VENV_BACKEND": "virtualenv",
    "NO_COLOR": "1",
}


class Project:
    """A Meltano project, with the commands that are given in it."""

    def __init__(self, directory: Path) -> None:
        """Use a directory in which `meltano init` has made a project."""
        self.directory = directory
        self.environment: dict[str, str] = {}
        self.given: list[str] = []
        self.log = ""

    def meltano(self, command: str, expected_code: int = 0) -> str:
        """Run a command; return what it writes, and keep what it logs."""
        self.given.append(f"meltano {command}")
        print(f"$ meltano {command}", flush=True)
        mine = {**os.environ, **QUIET, "PYTHONPATH": "", **self.environment}
        done = subprocess.run(
            [str(MELTANO), *shlex.split(command)],
            cwd=self.directory,
            env={name: value for name, value in mine.items() if value},
            capture_output=True,
            text=True,
            timeout=HANG,
            check=False,
        )
        self.log = done.stderr
        assert done.returncode == expected_code, done.stdout + done.stderr
        return done.stdout

    def use(self, marketo: Account, **settings: Any) -> None:
        """Give the endpoint with a command, the other settings in the environment."""
        self.meltano(f"config set tap-marketo endpoint {marketo.endpoint}")
        self.given.append(f"meltano config set tap-marketo endpoint {ENDPOINT_OF_THE_PAGE}")
        config = {**marketo.config(), **settings}
        del config["endpoint"], config["start_date"]
        self.environment = {f"TAP_MARKETO_{k.upper()}": str(v) for k, v in config.items()}

    def catalog(self) -> dict[str, Any]:
        """Return the catalog of the last run, with what Meltano has selected in it."""
        path = self.directory / ".meltano" / "run" / "tap-marketo" / "tap.properties.json"
        catalog: dict[str, Any] = json.loads(path.read_text())
        return catalog

    def files(self) -> Iterator[Path]:
        """Yield the files that stay in the project, without what is installed."""
        for path in self.directory.rglob("*"):
            if path.is_file() and "venv" not in path.parts:
                yield path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A new project, with a target."""
    clone = tmp_path / "tap-marketo"
    for name in ("tap_marketo", "meltano"):
        shutil.copytree(ROOT / name, clone / name)
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, clone)
    made = Project(tmp_path)
    made.meltano("init marketo")
    made.directory /= "marketo"
    (made.directory / ".env").write_text(f"{SOURCE_VARIABLE}={clone}\n")
    return made


def test_meltano_leaves_the_project_in_this_checkout_as_it_is(tmp_path: Path) -> None:
    made = Project(tmp_path)
    shutil.copy(PROJECT, tmp_path)
    # The file itself says so; given from outside, Meltano would not write the file at all.
    made.environment = {"MELTANO_SEND_ANONYMOUS_USAGE_STATS": ""}
    for _ in range(2):
        assert "endpoint" in made.meltano("config list tap-marketo")
    assert (tmp_path / PROJECT.name).read_text() == PROJECT.read_text()


def selected(catalog: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the catalog's streams that are selected, by name."""
    return {
        stream["tap_stream_id"]: stream
        for stream in catalog["streams"]
        if expected.metadata(stream)[()]["selected"]
    }


def assert_costs_are_left_out(streams: Mapping[str, dict[str, Any]]) -> None:
    """They are the streams of the default, without what takes a call for each row."""
    of_activities = {name for name in streams if name.startswith("activities_")}
    assert streams.keys() - of_activities == {name for name in CHEAP if "*" not in name}
    assert len(of_activities) > 20
    assert EXCLUDED not in of_activities
    left_out = set()
    for name, stream in streams.items():
        for breadcrumb, own in expected.metadata(stream).items():
            if own.get("selected-by-default") is False:
                assert own["selected"] is False, (name, breadcrumb)
                left_out.add(f"{name}.{breadcrumb[-1]}")
    assert left_out >= {column for column in details() if column.split(".")[0] in streams}


def assert_nothing_is_exported(marketo: Account) -> None:
    """No byte is spent, and none will be by what has been begun."""
    marketo.advance(hours=3)
    assert marketo.counters()["bytes_exported_today"] == 0
    assert {job["status"] for job in jobs(marketo)} <= {"Created", "Cancelled"}


def assert_loaded(target: DuckDB, marketo: Account, catalog: Mapping[str, Any]) -> None:
    """Each table has the rows that the sandbox has, each lead its address."""
    truth = expected.tables(marketo, catalog, START)
    truth |= expected.deletions(marketo, catalog, START)
    tables = target.tables({})
    held = {name: len(tables.get(target.table_name(name), [])) for name in selected(catalog)}
    assert held == {name: len(truth[name]) for name in held}
    addresses = {row["id"]: row["email"] for row in tables["leads"]}
    assert addresses == {key: row["email"] for key, row in truth["leads"].items()}


def columns_of_leads(target: DuckDB) -> set[str]:
    return set(target.tables({})["leads"][0])


def commands_of_the_page() -> set[str]:
    """Return the commands that docs/meltano.md gives."""
    text = (ROOT / "docs" / "meltano.md").read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^meltano .+$", text))


def test_what_the_page_for_meltano_users_says(project: Project) -> None:
    project.meltano(ADD)
    project.meltano(f"config set tap-marketo start_date {START}")
    with account(*OPTIONS, *SLOW) as marketo:
        try_config(project, marketo)
    target = DuckDB("target-duckdb", project.directory)
    project.meltano(f"add target-duckdb --from-ref ../tap-marketo/{TARGET.relative_to(ROOT)}")
    project.meltano("config set target-duckdb filepath marketo.duckdb")
    with account(*OPTIONS) as marketo:
        select_and_load(project, target, marketo)
        load_what_has_changed(project, target, marketo)
        load_a_new_field(project, target, marketo)
        secrets = (marketo.client_id.encode(), marketo.client_secret.encode())
        for path in project.files():
            assert not any(secret in path.read_bytes() for secret in secrets), path
    project.meltano("job add marketo --tasks 'tap-marketo target-duckdb'")
    project.meltano("schedule add marketo-hourly --job marketo --interval '@hourly'")
    assert commands_of_the_page() <= set(project.given)


def try_config(project: Project, marketo: Account) -> None:
    """Trying the config, with what the definition selects, spends nothing."""
    project.use(marketo, poll_interval=60 / SLOW_SCALE, max_calls_per_20_seconds=50 * SLOW_SCALE)
    project.meltano("config set tap-marketo on_quota stop")
    told = project.meltano("config list tap-marketo")
    assert marketo.client_secret not in told
    assert "(redacted)" in told
    project.meltano("config test tap-marketo")
    assert marketo.counters()["total_calls"] < 24
    assert_costs_are_left_out(selected(project.catalog()))
    assert "A sync could run." in project.meltano("invoke tap-marketo --test")
    assert "exported by updatedAt" in project.meltano("invoke tap-marketo --plan")
    assert_nothing_is_exported(marketo)
    # It is a test: without the credentials it fails, and says why.
    del project.environment["TAP_MARKETO_CLIENT_SECRET"]
    project.meltano("config test tap-marketo", expected_code=1)
    assert "client_secret is missing" in project.log


def select_and_load(project: Project, target: DuckDB, marketo: Account) -> None:
    """What is selected beside the default is loaded, what is excluded is not."""
    project.use(marketo)
    # The default environment does not count: the patterns come to those of the definition.
    project.meltano("select tap-marketo segmentations '*'")
    project.meltano("select tap-marketo --exclude leads phone")
    # Added again, as after an upgrade, the definition leaves what is selected as it is.
    project.meltano(f"{ADD} --no-install")
    told = project.meltano("select tap-marketo --list")
    assert "segmentations.name" in told
    project.meltano(LOAD)
    assert_loaded(target, marketo, project.catalog())
    assert "segmentations" in target.tables({})
    assert "phone" not in columns_of_leads(target)
    assert min(span(job)[0] for job in jobs(marketo)) == START


def load_what_has_changed(project: Project, target: DuckDB, marketo: Account) -> None:
    """The next run goes on from the state that Meltano keeps."""
    marketo.change(new_leads=4, updated_leads=3, new_activities=20, new_segmentations=2)
    # A day's allowance that is spent is no failure, and the run after it loads what is left.
    project.environment[ALLOWANCE] = "0.0001"
    project.meltano(LOAD)
    assert "No more exports today" in project.log
    del project.environment[ALLOWANCE]
    marketo.control("POST", "reset_counters")
    project.meltano(LOAD)
    assert_loaded(target, marketo, project.catalog())
    # Leads and activities, from the look-back on.
    made = [job for job in jobs(marketo) if job["status"] == "Completed"]
    assert sorted(job["object"] for job in made) == ["activities", "leads"]
    assert min(span(job)[0] for job in made) > "2026-06-14"
    assert "tap-marketo-to-target-duckdb" in project.meltano("state list")


def load_a_new_field(project: Project, target: DuckDB, marketo: Account) -> None:
    """A new field of leads is not in the cached catalog."""
    field = {"name": "shoeSize", "dataType": "integer", "displayName": "Shoe Size"}
    marketo.change(new_lead_field=field)
    marketo.change(updated_leads=5)
    project.meltano(LOAD)
    assert "shoesize" not in columns_of_leads(target)
    changed = marketo.change(updated_leads=5)["updated_leads"]
    project.meltano(f"{LOAD} --refresh-catalog")
    assert_loaded(target, marketo, project.catalog())
    held = {row["id"]: row["shoesize"] for row in target.tables({})["leads"]}
    truth = {row["id"]: row["shoeSize"] for row in marketo.truth("leads")}
    assert [held[key] for key in changed] == [truth[key] for key in changed]
    assert any(truth[key] is not None for key in changed)
    # Those loaded before have it after everything has been read again.
    assert held != truth
    project.meltano(f"{LOAD} --full-refresh")
    assert {row["id"]: row["shoesize"] for row in target.tables({})["leads"]} == {
        key: truth[key] for key in held
    }
