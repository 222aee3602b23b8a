"""Programs whose members Marketo does not export: named and tried again, while others come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import background, discovered, not_read, stopped
from tests.end_to_end.expected import MEMBERS
from tests.end_to_end.test_children import as_before
from tests.end_to_end.test_program_members import (
    CONFIG,
    OBJECT,
    SMALL,
    SWEEP,
    asked,
    assert_members,
    made,
    members_of,
    settle,
    sync,
)
from tests.harness import SOAK, Account, Run, Tap, Target, account, select

WAYS = ("create", "enqueue", "Failed")


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*SMALL), [MEMBERS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        running.advance(hours=1)
        yield running


def refuse(marketo: Account, way: str, *programs: int) -> None:
    """Let every export of some programs fail in a way, for ever."""
    for program in programs:
        if way == "Failed":
            outcome = {"program": program, "status": way, "errorMsg": "No luck"}
            marketo.control("POST", "next_jobs", [outcome])
        else:
            fault = {"code": "1003", "message": "No luck", "object": OBJECT, "id": str(program)}
            marketo.fault(way, "error", None, **fault)


def heal(marketo: Account) -> None:
    marketo.heal()
    marketo.control("DELETE", "next_jobs")


def programs_with_members(marketo: Account) -> list[int]:
    return sorted({program for program, _ in members_of(marketo)})


def run(marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, **more: Any) -> Run:
    """Sync; some programs must have failed."""
    marketo.control("POST", "reset_counters")
    done = tap.run(marketo.config(**CONFIG, **more), catalog, target.state)
    target.take(done.lines)
    stopped(done)
    return done


def named(*programs: int) -> set[str]:
    return {f"{MEMBERS} ({', '.join(f'Program/{each}' for each in programs)})"}


def assert_all_but(
    marketo: Account, catalog: dict[str, Any], target: Target, *programs: int
) -> None:
    """The table holds the members of all programs but some, and of these none."""
    truth = expected.members(marketo, catalog)
    wanted = {key: row for key, row in truth.items() if key[0] not in programs}
    assert 0 < len(wanted) < len(truth)
    assert expected.table(target, MEMBERS) == wanted


def failed(target: Target, name: str = MEMBERS) -> set[str]:
    assert target.state
    return {*target.state["bookmarks"][name].get("failed", {})}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("way", WAYS)
def test_all_other_programs_are_exported_and_the_one_is_tried_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, way: str
) -> None:
    target = Target()
    bad = programs_with_members(marketo)[4]
    refuse(marketo, way, bad)
    done = run(marketo, tap, catalog, target)
    assert not_read(done.critical[0]) == named(bad)
    assert "No luck" in done.critical[0]
    assert_all_but(marketo, catalog, target, bad)
    assert failed(target) == {f"Program/{bad}"}
    # A job of ten programs is tried four times if it can be tried at all, each half of it once.
    sizes = Counter(len(batch) for batch in asked(marketo) if bad in batch)
    if way == "create":
        assert not sizes
    else:
        assert sizes.pop(10) == (4 if way == "Failed" else 1)
        assert {*sizes.values()} == {1}
        assert {1, 5} <= sizes.keys()
        assert len(sizes) <= 4
    # No slot of the queue is left to a job that is of no use.
    assert {job["status"] for job in made(marketo)} <= {"Completed", "Failed", "Cancelled"}

    # The next run exports what has changed, and tries the one again.
    marketo.advance(hours=2)
    other = programs_with_members(marketo)[-1]
    told = marketo.change(program_members_changed=4, programs=[bad, other])
    changed = {program for program, _ in told["program_members_changed"]}
    done = run(marketo, tap, catalog, target)
    assert not_read(done.critical[0]) == named(bad)
    assert_all_but(marketo, catalog, target, bad)
    if way != "create":
        assert sorted(asked(marketo)) == [[bad], *([each] for each in sorted(changed - {bad}))]

    before = target.state
    marketo.advance(hours=2)
    heal(marketo)
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    (job,) = (job for job in made(marketo) if bad in job["filter"]["programIds"])
    assert job["filter"] == {"programIds": [bad]}
    assert not {"failed", "others"} & (target.state or {})["bookmarks"][MEMBERS].keys()
    # The version before does without nobody.
    old = Target(tables={MEMBERS: dict(target.tables[MEMBERS])}, state=as_before(before))
    for key in [key for key in old.tables[MEMBERS] if key[0] == bad]:
        del old.tables[MEMBERS][key]
    sync(marketo, tap, catalog, old)
    assert_members(marketo, catalog, old)


def test_after_five_in_a_row_the_stream_fails_and_the_next_run_exports_the_others(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    bad = sorted(row["id"] for row in marketo.truth("programs"))[:6]
    refuse(marketo, "create", *bad)
    done = run(marketo, tap, catalog, target)
    three = ", ".join(f"Program/{each}" for each in bad[:3])
    assert not_read(done.critical[0]) == {MEMBERS, f"{MEMBERS} ({three} and 2 more)"}
    assert failed(target) == {f"Program/{each}" for each in bad[:5]}
    done = run(marketo, tap, catalog, target)
    assert MEMBERS not in not_read(done.critical[0])
    assert_all_but(marketo, catalog, target, *bad)
    # One that is gone is forgotten.
    marketo.change(programs_deleted=[bad[0]])
    heal(marketo)
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    assert failed(target) == set()


@pytest.mark.parametrize("heals", [True, False] if SOAK else [False])
def test_a_run_killed_after_a_program_failed_loses_nothing(
    marketo: Account, catalog: dict[str, Any], tap: Tap, heals: bool
) -> None:
    target = Target()
    bad = programs_with_members(marketo)[1]
    refuse(marketo, "create", bad)
    marketo.control("POST", "next_jobs", [{"minutes": 600, "object": OBJECT}] * 9)
    config = marketo.config(**CONFIG)
    with background(tap, config, catalog) as going:
        going.until(lambda: f'"Program/{bad}"' in str(going.state()).replace("'", '"'))
        target.take(going.kill().lines)
    old = Target(state=as_before(target.state))
    heal(marketo)
    marketo.advance(hours=11)
    told = marketo.change(new_program_members=3, programs=[bad])["new_program_members"]
    if heals:
        sync(marketo, tap, catalog, target)
        assert_members(marketo, catalog, target)
    else:
        refuse(marketo, "create", bad)
        run(marketo, tap, catalog, target)
        assert_all_but(marketo, catalog, target, bad)
        marketo.advance(hours=1)
        heal(marketo)
        sync(marketo, tap, catalog, target)
    assert {(program, lead) for program, lead in told} <= expected.table(target, MEMBERS).keys()
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    assert failed(target) == set()
    sync(marketo, tap, catalog, old)
    assert_members(marketo, catalog, old)


def test_a_program_that_fails_in_a_sweep_is_exported_whole_later(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    sync(marketo, tap, catalog, target)
    bad = programs_with_members(marketo)[2]
    settle(marketo, tap, catalog, target)
    marketo.advance(days=2)
    # No activity tells of these.
    marketo.change(silent_program_member_changes=6, programs=[bad])
    refuse(marketo, "create", bad)
    done = run(marketo, tap, catalog, target)
    assert not_read(done.critical[0]) == named(bad)
    assert failed(target, SWEEP) == {f"Program/{bad}"}
    assert failed(target) == set()
    before = target.state
    heal(marketo)
    marketo.advance(hours=1)
    sync(marketo, tap, catalog, target)
    assert_members(marketo, catalog, target)
    assert failed(target, SWEEP) == set()
    old = Target(state=as_before(before))
    sync(marketo, tap, catalog, old)
    assert {bad} <= {program for batch in asked(marketo) for program in batch}
