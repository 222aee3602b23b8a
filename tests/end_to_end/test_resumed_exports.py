"""A stopped run leaves its jobs in the state, and the next run resumes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.checks import (
    MAILS,
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
    release,
    same_window,
    span,
    wait_until,
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
@pytest.mark.parametrize("stage", ["created", "queued", "processing", "completed"])
def test_a_killed_run_is_resumed_without_making_its_exports_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, stage: str
) -> None:
    chosen = select(catalog, ["leads", VISITS])
    config = config_of(marketo, **THREE_WINDOWS)
    target = Target()
    if stage == "created":
        marketo.fault("enqueue", "error", None, code="1029", message="Too many jobs in queue")
    else:
        stick = "Processing" if stage == "processing" else "Queued"
        marketo.control("POST", "next_jobs", [{"stick": stick}] * 4)
    with background(tap, config, chosen) as run:
        count = 1 if stage == "created" else 4
        run.until(lambda: run.exports_in_state() == count)
        run.until(lambda: len(log_of(marketo, "enqueue")) >= count)
        killed = run.kill()
    assert killed.code == -9
    target.take(killed.lines)
    left = jobs(marketo)
    assert len(left) == count
    marketo.heal()
    if stage == "processing":
        wait_until(lambda: [j["status"] for j in jobs(marketo)].count("Processing") == 2)
    if stage == "completed":
        release(marketo)
        marketo.advance(hours=1)
        assert {job["status"] for job in jobs(marketo)} == {"Completed"}

    marketo.control("POST", "reset_counters")
    with background(tap, config, chosen, target.state) as run:
        # Once for the day's bytes, then for the jobs that it took up.
        run.until(lambda: len(log_of(marketo, "list", left[0]["object"])) > 1)
        for job in left:
            marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None})
        done = run.finish()
    assert done.code == 0, done.stderr
    target.take(done.lines)
    made = asked_for(jobs(marketo))
    assert len(made) == len(set(made)) == 6 - count
    assert not set(made) & set(asked_for(left))
    for job in left:
        assert f"Resuming the {job['object']} export {job['exportId']}" in done.stderr
    assert target.state
    assert "exports" not in target.state
    assert_leads(marketo, target)
    assert_activities(marketo, catalog, target, [VISITS])


def killed_with_one_job(
    marketo: Account, tap: Tap, chosen: dict[str, Any], target: Target
) -> dict[str, Any]:
    """Kill a run when its one job stands in the queue, and return the job."""
    marketo.control("POST", "next_jobs", [{"stick": "Queued"}])
    with background(tap, config_of(marketo), chosen) as run:
        run.until(lambda: run.exports_in_state() == 1 and jobs(marketo)[0]["enqueues"] == 1)
        target.take(run.kill().lines)
    (job,) = jobs(marketo)
    return job


@pytest.mark.parametrize("end", ["Failed", "Cancelled"])
def test_a_job_that_failed_between_two_runs_is_created_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap, end: str
) -> None:
    chosen = select(catalog, [VISITS])
    target = Target()
    job = killed_with_one_job(marketo, tap, chosen, target)
    marketo.control("POST", f"jobs/{job['exportId']}", {"status": end})
    tap.sync(config_of(marketo), chosen, target)
    assert same_window(marketo, job) == [end, "Completed"]
    assert_activities(marketo, catalog, target, [VISITS])


def test_a_job_whose_file_marketo_has_thrown_away_is_created_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    chosen = select(catalog, [VISITS])
    target = Target()
    job = killed_with_one_job(marketo, tap, chosen, target)
    release(marketo)
    marketo.advance(days=8)
    tap.sync(config_of(marketo), chosen, target)
    assert same_window(marketo, job) == ["Completed", "Completed"]
    assert_activities(marketo, catalog, target, [VISITS])


def test_a_job_in_the_state_that_marketo_does_not_know_is_created_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    unknown = {
        "export_id": "00000000-0000-4000-8000-000000000000",
        "start": "2026-05-20T00:00:00+00:00",
        "end": "2026-06-01T00:00:00+00:00",
        "streams": [VISITS],
        "replication_key": "activityDate",
    }
    target = Target(state={"bookmarks": {}, "exports": {"activities": [unknown]}})
    tap.sync(config_of(marketo), select(catalog, [VISITS]), target)
    assert (START, "2026-06-01T00:00:00Z") in [span(job) for job in jobs(marketo)]
    assert target.state
    assert "exports" not in target.state
    assert_activities(marketo, catalog, target, [VISITS])


def test_a_leads_job_that_lacks_a_newly_selected_column_is_created_again(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    job = killed_with_one_job(marketo, tap, select(catalog, ["leads"], leads=["email"]), target)
    release(marketo)
    tap.sync(config_of(marketo), select(catalog, ["leads"]), target)
    assert same_window(marketo, job) == ["Completed", "Completed"]
    assert_leads(marketo, target)


def test_a_leads_job_with_a_column_since_deselected_is_used(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    old = killed_with_one_job(marketo, tap, select(catalog, ["leads"]), target)
    release(marketo)
    tap.sync(config_of(marketo), select(catalog, ["leads"], leads=["email"]), target)
    assert same_window(marketo, old) == ["Completed"]
    (columns,) = {tuple(sorted(row)) for row in target.rows("leads")}
    assert columns == ("createdAt", "email", "id", "updatedAt")


def test_a_type_deselected_while_its_job_was_under_way_loses_nothing_when_it_comes_back(
    marketo: Account, catalog: dict[str, Any], tap: Tap
) -> None:
    target = Target()
    old = killed_with_one_job(marketo, tap, select(catalog, [VISITS, MAILS]), target)
    release(marketo)
    tap.sync(config_of(marketo), select(catalog, [VISITS]), target)
    assert same_window(marketo, old) == ["Completed"]
    assert MAILS not in target.tables or not target.rows(MAILS)
    assert_activities(marketo, catalog, target, [VISITS])
    tap.sync(config_of(marketo), select(catalog, [VISITS, MAILS]), target)
    assert_activities(marketo, catalog, target, [VISITS, MAILS])
