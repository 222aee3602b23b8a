"""``--select``: discovery writes a catalog that needs no editing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Account, Tap, Target, account


@pytest.fixture(scope="module")
def marketo() -> Iterator[Account]:
    with account("--leads", "30", "--activities", "300", "--programs", "5") as running:
        yield running


def discover(marketo: Account, tap: Tap, *patterns: str) -> dict[str, Any]:
    options = [word for pattern in patterns for word in ("--select", pattern)]
    done = tap.run(marketo.config(), None, None, "--discover", *options)
    assert done.code == 0, done.stderr
    catalog: dict[str, Any] = json.loads(done.stdout)
    return catalog


def selected(catalog: dict[str, Any]) -> dict[str, set[str]]:
    """Return the selected streams, each with its selected columns but the automatic ones."""
    found = {}
    for stream in catalog["streams"]:
        marks = {tuple(item["breadcrumb"]): item["metadata"] for item in stream["metadata"]}
        columns = {
            breadcrumb[-1]
            for breadcrumb, mark in marks.items()
            if breadcrumb and mark.get("selected") and mark["inclusion"] == "available"
        }
        if marks[()]["selected"]:
            found[stream["tap_stream_id"]] = columns
        else:
            assert not columns
    return found


def test_what_is_selected_is_synced_without_another_step(marketo: Account, tap: Tap) -> None:
    catalog = discover(marketo, tap, "leads.email", "lists.*", "activities_visit*.*", "!lists.name")
    target = Target()
    tap.sync(marketo.config(), catalog, target)
    found = selected(catalog)
    assert set(found) == {"leads", "lists", "activities_visit_webpage"}
    assert found["leads"] == {"email"}
    assert "name" not in found["lists"]
    assert "description" in found["lists"]
    assert target.tables["lists"]
    assert target.tables["leads"]
    for record in target.tables["leads"].values():
        assert "email" in record
        assert "firstName" not in record


def test_what_any_pattern_leaves_out_is_left_out(marketo: Account, tap: Tap) -> None:
    every = selected(discover(marketo, tap, "*"))
    assert every == selected(discover(marketo, tap, "*.*"))
    some = selected(discover(marketo, tap, "!*.createdAt", "!activities_*", "*.*"))
    assert set(some) == {name for name in every if not name.startswith("activities_")}
    for name, columns in some.items():
        assert columns == every[name] - {"createdAt"}


def test_columns_that_take_calls_are_named(marketo: Account, tap: Tap) -> None:
    options = ("--select", "programs.*", "--select", "!programs.tags")
    done = tap.run(marketo.config(), None, None, "--discover", *options)
    assert done.code == 0
    (line,) = (line for line in done.stderr.split("\n") if "take a call for each row" in line)
    assert "programs" in line
    assert "costs" in line
    assert "--select '!programs.costs'" in line
    assert "tags" not in line


@pytest.mark.parametrize(
    ("pattern", "named"),
    [("leeds.*", "did you mean 'leads'?"), ("leads.emial", "did you mean 'email'?"), ("", "''"),
     ("Leads", "no stream")],
)  # fmt: skip
def test_a_pattern_that_matches_nothing_is_an_error(
    marketo: Account, tap: Tap, pattern: str, named: str
) -> None:
    options = ("--select", "lists.*", "--select", pattern)
    done = tap.run(marketo.config(), None, None, "--discover", *options)
    assert (done.code, done.stdout) == (2, "")
    assert len(done.critical) == 1
    assert f"--select {pattern!r}" in done.critical[0]
    assert named in done.critical[0]


def test_leaving_out_what_is_not_there_is_a_warning(marketo: Account, tap: Tap) -> None:
    done = tap.run(
        marketo.config(), None, None, "--discover", "--select", "lists", "--select", "!leads.ssn"
    )
    assert done.code == 0
    assert "WARNING --select '!leads.ssn' matches no column of leads" in done.stderr
    assert set(selected(json.loads(done.stdout))) == {"lists"}
