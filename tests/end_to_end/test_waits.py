"""Whatever a run waits for, it waits with a bound, and says for what."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import people
from tests.end_to_end.checks import START, VISITS, discovered, jobs, release, stopped
from tests.end_to_end.expected import MEMBERS
from tests.harness import Account, Tap, Target, account, select

OPTIONS = (
    "--leads 30 --activities 300 --history-days 40 --late-share 0 --programs 4 "
    "--custom-objects 20 --program-members 40 --export-minutes 0.5"
).split()
# Of four families, one stream each.
STREAMS = ("leads", VISITS, MEMBERS, people.OBJECTS[0])
OBJECT_OF = {
    "leads": "leads", VISITS: "activities", MEMBERS: "program/members",
    people.OBJECTS[0]: "customobjects/car_c",
}  # fmt: skip
# Of this machine.
TIMEOUT = 0.3


@pytest.fixture(scope="module")
def chosen() -> dict[str, Any]:
    return select(discovered(*OPTIONS), STREAMS)


@pytest.fixture
def marketo() -> Iterator[Account]:
    with account(*OPTIONS) as running:
        yield running


def config_of(marketo: Account, places: int) -> dict[str, Any]:
    return marketo.config(start_date=START, job_timeout=TIMEOUT, max_queued_exports=places)


def assert_right(
    marketo: Account, catalog: dict[str, Any], target: Target, but: str | None = None
) -> None:
    tables = people.tables(marketo, catalog, START)
    for stream in STREAMS:
        assert tables[stream], "a test without rows would prove nothing"
        if stream != but:
            assert people.table(target, stream) == tables[stream], stream


def not_read(message: str) -> set[str]:
    """The streams that a run's last line names."""
    lists = re.findall(r"Not read: ([^.]+)\.", message)
    return {stream for names in lists for stream in names.split(", ")}


def heal(marketo: Account) -> None:
    marketo.control("DELETE", "next_jobs")
    marketo.heal()
    for job in jobs(marketo):
        if job["owner"] != "user":
            marketo.control("POST", f"jobs/{job['exportId']}", {"status": "Completed"})
    release(marketo)
    marketo.advance(hours=1)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("stage", "places"), [("Created", 1), ("Queued", 3), ("others are processed", 1)]
)
def test_where_marketo_begins_nothing_the_run_ends_after_nine_timeouts_however_many_families_wait(
    marketo: Account, chosen: dict[str, Any], tap: Tap, stage: str, places: int
) -> None:
    if stage == "others are processed":
        marketo.control("POST", "queue", {"foreign_jobs": 2, "minutes": 10_000})
    else:
        marketo.control("POST", "next_jobs", [{"stick": stage}] * 20)
    began = time.monotonic()
    done = tap.run(config_of(marketo, places), chosen)
    seconds = time.monotonic() - began
    message = stopped(done)
    assert "begun none of the waiting exports" in message
    assert "job_timeout" in message
    assert not_read(message) == {*STREAMS}
    # Four families by turns, each with eight timeouts, would take 32 at least.
    assert 9 * TIMEOUT < seconds < 32 * TIMEOUT
    # Nothing is left that would hold a place and spend the day's bytes.
    own = [job for job in jobs(marketo) if job["owner"] == "user"]
    assert {job["status"] for job in own} == {"Cancelled"}
    target = Target()
    target.take(done.lines)
    assert "exports" not in (target.state or {})
    heal(marketo)
    tap.sync(config_of(marketo, places), chosen, target)
    assert_right(marketo, chosen, target)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("stream", "outcome"),
    [
        ("leads", "Created"),
        (VISITS, "Queued"),
        (MEMBERS, "Processing"),
        (people.OBJECTS[0], "Paused"),
        ("leads", "enqueue fails"),
    ],
)
def test_a_family_whose_job_gets_nowhere_fails_alone_though_it_has_every_place(
    marketo: Account, chosen: dict[str, Any], tap: Tap, stream: str, outcome: str
) -> None:
    bulk_object = OBJECT_OF[stream]
    if outcome == "enqueue fails":
        marketo.fault("enqueue", "http", None, status=502, object=bulk_object)
    else:
        unknown = {"status": "Paused", "stick": "Processing"}
        what = unknown if outcome == "Paused" else {"stick": outcome}
        marketo.control("POST", "next_jobs", [{"object": bulk_object, **what}] * 4)
    target = Target()
    done = tap.run(config_of(marketo, 1), chosen)
    message = stopped(done)
    assert not_read(message) == {stream}
    target.take(done.lines)
    assert_right(marketo, chosen, target, but=stream)
    heal(marketo)
    for job in jobs(marketo, bulk_object):
        if job["status"] == "Processing":
            marketo.control("POST", f"jobs/{job['exportId']}", {"status": "Completed"})
    tap.sync(config_of(marketo, 1), chosen, target)
    assert_right(marketo, chosen, target)
