"""The code that documents show: commands run, JSON is JSON, configs have settings that exist."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_marketo.config import setting_names
from tests.harness import ROOT, Account, Run, Tap, account, assert_secrets_kept, run, select
from tests.readme import PAGES, section

SYNC = "tap-marketo --config config.json --catalog catalog.json --state state.json"

# Shell that is not run here, by the command's beginning, and why.
NOT_RUN = {
    "make demo": "takes minutes and installs a target; it is a program of its own",
    "python3 -m tests.sandbox": "serves until it is ended; tests/test_sandbox.py tries its clock",
    "make test": "it is what runs this",
    "make integration": "installs what it tests",
    "make dbt": "installs what it tests",
    "make bench": "takes half an hour",
    "python3 -m venv ": "begins an installation",
    "export PATH=": "the commands below run with the tap on the PATH anyway",
    "tap-marketo/bin/pip install ": "installs, and the clone is the reader's",
    **{
        beginning: "tests/integration/test_targets_page.py runs the pipelines of the page"
        for name in ("jsonl", "duckdb", "postgres")
        for beginning in (
            f"target-{name}/bin/pip install ",
            f"{SYNC} | {'PGTZ=UTC ' if name == 'postgres' else ''}target-{name}/",
        )
    },
    "code=$?": "the script for cron is run whole, below",
    'exit "$code"': "the script for cron is run whole, below",
    "pip install dagster": "installs",
    "mkdir -p $DAGSTER_HOME": "goes with the next",
    "cp examples/many_accounts/": "tests/integration/test_examples.py sets the example up",
    f"{SYNC} | meltano-": ("tests/integration/test_masking.py runs it"),
    'echo "TAP_MARKETO_PIP_URL=': "the clone is the reader's",
    "meltano ": "tests/integration/test_meltano.py runs them all",
    "cd marketo": "goes into what `meltano init` makes",
    "dbt-env/bin/pip install ": "installs",
    "MARKETO_DUCKDB=/data/marketo.duckdb dbt ": "tests/dbt/test_dbt.py runs it",
    "dbt build --profiles-dir . --target postgres": "tests/dbt/test_dbt.py runs it",
    "dbt build --select tap_marketo": "tests/dbt/test_dbt.py runs it",
    "dbt build --select marketo": "dbt_marketo comes from dbt's hub, which no test reaches",
    "dagster": "tests/integration/test_examples.py runs the example",
}
# Text is what a command prints; mermaid is a drawing.
LANGUAGES = {"sh", "json", "yaml", "sql", "text", "mermaid"}

# Takes what a target takes and writes the last STATE, as most targets do.
TARGET = """\
#!{python}
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "STATE":
        print(json.dumps(message["value"]))
"""


def blocks(language: str) -> list[tuple[Path, str]]:
    """Return the blocks of code in a language, each with its page."""
    return [
        (path, block)
        for path in PAGES
        for block in re.findall(rf"(?ms)^```{language}\n(.*?)^```$", path.read_text("utf-8"))
    ]


def commands() -> list[str]:
    """Return the shell commands that are shown, each once, without remarks."""
    lines = (
        re.sub(r"(^#!|\s+# ).*", "", line).strip()
        for _, block in blocks("sh")
        for line in re.sub(r"\\\n *", "", block).splitlines()
    )
    return list(dict.fromkeys(line for line in lines if line))


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "20", "--activities", "60") as running:
        yield running


@pytest.fixture(scope="module")
def catalog(marketo: Account, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    discovered = Tap(tmp_path_factory.mktemp("discovery")).discover(marketo.config())
    return select(discovered, ["leads", "lists", "activity_types"])


def program(path: Path, text: str) -> None:
    """Write a program that can be run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize(
    "command", [each for each in commands() if not each.startswith(tuple(NOT_RUN))]
)
def test_commands_that_are_shown_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap, command: str
) -> None:
    config = marketo.config()
    prepare(tap, config, catalog)
    done = run_shell(tap, command)
    assert done.code == 0, done.stderr
    assert not done.critical
    assert_secrets_kept(config, done.stdout, done.stderr)
    if "some-singer-target" in command:
        states = tap.directory / "states.jsonl"
        lines = states.read_text().splitlines() if states.name in command else done.lines
        assert set(json.loads(lines[-1])["bookmarks"]) >= {"leads", "lists"}


def test_the_first_sync_of_the_readme_is_resumed(marketo: Account, tap: Tap) -> None:
    tap.write("config.json", marketo.config())
    begin, again = re.findall(r"(?ms)^```sh\n(.*?)^```$", section("A first sync"))
    assert run_shell(tap, begin).code == 0
    states = []
    for _ in range(2):
        done = run_shell(tap, again)
        assert done.code == 0, done.stderr
        states.append(json.loads((tap.directory / "state.json").read_text())["bookmarks"])
    assert set(states[0]) == set(states[1]) == {"leads", "lists"}
    assert "leads: about 1 export from 2026-06" in done.stderr
    # A run that fails, or whose target does, leaves the state as it was.
    tap.write("config.json", {})
    assert run_shell(tap, again).code != 0
    assert json.loads((tap.directory / "state.json").read_text())["bookmarks"] == states[1]


def test_the_script_for_cron_keeps_the_state_and_the_exit_code(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    prepare(tap, marketo.config(), catalog)
    begin, script = re.findall(r"(?ms)^```sh\n(.*?)^```$", section("Cron"))
    assert run_shell(tap, begin).code == 0
    assert run_shell(tap, script).code == 0
    kept = (tap.directory / "state.json").read_text()
    assert set(json.loads(kept)["bookmarks"]) >= {"leads", "lists"}
    tap.write("config.json", {})
    assert run_shell(tap, script).code != 0
    assert (tap.directory / "state.json").read_text() == kept


def prepare(tap: Tap, config: Any, catalog: Any) -> None:
    """Write the files that the pages speak of."""
    tap.write("config.json", config)
    tap.write("catalog.json", catalog)
    tap.write("state.json", {"bookmarks": {}})
    tap.write("states.jsonl", {"bookmarks": {}})


def run_shell(tap: Tap, command: str) -> Run:
    """Run a command of a page, with the tap and a target on the PATH."""
    bin_directory = tap.directory / "bin"
    program(
        bin_directory / "tap-marketo", f'#!/bin/sh\nexec {sys.executable} -m tap_marketo "$@"\n'
    )
    program(bin_directory / "some-singer-target", TARGET.format(python=sys.executable))
    return run(
        ["bash", "-euo", "pipefail", "-c", command],
        tap.directory,
        PATH=f"{bin_directory}:{os.environ['PATH']}",
        PYTHONPATH=str(ROOT),
    )


@pytest.mark.parametrize("beginning", NOT_RUN)
def test_what_is_not_run_is_shown(beginning: str) -> None:
    assert any(command.startswith(beginning) for command in commands())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_of_code_say_their_language(path: Path) -> None:
    fences = re.findall(r"(?m)^```(.*)$", path.read_text(encoding="utf-8"))
    assert not any(fences[1::2])
    assert set(fences[::2]) <= LANGUAGES


@pytest.mark.parametrize(("path", "block"), blocks("json"))
def test_json_that_is_shown_is_json(path: Path, block: str) -> None:
    shown = json.loads(block)
    if "endpoint" in shown:
        assert set(shown) <= set(setting_names()), path
