"""Streams that take a call for each parent: right tables, and calls that are worth their cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected_assets
from tests.end_to_end.checks import background, discovered, log_of, not_read, stopped
from tests.harness import Account, Run, Tap, Target, account, select

FEW = ("--leads", "1", "--activities", "1", "--late-share", "0")
SMALL = (*FEW, "--folders", "60", "--programs", "40", "--tokens", "120", "--segmentations", "6")
# The roots of the areas and of their workspaces.
SYSTEM_FOLDERS = 6
PARENTS = 60 + SYSTEM_FOLDERS + 40


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*FEW)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


def assert_table(marketo: Account, target: Target, name: str, *, gone: bool = False) -> None:
    """The table holds what Marketo holds, and where rows have gone meanwhile perhaps more."""
    columns = target.schemas[name]["schema"]["properties"]
    truth = expected_assets.table(marketo, name, columns)
    assert truth, "a test without rows would prove nothing"
    held = target.tables[name]
    assert truth.keys() <= held.keys() if gone else truth.keys() == held.keys()
    for key, row in truth.items():
        assert held[key] == row, (name, key)


def asked_for(marketo: Account) -> list[str]:
    """The parents whose tokens were asked for, as Folder/12."""
    return [entry["id"] for entry in log_of(marketo, "tokens")]


def said(done: Run, *texts: str) -> list[str]:
    return [line for line in done.stderr.split("\n") if all(text in line for text in texts)]


@pytest.mark.parametrize("name", ["segments", "tokens"])
def test_tables_hold_what_marketo_holds_at_first_and_after_changes(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    config, target = marketo.config(), Target()
    chosen = select(catalog, [name])
    tap.sync(config, chosen, target)
    assert_table(marketo, target, name)
    marketo.advance(hours=24)
    marketo.change(**{f"{name}_updated": 10, f"new_{name}": 5})
    marketo.change(new_folders=2, new_programs=2, new_segmentations=1)
    tap.sync(config, chosen, target)
    assert_table(marketo, target, name)


def test_the_tokens_of_each_folder_and_program_are_asked_for_once(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    done = tap.sync(marketo.config(), select(catalog, ["tokens"]), Target())
    asked = asked_for(marketo)
    assert len(asked) == len(set(asked)) == PARENTS
    (line,) = said(done, f"tokens: reading {PARENTS} parents, a call each")
    assert line.startswith("INFO")


def test_tokens_rest_until_they_are_old_enough(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target, chosen = marketo.config(), Target(), select(catalog, ["tokens"])
    tap.sync(config, chosen, target)
    marketo.advance(hours=22)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, chosen, target)
    assert not asked_for(marketo)
    assert [message["type"] for message in done.messages] == ["STATE"]
    assert len(said(done, "INFO tokens", "child_refresh_hours")) == 1
    # A schedule that comes a little early skips no day.
    marketo.advance(hours=1.5)
    tap.sync(config, chosen, target)
    assert len(asked_for(marketo)) == PARENTS
    tap.sync({**config, "child_refresh_hours": 0}, chosen, target)
    assert len(asked_for(marketo)) == 2 * PARENTS


def test_segments_are_read_in_every_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target, chosen = marketo.config(), Target(), select(catalog, ["segments"])
    tap.sync(config, chosen, target)
    marketo.change(segments_updated=20)
    tap.sync(config, chosen, target)
    assert_table(marketo, target, "segments")


@pytest.mark.parametrize("name", ["segments", "tokens"])
def test_a_stopped_scan_goes_on_at_the_parent_it_had_reached(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str
) -> None:
    config, target, chosen = marketo.config(), Target(), select(catalog, [name])
    skip = {"segments": 4, "tokens": 40}[name]
    marketo.fault(name, "error", None, skip=skip, code="603", message="Access denied")
    done = tap.run(config, chosen)
    assert not_read(stopped(done)) == {name}
    target.take(done.lines)
    first = log_of(marketo, name)
    marketo.heal()
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    assert_table(marketo, target, name)
    again = log_of(marketo, name)
    # The parent at which it stopped is asked for again, and none before it.
    parents = [entry["id"] for entry in first]
    assert again[0]["id"] == parents[-1]
    assert not {entry["id"] for entry in again} & {*parents} - {parents[-1]}


def test_a_killed_run_loses_nothing(marketo: Account, catalog: dict[str, Any], tap: Tap) -> None:
    config, target, chosen = marketo.config(), Target(), select(catalog, ["tokens"])
    with background(tap, config, chosen) as run:
        run.until(lambda: len(asked_for(marketo)) > 30)
        target.take(run.kill().lines)
    assert target.state
    reached = target.state["bookmarks"]["tokens"]["parent"]
    assert reached in asked_for(marketo)
    marketo.control("POST", "reset_counters")
    tap.sync(config, chosen, target)
    assert reached not in asked_for(marketo)
    assert_table(marketo, target, "tokens")


def test_a_parent_that_is_gone_by_then_is_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("tokens", "error", 2, skip=3, code="610", message="Not found")
    marketo.control(
        "POST", "before_call", {"call": "tokens", "nth": 10, "change": {"programs_deleted": 5}}
    )
    target = Target()
    tap.sync(marketo.config(), select(catalog, ["tokens"]), target)
    lost = {log["id"] for log in log_of(marketo, "tokens") if log["code"] == "610"}
    assert len(lost) == 2
    for parent in lost:
        kind, number = parent.split("/")
        held = [key for key in target.tables["tokens"] if key[:2] == (kind, int(number))]
        assert not held
    tap.sync({**marketo.config(), "child_refresh_hours": 0}, select(catalog, ["tokens"]), target)
    assert_table(marketo, target, "tokens", gone=True)


def test_where_no_parent_is_found_the_stream_is_refused(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("tokens", "error", None, code="610", message="Requested resource not found")
    done = tap.run(marketo.config(), select(catalog, ["tokens"]))
    assert not_read(stopped(done)) == {"tokens"}
    assert len(asked_for(marketo)) == 5


# Parents that cannot be read ---------------------------------------------------------------------


def refuse(marketo: Account, name: str, *parents: str, code: str = "1003") -> None:
    """Let Marketo answer with an error whenever it is asked for some parents."""
    for parent in parents:
        marketo.fault(name, "error", None, id=parent, code=code, message="No")


def owner(name: str, row: dict[str, Any]) -> str:
    """The parent of a row as the sandbox's log names it."""
    if name == "segments":
        return str(row["_segmentationId"])
    return f"{row['folderType']}/{row['folderId']}"


