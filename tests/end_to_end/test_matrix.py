"""Each fault at each call, once, three times and for ever: right tables, at once or after a re-run.

``make test`` tries a slice of the cells, ``make soak`` all of them.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.end_to_end import cells, expected
from tests.end_to_end.cells import CALLS, CELLS, FATES, FAULTS, TEXT_BYTES, TIMES, Cell, slice_of
from tests.end_to_end.checks import MAILS, SMALL, START, VISITS, jobs, stopped
from tests.harness import Account, Run, Tap, Target, account, select, tap_in_a_directory

IN_SLICE = slice_of(CELLS)
TRIED = CELLS if os.environ.get("MARKETO_SOAK") else IN_SLICE

STREAMS = ["leads", "activity_types", VISITS, MAILS, "campaigns", "lists", "programs"]
# Two pages of each list.
PAGES = ("--campaigns", "310", "--lists", "310", "--programs", "210")
# A job is completed when its status is refreshed for the first time.
EXPORTS = ("--export-minutes", "0.5")

Tables = dict[str, dict[Any, dict[str, Any]]]


def options_of(file: str) -> list[str]:
    return [*SMALL, *PAGES, *EXPORTS, "--text-bytes", TEXT_BYTES[file]]


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


# What a run does that nothing disturbs -----------------------------------------------------------


@dataclass(frozen=True)
class Undisturbed:
    catalog: dict[str, Any]
    tables: Tables
    calls: Counter[str]


@cache
def undisturbed(file: str) -> Undisturbed:
    with account(*options_of(file)) as marketo, tap_in_a_directory() as tap:
        catalog = select(tap.discover(marketo.config()), STREAMS)
        tables = tables_of_marketo(marketo, catalog)
        marketo.control("POST", "reset_counters")
        target = Target()
        tap.sync(config_of(marketo), catalog, target)
        assert tables_of(target) == tables
        assert all(tables.values()), "a table without rows would prove nothing"
        return Undisturbed(catalog, tables, calls_of(marketo))


def tables_of_marketo(marketo: Account, catalog: dict[str, Any]) -> Tables:
    tables = expected.tables(marketo, catalog, START)
    return {stream: tables[stream] for stream in STREAMS}


def tables_of(target: Target) -> Tables:
    return {stream: expected.table(target, stream) for stream in STREAMS}


# Calls -------------------------------------------------------------------------------------------

# These come by the clock: a look at the jobs each minute, a token each hour.
CLOCKED = {"list", "status", "token_post"}


def log_of(marketo: Account) -> list[dict[str, Any]]:
    """All calls but those that came with a token whose hour had just passed, which is chance."""
    log: list[dict[str, Any]] = marketo.control("GET", "log")["log"]
    return [entry for entry in log if entry["code"] != "602" or entry["fault"]]


def calls_of(marketo: Account) -> Counter[str]:
    return Counter(entry["call"] for entry in log_of(marketo))


def assert_no_storm(marketo: Account, usual: Counter[str], fired: int) -> None:
    """The calls of a run are those of an undisturbed one and a few for each fault that befell it.

    For each: the call again with a new token, and at most a job made anew (create, enqueue, file,
    and the file again after an interruption).
    """
    calls, log = calls_of(marketo), log_of(marketo)
    minutes = (log[-1]["at"] - log[0]["at"]) / 60
    steady = sum(number for call, number in calls.items() if call not in CLOCKED)
    assert steady <= sum(usual.values()) + 4 * fired + 8, calls
    # A look at both families' jobs takes six calls at most: three of empty pages, and each job.
    assert calls["list"] + calls["status"] <= usual["list"] + 4 * fired + 12 * (minutes + 1), calls
    # The first may be that of the run before, with little left of its hour.
    assert calls["token_post"] <= 2 + fired + minutes / 59, calls


# A cell ------------------------------------------------------------------------------------------


def leave_a_job(marketo: Account) -> dict[str, Any]:
    """Make a job that the next run does not need; return the state that names it."""

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
    span = {"startAt": START, "endAt": "2026-06-01T00:00:00Z"}
    made = post(
        marketo.endpoint.removesuffix("/rest") + "/bulk/v1/leads/export/create.json",
        json.dumps({"format": "CSV", "fields": ["id"], "filter": {"createdAt": span}}),
        **{"Content-Type": "application/json", "Authorization": f"Bearer {login['access_token']}"},
    )
    export = {
        "export_id": made["result"][0]["exportId"],
        "start": span["startAt"],
        "end": span["endAt"],
        "streams": ["leads"],
        "replication_key": "createdAt",
    }
    return {"exports": {"leads": [export]}}


def arrange(marketo: Account, cell: Cell) -> None:
    marketo.control("POST", "reset_counters")
    marketo.control("POST", "faults", list(cell.rules))
    marketo.control("POST", "next_jobs", list(cell.fates))


def fired(marketo: Account, cell: Cell) -> int:
    """How often the cell's fault has befallen the run."""
    if cell.rules:
        return int(marketo.control("GET", "faults")["faults"][cell.own]["fired"])
    made = len(jobs(marketo, cell.call.split()[0]))
    return min(made, TIMES[cell.times] or made)


