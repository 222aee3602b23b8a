"""The architecture: which module may import which, who alone touches what, and how long all is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import tap_marketo

PACKAGE = "tap_marketo"
ROOT = Path(tap_marketo.__file__).parent
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in ROOT.rglob("*.py")
}
PACKAGES = {module.partition(".")[0] for module in SOURCES if "." in module}

# What each package may import beside its own modules and what everybody may know. "command" stands
# for what puts a run together, at the top of the package.
ARROWS = {
    "marketo": set(),
    "protocol": set(),
    "rows": {"protocol"},
    "exports": {"marketo", "protocol", "rows"},
    "streams": {"marketo", "protocol", "rows", "exports"},
    "commands": {"marketo", "protocol", "rows", "exports", "streams"},
    "command": {"protocol", "streams", "commands"},
}

# A module imports from layers above it in this list only: never from its own, never from below.
# Everything down to "rows.activity_records" is pure: no network, and no file but those the user
# named. The first three layers, and the clock and the settings, are what everybody may know.
LAYERS: tuple[tuple[str, ...], ...] = (
    # The version, the errors, what is secret, names, points in time.
    ("__init__", "errors", "redact", "names", "times"),
    ("log", "setting_types", "exact_json"),
    ("clock", "settings", "failures", "failed_parts"),
    ("config",),
    # What Singer defines: messages out,
    ("protocol.pipe",),
    ("protocol.messages", "protocol.position"),
    ("protocol.marks",),
    # catalog entries, the state and its file,
    ("protocol.catalog",),
    ("protocol.state",),
    ("protocol.state_file",),
    # all that a sync emits.
    ("protocol.emitter",),
    # CSV text to cells,
    ("rows.csv_cells",),
    # CSV files in, values and their types,
    ("rows.csv_file", "rows.column_types"),
    # columns of cells to values,
    ("rows.columns",),
    # records to lines, rows of files to records,
    ("rows.row_records",),
    # activities to records.
    ("rows.activity_stream",),
    # rows of pages, to records and to such of files.
    ("rows.activity_records", "rows.page_rows"),
    # How long activities are kept,
    ("marketo.retention",),
    # our pace, and what comes of a request,
    ("marketo.throttle", "marketo.answers"),
    # one HTTP exchange,
    ("marketo.ways", "marketo.exchange"),
    # the access token,
    ("marketo.auth",),
    # the only way to Marketo,
    ("marketo.client",),
    # the calls it is used for.
    ("marketo.pages", "marketo.describe"),
    ("marketo.moving_list",),
    ("marketo.export_calls", "marketo.list_sizes", "marketo.by_keys"),
    # How far streams have been read; date windows, the day's bytes, export files as they arrive,
    ("exports.cursors",),
    (
        "exports.plan_line",
        "exports.windows",
        "exports.progress",
        "exports.allowance",
        "exports.download",
    ),
    # a kind of export,
    ("exports.family",),
    # its jobs and when they are polled,
    ("exports.job_queue",),
    # what all below share,
    ("exports.export_run",),
    # how jobs are chosen and created, polled, read; what a run goes on without,
    ("exports.job_creator", "exports.job_tracker", "exports.reader", "exports.failed_exports"),
    # and the whole of it, done and simulated.
    ("exports.engine", "exports.simulation"),
    # What columns mean.
    ("streams.descriptions",),
    # What the account has, how pages are read, columns of activities,
    (
        "streams.account",
        "streams.stream_read",
        "streams.activity_columns",
    ),
    ("streams.details", "streams.permissions"),
    ("streams.change_events", "streams.member_passes"),
    # what a stream is,
    (
        "streams.definition",
        "streams.member_handover",
        "streams.list_members",
    ),
    ("streams.described", "streams.scan", "streams.children", "streams.programs"),
    ("streams.paged",),
    ("streams.member_plans",),
    ("streams.member_exports", "streams.activity_exports"),
    ("streams.expiry",),
    ("streams.leads_by_id",),
    # what is new by pages,
    ("streams.increments",),
    ("streams.lead_changes",),
    ("streams.members_by_pages",),
    ("streams.member_marks",),
    # what is special about each,
    ("streams.leads", "streams.activities"),
    ("streams.program_members", "streams.list_memberships"),
    ("streams.smart_list_memberships",),
    # rows that are found by keys: how they are asked for, searched, found at first,
    ("streams.object_links",),
    ("streams.keyed_object",),
    ("streams.keyed_table",),
    ("streams.key_search",),
    ("streams.keys_family",),
    ("streams.linked_objects",),
    ("streams.crm", "streams.named_accounts", "streams.custom_objects"),
    ("streams.metadata", "streams.folders"),
    ("streams.lead_database", "streams.designer"),
    ("streams.assets",),
    ("streams.assets_seen",),
    # all of them.
    ("streams.registry",),
    # What a run begins with, what is said of it, and of the tap itself; what a check asks; the
    # page of a check,
    (
        "commands.preparation",
        "commands.display",
        "commands.about",
        "commands.account_probe",
        "commands.check_results",
    ),
    ("commands.check_streams",),
    # what is asked for, each as a whole.
    (
        "commands.discovery",
        "commands.sync",
        "commands.plan",
        "commands.check",
    ),
    ("commands.plan_page",),
    # One run and its exit code,
    ("run",),
    # the command line.
    ("cli",),
    ("__main__",),
)
LAYER_OF = {module: number for number, layer in enumerate(LAYERS) for module in layer}
COMMAND = {"run", "cli", "__main__"}

# Libraries and what alone may import them.
FENCES = {
    "requests": {
        "marketo.auth",
        "marketo.answers",
        "marketo.ways",
        "marketo.exchange",
        "marketo.client",
        "exports.download",
    },
    "backoff": {"marketo.throttle", "exports.download"},
    # Its metrics' names, its catalog metadata, its log format.
    "singer": {
        "log",
        "protocol.catalog",
        "marketo.exchange",
        "exports.job_tracker",
        "commands.sync",
    },
    "pendulum": {"times"},
    "orjson": {
        "protocol.messages",
        "rows.csv_cells",
        "rows.column_types",
        "rows.columns",
        "rows.row_records",
        "rows.activity_records",
    },
    "csv": {"rows.csv_file"},
    "tqdm": {"commands.display"},
    "argparse": {"cli"},
}

# The most lines of what a stranger reads at once. Modules of the row path may be longer: a call for
# each cell costs more than a second page.
MOST_LINES = {"module": 300, "class": 200, "function": 50}
ROW_PATH = "rows"


def package_of(module: str) -> str:
    """Return the package of a module, "" for what everybody may know."""
    package, dot, _ = module.partition(".")
    return package if dot else "command" if module in COMMAND else ""


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """Return all that a source consists of."""
    return (*ast.walk(ast.parse(source)),)


def imports(source: str) -> Iterator[str]:
    """Yield the dotted name of everything a source imports, wherever in it."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{a.name}" for a in node.names)


