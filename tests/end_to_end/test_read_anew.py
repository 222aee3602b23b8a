"""Tables that activities keep up to date are read anew where Marketo has deleted the activities.

How long it keeps them: the Marketo Activities Data Retention Policy (docs/members.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    assert_memberships,
    background,
    discovered,
    jobs,
    list_pages,
    log_of,
    span,
)
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.harness import HANG, Account, Run, Tap, Target, account, select

ANEW = "from the beginning once more"
# Nothing shows late. Four lists, the first has two pages; leads of the past two months. So long ago
# that years may pass before the time of this machine, which a run does not go beyond.
OPTIONS = (
    *("--now", "2023-06-15T12:00:00Z"),
    *("--late-share", "0", "--export-minutes", "0.5", "--activities-kept-months", "25"),
    *("--leads", "400", "--activities", "300", "--history-days", "60"),
    *("--lists", "4", "--list-memberships", "700", "--programs", "12", "--program-members", "60"),
)
WITHOUT = (*OPTIONS, "--no-updated-at")
START = "2023-05-20T00:00:00Z"
# A look-back of nothing puts the bound where the days say.
SETTINGS = {
    "start_date": START, "activities_lookback_hours": 0, "leads_lookback_hours": 0,
    # A STATE follows each page, however fast they come.
    "poll_interval": 0.0001,
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered(*WITHOUT)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*WITHOUT) as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{**SETTINGS, **settings})


def warnings_of(done: Run) -> list[str]:
    return [line for line in done.stderr.split("\n") if ANEW in line]


def now_of(marketo: Account) -> str:
    return str(expected.value(marketo.control("GET", "clock")["now"], "datetime"))


def marks_of(target: Target, name: str) -> dict[str, Any]:
    assert target.state
    marks: dict[str, Any] = target.state["bookmarks"][name]
    return marks


def killed_at(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, call: str, skip: int
) -> Run:
    """Sync up to a call that is never answered, kill the run there, and count from now on."""
    marketo.control("POST", "reset_counters")
    marketo.fault(call, "timeout", None, skip=skip, seconds=HANG)
    with background(tap, config_of(marketo, request_timeout=HANG), catalog, target.state) as run:
        run.until(lambda: len(log_of(marketo, call)) > skip)
        done = run.kill()
    target.take(done.lines)
    marketo.heal()
    marketo.control("POST", "reset_counters")
    return done


# Lists -------------------------------------------------------------------------------------------


def lists_only(catalog: dict[str, Any]) -> dict[str, Any]:
    return select(catalog, [MEMBERSHIPS])


def read_times(target: Target) -> set[str | None]:
    return {row["readAt"] for row in target.rows(MEMBERSHIPS)}


def let_lists_change(marketo: Account) -> None:
    marketo.change(list_members_added=30, list_members_removed=30)


def all_pages(marketo: Account) -> list[tuple[int, int]]:
    """The pages that the members of all lists fill now."""
    sizes = {row["id"]: 0 for row in marketo.truth("lists")}
    for row in marketo.truth(MEMBERSHIPS):
        sizes[row["listId"]] += 1
    return [(n, page + 1) for n, size in sizes.items() for page in range(-(-size // 300) or 1)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("days", "hours", "is_anew"),
    [(84, 0, False), (86, 0, True), (84, 23, False), (84, 25, True), (120, 24, True)],
)
def test_lists_are_read_anew_where_activities_no_longer_reach_the_bookmark_less_the_look_back(
    marketo: Account, catalog: dict[str, Any], tap: Tap, days: int, hours: int, is_anew: bool
) -> None:
    config = config_of(marketo, activities_lookback_hours=hours)
    target, chosen = Target(), lists_only(catalog)
    tap.sync(config, chosen, target)
    (first,) = read_times(target)
    # Some of what happens shows within the spare days, some behind them.
    marketo.advance(days=days / 2)
    let_lists_change(marketo)
    marketo.advance(days=days / 2)
    let_lists_change(marketo)
    marketo.control("POST", "reset_counters")
    began = now_of(marketo)
    done = tap.sync(config, chosen, target)
    assert_memberships(marketo, target)
    assert list_pages(marketo) == (all_pages(marketo) if is_anew else [])
    lines = warnings_of(done)
    if is_anew:
        (line,) = lines
        assert line.startswith(f"WARNING {MEMBERSHIPS} is read ")
        for part in ("90 days", "Add to List", "a call for each of 4 lists"):
            assert part in line
        assert first is not None
        assert max(filter(None, read_times(target))) == marks_of(target, MEMBERSHIPS)["updatedAt"]
        assert marks_of(target, MEMBERSHIPS)["read_at"] >= began > first
        # Who left long ago keeps the row of the reading before.
        assert {row["readAt"] for row in target.rows(MEMBERSHIPS)} > {first}
    else:
        assert not lines
        assert read_times(target) == {first}
    # From then on activities tell again, and their rows have the time of the last reading.
    marketo.advance(hours=2)
    let_lists_change(marketo)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, chosen, target)
    assert not list_pages(marketo)
    assert not warnings_of(done)
    newest = max(filter(None, read_times(target)))
    emitted = done.records(MEMBERSHIPS)
    assert emitted
    assert {row["readAt"] for row in emitted} == {newest}
    assert_memberships(marketo, target)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("call", "skip"), [("lists", 0), *(("list_members", n) for n in (0, 1, 3))]
)
def test_a_killed_reading_anew_goes_on_where_it_was_and_is_not_begun_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, skip: int
) -> None:
    target, chosen = Target(), lists_only(catalog)
    tap.sync(config_of(marketo), chosen, target)
    marketo.advance(days=60)
    let_lists_change(marketo)
    marketo.advance(days=60)
    began = now_of(marketo)
    said = warnings_of(killed_at(marketo, tap, chosen, target, call, skip))
    # Later than the look-back: what has been read is known up to then, and no further.
    marketo.advance(days=2)
    let_lists_change(marketo)
    again = now_of(marketo)
    done = tap.sync(config_of(marketo), chosen, target)
    said += warnings_of(done)
    assert list_pages(marketo) == all_pages(marketo)[skip:]
    assert len(said) == 1
    has_begun = call == "list_members"
    (newest, *_) = sorted(filter(None, read_times(target)), reverse=True)
    assert began <= newest < again if has_begun else newest >= again
    # What changed behind the reading comes with the next run, and nothing is read anew again.
    marketo.control("POST", "reset_counters")
    done = tap.sync(config_of(marketo), chosen, target)
    assert not list_pages(marketo)
    assert not warnings_of(done)
    assert_memberships(marketo, target)
    assert expected.table(target, MEMBERSHIPS)


def without_read_at(target: Target) -> None:
    """Let the state be one of a version that knows of no readings, and its rows as well."""
    del marks_of(target, MEMBERSHIPS)["read_at"]
    for row in target.rows(MEMBERSHIPS):
        row["readAt"] = None


@pytest.mark.sampled(3)
@pytest.mark.parametrize("skip", [None, 1, 3])
def test_rows_have_no_time_of_a_reading_that_an_earlier_version_began(
    marketo: Account, catalog: dict[str, Any], tap: Tap, skip: int | None
) -> None:
    target, chosen = Target(), lists_only(catalog)
    if skip is None:
        tap.sync(config_of(marketo), chosen, target)
    else:
        killed_at(marketo, tap, chosen, target, "list_members", skip)
    without_read_at(target)
    for _ in range(2):
        marketo.advance(hours=5)
        let_lists_change(marketo)
        marketo.change(new_lists=1, members=3)
        tap.sync(config_of(marketo), chosen, target)
    assert read_times(target) == {None}
    assert_memberships(marketo, target)
    marketo.advance(days=100)
    tap.sync(config_of(marketo), chosen, target)
    assert len(read_times(target)) == 2
    assert_memberships(marketo, target)


# Members of programs -----------------------------------------------------------------------------


def programs_exported(marketo: Account) -> list[int]:
    made = jobs(marketo, "program/members")
    return sorted(number for job in made for number in job["filter"]["programIds"])


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("days", "is_anew"),
    # 731 days are 24 months.
    [(730, False), (732, True)],
)
def test_members_are_read_anew_where_activities_no_longer_reach(
    marketo: Account, catalog: dict[str, Any], tap: Tap, days: int, is_anew: bool
) -> None:
    config = config_of(marketo, program_members_sweep_days=0)
    target, chosen = Target(), select(catalog, [MEMBERS])
    tap.sync(config, chosen, target)
    marketo.advance(days=30)
    changed = marketo.change(program_members_changed=3)["program_members_changed"]
    marketo.advance(days=days - 30)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, chosen, target)
    everything = sorted(row["id"] for row in marketo.truth("programs"))
    if is_anew:
        (line,) = warnings_of(done)
        for part in (f"WARNING {MEMBERS} is read", "25 months", "all 12 programs, 10 a job"):
            assert part in line
        assert programs_exported(marketo) == everything
    else:
        assert not warnings_of(done)
        assert programs_exported(marketo) == sorted({program for program, _ in changed})
    assert expected.table(target, MEMBERS) == expected.members(marketo, chosen)
    marketo.control("POST", "reset_counters")
    assert not warnings_of(tap.sync(config, chosen, target))
    assert not programs_exported(marketo)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("call", "skip"), [("create", 1), ("file", 0), ("file", 1)])
def test_a_killed_reading_anew_of_members_goes_on(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, skip: int
) -> None:
    target, chosen = Target(), select(catalog, [MEMBERS])
    tap.sync(config_of(marketo), chosen, target)
    marketo.advance(days=800)
    marketo.change(program_members_changed=20)
    made = len(jobs(marketo))
    said = warnings_of(killed_at(marketo, tap, chosen, target, call, skip))
    assert marks_of(target, MEMBERS)["updatedAt"] is None
    marketo.advance(hours=2)
    said += warnings_of(tap.sync(config_of(marketo), chosen, target))
    assert len(said) == 1
    assert made
    assert expected.table(target, MEMBERS) == expected.members(marketo, chosen)
    assert marks_of(target, MEMBERS)["updatedAt"]


# Leads without the filter by updatedAt -----------------------------------------------------------


def leads_only(catalog: dict[str, Any]) -> dict[str, Any]:
    return select(catalog, ["leads"])


def exported_since(marketo: Account) -> list[str]:
    """From when on leads were exported, by the time of their creation."""
    return sorted(span(job)[0] for job in jobs(marketo, "leads"))


def assert_leads(marketo: Account, target: Target) -> None:
    """All leads created since the start are there as Marketo has them."""
    truth = {n: row for n, row in expected.leads(marketo).items() if row["createdAt"] >= START}
    assert truth, "a test without rows would prove nothing"
    held = expected.table(target, "leads")
    assert {key: held[key] for key in truth} == truth


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("days", "hours", "is_anew"), [(84, 0, False), (86, 0, True), (84, 25, True)]
)
def test_leads_are_read_anew_where_activities_no_longer_tell_which_have_changed(
    marketo: Account, catalog: dict[str, Any], tap: Tap, days: int, hours: int, is_anew: bool
) -> None:
    config, target = config_of(marketo, leads_lookback_hours=hours), Target()
    chosen = leads_only(catalog)
    tap.sync(config, chosen, target)
    marketo.advance(days=2)
    marketo.change(updated_leads=60)
    marketo.advance(days=days - 2)
    marketo.change(updated_leads=20, new_leads=5)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, chosen, target)
    assert_leads(marketo, target)
    since, *_ = exported_since(marketo)
    assert (since == START) is is_anew
    if is_anew:
        (line,) = warnings_of(done)
        for part in ("90 days", "Change Data Value", f"all leads created since {START}", " MB "):
            assert part in line
    else:
        assert not warnings_of(done)
    # Nothing is exported from the beginning again.
    marketo.advance(hours=2)
    marketo.change(updated_leads=20, new_leads=5)
    marketo.control("POST", "reset_counters")
    assert not warnings_of(tap.sync(config, chosen, target))
    assert exported_since(marketo) > [START]
    assert_leads(marketo, target)


# Where a run is killed: while jobs are made, while leads are read by id, while files are read.
KILLS = [
    ("create", 1), ("leads_by_filter", 0), *(("file", n) for n in (0, 1)),
]  # fmt: skip


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("call", "skip"), KILLS)
def test_a_killed_reading_anew_of_leads_goes_on(
    marketo: Account, catalog: dict[str, Any], tap: Tap, call: str, skip: int
) -> None:
    target, chosen = Target(), leads_only(catalog)
    tap.sync(config_of(marketo), chosen, target)
    marketo.advance(days=2)
    marketo.change(updated_leads=60)
    marketo.advance(days=118)
    marketo.change(updated_leads=20, new_leads=5)
    said = warnings_of(killed_at(marketo, tap, chosen, target, call, skip))
    known = dict(marks_of(target, "leads"))
    marketo.advance(hours=2)
    marketo.change(updated_leads=20, new_leads=5)
    said += warnings_of(tap.sync(config_of(marketo), chosen, target))
    assert len(said) == 1
    # What the killed run had read is not exported again.
    reached = (known.get("createdAt") or "").replace("+00:00", "Z")
    assert all(since >= reached for since in exported_since(marketo))
    # What changed since the resumed job was made comes with the next run.
    for _ in range(2):
        marketo.advance(hours=20)
        assert not warnings_of(tap.sync(config_of(marketo), chosen, target))
    assert_leads(marketo, target)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("key", ["updatedAt", "createdAt"])
@pytest.mark.parametrize(("days", "is_anew"), [(84, False), (86, True)])
def test_leads_of_another_taps_state_are_read_anew_as_well(
    marketo: Account, catalog: dict[str, Any], tap: Tap, key: str, days: int, is_anew: bool
) -> None:
    began = now_of(marketo)
    target, chosen = Target(), leads_only(catalog)
    tap.sync(config_of(marketo, lead_changes=False), chosen, target)
    target.state = {"bookmarks": {"leads": {key: began}}, "currently_syncing": None}
    marketo.advance(days=1)
    marketo.change(updated_leads=60)
    marketo.advance(days=days - 1)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config_of(marketo), chosen, target)
    assert bool(warnings_of(done)) is is_anew
    assert (START in exported_since(marketo)) is is_anew
    # That tap did not look for changed leads, and Marketo may have deleted what told of them.
    assert ("delete bookmarks.leads" in done.stderr) is not is_anew
    assert_leads(marketo, target)
    assert "delete bookmarks.leads" not in tap.sync(config_of(marketo), chosen, target).stderr


def test_a_catalog_that_says_updated_at_has_leads_read_anew_where_the_filter_is_missing(
    marketo: Account, tap: Tap
) -> None:
    target, chosen = Target(), select(discovered(*OPTIONS), ["leads"])
    tap.sync(config_of(marketo), chosen, target)
    marketo.advance(days=2)
    marketo.change(updated_leads=60)
    marketo.advance(days=118)
    marketo.control("POST", "reset_counters")
    assert len(warnings_of(tap.sync(config_of(marketo), chosen, target))) == 1
    assert START in exported_since(marketo)
    assert_leads(marketo, target)
    marketo.control("POST", "reset_counters")
    assert not warnings_of(tap.sync(config_of(marketo), chosen, target))
    assert START not in exported_since(marketo)


def test_leads_of_a_subscription_with_the_filter_are_never_read_anew(tap: Tap) -> None:
    with account(*OPTIONS) as marketo:
        target, chosen = Target(), select(discovered(*OPTIONS), ["leads"])
        tap.sync(config_of(marketo), chosen, target)
        marketo.advance(days=300)
        marketo.control("POST", "reset_counters")
        checked = tap.run(config_of(marketo), chosen, target.state, "--test")
        assert "a sync reads what is new" in checked.stdout
        assert not warnings_of(tap.sync(config_of(marketo), chosen, target))
        assert START not in exported_since(marketo)


# What is said beforehand -------------------------------------------------------------------------


def test_plan_and_check_say_what_is_read_anew_why_and_what_it_costs(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    names = ["leads", MEMBERSHIPS, MEMBERS]
    target, chosen = Target(), select(catalog, names)
    tap.sync(config_of(marketo), chosen, target)
    for days, anew in ((84, []), (2, names[:2]), (660, names)):
        marketo.advance(days=days)
        done = tap.run(config_of(marketo), chosen, target.state, "--plan")
        shown = done.stdout.split("\n")
        told = [line.split(":")[0] for line in shown if f": read {ANEW}, as it was last" in line]
        assert sorted(told) == sorted(anew)
        table = {line.split(" ")[0]: line for line in shown if ANEW in line and ": " not in line}
        assert sorted(table) == sorted(anew)
        if anew:
            # The list of lists, and a call for each of them.
            assert " 5+ " in table[MEMBERSHIPS]
            assert START in table["leads"]
        done = tap.run(config_of(marketo), chosen, target.state, "--test", "--format", "json")
        assert done.code == 0, done.stderr
        (found,) = [each for each in json.loads(done.stdout)["findings"] if each["name"] == "state"]
        assert found["verdict"] == ("note" if anew else "ok")
        assert sorted(found["read_anew"]) == sorted(anew)
