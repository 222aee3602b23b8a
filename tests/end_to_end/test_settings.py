"""Where settings come from, and what the command tells of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tap_marketo import __version__
from tap_marketo.config import SETTINGS
from tap_marketo.streams.registry import REGISTRY
from tests.harness import ROOT, TAP, Account, Tap, account, fresh_run


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "5", "--activities", "5") as running:
        yield running


def environment(settings: dict[str, Any]) -> dict[str, str]:
    return {f"TAP_MARKETO_{name.upper()}": str(value) for name, value in settings.items()}


def test_all_settings_may_come_from_the_environment(marketo: Account) -> None:
    variables = environment({**marketo.config(), "lead_changes": False, "max_export_days": ""})
    done = fresh_run([*TAP, "--config", "ENV", "--discover"], ROOT, **variables)
    assert done.code == 0, done.stderr
    assert "leads" in {stream["tap_stream_id"] for stream in json.loads(done.stdout)["streams"]}
    assert marketo.client_secret not in done.stderr


def test_of_several_configs_the_later_one_counts(marketo: Account, tap: Tap) -> None:
    config = marketo.config()
    public = {key: value for key, value in config.items() if not key.startswith("client")}
    first = str(
        tap.write("first.json", {**public, "client_secret": "of another time", "names": ""})
    )
    wrong = str(tap.write("wrong.json", {"max_export_days": 99}))
    right = str(tap.write("right.json", {"max_export_days": 9}))
    secrets = environment({key: config[key] for key in config if key.startswith("client")})
    options = ["-c", first, "--config", "ENV", "-c", wrong, "--discover"]
    refused = fresh_run([*TAP, *options], ROOT, **secrets)
    assert refused.code == 2
    assert "max_export_days must be a whole number from 1 to 31, not 99" in refused.critical[0]
    taken = fresh_run([*TAP, *options, "-c", right], ROOT, **secrets)
    assert taken.code == 0, taken.stderr


def test_what_is_missing_in_the_environment_is_named_with_the_way_to_spell_it() -> None:
    done = fresh_run([*TAP, "--config", "ENV", "--discover"], ROOT, TAP_MARKETO_CLIENT_SECERT="x")
    assert done.code == 2
    (line,) = done.critical
    assert 'client_secret is missing (there is a "client_secert")' in line
    assert "a setting is TAP_MARKETO_ and its name in capitals" in line


def test_a_file_may_have_the_name_of_the_environment(marketo: Account, tap: Tap) -> None:
    tap.write("ENV", marketo.config())
    done = fresh_run([*TAP, "--config", "./ENV", "--discover"], tap.directory, PYTHONPATH=str(ROOT))
    assert done.code == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "required: -c/--config"),
        (["--discover"], "required: -c/--config"),
        (["-c", "x", "--select", "leads.*"], "--select goes with --discover"),
        (["-c", "x", "--discover", "--select", "!leads.*", "--select", "!*.email"], "'leads.*'"),
        (["-c", "x", "--discover", "--format", "json"], "--format goes with"),
        (["--about", "--format", "yaml"], "invalid choice"),
        (["--about", "--discover"], "not allowed with"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], complaint: str) -> None:
    done = fresh_run([*TAP, *options])
    assert (done.code, done.stdout) == (2, "")
    assert complaint in done.stderr


def about(form: str) -> str:
    done = fresh_run([*TAP, "--about", "--format", form])
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


def test_about_tells_of_the_tap_without_a_config() -> None:
    text = fresh_run([*TAP, "--about"]).stdout
    assert text == about("text")
    assert f"Version: {__version__}\n" in text
    assert "Capabilities: catalog, discover, state, about\n" in text
    told = re.findall(r"(?m)^  (\w+) +\S.* \((.+)\)$", text)
    assert [name for name, _ in told] == [setting.name for setting in SETTINGS]
    # A stream may be called as a setting is.
    markdown = about("markdown").partition("## Settings")[2].partition("\n## ")[0]
    for setting, (_, default) in zip(SETTINGS, told, strict=True):
        (row,) = re.findall(rf"(?m)^\| `{setting.name}` \|.*$", markdown)
        assert setting.about in row
        assert default == "required" or f"| {default} |" in row


def test_about_lists_the_streams() -> None:
    listed = {each["name"]: each for each in json.loads(about("json"))["streams"]}
    assert listed.keys() == {kind.name for kind in REGISTRY}
    assert listed["leads"]["bulk_export"] is True
    assert listed["programs"]["permissions"] == ["Read-Only Asset"]
    for form in ("text", "markdown"):
        page = about(form)
        assert all(name in page for name in listed)


def test_about_as_json_has_a_schema_of_the_settings() -> None:
    told = json.loads(about("json"))
    assert (told["name"], told["version"]) == ("tap-marketo", __version__)
    schema = told["settings"]
    assert set(schema["properties"]) == {setting.name for setting in SETTINGS}
    secrets = {name for name, value in schema["properties"].items() if value.get("secret")}
    assert secrets == {"client_id", "client_secret"}
    assert schema["$schema"].startswith("http://json-schema.org/draft-07/")
    for value in schema["properties"].values():
        if "exclusiveMinimum" in value:
            # The validator that singer-python asks for knows the fourth draft alone.
            value |= {"minimum": value["exclusiveMinimum"], "exclusiveMinimum": True}
    sample = json.loads((ROOT / "sample_config.json").read_text())
    jsonschema.validate(sample, schema)
    for wrong in ({"max_export_days": 32}, {"on_quota": "halt"}, {"poll_interval": 0}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**sample, **wrong}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema)
