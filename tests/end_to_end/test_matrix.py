"""Each fault at each call, once, three times and for ever: right tables, at once or after a re-run.

``make test`` tries a slice of the cases, ``make soak`` each fault at each call, and each number of
times where calls are answered in another way.
"""

from __future__ import annotations

import copy
import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.end_to_end import expected_assets, expected_crm, expected_linked, fault_cases, people
from tests.end_to_end.checks import MAILS, SMALL, START, VISITS, discovered, jobs, not_read, stopped
from tests.end_to_end.expected import MEMBERS, metadata
from tests.end_to_end.expected_assets import SEEN
from tests.end_to_end.expected_crm import CRM, NAMED
from tests.end_to_end.fault_calls import (
    CALLS,
    KEYS,
    LEADS,
    LEADS_LATER,
    MOST_IN_A_ROW,
    PAGES,
    PAGES_LATER,
    PEOPLE,
    PEOPLE_LATER,
    SCENARIOS,
    USUAL,
)
from tests.end_to_end.fault_cases import (
    FAMILIES,
    FAULT_CASES,
    FAULTS,
    IMPATIENCE,
    JOB_OUTCOMES,
    TEXT_BYTES,
    TIMES,
    FaultCase,
    meets_of_slice,
    meets_of_soak,
    slice_of,
)  # fmt: skip
from tests.harness import (
    BY_PAGES,
    NOW,
    POLL_INTERVAL,
    SOAK,
    Account,
    Run,
    Tap,
    Target,
    account,
    select,
    tap_in_a_directory,
)

IN_SLICE = slice_of(FAULT_CASES, meets_of_slice)
TRIED = slice_of(FAULT_CASES, meets_of_soak) if SOAK else IN_SLICE
# In one case of each fault all usual streams are synced, in the others those that make the call,
# and three that do not: an export, a list by page token, and one by offset.
WHOLE = {case.fault: case for case in (*FAULT_CASES, *IN_SLICE)[::-1] if case.scenario == USUAL}
CONTROLS = ("leads", "lists", "emails")

STREAMS = (
    "leads", "activity_types", VISITS, MAILS, "campaigns", "lists", *expected_assets.TABLES, SEEN,
)  # fmt: skip
# Two pages of one list of each kind, and of the segments of one segmentation; of rows that take a
# call each, a few more than the tap asks for before it takes all of them to be gone.
SIZES = (
    "--campaigns 310 --lists 310 --files 205 --segmentations 3 --segments 207 --folders 4 "
    "--tokens 40 --programs 6 --smart-lists 6 --forms 6 --tag-types 7 --custom-object-types 6 "
    "--emails 6 --email-templates 6 --landing-pages 6 --landing-page-templates 6 "
    "--landing-page-redirect-rules 6 --landing-page-domains 6 --snippets 6 --channels 6 "
    "--lead-partitions 6 --users 6 --user-roles 6 --workspaces 3 "
    "--designer-emails 14 --designer-email-templates 14 --designer-fragments 14"
).split()
# Two pages of the members of a list, two jobs of members of programs.
PEOPLES_SIZES = (
    "--leads 360 --activities 1500 --history-days 40 --late-share 0 --programs 14 --lists 6 "
    "--list-memberships 680 --custom-objects 40 --program-members 150"
).split()
# All leads have changed since what is asked for by keys was read.
KEYED_SIZES = (
    "--leads 40 --activities 60 --history-days 25 --late-share 0 --crm-objects --linked-objects "
    "--custom-objects 20 --custom-object-types 0"
).split()
LINKED = (expected_linked.COURSES, expected_linked.HOUSES)
NAMED_LISTS = ("Named List 1", "Named List 2")
NAMED_SETTING = {"named_account_lists": ", ".join(NAMED_LISTS)}
READ = {"updatedAt": "2026-05-18T00:00:00+00:00", "read_at": "2026-06-15T00:00:00+00:00"}
ROLES_READ = {"activityDate": READ["updatedAt"]}
# When people have changed, and when they are synced after that: two pages of activities, and time
# for all programs to be looked through.
CHANGED, LATER = "2026-06-18T12:00:00Z", "2026-06-23T12:00:00Z"
# The sync that comes before those that are later.
EARLIER = {PEOPLE_LATER: PEOPLE, LEADS_LATER: LEADS, PAGES_LATER: PAGES}
# Without the sweep, which would bring what was lost before it.
SETTINGS = {PAGES: BY_PAGES, PAGES_LATER: {**BY_PAGES, "program_members_sweep_days": 0}}
# A job is completed when its status is refreshed for the first time.
EXPORTS = ("--export-minutes", "0.5")
# Of the days of which Marketo tells: a run is over before the oldest of them is too old.
PAST_DAYS = ("2026-06-12", "2026-06-13", "2026-06-14")