def own_imports(source: str) -> set[str]:
    """Return the modules of the package that a source imports."""
    found = set()
    for name in imports(source):
        package, _, rest = name.partition(".")
        if package == PACKAGE:
            parts = rest.split(".")
            names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
            found.add(next((module for module in names if module in SOURCES), "__init__"))
    return found


def lengths(module: str, source: str) -> Iterator[tuple[str, str, int]]:
    """Yield the kind, the name and the number of lines of a module and of all that it defines."""
    yield "module", module, len(source.splitlines())
    for node in nodes(source):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            # Decorators are lines, too.
            first = min((each.lineno for each in node.decorator_list), default=node.lineno)
            yield kind, f"{module}.{node.name}", (node.end_lineno or first) - first + 1


def stdout_uses(source: str) -> list[int]:
    """Return the lines where a source prints or takes hold of stdout."""
    return [
        node.lineno
        for node in nodes(source)
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr in ("stdout", "__stdout__"))
        or (isinstance(node, ast.ImportFrom) and any(a.name == "stdout" for a in node.names))
        or (
            isinstance(node, ast.Attribute)
            and node.attr in ("write", "writev", "dup", "dup2")
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        )
    ]


def test_every_module_has_one_place_in_the_layers() -> None:
    placed = [module for layer in LAYERS for module in layer]
    assert sorted(placed) == sorted(m for m in SOURCES if not m.endswith(".__init__"))


def test_packages_hold_nothing_but_their_modules() -> None:
    for package in PACKAGES:
        (only,) = ast.parse(SOURCES[f"{package}.__init__"]).body
        assert isinstance(only, ast.Expr)


def test_packages_import_along_the_arrows_only() -> None:
    found: dict[str, set[str]] = {package: set() for package in ARROWS}
    for module in LAYER_OF:
        package = package_of(module)
        others = {package_of(other) for other in own_imports(SOURCES[module])} - {"", package}
        if package:
            found[package] |= others
        else:
            assert others == set(), module
    # An arrow that nothing uses any more is taken out.
    assert found == ARROWS


@pytest.mark.parametrize("module", sorted(LAYER_OF))
def test_modules_import_from_higher_layers_only(module: str) -> None:
    wrong = {other for other in own_imports(SOURCES[module]) if LAYER_OF[other] >= LAYER_OF[module]}
    assert wrong == set()


def test_nothing_is_longer_than_a_stranger_reads_at_once() -> None:
    longer = [
        f"{kind} {name} has {lines} lines"
        for module, source in SOURCES.items()
        for kind, name, lines in lengths(module, source)
        if lines > MOST_LINES[kind] and not (kind == "module" and package_of(module) == ROW_PATH)
    ]
    assert longer == []


@pytest.mark.parametrize("library", FENCES)
def test_libraries_are_imported_where_they_belong_and_nowhere_else(library: str) -> None:
    importers = {
        module
        for module, source in SOURCES.items()
        if any(name.partition(".")[0] == library for name in imports(source))
    }
    assert importers == FENCES[library]


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_imports_are_absolute(module: str) -> None:
    assert [name for name in imports(SOURCES[module]) if name.startswith(".")] == []


@pytest.mark.parametrize("module", sorted(set(SOURCES) - {"protocol.pipe"}))
def test_nothing_but_the_pipe_writes_to_stdout(module: str) -> None:
    assert stdout_uses(SOURCES[module]) == []


def test_the_command_line_is_imported_by_main_only() -> None:
    assert [m for m, source in SOURCES.items() if "cli" in own_imports(source)] == ["__main__"]


@pytest.mark.parametrize(
    "source",
    [
        "import tap_marketo.cli",
        "from tap_marketo import cli",
        "from tap_marketo.cli import main",
        "def f():\n    from tap_marketo.cli import main as x",
        "if 1:\n    import os, tap_marketo.cli as y",
    ],
)
def test_an_import_is_seen_in_every_spelling(source: str) -> None:
    assert own_imports(source) == {"cli"}


@pytest.mark.parametrize(
    "source",
    ["print('x')", "import sys\nsys.stdout.write('x')", "from sys import stdout", "os.write(1, b)"],
)
def test_a_use_of_stdout_is_seen_in_every_spelling(source: str) -> None:
    assert stdout_uses(source)
