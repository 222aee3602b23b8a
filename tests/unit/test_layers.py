"""The architecture: which module may import which, and who alone touches what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tap_marketo

PACKAGE = "tap_marketo"
SOURCES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in Path(tap_marketo.__file__).parent.glob("*.py")
}

# A module imports from layers above it in this list only: never from its own, never from below.
# Everything down to "activity_records" is pure: no network, and no file but those the user named.
LAYERS: tuple[tuple[str, ...], ...] = (
    # What everybody may know: the version, the errors, what is secret, names, points in time.
    ("__init__", "errors", "redact", "names", "times"),
    # The log, date windows, looks at jobs, attributes' names, CSV text to cells, messages out.
    ("log", "windows", "looks", "attribute_names", "plain_csv", "messages"),
    # What time it is, the settings, CSV files in, data types, the state, the day's bytes.
    ("clock", "config", "csv_rows", "fields", "state", "allowance"),
    # Catalog entries, columns of cells to values; our pace and the access token.
    ("catalog", "columns", "throttle", "auth"),
    # Records to lines,
    ("records",),
    # rows and activities to records.
    ("row_records", "activity_records"),
    # The only way to Marketo,
    ("client",),
    # the calls it is used for,
    ("exports", "pages", "describe"),
    # export files as they arrive, and what is special about each kind of stream,
    ("download", "families", "streams"),
    # one export job,
    ("jobs",),
    # the activity type that is read by pages,
    ("deletions",),
    # which jobs run when; what --discover writes,
    ("scheduler", "discovery"),
    # one run,
    ("sync",),
    # its exit code,
    ("run",),
    # the command line.
    ("cli",),
    ("__main__",),
)
LAYER_OF = {module: number for number, layer in enumerate(LAYERS) for module in layer}

# Libraries and what alone may import them.
FENCES = {
    "requests": {"auth", "client", "download"},
    "backoff": {"client", "download"},
    # Its metrics' names, its catalog metadata, its log format.
    "singer": {"log", "catalog", "client", "scheduler", "sync"},
    "pendulum": {"times"},
    "orjson": {"plain_csv", "fields", "columns", "records", "activity_records", "messages"},
    "csv": {"csv_rows"},
    "argparse": {"cli"},
}


def imports(source: str) -> Iterator[str]:
    """Yield the dotted name of everything a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
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
            module = rest.partition(".")[0]
            found.add(module if module in SOURCES else "__init__")
    return found


def stdout_uses(source: str) -> list[int]:
    """Return the lines where a source prints or takes hold of stdout."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
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
    assert sorted(placed) == sorted(SOURCES)


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_modules_import_from_higher_layers_only(module: str) -> None:
    wrong = {other for other in own_imports(SOURCES[module]) if LAYER_OF[other] >= LAYER_OF[module]}
    assert wrong == set()


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


@pytest.mark.parametrize("module", sorted(set(SOURCES) - {"messages"}))
def test_nothing_but_messages_writes_to_stdout(module: str) -> None:
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
