"""Who is on which list: read list by list at first, then kept up to date from activities."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    assert_memberships,
    background,
    between_calls,
    discovered,
    list_pages,
    log_of,
    not_read,
    stopped,
)
from tests.end_to_end.expected import MEMBERSHIPS, as_time
from tests.harness import HANG, NOW, Account, Run, Tap, Target, account, select

# A clock that only the tests move: each call of theirs has its time.
STILL = ("--scale", "0", "--no-rate-limits", "--late-share", "0")
# The first list has three pages, one in five has none.
SMALL = (
    *STILL, "--leads", "750", "--lists", "20", "--list-memberships", "1400", "--activities", "900",
)  # fmt: skip
LARGE, SECOND = 3001, 3002
START = "2026-04-01T00:00:00Z"
BEGIN = as_time(NOW.replace("Z", "+00:00"))
# How long the tap's clock may go on, which Marketo's answers put right, while Marketo's stands.
SLACK = timedelta(seconds=20)

Pair = tuple[int, int]


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(), [MEMBERSHIPS])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL) as running:
        yield running


def members_of(marketo: Account, number: int) -> list[int]:
    return [row["leadId"] for row in marketo.truth(MEMBERSHIPS) if row["listId"] == number]


def strangers_of(marketo: Account, number: int) -> list[int]:
    """Leads that are not on a list."""
    there = {*members_of(marketo, number)}
    return [lead["id"] for lead in marketo.truth("leads") if lead["id"] not in there]


def row_of(target: Target, pair: Pair) -> dict[str, Any]:
    return target.tables[MEMBERSHIPS][pair]


def said_at(row: dict[str, Any]) -> datetime:
    return as_time(row["updatedAt"])


def now_of(marketo: Account) -> datetime:
    return as_time(marketo.control("GET", "clock")["now"].replace("Z", "+00:00"))


def marks_of(target: Target) -> dict[str, Any]:
    assert target.state
    marks: dict[str, Any] = target.state["bookmarks"][MEMBERSHIPS]
    return marks


def pairs_emitted(done: Run) -> list[Pair]:
    return [(row["listId"], row["leadId"]) for row in done.records(MEMBERSHIPS)]


def killed_at(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target, call: str, skip: int
) -> None:
    """Sync up to a call that is never answered, and kill the run there."""
    marketo.fault(call, "timeout", None, skip=skip, seconds=HANG)
    # The pace of STATE is bound to that of polls: one follows each page, however fast they come.
    config = marketo.config(request_timeout=HANG, poll_interval=0.0001)
    with background(tap, config, catalog, target.state) as run:
        run.until(lambda: len(log_of(marketo, call)) > skip)
        target.take(run.kill().lines)
    marketo.heal()
    marketo.control("POST", "reset_counters")


# The first sync ----------------------------------------------------------------------------------


def test_the_first_sync_reads_the_members_of_every_list_300_a_page_and_of_leads_no_more_than_ids(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    asked: list[dict[str, list[str]]] = []

    def note(path: str) -> None:
        if "leads.json" in path:
            asked.append(parse_qs(urlsplit(path).query))

    target = Target()
    with between_calls(marketo, note) as endpoint:
        done = tap.sync(marketo.config(endpoint=endpoint), catalog, target)
    assert_memberships(marketo, target)
    assert len(done.records(MEMBERSHIPS)) == len(target.rows(MEMBERSHIPS))
    sizes = {row["id"]: len(members_of(marketo, row["id"])) for row in marketo.truth("lists")}
    assert sizes[LARGE] > 600
    assert 0 in sizes.values()
    wanted = [
        (number, page + 1) for number, size in sizes.items() for page in range(-(-size // 300) or 1)
    ]
    assert list_pages(marketo) == wanted
    assert all(query["fields"] == ["id"] and query["batchSize"] == ["300"] for query in asked)


def test_the_time_of_a_row_is_that_at_which_the_reading_of_its_list_began(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    began: dict[int, datetime] = {}

    def note(path: str) -> None:
        if "leads.json" in path:
            number = int(urlsplit(path).path.split("/")[-2])
            began.setdefault(number, now_of(marketo))
            marketo.advance(seconds=90)

    target = Target()
    with between_calls(marketo, note) as endpoint:
        tap.sync(marketo.config(endpoint=endpoint), catalog, target)
    assert_memberships(marketo, target)
    for (number, _), row in target.tables[MEMBERSHIPS].items():
        assert began[number] <= said_at(row) <= began[number] + SLACK
    assert as_time(marks_of(target)["updatedAt"]) <= BEGIN + SLACK


@pytest.mark.sampled(2)
@pytest.mark.parametrize("skip", [1, 2, 3, 7], ids=lambda skip: f"after {skip} pages")
def test_a_killed_first_sync_goes_on_at_the_list_and_page_it_had_reached(
    marketo: Account, catalog: dict[str, Any], tap: Tap, skip: int
) -> None:
    target = Target()
    killed_at(marketo, tap, catalog, target, "list_members", skip)
    before = dict(target.tables[MEMBERSHIPS])
    marketo.advance(hours=3)
    # Of the lists that have been read, that which has been begun, and those still to be read.
    marketo.change(list_members_added=40, lists=[LARGE, SECOND, 3011])
    marketo.change(list_members_removed=60)
    again = now_of(marketo)
    tap.sync(marketo.config(), catalog, target)
    large = [page for number, page in list_pages(marketo) if number == LARGE]
    assert large == list(range(skip + 1, 4))
    if skip == 7:
        assert list_pages(marketo)[0] == (LARGE + 5, 1)
    # The time of a list that had been begun is still that at which this was.
    for (number, _), row in target.tables[MEMBERSHIPS].items():
        time = BEGIN if number < pages_first(skip) else again
        assert time <= said_at(row) <= time + SLACK
    assert before.keys() <= target.tables[MEMBERSHIPS].keys()
    # What changed behind the reading comes with the next.
    tap.sync(marketo.config(), catalog, target)
    assert_memberships(marketo, target)


def pages_first(skip: int) -> int:
    """The first list that is not begun when so many pages have been read."""
    return LARGE + max(1, skip - 2)


def test_a_page_token_that_marketo_refuses_begins_that_list_anew_and_keeps_its_time(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    killed_at(marketo, tap, catalog, target, "list_members", 2)
    marks = marks_of(target)
    assert (marks["reading"], marks["reached"]) == (LARGE, None)
    marks["next_page_token"] = "NONSENSE"
    marketo.advance(hours=1)
    # Who went after the first reading of the list is told to have gone by what follows.
    gone = members_of(marketo, LARGE)[0]
    marketo.change(list_members_removed=[[LARGE, gone]])
    done = tap.sync(marketo.config(), catalog, target)
    assert "starting over" in done.stderr
    assert list_pages(marketo)[1:4] == [(LARGE, 1), (LARGE, 2), (LARGE, 3)]
    assert said_at(row_of(target, (LARGE, members_of(marketo, LARGE)[0]))) <= BEGIN + SLACK
    tap.sync(marketo.config(), catalog, target)
    assert_memberships(marketo, target)
    assert row_of(target, (LARGE, gone))["isMember"] is False


def test_spent_daily_calls_stop_the_first_sync_and_the_next_day_goes_on_with_it(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, runs = Target(), 0
    used = marketo.counters()["calls_today"]
    while True:
        done = tap.run(marketo.config(max_daily_calls=used + 10), catalog, target.state)
        target.take(done.lines)
        runs += 1
        if done.code == 0:
            break
        assert "calls" in stopped(done, 3)
        marketo.advance(days=1)
        used = 0
        assert runs < 10
    assert runs > 2
    asked = list_pages(marketo)
    assert len(asked) == len(set(asked))
    assert_memberships(marketo, target)


# What has changed since --------------------------------------------------------------------------


def test_who_joined_and_left_since_comes_with_the_time_of_the_activity(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    time = now_of(marketo)
    changed = marketo.change(list_members_added=30, list_members_removed=40)
    marketo.advance(hours=1)
    done = tap.sync(config, catalog, target)
    assert_memberships(marketo, target)
    joined = {(*pair,) for pair in changed["list_members_added"]}
    left = {(*pair,) for pair in changed["list_members_removed"]} - joined
    assert left
    for pair in joined | left:
        assert said_at(row_of(target, pair)) == time
    assert all(row_of(target, pair)["isMember"] is False for pair in left)
    assert sorted(pairs_emitted(done)) == sorted(joined | left)


def test_what_happens_in_the_second_in_which_a_run_began_is_seen_without_a_look_back(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(activities_lookback_hours=0), Target()
    tap.sync(config, catalog, target)
    for _ in range(2):
        bookmark = as_time(marks_of(target)["updatedAt"])
        marketo.advance(seconds=max(0.0, (bookmark - now_of(marketo)).total_seconds()))
        assert now_of(marketo) == bookmark
        # Written when the run had asked.
        marketo.change(list_members_added=20, list_members_removed=20)
        marketo.advance(hours=1)
        tap.sync(config, catalog, target)
        assert_memberships(marketo, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("seconds", [0, 1, 7200])
def test_of_what_happens_to_one_pair_again_and_again_the_last_word_counts(
    marketo: Account, catalog: dict[str, Any], tap: Tap, seconds: int
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    stranger, other = ((LARGE, lead) for lead in strangers_of(marketo, LARGE)[:2])
    member, another = ((LARGE, lead) for lead in members_of(marketo, LARGE)[:2])
    histories = {stranger: "ara", other: "ar", member: "ra", another: "rar"}
    orders = {"a": "list_members_added", "r": "list_members_removed"}
    for turn in range(3):
        for pair, history in histories.items():
            if turn < len(history):
                marketo.change(**{orders[history[turn]]: [pair]})
        marketo.advance(seconds=seconds)
    done = tap.sync(config, catalog, target)
    for pair, history in histories.items():
        row = row_of(target, pair)
        assert row["isMember"] is (history[-1] == "a")
        # As no other time is told, so that it was this moment.
        ago = timedelta(hours=1, seconds=seconds * (len(history) - 1))
        assert said_at(row) == BEGIN + ago
    assert sorted(pairs_emitted(done)) == sorted(histories)
    assert_memberships(marketo, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("hours", [2, 6, 24])
def test_activities_that_marketo_writes_late_are_caught_by_any_schedule(
    marketo: Account, catalog: dict[str, Any], tap: Tap, hours: int
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    for late in (0.2, 3, 11, 23.5):
        marketo.advance(hours=hours)
        marketo.change(list_members_added=20, list_members_removed=15, late_hours=late)
        tap.sync(config, catalog, target)
    assert expected.table(target, MEMBERSHIPS) != expected.memberships(marketo)
    # The last ones show a day after; whatever shows comes 18 hours and a run later at most.
    for _ in range(-(-(24 + 18) // hours) + 1):
        marketo.advance(hours=hours)
        tap.sync(config, catalog, target)
    assert_memberships(marketo, target)


def test_nothing_dated_before_the_reading_of_its_list_is_emitted_in_the_first_increment(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # Within the look-back, and some of it told only when the list has been read.
    marketo.change(list_members_added=30, list_members_removed=30)
    marketo.change(list_members_added=10, list_members_removed=10, late_hours=5)
    marketo.advance(hours=2)
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    assert_memberships(marketo, target)
    marketo.advance(hours=4)
    done = tap.sync(config, catalog, target)
    assert not done.records(MEMBERSHIPS)
    assert_memberships(marketo, target)


def test_what_happens_to_a_list_while_others_are_read_comes_from_whichever_is_later(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    pages = 0
    times: list[datetime] = []

    def change(path: str) -> None:
        nonlocal pages
        if "leads.json" in path:
            pages += 1
            marketo.advance(seconds=70)
            marketo.change(list_members_added=15, list_members_removed=15)
            times.append(now_of(marketo))

    target = Target()
    with between_calls(marketo, change) as endpoint:
        tap.sync(marketo.config(endpoint=endpoint), catalog, target)
    first = {pair: said_at(row) for pair, row in target.tables[MEMBERSHIPS].items()}
    read = {number: max(t for (n, _), t in first.items() if n == number) for number, _ in first}
    done = tap.sync(marketo.config(), catalog, target)
    assert_memberships(marketo, target)
    emitted = done.records(MEMBERSHIPS)
    assert emitted
    for row in emitted:
        # Who left in the last minutes before the reading may come once more.
        late = SLACK if row["isMember"] else SLACK + timedelta(minutes=10)
        assert said_at(row) >= read.get(row["listId"], BEGIN) - late


# Lists that come and go --------------------------------------------------------------------------


def test_the_members_of_new_lists_are_read_though_no_activity_tells_of_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=3)
    new = marketo.change(new_lists=3, members=310, late_hours=1000)["new_lists"]
    empty = marketo.change(new_lists=1)["new_lists"]
    left = members_of(marketo, new[0])[:5]
    marketo.advance(hours=1)
    marketo.change(list_members_removed=[[new[0], lead] for lead in left])
    marketo.advance(hours=1)
    marketo.control("POST", "reset_counters")
    tap.sync(config, catalog, target)
    assert list_pages(marketo) == [
        *((number, page) for number in new for page in (1, 2)), (empty[0], 1),
    ]  # fmt: skip
    assert_memberships(marketo, target)
    assert all(row_of(target, (new[0], lead))["isMember"] is False for lead in left)
    # A day later they are old: what happens to them is told by activities.
    marketo.advance(hours=48)
    tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    marketo.change(list_members_added=10, list_members_removed=10, lists=[*new, *empty])
    marketo.control("POST", "reset_counters")
    tap.sync(config, catalog, target)
    assert not list_pages(marketo)
    assert_memberships(marketo, target)


def test_lists_created_while_the_first_sync_goes_on_are_read_by_the_next_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    new = {"new_lists": 2, "members": 5, "late_hours": 1000}
    marketo.control(
        "POST", "before_call", {"call": "list_members", "nth": 4, "change": new}
    )  # fmt: skip
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    assert len(target.tables[MEMBERSHIPS]) == len(marketo.truth(MEMBERSHIPS)) - 10
    marketo.advance(hours=1)
    tap.sync(config, catalog, target)
    assert_memberships(marketo, target)


def test_a_list_that_is_gone_before_it_is_read_is_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    gone = {"lists_deleted": [3004, 3007, 3020]}
    marketo.control("POST", "before_call", {"call": "list_members", "nth": 5, "change": gone})
    target = Target()
    tap.sync(marketo.config(), catalog, target)
    assert [entry["id"] for entry in log_of(marketo, "list_members") if entry["code"]] == [
        "3004", "3007", "3020",
    ]  # fmt: skip
    assert_memberships(marketo, target)


@pytest.mark.parametrize("resumed", [False, True])
def test_a_list_that_goes_between_two_of_its_pages_is_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap, resumed: bool
) -> None:
    gone, target = {"lists_deleted": [LARGE]}, Target()
    if resumed:
        killed_at(marketo, tap, catalog, target, "list_members", 1)
        marketo.change(**gone)
    else:
        marketo.control("POST", "before_call", {"call": "list_members", "nth": 2, "change": gone})
    tap.sync(marketo.config(), catalog, target)
    held = expected.table(target, MEMBERSHIPS)
    truth = expected.memberships(marketo)
    assert {pair: row for pair, row in held.items() if pair[0] != LARGE} == truth
    # What was read of it before.
    assert sum(pair[0] == LARGE for pair in held) == 300
    marketo.advance(hours=1)
    tap.sync(marketo.config(), catalog, target)


def test_a_run_stopped_in_the_list_after_the_first_one_that_is_gone_goes_on(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    killed_at(marketo, tap, catalog, target, "list_members", 1)
    assert marks_of(target)["readings"].keys() == {str(LARGE)}
    marketo.change(lists_deleted=[LARGE])
    marketo.change(list_members_added=400, lists=[SECOND])
    killed_at(marketo, tap, catalog, target, "list_members", 1)
    marks = marks_of(target)
    assert (marks["reading"], marks["reached"]) == (SECOND, None)
    assert marks["readings"].keys() == {str(SECOND)}
    tap.sync(marketo.config(), catalog, target)
    held = expected.table(target, MEMBERSHIPS)
    assert {pair: row for pair, row in held.items() if pair[0] != LARGE} == (
        expected.memberships(marketo)
    )


def test_a_new_list_that_is_gone_before_it_is_read_is_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    new = marketo.change(new_lists=2, members=5, late_hours=1000)["new_lists"]
    marketo.control("POST", "reset_counters")
    gone = {"lists_deleted": new[:1]}
    marketo.control("POST", "before_call", {"call": "list_members", "change": gone})
    tap.sync(config, catalog, target)
    assert list_pages(marketo) == [(number, 1) for number in new]
    assert_memberships(marketo, target)


def test_a_list_that_is_there_and_has_no_members_for_us_is_not_skipped(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("list_members", "error", None, code="1013", message="Object not found")
    target = Target()
    done = tap.run(marketo.config(), catalog)
    assert MEMBERSHIPS in not_read(stopped(done))
    # After five in a row the stream fails.
    assert len(list_pages(marketo)) == 5
    target.take(done.lines)
    marketo.heal()
    tap.sync(marketo.config(), catalog, target)
    assert_memberships(marketo, target)


def test_merged_and_deleted_leads_leave_rows_and_who_inherits_none(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    marketo.change(deleted_leads=20)
    marketo.change(merged_leads=5)
    marketo.change(list_members_added=20)
    tap.sync(config, catalog, target)
    truth = expected.memberships(marketo)
    held = expected.table(target, MEMBERSHIPS)
    there = {lead["id"] for lead in marketo.truth("leads")}
    winners = {row["leadId"] for row in marketo.activities([32])}
    # No activity tells of either (docs/deletes-and-merges.md).
    assert {pair for pair in held.keys() - truth.keys() if pair[1] in there} == set()
    assert {pair for pair in truth.keys() - held.keys() if pair[1] not in winners} == set()


# What it costs, and what it keeps ----------------------------------------------------------------


def test_where_nothing_has_changed_lists_types_and_a_page_of_activities_are_asked_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=30)
    tap.sync(config, catalog, target)
    for _ in range(2):
        marketo.advance(hours=1)
        marketo.control("POST", "reset_counters")
        done = tap.sync(config, catalog, target)
        log = marketo.control("GET", "log")["log"]
        assert Counter(entry["call"] for entry in log if "token_" not in entry["call"]) == {
            "usage": 1, "lists": 1, "types": 1, "pagingtoken": 1, "activities_page": 1,
        }  # fmt: skip
        assert not done.records(MEMBERSHIPS)


def test_the_state_keeps_the_times_of_readings_as_long_as_an_activity_may_come_before_them(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marks = marks_of(target)
    # All lists were read within a minute.
    assert list(marks["readings"]) == [str(LARGE)]
    assert [marks[name] for name in ("reached", "reading", "next_page_token")] == [None] * 3
    kept = []
    for _ in range(5):
        marketo.advance(hours=12)
        tap.sync(config, catalog, target)
        kept.append(bool(marks_of(target)["readings"]))
    # Gone for good once all that is dated before them has been there to be read.
    assert kept == sorted(kept, reverse=True)
    assert kept[0]
    assert not kept[-1]


def test_readings_are_kept_no_finer_than_by_the_minute(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    def pass_time(path: str) -> None:
        if "leads.json" in path:
            marketo.advance(seconds=25)

    target = Target()
    with between_calls(marketo, pass_time) as endpoint:
        tap.sync(marketo.config(endpoint=endpoint), catalog, target)
    times = [as_time(text) for text in marks_of(target)["readings"].values()]
    assert 3 < len(times) < len(marketo.truth("lists"))
    gaps = (later - earlier for earlier, later in itertools.pairwise(times))
    assert all(gap >= timedelta(minutes=1) for gap in gaps)


def test_where_start_date_is_later_than_the_look_back_reaches_no_run_reads_from_it_for_ever(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL) as marketo:
        config, target = marketo.config(start_date="2026-06-15T06:00:00Z"), Target()
        tap.sync(config, catalog, target)
        for _ in range(4):
            marketo.advance(hours=24)
            marketo.change(list_members_added=5, list_members_removed=5)
            tap.sync(config, catalog, target)
            assert_memberships(marketo, target)
        assert as_time(marks_of(target)["settled"]) >= now_of(marketo) - timedelta(hours=50)
        assert not marks_of(target)["readings"]


# What is missing ---------------------------------------------------------------------------------


def test_without_the_permission_for_activities_it_is_refused_and_goes_on_once_it_is_granted(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=1)
    marketo.change(list_members_added=10, list_members_removed=10)
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Activity"]})
    done = tap.run(config, catalog, target.state)
    message = stopped(done)
    for part in (f"Not read: {MEMBERSHIPS}.", "603", "Read-Only Lead, Read-Only Activity"):
        assert part in message
    assert not done.records(MEMBERSHIPS)
    target.take(done.lines)
    marketo.control("POST", "permissions", {"lacks": []})
    tap.sync(config, catalog, target)
    assert_memberships(marketo, target)


def test_without_the_permission_for_leads_it_is_refused(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Lead"]})
    message = stopped(tap.run(marketo.config(), catalog))
    for part in (f"Not read: {MEMBERSHIPS}.", "603", "Read-Only Lead"):
        assert part in message


@pytest.mark.parametrize("lacking", [(25,), (24, 25)])
def test_an_account_without_the_types_of_activities_has_none(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacking: tuple[int, ...]
) -> None:
    config, target = marketo.config(), Target()
    tap.sync(config, catalog, target)
    for number in lacking:
        marketo.change(remove_activity_type=number)
    marketo.advance(hours=1)
    added = marketo.change(list_members_added=8)["list_members_added"]
    new = marketo.change(new_lists=1, members=4)["new_lists"][0]
    done = tap.sync(config, catalog, target)
    told = {(*pair,) for pair in added} if len(lacking) == 1 else set()
    assert {pair for pair in pairs_emitted(done) if pair[0] != new} == told
    # Who has joined a new list, as activities tell too, comes once.
    assert sum(pair[0] == new for pair in pairs_emitted(done)) == 4


def test_only_selected_columns_are_emitted_and_the_keys_and_times_always(
    marketo: Account, tap: Tap
) -> None:
    config, target = marketo.config(), Target()
    chosen = select(tap.discover(config), [MEMBERSHIPS], list_memberships=[])
    tap.sync(config, chosen, target)
    columns = {"listId", "leadId", "updatedAt"}
    assert target.schemas[MEMBERSHIPS]["schema"]["properties"].keys() == columns
    assert all(row.keys() == columns for row in target.rows(MEMBERSHIPS))


def test_an_account_without_lists_has_no_memberships_until_there_are_some(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*SMALL, "--lists", "0") as marketo:
        config, target = marketo.config(), Target()
        tap.sync(config, catalog, target)
        assert target.tables == {MEMBERSHIPS: {}}
        marketo.advance(days=3)
        marketo.change(new_lists=2, members=30, late_hours=1000)
        marketo.advance(hours=2)
        tap.sync(config, catalog, target)
        assert_memberships(marketo, target)