def heal(marketo: Account) -> None:
    marketo.heal()
    marketo.control("DELETE", "next_jobs")
    for job in jobs(marketo):
        if job["status"] in ("Created", "Queued", "Processing"):
            marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None, "status": None})


def assert_fired_as_meant(cell: Cell, number: int) -> None:
    """It befell the run as often as it was to, or as often as the tap tries."""
    times = TIMES[cell.times]
    assert number >= 1, "nothing went wrong"
    if cell.tries is cells.NEVER:
        assert number <= (times or cells.THROTTLED)
    elif cell.ends_right_at_once:
        assert number == times
    elif cell.call.endswith(("file", "middle")):
        # A download counts what brings next to nothing, whatever it was, and starts anew.
        most = cell.tries * 2 + cells.FRUITFUL_TRIES[cell.file]
        assert cell.tries / 2 <= number <= most
    else:
        assert number in [cell.tries * streams for streams in range(1, cell.streams + 1)]


def assert_only_truth(cell: Cell, tables: Tables, truth: Tables) -> None:
    """No row is invented, and none is wrong."""
    for stream, rows in tables.items():
        if stream == "leads" and cell.file == "large":
            # Emitted before the file's end is known: such rows come again.
            continue
        for key, row in rows.items():
            assert row == truth[stream].get(key), (stream, key)


def assert_names_the_fault(cell: Cell, done: Run) -> None:
    message = stopped(done, cell.code)
    assert re.search(cell.named, message), message
    assert re.search(cell.said, message), message


def assert_later_changes_are_seen(
    marketo: Account, tap: Tap, catalog: dict[str, Any], target: Target
) -> None:
    marketo.change(new_leads=3, updated_leads=5, new_activities=30, campaigns_updated=3)
    marketo.advance(hours=1)
    tap.sync(config_of(marketo), catalog, target)
    assert tables_of(target) == tables_of_marketo(marketo, catalog)


@pytest.mark.parametrize("cell", TRIED, ids=lambda cell: cell.id)
def test_a_fault_ends_in_the_right_tables_at_once_or_after_another_run(
    cell: Cell, tap: Tap, record_property: Callable[[str, object], None]
) -> None:
    usual = undisturbed(cell.file)
    sums = {"label": "matrix", "cells": 1, "right at once": 0, "right after a re-run": 0}
    record_property("sums", sums)
    with account(*options_of(cell.file)) as marketo:
        target = Target(state=leave_a_job(marketo) if cell.call == "cancel" else None)
        arrange(marketo, cell)
        done = tap.run(config_of(marketo, **cell.settings), usual.catalog, target.state)
        target.take(done.lines)
        number = fired(marketo, cell)
        assert_fired_as_meant(cell, number)
        assert_no_storm(marketo, usual.calls, number)
        if cell.ends_right_at_once:
            assert done.code == 0, done.stderr
            assert "CRITICAL" not in done.stderr
            assert tables_of(target) == usual.tables
            sums["right at once"] = 1
        else:
            assert_names_the_fault(cell, done)
            assert_only_truth(cell, tables_of(target), usual.tables)
            heal(marketo)
            marketo.control("POST", "reset_counters")
            tap.sync(config_of(marketo), usual.catalog, target)
            assert_no_storm(marketo, usual.calls, 0)
            assert tables_of(target) == usual.tables
            sums["right after a re-run"] = 1
        if cell.fault.startswith("clock"):
            heal(marketo)
            assert_later_changes_are_seen(marketo, tap, usual.catalog, target)


def test_the_slice_meets_every_fault_and_every_call() -> None:
    faults = {fault.name for fault in FAULTS} | {name for name, *_ in FATES}
    calls = {call.name for call in CALLS} | {"leads job", "activities job"}
    assert {cell.fault for cell in IN_SLICE} == faults
    assert {(cell.call, cell.times) for cell in IN_SLICE} == {
        (call, times) for call in calls for times in TIMES
    }
