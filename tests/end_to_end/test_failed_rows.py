"""Rows whose details Marketo does not give: null and named, or asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected_assets
from tests.end_to_end.checks import discovered, log_of, not_read, stopped
from tests.end_to_end.test_assets import DETAIL_CALLS, FEW, START, chosen_of
from tests.harness import Account, Tap, Target, account

# The first call of each stream, and a column that it gives.
CALLS = {name: next(iter(calls.items())) for name, calls in DETAIL_CALLS.items()}
SMALL = (*FEW, "--programs", "30", "--smart-lists", "1", "--forms", "20", "--segmentations", "1")


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


def keys(marketo: Account, name: str) -> list[str]:
    """The keys of a table, in Marketo's order, but for those that cannot be asked for."""
    found = [expected_assets.key_of(name, row)[0] for row in marketo.truth(name)]
    return [str(key) for key in found if "," not in str(key)]


def refuse(marketo: Account, name: str, *rows: str, code: str = "1003") -> None:
    """Let the call about a row fail, for some rows and for ever."""
    for row in rows:
        marketo.fault(CALLS[name][0], "error", None, id=row, code=code, message="No")


def failing(marketo: Account, tap: Tap, chosen: Any, target: Target) -> set[str]:
    """Sync; it must end with rows that could not be read, which are returned."""
    marketo.control("POST", "reset_counters")
    done = tap.run(marketo.config(start_date=START), chosen, target.state)
    target.take(done.lines)
    return not_read(stopped(done))


def assert_all_but(marketo: Account, target: Target, name: str, *rows: str) -> None:
    """The table holds all rows but some, every cell as Marketo has it."""
    truth = expected_assets.table(marketo, name, target.schemas[name]["schema"]["properties"])
    held = {key: row for key, row in truth.items() if str(key[0]) not in rows}
    assert len(truth) - len(held) == len(rows)
    assert target.tables[name] == held


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["programs", "forms", "tag_types"])
def test_all_others_are_read_and_the_row_is_asked_for_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    target, chosen = Target(), chosen_of(catalog, name, details=True)
    row, other = keys(marketo, name)[1:3]
    refuse(marketo, name, row)
    refuse(marketo, name, other, code="611")
    assert failing(marketo, tap, chosen, target) == {f"{name} ({row})", f"{name} ({other})"}
    assert_all_but(marketo, target, name, row, other)
    assert target.state
    before = target.state["bookmarks"][name]
    assert before["failed"].keys() == {row, other}
    # The version before reads all rows again.
    assert "updatedAt" not in before

    # The bookmark of all others has moved past them; another row has changed since.
    marketo.advance(hours=24)
    is_dated = name in ("programs", "forms")
    if is_dated:
        marketo.change(**{f"{name}_updated": [int(keys(marketo, name)[5])]})
    marketo.heal()
    refuse(marketo, name, row)
    assert failing(marketo, tap, chosen, target) == {f"{name} ({row})"}
    assert_all_but(marketo, target, name, row)
    asked = {entry["id"] for entry in log_of(marketo, CALLS[name][0])}
    # Those that do not say when they changed are asked for in each run.
    undated = {
        str(each["id"]) for each in marketo.truth(name) if is_dated and not each.get("updatedAt")
    }
    changed = {row, other, keys(marketo, name)[5]} | undated
    assert asked == (changed if is_dated else {*keys(marketo, name)})

    # It is found where it has changed as well; one that is gone is forgotten.
    if is_dated:
        marketo.change(**{f"{name}_updated": [int(row)]})
        failing(marketo, tap, chosen, target)
    marketo.heal()
    tap.sync(marketo.config(start_date=START), chosen, target)
    assert_all_but(marketo, target, name)
    assert not {"failed", "others"} & target.state["bookmarks"].get(name, {}).keys()


def test_after_five_in_a_row_the_stream_fails_and_the_next_run_reads_those_behind_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, chosen = Target(), chosen_of(catalog, "programs", details=True)
    rows = keys(marketo, "programs")
    refuse(marketo, "programs", *rows[3:9])
    named = failing(marketo, tap, chosen, target)
    assert named == {"programs", f"programs ({', '.join(rows[3:6])} and 2 more)"}
    assert [entry["id"] for entry in log_of(marketo, "program")] == rows[:8]
    named = failing(marketo, tap, chosen, target)
    assert named == {f"programs ({rows[8]}, {', '.join(rows[3:5])} and 3 more)"}
    assert_all_but(marketo, target, "programs", *rows[3:9])
    marketo.change(programs_deleted=[int(rows[3])])
    marketo.heal()
    tap.sync(marketo.config(start_date=START), chosen, target)
    assert_all_but(marketo, target, "programs")


def test_details_that_cannot_be_looked_up_are_null_and_counted(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    chosen = chosen_of(catalog, "forms", "tag_types", details=True)
    forms = keys(marketo, "forms")
    names = [row["tagType"] for row in marketo.truth("tag_types")]
    commas = [name for name in names if "," in name]
    refuse(marketo, "forms", *forms[:6], code="709")
    refuse(marketo, "forms", forms[7], code="702")
    done = tap.sync(marketo.config(start_date=START), chosen, target)
    lines = [line for line in done.stderr.split("\n") if "could not be looked up" in line]
    assert lines == [
        "WARNING forms: fields could not be looked up of 7 rows, now null: "
        f"error 709: No ({', '.join(forms[:3])} and 3 more); error 702: No ({forms[7]}).",
        f"WARNING tag_types: allowableValues could not be looked up of {len(commas)} rows, now "
        f"null: a name with a comma cannot be asked for ({', '.join(map(repr, commas[:3]))} and "
        f"{len(commas) - 3} more).",
    ]
    for name, unknown in (("forms", {*forms[:6], forms[7]}), ("tag_types", {*commas})):
        column = CALLS[name][1]
        held = target.tables[name]
        assert {str(key[0]) for key, row in held.items() if row[column] is None} >= unknown
        known = {key: row for key, row in held.items() if str(key[0]) not in unknown}
        truth = expected_assets.table(marketo, name, target.schemas[name]["schema"]["properties"])
        assert known == {key: row for key, row in truth.items() if str(key[0]) not in unknown}