def owners(marketo: Account, name: str) -> list[str]:
    """The parents that have rows, in the order in which they are asked for."""
    found = {owner(name, row) for row in marketo.truth(name)}
    return sorted(found, key=lambda each: (each.partition("/")[0], int(each.rpartition("/")[2])))


def assert_all_but(marketo: Account, target: Target, name: str, *failed: str) -> None:
    """The table holds the rows of all parents but some, and of these none."""
    columns = target.schemas[name]["schema"]["properties"]
    rows = [row for row in marketo.truth(name) if owner(name, row) in failed]
    keys = [expected_assets.key_of(name, row) for row in rows]
    truth = expected_assets.table(marketo, name, columns)
    assert {*keys} < truth.keys()
    assert bool(keys) == bool(failed)
    assert target.tables[name] == {key: row for key, row in truth.items() if key not in keys}


def marks(target: Target, name: str) -> dict[str, Any]:
    assert target.state
    own: dict[str, Any] = target.state["bookmarks"][name]
    return own


def failing(marketo: Account, tap: Tap, chosen: Any, target: Target, **settings: Any) -> set[str]:
    """Sync; it must end with parents that could not be read, which are returned."""
    marketo.control("POST", "reset_counters")
    done = tap.run(marketo.config(**settings), chosen, target.state)
    target.take(done.lines)
    return not_read(stopped(done))


def as_before(state: Any) -> Any:
    """A state as a version reads it that knows nothing of parts that cannot be read."""
    known = {
        stream: {key: value for key, value in own.items() if key not in ("failed", "others")}
        for stream, own in state["bookmarks"].items()
    }
    return {**state, "bookmarks": known}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("name", "kind"), [("segments", "Segmentation/"), ("tokens", "")])