RESULTS = ("right at once", "right but for what was refused", "right after a re-run")

Tables = dict[str, dict[Any, dict[str, Any]]]


def options_of(file: str, scenario: str) -> list[str]:
    if scenario == USUAL:
        return [*SMALL, *SIZES, *EXPORTS, "--text-bytes", TEXT_BYTES[file]]
    if scenario == KEYS:
        return [*KEYED_SIZES, *EXPORTS]
    filters = ["--no-updated-at"] if scenario in (LEADS, LEADS_LATER) else []
    return [*PEOPLES_SIZES, *EXPORTS, *filters]


def streams_of(scenario: str) -> tuple[str, ...]:
    if scenario == USUAL:
        return STREAMS
    if scenario == KEYS:
        return (*CRM, *NAMED, *LINKED)
    if scenario in (PAGES, PAGES_LATER):
        return (MEMBERS,)
    return people.STREAMS if scenario in (PEOPLE, PEOPLE_LATER) else ("leads",)


def streams_of_case(case: FaultCase) -> set[str]:
    streams = {*streams_of(case.scenario)}
    if case.scenario == USUAL and case is not WHOLE[case.fault]:
        streams = {*CONTROLS, *case.streams}
    # Without a list that another stream could not read, it is not complete either.
    return streams - {*case.without} - ({SEEN} - {*case.streams})


def config_of(marketo: Account, scenario: str, **settings: Any) -> dict[str, Any]:
    # So that only one stream asks for the workspaces.
    usual = {"start_date": START, "workspace_ids": [1, 1008, 1009], **NAMED_SETTING}
    return marketo.config(**{**usual, **SETTINGS.get(scenario, {}), **settings})


# What a run does that nothing disturbs -----------------------------------------------------------


@dataclass(frozen=True)
class Undisturbed:
    """A sync that nothing disturbs.

    Attributes:
        catalog: what it selects.
        before: the target when it begins.
        after: the target when it is over.
        tables: what it holds then.
        calls: how many of each kind it makes.
    """

    catalog: dict[str, Any]
    before: Target
    after: Target
    tables: Tables
    calls: Counter[str]


@contextmanager
def account_of(file: str, scenario: str) -> Iterator[Account]:
    """An account in which exports have been made before, of objects of which the tap makes none.

    In an account of people nothing was; later, they have changed.
    """
    with account(*options_of(file, scenario)) as marketo:
        for name in ("program/members", "customobjects/car_c") if scenario == USUAL else ():
            done = {"object": name, "bytes": 10, "minutes_ago": 90}
            marketo.control("POST", "finished_jobs", done)
        if scenario in EARLIER:
            marketo.control("POST", "clock", {"set": LATER})
            change_people(marketo, at=CHANGED, new_leads=3, updated_leads=10)
            marketo.change(at=CHANGED, new_programs=1, new_lists=6, members=4)
            if scenario != PAGES_LATER:
                marketo.change(at=CHANGED, silent_program_member_changes=3)
        yield marketo


def change_people(marketo: Account, **more: Any) -> None:
    """Let members come, change and leave, and custom objects change."""
    marketo.change(
        list_members_added=8, list_members_removed=5, new_program_members=4,
        program_members_changed=6, program_members_left=3, custom_objects_changed=4,
        new_custom_objects=2, **more,
    )  # fmt: skip


