"""What the documents say is true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

import pytest

from tap_marketo import __version__
from tap_marketo.config import SETTINGS, load_config, setting_names
from tap_marketo.protocol.catalog import CatalogEntry, load_catalog
from tap_marketo.setting_kinds import (
    Boolean,
    Choice,
    EndpointUrl,
    HeaderText,
    Integer,
    Kind,
    Number,
    Text,
    Time,
    Url,
)
from tap_marketo.streams.administration import ADMINISTRATION
from tap_marketo.streams.children import ChildStream
from tap_marketo.streams.declared import DeclaredStream
from tap_marketo.streams.kind import StreamKind
from tap_marketo.streams.paged import (
    PagedStream,
    Reader,
    by_offset,
    by_token,
    by_update_range,
    whole_list,
)
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_CUSTOM_OBJECT, READ_LEAD
from tap_marketo.streams.registry import REGISTRY, kind_of_stream
from tests.harness import ROOT, TAP, account, run, select, tap_in_a_directory
from tests.readme import table


def test_the_readme_lists_every_setting_with_its_default() -> None:
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
        elif isinstance(setting.kind, Choice):
            assert told == f"`{default}`", setting.name


def test_the_sample_config_holds_every_setting_and_loads() -> None:
    path = ROOT / "sample_config.json"
    sample = json.loads(path.read_text())
    assert set(sample) == set(setting_names())
    config = load_config([str(path)])
    for setting in SETTINGS:
        if not setting.is_required and setting.name not in ("identity", "user_agent"):
            assert getattr(config, setting.name) == setting.default, setting.name


# Meltano 4.4 cannot write a decimal as JSON.
KINDS: Mapping[type[Kind], str] = {
    Text: "string",
    HeaderText: "string",
    Url: "string",
    EndpointUrl: "string",
    Time: "date_iso8601",
    Choice: "options",
    Boolean: "boolean",
    Integer: "integer",
    Number: "string",
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
    for setting in SETTINGS:
        told = declared[setting.name]
        assert json.loads(told["description"]) == setting.about
        assert told["kind"] == KINDS[type(setting.kind)], setting.name
        assert told.get("sensitive") == ("true" if setting.is_secret else None), setting.name


def test_meltano_yml_asks_for_what_has_no_default() -> None:
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    required = [setting.name for setting in SETTINGS if setting.is_required]
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


GROUPS = ("People", "Activities", "Programs and campaigns", "Assets", "Administration")


class StreamRow(NamedTuple):
    """A row of the README's tables of streams."""

    group: str
    key: str
    replication: str
    calls: str
    permission: str


STREAM_ROWS = {
    row[0].strip("`"): StreamRow(group, *row[1:]) for group in GROUPS for row in table(group)
}


def row_name(stream: str) -> str:
    """Return the name of a stream's row; that of one found in the account has a place for it."""
    if stream in STREAM_ROWS:
        return stream
    names = [
        name
        for name in STREAM_ROWS
        if "<" in name and re.fullmatch(re.sub("<.*?>", ".+", name), stream)
    ]
    assert len(names) == 1, f"{stream} has {len(names)} rows"
    return names[0]


Documented = Sequence[tuple[StreamRow, StreamKind, CatalogEntry]]


@pytest.fixture(scope="module")
def documented() -> Documented:
    """Every stream that discovery finds in the usual account, with its row and its kind."""
    with account("--leads", "1", "--activities", "1") as marketo, tap_in_a_directory() as tap:
        catalog = select(tap.discover(marketo.config()))
        entries = load_catalog(str(tap.write("catalog.json", catalog)))
    found = []
    for entry in entries:
        kind = kind_of_stream(entry)
        assert kind
        found.append((STREAM_ROWS[row_name(entry.stream)], kind, entry))
    return found