def test_all_others_are_read_and_those_that_fail_are_asked_for_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, name: str, kind: str
) -> None:
    target, chosen = Target(), select(catalog, [name])
    first, _, second, *_ = owners(marketo, name)
    refuse(marketo, name, first)
    refuse(marketo, name, second, code="611")
    named = failing(marketo, tap, chosen, target)
    assert named == {f"{name} ({kind}{first})", f"{name} ({kind}{second})"}
    assert_all_but(marketo, target, name, first, second)
    assert marks(target, name)["failed"].keys() == {kind + first, kind + second}
    asked_once = {entry["id"] for entry in log_of(marketo, name)}

    # The next run asks for these two, one of which can be read by now.
    marketo.heal()
    refuse(marketo, name, first)
    before = target.state
    assert failing(marketo, tap, chosen, target) == {f"{name} ({kind}{first})"}
    assert_all_but(marketo, target, name, first)
    asked = {entry["id"] for entry in log_of(marketo, name)}
    # What is small is read in each run.
    assert asked == ({first, second} if name == "tokens" else asked_once)

    # The version before reads all of them, and nothing is lost if it fails.
    old = Target(state=as_before(before))
    failing(marketo, tap, chosen, old)
    assert {entry["id"] for entry in log_of(marketo, name)} == asked_once

    marketo.heal()
    tap.sync(marketo.config(), chosen, target)
    assert_table(marketo, target, name)
    assert marks(target, name).keys() <= {"parent", "scan_started", "refreshed"}
    marketo.control("POST", "reset_counters")
    tap.sync(marketo.config(), chosen, target)
    assert {entry["id"] for entry in log_of(marketo, name)} == (
        set() if name == "tokens" else asked_once
    )


def test_after_five_in_a_row_the_stream_fails_and_the_next_run_goes_on_behind_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, chosen = Target(), select(catalog, ["tokens"])
    tap.sync(marketo.config(), chosen, Target())
    parents = asked_for(marketo)
    refuse(marketo, "tokens", *parents[10:16])
    named = failing(marketo, tap, chosen, target)
    assert named == {"tokens", f"tokens ({', '.join(parents[10:13])} and 2 more)"}
    assert asked_for(marketo) == parents[:15]
    named = failing(marketo, tap, chosen, target)
    assert named == {f"tokens ({', '.join(parents[15:9:-1][:1] + parents[10:12])} and 3 more)"}
    assert asked_for(marketo) == [*parents[15:], *parents[10:15]]
    assert_all_but(marketo, target, "tokens", *parents[10:16])
    # Five that fail again and again do not stand before the sixth.
    marketo.heal()
    refuse(marketo, "tokens", *parents[10:15])
    failing(marketo, tap, chosen, target)
    assert_all_but(marketo, target, "tokens", *parents[10:15])
    # Who is gone is forgotten.
    marketo.heal()
    refuse(marketo, "tokens", parents[10])
    marketo.fault("tokens", "error", None, id=parents[11], code="610", message="Not found")
    failing(marketo, tap, chosen, target)
    assert marks(target, "tokens")["failed"].keys() == {parents[10]}


def test_a_run_killed_after_a_parent_failed_remembers_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target, chosen = marketo.config(), Target(), select(catalog, ["tokens"])
    failed = owners(marketo, "tokens")[1]
    refuse(marketo, "tokens", failed)
    with background(tap, config, chosen) as run:
        run.until(lambda: f'"failed": {{"{failed}"' in json.dumps(run.state()))
        target.take(run.kill().lines)
    reached = marks(target, "tokens")["others"]["parent"]
    marketo.control("POST", "reset_counters")
    # The version before begins with the one that failed.
    old = Target(state=as_before(target.state))
    failing(marketo, tap, chosen, old)
    assert asked_for(marketo)[0] == failed
    marketo.control("POST", "reset_counters")
    marketo.heal()
    tap.sync(config, chosen, target)
    assert_table(marketo, target, "tokens")
    # The mark may stand at the one that failed, which is asked for at the end.
    *others, last = asked_for(marketo)
    assert reached not in others
    assert last == failed