@cache
def undisturbed(file: str, scenario: str) -> Undisturbed:
    earlier = undisturbed(file, EARLIER[scenario]) if scenario in EARLIER else None
    with account_of(file, scenario) as marketo, tap_in_a_directory() as tap:
        if earlier:
            catalog, before = earlier.catalog, earlier.after
        else:
            settings = NAMED_SETTING if scenario == KEYS else {}
            catalog = discovered(*options_of(file, scenario), **settings)
            catalog = selected(catalog, streams_of(scenario))
            before = Target(state=state_before(scenario))
        tables = tables_of_marketo(marketo, catalog)
        marketo.control("POST", "reset_counters")
        target = copy.deepcopy(before)
        tap.sync(config_of(marketo, scenario), catalog, target)
        assert tables_of(target) == tables
        assert all(tables.values()), "a test without rows would prove nothing"
        return Undisturbed(catalog, before, target, tables, calls_of(marketo))


def state_before(scenario: str) -> dict[str, Any]:
    """Return the state when a first sync begins: of years without a reference nothing is read."""
    if scenario != KEYS:
        return {}
    keyed = {**dict.fromkeys(CRM, READ), "opportunity_role_changes": ROLES_READ}
    linked = expected_linked.state_of(READ["updatedAt"], *LINKED)["bookmarks"]
    return {"bookmarks": keyed | linked}


def selected(catalog: dict[str, Any], streams: Collection[str]) -> dict[str, Any]:
    """Return the catalog with some streams, and with columns that take calls for rows."""
    schemas = {stream["tap_stream_id"]: stream["schema"] for stream in catalog["streams"]}
    columns = {name: [*schemas[name]["properties"]] for name in expected_assets.DETAILS}
    # A call for each of hundreds would be too many.
    columns["smart_campaigns"].remove("rules")
    return select(catalog, [*streams], **columns)


def tables_of_marketo(marketo: Account, catalog: dict[str, Any]) -> Tables:
    tables = people.tables(marketo, catalog, START)
    if CRM[0] in tables:
        tables |= expected_crm.tables(marketo, catalog)
        tables |= expected_crm.named_tables(marketo, NAMED_LISTS)
        linked = expected_linked.tables(marketo, catalog, "")
        tables |= {name: linked[name] for name in LINKED}
    return {name: settled(name, tables[name]) for name in tables if is_selected(catalog, name)}


def tables_of(target: Target) -> Tables:
    return {name: settled(name, people.table(target, name)) for name in target.schemas}


def is_selected(catalog: dict[str, Any], name: str) -> bool:
    (stream,) = (s for s in catalog["streams"] if s["tap_stream_id"] == name)
    return bool(metadata(stream)[()]["selected"])


