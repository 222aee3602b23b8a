"""What the documents say is true."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields

import pytest

from tap_marketo import __version__
from tap_marketo.config import Config, load_config, setting_names
from tap_marketo.streams.declared import DeclaredStream
from tap_marketo.streams.registry import REGISTRY
from tests.harness import ROOT, TAP, run
from tests.readme import table

DECLARED = {kind.name: kind for kind in REGISTRY if isinstance(kind, DeclaredStream)}


def test_the_readme_lists_every_setting_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in table("Settings")}
    assert set(documented) == set(setting_names())
    for setting in fields(Config):
        default = documented[setting.name]
        if setting.default is MISSING:
            assert default == "required", setting.name
        elif isinstance(setting.default, bool):
            assert default == json.dumps(setting.default), setting.name
        elif isinstance(setting.default, int | float):
            assert float(default) == setting.default, setting.name


def test_the_sample_config_holds_every_setting_and_loads() -> None:
    path = ROOT / "sample_config.json"
    sample = json.loads(path.read_text())
    assert set(sample) == set(setting_names())
    config = load_config(str(path))
    for setting in fields(Config):
        if isinstance(setting.default, int | float):
            assert getattr(config, setting.name) == setting.default, setting.name


# Meltano 4.4 cannot write a decimal as JSON.
CHOICES = {"on_quota", "on_refused", "names"}
KINDS = {
    "str": "string",
    "int": "integer",
    "float": "string",
    "datetime": "date_iso8601",
    "bool": "boolean",
}


def meltano_settings() -> dict[str, dict[str, str]]:
    """Return the settings that meltano.yml declares, with what it says of each."""
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    blocks = text.partition("\n    settings:\n")[2].split("    - name: ")[1:]
    return {
        block.partition("\n")[0]: dict(re.findall(r"(?m)^      ([a-z]+): (.+)$", block))
        for block in blocks
    }


def test_meltano_yml_declares_every_setting() -> None:
    declared = meltano_settings()
    assert list(declared) == setting_names()
    for setting in fields(Config):
        told = declared[setting.name]
        assert json.loads(told["description"]) == setting.metadata["about"]
        kind = "options" if setting.name in CHOICES else KINDS[str(setting.type)]
        assert told["kind"] == kind, setting.name
        # What no repr may show is what Meltano may not show.
        assert told.get("sensitive") == (None if setting.repr else "true"), setting.name


def test_meltano_yml_asks_for_what_has_no_default() -> None:
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    required = [s.name for s in fields(Config) if s.default is MISSING]
    assert f"settings_group_validation:\n    - [{', '.join(required)}]\n" in text
    assert "capabilities: [catalog, discover, state]" in text


@pytest.mark.parametrize("name", ["README.md", "meltano.yml"])
def test_nothing_installs_what_pypi_has_under_this_name(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    sources = re.findall(r"(?m)(?:bin/pip install|pip_url:) +([^#\n]+?) *(?:#.*)?$", text)
    assert sources
    for source in sources:
        assert re.match(r"(-e )?\.$|git\+https:|\"tap-marketo @ git\+https:|/.+\.whl$", source), (
            source
        )
    assert set(re.findall(r"tap_marketo-([0-9.]+)-py3", text)) <= {__version__}


def test_the_readme_lists_every_stream_with_its_keys() -> None:
    documented = {row[0].strip("`"): (row[1], row[2]) for row in table("Streams")}
    assert documented.pop("leads") == ("`id`", "`updatedAt`")
    assert documented.pop("activities_<type>") == ("`marketoGUID`", "`activityDate`")
    assert documented.pop("program_members") == ("`programId`, `leadId`", "`updatedAt`")
    assert documented.pop("custom_object_<name>") == ("`marketoGUID`", "`updatedAt`")
    assert set(documented) == set(DECLARED)
    for name, stream in DECLARED.items():
        key, replication_key = documented[name]
        assert key == ", ".join(f"`{column}`" for column in stream.keys)
        if stream.replication_key:
            assert replication_key == f"`{stream.replication_key}`"
        else:
            assert replication_key.startswith("none")


def test_the_readme_lists_every_option() -> None:
    options = set(re.findall(r"--[a-z]+", run([*TAP, "--help"]).stdout)) - {"--help"}
    assert set(re.findall(r"--[a-z]+", "\n".join(row[0] for row in table("Command line")))) == (
        options
    )


def test_contributing_names_every_module() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = ROOT / "tap_marketo"
    modules = {str(path.relative_to(package)) for path in package.rglob("[a-z]*.py")}
    plumbing = {"log.py", "times.py", "clock.py"}
    missing = {name for name in modules - plumbing if f"`{name}`" not in text}
    assert not missing
    named = set(re.findall(r"`([a-z_/]+\.py)`", text))
    assert {name for name in named if not name.startswith("tests/")} <= modules


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^## {re.escape(__version__)} ", changelog)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_within_the_repository_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert re.search(rf"(?im)^#+ {anchor.replace('-', '.')}$", text), anchor
