"""Leads where exports cannot be filtered by updatedAt: changed ones are found, and read by id."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.end_to_end import expected
from tests.end_to_end.checks import (
    START,
    assert_all_fired,
    background,
    discovered,
    jobs,
    log_of,
    release,
    span,
    stopped,
)
from tests.end_to_end.servers import in_front_of, server
from tests.harness import Account, Run, Tap, Target, account, select

# What tells that a lead has changed (activities.md; the sandbox's README).
SIGNS = (12, 13, 22, 32, 51, 101, 103)
# An account of which activities tell all that happened since some weeks before START.
SMALL = (
    "--leads", "80", "--activities", "900", "--history-days", "60", "--late-share", "0",
    "--export-minutes", "0.5",
)  # fmt: skip
WITHOUT = (*SMALL, "--no-updated-at")
# Before everything there is.
EVER = "2026-03-01T00:00:00Z"


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return select(discovered(*WITHOUT), ["leads"])


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*WITHOUT) as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


def told_since(marketo: Account, since: str) -> set[int]:
    """The leads of which activities tell that they changed."""
    return {
        activity["leadId"]
        for activity in marketo.activities(SIGNS)
        if activity["activityDate"] >= since
    }


def created_since(marketo: Account, since: str) -> set[int]:
    return {lead["id"] for lead in marketo.truth("leads") if lead["createdAt"] >= since}


def assert_leads(marketo: Account, target: Target, since: str = START) -> None:
    """The target holds the leads created or changed since, as Marketo has them now.

    Leads that are gone may be there as they were.
    """
    leads = expected.leads(marketo)
    wanted = (told_since(marketo, since) | created_since(marketo, since)) & leads.keys()
    held = {key: row for key, row in expected.table(target, "leads").items() if key in leads}
    assert wanted, "a test without rows would prove nothing"
    assert held == {key: leads[key] for key in wanted}


def marks_of(target: Target) -> dict[str, Any]:
    assert target.state
    marks: dict[str, Any] = target.state["bookmarks"]
    return marks


def finders(marketo: Account) -> list[dict[str, Any]]:
    """The exports that tell which leads have changed."""
    return jobs(marketo, "activities")


def asked_by_id(marketo: Account) -> int:
    """How many calls asked for leads by id."""
    return len(log_of(marketo, "leads_by_filter"))


def change_often(marketo: Account, times: int) -> None:
    """Let leads change so often that more than five pages tell of it."""
    for _ in range(times):
        marketo.change(updated_leads=80)


# The same as from a file -------------------------------------------------------------------------


def lines_by_lead(done: Run) -> dict[int, list[str]]:
    """The RECORD lines of each lead in the order in which they came, without their times."""
    lines = defaultdict(list)
    for line in done.lines:
        message = json.loads(line)
        if message["type"] == "RECORD":
            record, stamp, _ = line.rpartition(',"time_extracted":')
            assert stamp
            lines[message["record"]["id"]].append(record)
    return lines


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("options", "names", "columns"),
    [
        ((), "as_marketo", None),
        ((), "plain", 7),
        (("--hostile",), "as_marketo", 7),
        (("--hostile",), "plain", None),
    ],
)
def test_what_is_read_by_id_is_what_a_file_has_to_the_byte(
    tap: Tap, options: Sequence[str], names: str, columns: int | None
) -> None:
    settings = {"start_date": EVER, "names": names}
    with account(*SMALL, *options) as with_filter, account(*WITHOUT, *options) as without:
        found = tap.discover(without.config(**settings))
        (leads,) = (s for s in found["streams"] if s["tap_stream_id"] == "leads")
        some = sorted(leads["schema"]["properties"])[::columns]
        chosen = select(found, ["leads"], leads=some)
        from_files = lines_by_lead(tap.run(with_filter.config(**settings), with_updates(chosen)))
        done = tap.run(without.config(**settings), chosen)
        assert done.code == 0, done.stderr
        both = lines_by_lead(done)
        # The exports that tell who has changed are one behind the other.
        again = {key for key, lines in both.items() if len(lines) > 1}
        assert again == told_since(without, EVER) & both.keys()
        assert len(again) > 40
        assert {key: set(lines) for key, lines in both.items()} == {
            key: {line} for key, (line,) in from_files.items()
        }


def with_updates(catalog: Mapping[str, Any]) -> dict[str, Any]:
    """Return the catalog as it is where the filter is there."""
    found: dict[str, Any] = json.loads(json.dumps(catalog))
    for stream in found["streams"]:
        for item in stream["metadata"]:
            if item["metadata"].get("valid-replication-keys") == ["createdAt"]:
                item["metadata"]["valid-replication-keys"] = ["updatedAt"]
    return found


# First and later ---------------------------------------------------------------------------------


def test_leads_created_before_start_date_that_have_changed_since_come_with_the_new_ones(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    done = tap.sync(config_of(marketo), catalog, target)
    assert "WARNING This subscription" not in done.stderr
    assert_leads(marketo, target)
    old = told_since(marketo, START) - created_since(marketo, START)
    assert old & expected.table(target, "leads").keys()
    assert target.schemas["leads"]["bookmark_properties"] == ["createdAt"]
    # Which leads have changed is all that is asked of the activities.
    (finder,) = finders(marketo)
    assert finder["fields"] == ["leadId"]
    assert set(finder["filter"]["activityTypeIds"]) == {*SIGNS}
    assert span(finder)[0] == START


def test_few_changes_are_found_by_pages(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=5)
    changed = marketo.change(updated_leads=15, custom_only_updates=5, new_leads=3)
    marketo.advance(hours=1)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, catalog, target)
    assert_leads(marketo, target)
    assert not finders(marketo)
    assert len(log_of(marketo, "activities_page")) == 1
    assert asked_by_id(marketo) == 1
    wanted = {*changed["updated_leads"], *changed["custom_only_updates"], *changed["new_leads"]}
    assert {row["id"] for row in done.records("leads")} == wanted


def test_where_nothing_has_changed_no_lead_is_asked_for(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    # This one looks once more at what was told within the look-back.
    marketo.advance(hours=30)
    tap.sync(config, catalog, target)
    for _ in range(2):
        marketo.advance(hours=23)
        marketo.control("POST", "reset_counters")
        done = tap.sync(config, catalog, target)
        assert not done.records("leads")
        assert (asked_by_id(marketo), finders(marketo)) == (0, [])
        assert len(log_of(marketo, "pagingtoken")) == len(log_of(marketo, "activities_page")) == 1


def test_many_changes_are_found_by_one_small_export(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=5)
    change_often(marketo, 20)
    marketo.advance(hours=1)
    marketo.control("POST", "reset_counters")
    done = tap.sync(config, catalog, target)
    assert_leads(marketo, target)
    (finder,) = finders(marketo)
    assert finder["rows"] >= 1600
    # Each lead once, however often it changed.
    assert asked_by_id(marketo) == 1
    assert len(done.records("leads")) == len(expected.leads(marketo))
    marketo.advance(hours=2)
    marketo.control("POST", "reset_counters")
    tap.sync(config, catalog, target)
    assert (finders(marketo), asked_by_id(marketo)) == ([], 0)


def test_as_many_pages_as_an_export_costs_calls_are_read(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=5)
    change_often(marketo, 18)
    told = sum(row["activityDate"] >= "2026-06-15T16" for row in marketo.activities(SIGNS))
    assert 1200 < told < 1500
    marketo.control("POST", "reset_counters")
    tap.sync(config, catalog, target)
    assert not finders(marketo)
    assert len(log_of(marketo, "activities_page")) == 5
    assert_leads(marketo, target)


def test_leads_are_read_300_a_call(catalog: dict[str, Any], tap: Tap) -> None:
    with account(*WITHOUT, "--leads", "700", "--activities", "4000") as marketo:
        target = Target()
        tap.sync(config_of(marketo), catalog, target)
        assert_leads(marketo, target)
        found = len(told_since(marketo, START))
        assert found > 300
        assert asked_by_id(marketo) == -(-found // 300)


def test_leads_that_are_gone_are_absent(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=2)
    new = marketo.change(new_leads=6)["new_leads"]
    marketo.change(merged_leads=[[1001, new[0]], [1002, new[1], new[2]]])
    # Activities of a lead that is merged become the winner's; those of a deleted one stay its own.
    marketo.change(deleted_leads=new[3:])
    marketo.change(deleted_leads=30)
    there = {lead["id"] for lead in marketo.truth("leads")}
    assert told_since(marketo, "2026-06-15T13:00:00Z") - there
    done = tap.sync(config, catalog, target)
    assert {row["id"] for row in done.records("leads")} <= there
    assert_leads(marketo, target)


def test_an_account_of_which_nobody_is_left_is_no_failure(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.change(updated_leads=10)
    marketo.change(deleted_leads=len(marketo.truth("leads")))
    done = tap.sync(config, catalog, target)
    assert not done.records("leads")
    assert asked_by_id(marketo) > 0


# Stopped runs ------------------------------------------------------------------------------------


def test_a_finder_left_by_a_killed_run_is_resumed(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=5)
    change_often(marketo, 20)
    marketo.control("POST", "reset_counters")
    marketo.control("POST", "next_jobs", [{"stick": "Processing"}] * 2)
    with background(tap, config, catalog, target.state) as run:
        run.until(lambda: run.exports_in_state() == 2)
        target.take(run.kill().lines)
    (left,) = finders(marketo)
    marketo.change(updated_leads=10, new_leads=2)
    release(marketo)
    pages = len(log_of(marketo, "activities_page"))
    tap.sync(config, catalog, target)
    # That there are many is known already.
    assert len(log_of(marketo, "activities_page")) == pages
    # Another one finds what has changed since.
    first, second = finders(marketo)
    assert first["exportId"] == left["exportId"]
    assert first["downloads"] == 1
    assert span(first)[0] < span(second)[0] <= span(first)[1]
    assert_leads(marketo, target)
    assert target.state
    assert "exports" not in target.state


def test_a_run_killed_while_leads_are_read_by_id_loses_nothing(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*WITHOUT, "--leads", "700", "--activities", "4000") as marketo:
        target = Target()
        config = config_of(marketo, request_timeout=100)
        marketo.fault("leads_by_filter", "timeout", None, skip=1, seconds=100)
        with background(tap, config, catalog) as run:
            run.until(lambda: asked_by_id(marketo) == 2)
            target.take(run.kill().lines)
        marketo.heal()
        assert "activityDate" not in marks_of(target)["lead_changes"]
        tap.sync(config_of(marketo), catalog, target)
        assert_leads(marketo, target)
        assert [job["downloads"] for job in finders(marketo)] == [2, 1]


def test_an_old_file_that_is_read_behind_newer_changes_does_not_win(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=2)
    new = marketo.change(new_leads=20)["new_leads"]
    # Beyond the reach of the next run, which begins a little before the bookmark.
    marketo.advance(hours=1)
    # A job that has the leads as they are now, but is not done when the run is killed.
    marketo.control("POST", "reset_counters")
    marketo.control("POST", "next_jobs", [{"stick": "Processing"}])
    with background(tap, config, catalog, target.state) as run:
        run.until(lambda: [job["status"] for job in jobs(marketo, "leads")] == ["Processing"])
        run.until(lambda: run.exports_in_state() == 1)
        target.take(run.kill().lines)
    marketo.advance(hours=3)
    marketo.change(updated_leads=100)
    marketo.advance(hours=1)
    # The changes are read by id first, the old file behind them.
    before = asked_by_id(marketo)
    with background(tap, config, catalog, target.state) as run:
        run.until(lambda: asked_by_id(marketo) > before)
        release(marketo)
        done = run.finish()
    assert done.code == 0, done.stderr
    target.take(done.lines)
    assert len(jobs(marketo, "leads")) == 2
    stale = expected.table(target, "leads")[new[0]] != expected.leads(marketo)[new[0]]
    assert stale, "the old file was not read behind the changes"
    marketo.advance(hours=1)
    tap.sync(config, catalog, target)
    assert_leads(marketo, target)


# Late ones ---------------------------------------------------------------------------------------


@pytest.mark.sampled(2)
@pytest.mark.parametrize("hours", [3, 24])
def test_changes_that_activities_tell_late_are_caught_by_any_schedule(
    marketo: Account, catalog: dict[str, Any], tap: Tap, hours: int
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    for late in (0.2, 5, 12, 23.5):
        marketo.advance(hours=hours)
        marketo.change(updated_leads=20, late_hours=late)
        tap.sync(config, catalog, target)
    for _ in range(-(-(24 + 18) // hours) + 1):
        marketo.advance(hours=hours)
        tap.sync(config, catalog, target)
    assert_leads(marketo, target)
    settled = expected.as_time(marks_of(target)["lead_changes"]["settled"])
    reached = expected.as_time(marks_of(target)["lead_changes"]["activityDate"])
    assert 24 * 3600 <= (reached - settled).total_seconds() <= (24 + 18 + 2 * hours) * 3600


# Accounts that are otherwise ---------------------------------------------------------------------


def test_a_catalog_that_says_updated_at_does_where_the_filter_has_gone(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, old = Target(), with_updates(catalog)
    done = tap.sync(config_of(marketo), old, target)
    assert marketo.counters()["errors"] == {"1035": 1}
    assert "changed ones are found by their activities" in done.stderr
    assert_leads(marketo, target)
    assert target.schemas["leads"]["bookmark_properties"] == ["createdAt"]
    marketo.advance(hours=3)
    marketo.change(updated_leads=20, new_leads=4)
    tap.sync(config_of(marketo), old, target)
    assert_leads(marketo, target)


def test_with_the_filter_no_activity_is_looked_at(catalog: dict[str, Any], tap: Tap) -> None:
    with account(*SMALL) as marketo:
        target = Target()
        tap.sync(config_of(marketo), with_updates(catalog), target)
        assert expected.table(target, "leads")
        assert not finders(marketo)
        for call in ("types", "pagingtoken", "activities_page", "leads_by_filter"):
            assert not log_of(marketo, call)


def test_lead_changes_can_be_turned_off(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target, config = Target(), config_of(marketo, lead_changes=False)
    done = tap.sync(config, catalog, target)
    marketo.advance(hours=2)
    marketo.change(updated_leads=30)
    tap.sync(config, catalog, target)
    assert "changes to leads that were read before are NOT seen" in done.stderr
    assert expected.table(target, "leads").keys() == created_since(marketo, START)
    for call in ("types", "pagingtoken", "activities_page", "leads_by_filter"):
        assert not log_of(marketo, call)
    assert marks_of(target).keys() == {"leads"}
    # Turned on, what has changed since start_date is caught up with.
    tap.sync(config_of(marketo), catalog, target)
    assert_leads(marketo, target)


@pytest.mark.parametrize("lacking", [(22, 32, 51, 101, 103), SIGNS], ids=["some", "all"])
def test_types_of_activities_that_the_account_lacks_are_done_without(
    marketo: Account, catalog: dict[str, Any], tap: Tap, lacking: Sequence[int]
) -> None:
    for number in lacking:
        marketo.change(remove_activity_type=number)
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=2)
    changed = marketo.change(updated_leads=20, new_leads=3)
    tap.sync(config, catalog, target)
    left = {*SIGNS} - {*lacking}
    for finder in finders(marketo):
        assert set(finder["filter"]["activityTypeIds"]) == left
    held, truth = expected.table(target, "leads"), expected.leads(marketo)
    assert {*changed["new_leads"]} <= held.keys()
    if left:
        for key in changed["updated_leads"]:
            assert held[key] == truth[key]
    else:
        assert not finders(marketo)
        assert not log_of(marketo, "activities_page")


@pytest.mark.parametrize("synced", [False, True])
def test_without_the_permission_for_activities_it_is_named_and_new_leads_come_all_the_same(
    marketo: Account, catalog: dict[str, Any], tap: Tap, synced: bool
) -> None:
    config, target = config_of(marketo), Target()
    if synced:
        tap.sync(config, catalog, target)
        marketo.advance(hours=2)
    new = marketo.change(new_leads=5, updated_leads=20)["new_leads"]
    marketo.control("POST", "permissions", {"lacks": ["Read-Only Activity"]})
    done = tap.run(config, catalog, target.state)
    message = stopped(done)
    for part in ("Not read: leads.", "603", "Read-Only Activity"):
        assert part in message
    target.take(done.lines)
    assert {*new} <= expected.table(target, "leads").keys()
    marketo.control("POST", "permissions", {"lacks": []})
    tap.sync(config, catalog, target)
    assert_leads(marketo, target)


def test_an_export_of_activities_that_is_refused_names_the_permission(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("create", "error", None, object="activities", code="603", message="Access denied")
    message = stopped(tap.run(config_of(marketo), catalog))
    for part in ("Not read: leads.", "603", "Read-Only Activity"):
        assert part in message


def test_spent_daily_calls_stop_it_and_the_next_day_goes_on(
    catalog: dict[str, Any], tap: Tap
) -> None:
    with account(*WITHOUT, "--leads", "700", "--activities", "4000") as marketo:
        target = Target()
        marketo.fault("leads_by_filter", "error", None, skip=1, code="607", message="Daily quota")
        done = tap.run(config_of(marketo), catalog)
        stopped(done, 3)
        target.take(done.lines)
        marketo.heal()
        marketo.advance(days=1)
        tap.sync(config_of(marketo), catalog, target)
        assert_leads(marketo, target)


# Fields, pages, addresses ------------------------------------------------------------------------


def assert_announced(done: Run, stream: str = "leads") -> list[set[str]]:
    """Each row has the columns of the SCHEMA before it; return those of each SCHEMA."""
    told: list[set[str]] = []
    for message in done.messages:
        if message.get("stream") != stream:
            continue
        if message["type"] == "SCHEMA":
            told.append(set(message["schema"]["properties"]))
        else:
            assert message["record"].keys() == told[-1]
    return told


def assert_leads_without(marketo: Account, target: Target, *fields: str) -> None:
    """As assert_leads, of all fields but some."""
    leads = expected.leads(marketo)
    wanted = (told_since(marketo, START) | created_since(marketo, START)) & leads.keys()
    for key in wanted:
        held = expected.table(target, "leads")[key]
        assert {**held, **dict.fromkeys(fields)} == {**leads[key], **dict.fromkeys(fields)}


def test_a_field_that_has_gone_is_left_out_with_a_warning(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.change(remove_lead_field="fax")
    marketo.advance(hours=2)
    marketo.change(updated_leads=20)
    done = tap.sync(config, catalog, target)
    assert "WARNING leads.fax cannot be exported" in done.stderr
    (columns,) = assert_announced(done)
    assert "fax" not in columns
    assert done.records("leads")
    assert_leads_without(marketo, target, "fax")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("often", [1, 20], ids=["few", "many"])
def test_a_field_that_calls_refuse_is_left_out_with_a_warning_and_the_rest_comes(
    marketo: Account, catalog: dict[str, Any], tap: Tap, often: int
) -> None:
    config, target = config_of(marketo), Target()
    tap.sync(config, catalog, target)
    marketo.advance(hours=2)
    change_often(marketo, often)
    marketo.control("POST", "reset_counters")
    marketo.fault("leads_by_filter", "error", code="1006", message="Field 'fax' not found")
    done = tap.sync(config, catalog, target)
    assert_all_fired(marketo)
    assert len(finders(marketo)) == (often > 1)
    assert done.stderr.count("WARNING leads.fax cannot be exported") == 1
    told = assert_announced(done)
    assert "fax" not in told[-1]
    assert done.records("leads")
    assert_leads_without(marketo, target, "fax")


def test_a_field_that_is_refused_though_it_was_not_asked_for_fails_the_stream(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("leads_by_filter", "error", None, code="1006", message="Field 'other' not found")
    assert "1006" in stopped(tap.run(config_of(marketo), catalog))


def test_an_empty_page_of_leads_with_a_token_is_not_the_end(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    marketo.fault("leads_by_filter", "empty_page")
    tap.sync(config_of(marketo), catalog, target)
    assert_all_fired(marketo)
    assert_leads(marketo, target)
    assert asked_by_id(marketo) == 2


def test_empty_pages_of_leads_are_not_followed_for_ever(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.fault("leads_by_filter", "empty_page", None)
    assert "leads.json" in stopped(tap.run(config_of(marketo), catalog))
    # Of the first call, and of five leads by themselves.
    assert asked_by_id(marketo) == 6 * 21


def test_queries_by_id_travel_in_a_body(tap: Tap) -> None:
    options = (*WITHOUT, "--leads", "700", "--activities", "4000", "--lead-fields", "500")
    with account(*options) as marketo:
        target = Target()
        chosen = select(tap.discover(marketo.config()), ["leads"])
        with server(in_front_of(marketo.endpoint.removesuffix("/rest"))) as seen:
            config = config_of(marketo, endpoint=f"{seen.url}/rest", identity=marketo.identity)
            tap.sync(config, chosen, target)
        assert_leads(marketo, target)
        asked = [request for request in seen.requests if "/v1/leads.json" in request.target]
        assert len(asked) > 1
        for request in asked:
            assert (request.method, request.target) == ("POST", "/rest/v1/leads.json?_method=GET")
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "414" not in marketo.counters()["http_statuses"]


def test_a_job_by_creation_is_resumed_though_the_catalog_goes_by_update(
    marketo: Account, tap: Tap
) -> None:
    # The catalog was made while the subscription had the filter.
    chosen = select(discovered(*SMALL), ["leads"])
    config, target = config_of(marketo, lead_changes=False), Target()
    marketo.control("POST", "next_jobs", [{"stick": "Processing"}])
    with background(tap, config, chosen) as run:
        run.until(lambda: run.exports_in_state() == 1)
        target.take(run.kill().lines)
    (job,) = jobs(marketo)
    marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None})
    tap.sync(config, chosen, target)
    resumed, *later = jobs(marketo)
    assert (resumed["exportId"], resumed["downloads"]) == (job["exportId"], 1)
    assert resumed["cancelled_in"] is None
    # What has come since is a window of its own.
    assert all(span(each)[0] > START for each in later)
    truth = {lead["id"] for lead in marketo.truth("leads") if lead["createdAt"] >= START}
    assert {row["id"] for row in target.rows("leads")} == truth