def settled(name: str, rows: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Return the rows that are not about the run itself: its calls of today, its export jobs."""
    if name in ("daily_usage", "daily_errors"):
        return {day: row for day, row in rows.items() if day in PAST_DAYS}
    if name == "bulk_exports":
        # When those before it were made is another time in each account.
        return {
            key: {column: value for column, value in row.items() if not column.endswith("At")}
            for key, row in rows.items()
            if row["createdAt"] < NOW
        }
    return rows


# Calls -------------------------------------------------------------------------------------------

# How often a job that never ends is polled at most: while it is queued, eight times job_timeout.
STUCK_POLLS = round(8 * IMPATIENCE / POLL_INTERVAL) + 1


def calls_of(marketo: Account) -> Counter[str]:
    return Counter(entry["call"] for entry in marketo.control("GET", "log")["log"])


def assert_no_storm(marketo: Account, case: FaultCase, usual: Counter[str], fired: int) -> None:
    """A run makes each call as often as an undisturbed first one, and a few for each fault.

    For each: the call again with a new token, and at most a job made anew (create, enqueue, file,
    and the file again after an interruption). A run that comes later looks a few things up, and
    asks again for what could not be read.
    """
    polls = STUCK_POLLS if "job_timeout" in case.settings else 0
    for call, number in calls_of(marketo).items():
        more = polls if call in ("list", "status") else 0
        assert number <= usual[call] + 4 * fired + 4 + MOST_IN_A_ROW + more, call


# A case ------------------------------------------------------------------------------------------


def leave_a_job(marketo: Account) -> dict[str, Any]:
    """Make a job that the next run does not need; return the state that names it.

    It continues nothing: without a bookmark leads are read from start_date, before it begins.
    """

    def post(url: str, body: str, **headers: str) -> Any:
        request = urllib.request.Request(url, body.encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    secrets = f"client_id={marketo.client_id}&client_secret={marketo.client_secret}"
    login = post(
        f"{marketo.identity}/oauth/token",
        f"grant_type=client_credentials&{secrets}",
        **{"Content-Type": "application/x-www-form-urlencoded"},
    )
    span = {"startAt": "2026-05-31T00:00:00Z", "endAt": "2026-06-01T00:00:00Z"}
    made = post(
        marketo.endpoint.removesuffix("/rest") + "/bulk/v1/leads/export/create.json",
        json.dumps({"format": "CSV", "fields": ["id"], "filter": {"updatedAt": span}}),
        **{"Content-Type": "application/json", "Authorization": f"Bearer {login['access_token']}"},
    )
    export = {
        "export_id": made["result"][0]["exportId"],
        "start": span["startAt"],
        "end": span["endAt"],
        "streams": ["leads"],
        "replication_key": "updatedAt",
    }
    return {"exports": {"leads": [export]}}


def arrange(marketo: Account, case: FaultCase) -> None:
    marketo.control("POST", "reset_counters")
    marketo.control("POST", "faults", list(case.rules))
    job_outcomes = [{**outcome, "object": case.object} for outcome in case.job_outcomes]
    marketo.control("POST", "next_jobs", job_outcomes)


def fired(marketo: Account, case: FaultCase) -> int:
    """How often the case's fault has befallen the run."""
    if case.rules:
        return int(marketo.control("GET", "faults")["faults"][case.own]["fired"])
    made = len(jobs(marketo, case.object))
    return min(made, TIMES[case.times] or made)


def heal(marketo: Account) -> None:
    marketo.heal()
    marketo.control("DELETE", "next_jobs")
    for job in jobs(marketo):
        if job["status"] in ("Created", "Queued", "Processing"):
            marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None, "status": None})


def assert_fired_as_meant(case: FaultCase, number: int) -> None:
    """It befell the run as often as it was to, or as often as the tap tries."""
    times = TIMES[case.times]
    assert number >= 1, "nothing went wrong"
    if case.tries is fault_cases.NEVER:
        assert times is None or number <= times
    elif case.ends_right_at_once:
        assert number == times
    elif case.way == "file" or case.call.endswith(("file", "file middle")):
        # A download counts what brings next to nothing, whatever it was, and starts anew.
        most = case.tries * 2 * case.askers + fault_cases.FRUITFUL_TRIES[case.file]
        assert case.tries / 2 <= number <= most
    else:
        assert case.tries <= number <= case.tries * case.askers


def assert_only_truth(case: FaultCase, tables: Tables, truth: Tables, before: Tables) -> None:
    """No row is invented, and none is wrong but those that are as they were before."""
    for stream, rows in tables.items():
        if stream == "leads" and case.file == "large":
            # Emitted before the file's end is known: such rows come again.
            continue
        for key, row in rows.items():
            true = truth[stream].get(key)
            if stream == case.lacking and true:
                # Of what the run was refused it has nothing, not something else.
                true = {c: None if row[c] is None else value for c, value in true.items()}
            assert row in (true, before.get(stream, {}).get(key)), (stream, key)


def assert_all_but(streams: Collection[str], tables: Tables, truth: Tables) -> None:
    """All other tables are there, and right."""
    for stream in truth.keys() - set(streams):
        assert tables.get(stream) == truth[stream], stream


def assert_names_the_fault(case: FaultCase, done: Run) -> None:
    message = stopped(done, case.code)
    assert re.search(case.named, message), message
    assert re.search(case.said, message), message
    if case.fails:
        # Of some streams a part.
        named = {name.partition(" (")[0] for name in not_read(message)}
        assert named & {*case.fails}, message