def test_what_all_parents_would_meet_is_no_failure_of_one(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, ["tokens"])
    for fault, code in (("603", 1), ("607", 3)):
        refuse(marketo, "tokens", owners(marketo, "tokens")[2], code=fault)
        done = tap.run(marketo.config(), chosen)
        assert fault in stopped(done, code)
        target = Target()
        target.take(done.lines)
        assert "failed" not in marks(target, "tokens")
        marketo.heal()


# Areas of the tree that cannot be listed ---------------------------------------------------------

AREA = "Marketing Activities"


def test_an_area_that_cannot_be_listed_stops_no_other_and_is_asked_for_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, chosen = Target(), select(catalog, ["tokens", "folders", "assets_seen"])
    ever = {"start_date": "2020-01-01T00:00:00Z"}
    refuse(marketo, "folder_by_name", AREA, code="611")
    named = {f"tokens ({AREA})", f"folders ({AREA})"}
    assert failing(marketo, tap, chosen, target, **ever) == named
    columns = target.schemas["folders"]["schema"]["properties"]
    truth = expected_assets.table(marketo, "folders", columns)
    others = dict(target.tables["folders"])
    assert others.items() < truth.items()
    # No folder is taken for gone, as not all have been seen.
    assert not [row for row in target.rows("assets_seen") if row["assetType"] == "folders"]
    assert not {row for row in asked_for(marketo) if row.startswith("Folder/")} - {
        f"Folder/{number}" for number, _ in others
    }
    assert marks(target, "folders")["failed"].keys() == {AREA}
    assert marks(target, "tokens")["failed"].keys() == {AREA}

    # It fails again, and nothing else comes again.
    marketo.advance(hours=2)
    assert failing(marketo, tap, chosen, target, **ever) == named
    assert not asked_for(marketo)

    # What is in it has not changed for long, and comes all the same.
    marketo.heal()
    marketo.control("POST", "reset_counters")
    done = tap.sync(marketo.config(**ever), chosen, target)
    assert target.tables["folders"] == truth
    came = {(row["id"], row["type"]) for row in done.records("folders")}
    assert came == truth.keys() - others.keys()
    assert_table(marketo, target, "tokens")
    asked = asked_for(marketo)
    assert {f"Folder/{number}" for number, kind in came if kind == "Folder"} <= {*asked}
    assert len(asked) == len({*asked}) == len(came)
    assert [row for row in target.rows("assets_seen") if row["assetType"] == "folders"]
    for name in ("folders", "tokens"):
        assert marks(target, name).keys().isdisjoint({"failed", "others"})


@pytest.mark.sampled(2)
@pytest.mark.parametrize("code", ["610", "611"])
def test_an_area_of_which_no_parent_can_be_read_then_is_asked_for_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, code: str
) -> None:
    target, chosen = Target(), select(catalog, ["tokens"])
    refuse(marketo, "folder_by_name", AREA, code="611")
    failing(marketo, tap, chosen, target)
    marketo.heal()
    marketo.fault("tokens", "error", None, code=code, message="Requested resource not found")
    named = failing(marketo, tap, chosen, target)
    assert {name.partition(" (")[0] for name in named} == {"tokens"}
    assert len({*asked_for(marketo)}) == 5
    assert AREA in marks(target, "tokens")["failed"]
    marketo.heal()
    tap.sync(marketo.config(), chosen, target)
    assert_table(marketo, target, "tokens")
    assert "failed" not in marks(target, "tokens")


def test_a_run_killed_after_an_area_failed_reads_all_of_it_later(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target, chosen = marketo.config(), Target(), select(catalog, ["tokens"])
    refuse(marketo, "folder_by_name", AREA, code="611")
    marketo.fault("tokens", "timeout", None, skip=40, seconds=120)
    with background(tap, config, chosen) as run:
        run.until(lambda: len(log_of(marketo, "tokens")) > 40)
        target.take(run.kill().lines)
    marketo.heal()
    tap.sync(config, chosen, target)
    assert_table(marketo, target, "tokens")
    assert "failed" not in marks(target, "tokens")