def group_of(kind: StreamKind) -> str:
    """Return the group of a kind of streams, by what it is declared with."""
    if kind in ADMINISTRATION:
        return "Administration"
    if isinstance(kind, DeclaredStream) and kind.name.endswith(("programs", "campaigns")):
        return "Programs and campaigns"
    groups = {READ_LEAD: "People", READ_CUSTOM_OBJECT: "People", READ_ACTIVITY: "Activities"}
    return groups.get(kind.permission, "Assets")


def test_the_readme_lists_every_stream_once_in_its_group(documented: Documented) -> None:
    assert len(STREAM_ROWS) == sum(len(table(group)) for group in GROUPS)
    assert {row_name(entry.stream) for _, _, entry in documented} == set(STREAM_ROWS)
    assert {id(kind) for _, kind, _ in documented} == set(map(id, REGISTRY))
    for row, kind, entry in documented:
        assert row.group == group_of(kind), entry.stream


def test_the_readme_has_the_keys_and_permissions_of_streams(documented: Documented) -> None:
    for row, kind, entry in documented:
        keys = entry.stream_metadata("table-key-properties")
        assert row.key == ", ".join(f"`{column}`" for column in keys), entry.stream
        needed = ", ".join((kind.permission, *kind.further_permissions))
        assert row.permission == (needed or "none"), entry.stream


def replication(kind: StreamKind, entry: CatalogEntry) -> str:
    """Return how a stream is replicated, in the README's words."""
    keys = entry.stream_metadata("valid-replication-keys")
    if not keys:
        is_rare = isinstance(kind, ChildStream) and kind.rests
        return "in full" + (", at most once in `child_refresh_hours`" if is_rare else "")
    if type(kind).bulk_object is not StreamKind.bulk_object:
        way = "exported by date"
    elif isinstance(kind, PagedStream) and kind.read is not by_update_range:
        way = "all pages, changed rows"
    else:
        way = "asked for by date"
    return f"`{keys[0]}`, {way}"


def test_the_readme_says_how_streams_are_replicated(documented: Documented) -> None:
    for row, kind, entry in documented:
        assert row.replication == replication(kind, entry), entry.stream


# What the pages of a list cost, and how many that is.
ONE, BATCHES, OFFSETS = (
    "one", "one for 300 rows", "one for 200 rows, and one that proves the end",
)  # fmt: skip
PAGES: Mapping[Reader, str] = {
    whole_list: ONE,
    by_token: BATCHES,
    by_offset: OFFSETS,
    by_update_range: OFFSETS,
}
COSTS: Mapping[str, Callable[[int], int]] = {
    ONE: lambda rows: 1,
    BATCHES: lambda rows: ceil(rows / 300),
    # Each page but the first begins with the last row of the page before.
    OFFSETS: lambda rows: 1 + ceil(max(0, rows - 200) / 199) + (1 if rows else 0),
}


def details(kind: StreamKind) -> str:
    """Return what the README says of the columns that take a call for each row."""
    if not isinstance(kind, DeclaredStream) or kind.details is None:
        return ""
    columns = ", ".join(f"`{column}`" for column in kind.details.columns)
    return f"; {'for' if kind.details.by_default else 'details'} {columns}: one a row"


def test_the_readme_says_what_streams_cost_in_calls(documented: Documented) -> None:
    for row, kind, entry in documented:
        if isinstance(kind, PagedStream) and kind.read in PAGES:
            assert row.calls == PAGES[kind.read] + details(kind), entry.stream
        else:
            # A way of its own, in words of its own.
            assert not details(kind)
            assert row.calls not in COSTS


def test_the_calls_that_streams_cost_are_those_measured() -> None:
    tried = set()
    for name, rows, first, _ in table("Calls"):
        pages, _, more = STREAM_ROWS[name.strip("`")].calls.partition("; ")
        if pages in COSTS and (not more or more.startswith(("details", "for `"))):
            cost = COSTS[pages](int(rows)) + (int(rows) if more.startswith("for `") else 0)
            assert cost == int(first), name
            tried.add(pages)
    assert tried == set(COSTS)


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