def assert_later_changes_are_seen(
    marketo: Account, scenario: str, tap: Tap, catalog: dict[str, Any], target: Target
) -> None:
    marketo.change(new_leads=3, updated_leads=5, new_activities=30, campaigns_updated=3)
    changing = {*expected_assets.ASSETS, *expected_assets.CHILDREN} - {"landing_page_domains"}
    marketo.change(**{f"{name}_updated": 2 for name in changing})
    change_people(marketo)
    marketo.advance(hours=1)
    # Tokens are read again the next day, lists of assets the next week; all that have come by
    # then are wanted here.
    config = config_of(marketo, scenario, child_refresh_hours=0, assets_sweep_days=0.01)
    tap.sync(config, catalog, target)
    assert tables_of(target) == tables_of_marketo(marketo, catalog)


@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.id)
def test_a_fault_ends_in_the_right_tables_at_once_or_after_another_run(
    case: FaultCase, tap: Tap, record_property: Callable[[str, object], None]
) -> None:
    usual = undisturbed(case.file, case.scenario)
    catalog = selected(usual.catalog, streams_of_case(case))
    truth = {name: rows for name, rows in usual.tables.items() if is_selected(catalog, name)}
    before = tables_of(usual.before)
    sums: dict[str, Any] = {"label": "matrix", "cases": 1, **dict.fromkeys(RESULTS, 0)}
    record_property("sums", sums)
    with account_of(case.file, case.scenario) as marketo:
        target = copy.deepcopy(usual.before)
        if case.call == "cancel":
            target.state = leave_a_job(marketo)
        arrange(marketo, case)
        config = config_of(marketo, case.scenario, **case.settings)
        done = tap.run(config, catalog, target.state)
        target.take(done.lines)
        number = fired(marketo, case)
        assert_fired_as_meant(case, number)
        assert_no_storm(marketo, case, usual.calls, number)
        if case.ends_right_at_once:
            assert done.code == 0, done.stderr
            assert "CRITICAL" not in done.stderr
            assert_all_but([case.lacking], tables_of(target), truth)
            sums["right but for what was refused" if case.lacking else "right at once"] = 1
        else:
            assert_names_the_fault(case, done)
            if case.fails:
                assert_all_but([*case.fails, case.lacking], tables_of(target), truth)
        if case.lacking or not case.ends_right_at_once:
            assert_only_truth(case, tables_of(target), truth, before)
            heal(marketo)
            marketo.control("POST", "reset_counters")
            # Tokens are read again the next day, which is now where some are lacking.
            refresh = {"child_refresh_hours": 0} if case.lacking else {}
            tap.sync(config_of(marketo, case.scenario, **refresh), catalog, target)
            assert_no_storm(marketo, case, usual.calls, 0)
            # What a call for a row tells comes with the row: next when it changes.
            still = {case.lacking} & {*expected_assets.INCREMENTAL, *expected_assets.DESIGNER}
            assert_all_but(still, tables_of(target), truth)
            assert_only_truth(case, tables_of(target), truth, before)
            sums["right after a re-run"] = int(not case.ends_right_at_once)
        people.assert_who_left_is_right(marketo, catalog, target)
        if case.fault.startswith("clock"):
            heal(marketo)
            assert_later_changes_are_seen(marketo, case.scenario, tap, catalog, target)


def test_the_slice_meets_every_fault_and_every_way_and_a_soak_every_call() -> None:
    faults = {fault.name for fault in FAULTS} | {name for name, *_ in JOB_OUTCOMES}
    calls = {call.name: call.way or call.name for call in CALLS}
    calls |= {
        f"{name} job": f"{name} job" if scenario == USUAL else "other jobs"
        for name, *_, scenario in FAMILIES
    }
    assert {case.fault for case in IN_SLICE} == faults
    assert {calls[case.call] for case in IN_SLICE} == {*calls.values()}
    scenarios = {(scenario, times) for scenario in SCENARIOS for times in TIMES}
    assert {(case.scenario, case.times) for case in IN_SLICE} == scenarios
    every = {(case.fault, case.call) for case in FAULT_CASES}
    assert {(case.fault, case.call) for case in slice_of(FAULT_CASES, meets_of_soak)} == every


def test_every_call_is_met_once_three_times_and_for_ever() -> None:
    calls = {call.name for call in CALLS} | {f"{name} job" for name, *_ in FAMILIES}
    met = {(case.call, case.times) for case in FAULT_CASES}
    assert met == {(call, times) for call in calls for times in TIMES}
