"""Export jobs that fail or get nowhere: some are created again, others end with a reason."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import (
    SMALL,
    START,
    VISITS,
    asked_for,
    assert_activities,
    assert_leads,
    background,
    discovered,
    jobs,
    log_of,
    not_read,
    polls,
    release,
    same_window,
    span,
    stopped,
)
from tests.harness import Account, Tap, Target, account, select

# Cuts the time since START into three windows.
THREE_WINDOWS = {"max_export_days": 10}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return discovered()


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*SMALL, "--export-minutes", "1-2") as running:
        yield running


def config_of(marketo: Account, **settings: Any) -> dict[str, Any]:
    return marketo.config(**{"start_date": START, **settings})


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"status": "Failed", "errorMsg": "Node down"}, "Node down"),
        ({"status": "Failed"}, "Failed"),
        ({"status": "Cancelled"}, "cancelled"),
        ({"file": "404"}, "no file"),
    ],
)
def test_a_job_that_comes_to_nothing_is_created_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, outcome: dict[str, str], said: str
) -> None:
    marketo.control("POST", "next_jobs", [outcome, outcome])
    target = Target()
    done = tap.sync(config_of(marketo), select(catalog, [VISITS]), target)
    made = jobs(marketo)
    ended = outcome.get("status", "Completed")
    assert [job["status"] for job in made] == [ended, ended, "Completed"]
    assert len(set(asked_for(made))) == 1
    warned = re.findall("WARNING activities export .* failed: .*", done.stderr)
    assert len(warned) == 2
    assert all(made[n]["exportId"] in line for n, line in enumerate(warned))
    assert said.lower() in warned[0].lower()
    assert_activities(marketo, catalog, target, [VISITS])


@pytest.mark.parametrize(
    ("outcome", "said"),
    [({"status": "Failed", "errorMsg": "Disk is full"}, "Disk is full"), ({"file": "404"}, "file")],
)
def test_a_job_that_always_fails_stops_the_run_and_the_next_one_makes_it_good(
    marketo: Account, catalog: dict[str, Any], tap: Tap, outcome: dict[str, str], said: str
) -> None:
    # A first and three more; a fifth job would succeed.
    marketo.control("POST", "next_jobs", [outcome] * 4)
    chosen = select(catalog, ["leads"])
    target = Target()
    done = tap.run(config_of(marketo), chosen)
    message = stopped(done)
    assert len(jobs(marketo)) == 4
    for part in (said, *span(jobs(marketo)[-1]), jobs(marketo)[-1]["exportId"]):
        assert part in message
    target.take(done.lines)
    assert "leads" not in (target.state or {}).get("bookmarks", {})
    tap.sync(config_of(marketo), chosen, target)
    assert len(jobs(marketo)) == 5
    assert_leads(marketo, target)


def test_a_failure_of_one_object_leaves_what_the_other_has_done(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # Leads come first in the line; the first activities job is the second job made.
    marketo.control("POST", "next_jobs", [{}] + [{"status": "Failed"}] * 4)
    config = config_of(marketo, max_queued_exports=2)
    chosen = select(catalog, ["leads", VISITS])
    target = Target()
    done = tap.run(config, chosen)
    assert "activities export" in stopped(done)
    target.take(done.lines)
    assert target.state
    assert set(target.state["bookmarks"]) == {"leads"}
    tap.sync(config, chosen, target)
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])


def test_a_family_whose_jobs_cannot_be_listed_is_not_laid_out(
    marketo: Account, tap: Tap, catalog: dict[str, Any]
) -> None:
    marketo.fault("list", "error", None, object="leads", code="1003", message="No")
    done = tap.run(marketo.config(), select(catalog, ["leads", VISITS]))
    assert not_read(stopped(done)) == {"leads"}
    assert re.findall(r"(\w+): about \d+ export", done.stderr) == ["activities"]
    assert not jobs(marketo, "leads")


def test_a_status_that_nobody_knows_stops_the_run(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "next_jobs", [{"status": "Simmering", "stick": "Processing"}])
    chosen = select(catalog, [VISITS])
    target = Target()
    done = tap.run(config_of(marketo), chosen)
    (job,) = jobs(marketo)
    message = stopped(done)
    assert "Simmering" in message
    assert job["exportId"] in message
    # The next run takes the same job up.
    target.take(done.lines)
    marketo.control("POST", f"jobs/{job['exportId']}", {"status": "Completed", "stick": None})
    tap.sync(config_of(marketo), chosen, target)
    assert same_window(marketo, job) == ["Completed"]
    assert_activities(marketo, catalog, target, [VISITS])


def test_a_plan_cancels_no_job_whatever_status_marketo_gives_another(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    outcomes = [{"status": "Paused", "stick": "Processing"}, {"stick": "Queued"}]
    marketo.control("POST", "next_jobs", outcomes)
    config, chosen = (
        config_of(marketo, max_queued_exports=2, **THREE_WINDOWS),
        select(catalog, ["leads"]),
    )
    target = Target()
    # It is killed before its first poll.
    with background(tap, {**config, "poll_interval": 60}, chosen) as run:
        run.until(lambda: run.exports_in_state() == 2 and len(log_of(marketo, "enqueue")) == 2)
        target.take(run.kill().lines)
    marketo.advance(seconds=120)
    assert {job["status"] for job in jobs(marketo)} == {"Processing", "Queued"}
    planned = tap.run(config, chosen, target.state, "--plan")
    assert "Paused" in planned.stderr
    assert not log_of(marketo, "cancel")


REFUSED = {"kind": "error", "code": "1003", "message": "No", "object": "leads", "times": None}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("outcome", "fault", "end"),
    [
        # What is being processed is left to the next run, what waits is cancelled.
        ({"status": "Paused", "stick": "Processing"}, {}, "Processing"),
        ({}, {"call": "enqueue", **REFUSED}, "Cancelled"),
        ({"stick": "Queued"}, {"call": "list", "skip": 1, **REFUSED}, "Cancelled"),
    ],
    ids=["unknown status", "refused enqueue", "refused list"],
)
def test_a_family_that_fails_gives_the_places_of_its_jobs_back(
    marketo: Account,
    catalog: dict[str, Any],
    tap: Tap,
    outcome: dict[str, str],
    fault: dict[str, Any],
    end: str,
) -> None:
    # Leads come first, and every place of the queue is theirs.
    marketo.control("POST", "next_jobs", [{"object": "leads", **outcome}])
    if fault:
        marketo.control("POST", "faults", fault)
    chosen, target = select(catalog, ["leads", VISITS]), Target()
    done = tap.run(config_of(marketo, max_queued_exports=1), chosen)
    assert not_read(stopped(done)) == {"leads"}
    target.take(done.lines)
    assert_activities(marketo, catalog, target, [VISITS])
    (left,) = jobs(marketo, "leads")
    assert left["status"] == end
    assert ("leads" in (target.state or {}).get("exports", {})) is (end == "Processing")
    marketo.heal()
    marketo.control("POST", f"jobs/{left['exportId']}", {"status": "Completed", "stick": None})
    tap.sync(config_of(marketo), chosen, target)
    assert_leads(marketo, target)


def test_a_job_that_is_processed_for_too_long_is_cancelled_and_named(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    marketo.control("POST", "next_jobs", [{"stick": "Processing"}])
    chosen = select(catalog, [VISITS])
    target = Target()
    done = tap.run(config_of(marketo, job_timeout=0.4), chosen)
    message = stopped(done)
    (job,) = jobs(marketo)
    assert job["status"] == "Cancelled"
    for part in ("job_timeout", job["exportId"], *span(job)):
        assert part in message
    target.take(done.lines)
    assert "exports" not in (target.state or {})
    tap.sync(config_of(marketo), chosen, target)
    assert [job["status"] for job in jobs(marketo)] == ["Cancelled", "Completed"]
    assert_activities(marketo, catalog, target, [VISITS])


def test_time_in_the_queue_does_not_count_as_processing(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    # The wait in the queue is longer than job_timeout, but not eight times as long; the processing
    # is seen two polls later as over.
    marketo.control("POST", "next_jobs", [{"stick": "Queued", "minutes": 1}])
    target = Target()
    config = config_of(marketo, job_timeout=1)
    with background(tap, config, select(catalog, [VISITS])) as run:
        run.until(lambda: len(polls(marketo)) > 0)
        time.sleep(1.1)
        release(marketo)
        done = run.finish()
    assert done.code == 0, done.stderr
    assert len(jobs(marketo)) == 1
    target.take(done.lines)
    assert_activities(marketo, catalog, target, [VISITS])
