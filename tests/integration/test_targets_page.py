"""What docs/targets.md shows of each tested target runs as it stands, with the real target."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

from tests.end_to_end.checks import SMALL
from tests.harness import ROOT, Tap, account, run, select
from tests.integration.target_drivers import TARGETS, TOOLS, Postgres, target_driver
from tests.readme import code

ADDRESS = "postgresql+psycopg://user:password@localhost:5432/database"
KEYS = {"leads": ["id"], "lists": ["id"]}


@pytest.mark.parametrize("target", TARGETS)
def test_the_versions_of_the_page_are_those_that_are_tested(target: str) -> None:
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    installed = re.findall(r"bin/pip install (.+)", code(target, "sh"))
    assert installed
    for requirement in installed[0].split():
        assert requirement in made


@pytest.mark.parametrize("target", TARGETS)
def test_config_and_pipeline_of_the_page_load(target: str, tap: Tap) -> None:
    directory = tap.directory
    with account(*SMALL) as marketo, target_driver(target, directory) as driver:
        config = marketo.config()
        catalog = select(tap.discover(config), list(KEYS))
        tap.command(config, catalog, {})
        settings = json.loads(code(target, "json"))
        if isinstance(driver, Postgres):
            assert settings["sqlalchemy_url"] == ADDRESS
            settings["sqlalchemy_url"] = driver.settings()["sqlalchemy_url"]
        tap.write(f"{target}.json", settings)
        (directory / target).symlink_to(TOOLS / target)
        bin_directory = directory / "bin"
        bin_directory.mkdir()
        program = bin_directory / "tap-marketo"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tap_marketo "$@"\n')
        program.chmod(0o755)
        shown = code(target, "sh")
        pipeline = shown[shown.index("tap-marketo --config") :]
        done = run(
            ["bash", "-euo", "pipefail", "-c", pipeline],
            directory,
            PATH=f"{bin_directory}:{os.environ['PATH']}",
            PYTHONPATH=str(ROOT),
        )
        assert done.code == 0, done.stderr[-3000:]
        state = json.loads((directory / "state.json").read_text())
        assert set(state["bookmarks"]) >= set(KEYS)
        if target != "target-jsonl":
            tables = driver.tables(KEYS)
            assert len(tables["leads"]) == len(marketo.truth("leads"))
        else:
            lines = (directory / "rows" / "leads.jsonl").read_text().splitlines()
            assert len(lines) == len(marketo.truth("leads"))
