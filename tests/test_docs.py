"""What the documents say is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tap_marketo import __version__
from tap_marketo.config import SETTINGS, load_config, setting_names
from tests.harness import ROOT, TAP, run
from tests.meltano_definition import DEFINITION, PROJECT, definition, project
from tests.readme import parts, table


def test_the_docs_list_every_setting_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in table("Settings")}
    assert set(documented) == set(setting_names())
    for setting in SETTINGS:
        told, default = documented[setting.name], setting.default
        if setting.is_required:
            assert told == "required", setting.name
        elif isinstance(default, bool):
            assert told == json.dumps(default), setting.name
        elif isinstance(default, int | float):
            assert float(told) == default, setting.name
        elif "enum" in setting.type.schema:
            assert told == f"`{default}`", setting.name


def test_the_sample_config_holds_every_setting_and_loads() -> None:
    path = ROOT / "sample_config.json"
    sample = json.loads(path.read_text())
    assert set(sample) == set(setting_names())
    config = load_config([str(path)])
    for setting in SETTINGS:
        if not setting.is_required and setting.name not in ("identity", "user_agent"):
            assert getattr(config, setting.name) == setting.default, setting.name


def test_the_definitions_for_meltano_are_those_of_the_table_of_settings() -> None:
    again = "make docs"
    assert DEFINITION.read_text(encoding="utf-8") == definition(), again
    assert PROJECT.read_text(encoding="utf-8") == project(), again


def test_the_definition_for_meltano_has_every_setting() -> None:
    text = DEFINITION.read_text(encoding="utf-8")
    blocks = text.partition("\n  settings:\n")[2].split("  - name: ")[1:]
    assert [block.partition("\n")[0] for block in blocks] == setting_names()
    for setting, block in zip(SETTINGS, blocks, strict=True):
        assert ("\n    sensitive: true\n" in block) == setting.is_secret
        assert setting.about in block
    required = [setting.name for setting in SETTINGS if setting.is_required]
    assert f"settings_group_validation:\n  - [{', '.join(required)}]\n" in text


INSTALLING = ["README.md", "meltano.yml", str(DEFINITION.relative_to(ROOT)), "docs/meltano.md"]


@pytest.mark.parametrize("name", INSTALLING)
def test_nothing_installs_what_pypi_has_under_this_name(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    installs = r"(?m)(?:bin/pip install +|pip_url: +|PIP_URL=)([^#\n]+?) *(?:#.*)?$"
    sources = re.findall(installs, text)
    assert sources
    for source in sources:
        ours = r"(-e )?\.$|\"?git\+https:|/.+\.whl$|\$\{TAP_MARKETO_PIP_URL\}$"
        assert re.match(ours, source), source
    assert set(re.findall(r"tap_marketo-([0-9.]+)-py3", text)) <= {__version__}


def test_the_docs_list_every_option() -> None:
    options = set(re.findall(r"--[a-z]+", run([*TAP, "--help"]).stdout)) - {"--help"}
    assert set(re.findall(r"--[a-z]+", "\n".join(row[0] for row in table("Command line")))) == (
        options
    )


def test_the_modules_that_contributing_names_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = ROOT / "tap_marketo"
    modules = {str(path.relative_to(package)) for path in package.rglob("[a-z]*.py")}
    named = set(re.findall(r"`([a-z_/]+\.py)`", text))
    assert {name for name in named if not name.startswith("tests/")} <= modules
    # Where names do not say what is where, they are wrong: few may do so.
    where = text.split("| to change ... | look in |\n| --- | --- |\n")[1].split("\n\n")[0]
    assert len(where.splitlines()) <= 20


def test_the_page_of_dbt_has_every_model_and_variable() -> None:
    project = ROOT / "dbt"
    made = {path.stem for path in project.glob("models/mkto/*.sql")}
    made |= {path.stem for path in project.glob("snapshots/*.yml")}
    assert {row[0].strip("`") for row in table("Models")} == made
    text = (project / "dbt_project.yml").read_text(encoding="utf-8")
    variables = re.findall(r"(?m)^  (tap_marketo_\w+):", text)
    assert [row[0].strip("`") for row in table("Run it")] == variables


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^## {re.escape(__version__)} ", changelog)


MARKDOWN = sorted([*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/**/*.md")])


def anchors(path: Path) -> list[str]:
    """Return what a page's headings are linked by."""
    titles = [part.title.lower().replace(" ", "-") for part in parts(path)]
    return [re.sub(r"[^\w-]", "", title) for title in titles]


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    for link, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]+))?\)", path.read_text("utf-8")):
        page = (path.parent / link).resolve() if link else path
        assert page.exists(), link
        if anchor:
            assert anchors(page).count(anchor) == 1, f"{link}#{anchor}"


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+)", (ROOT / "README.md").read_text("utf-8")))
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert {link for link in linked if link.endswith(".md")} == pages
