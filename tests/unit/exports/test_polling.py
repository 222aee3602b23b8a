"""Polls of jobs: none too early, none too close to the one before, and soon after a job is done."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_marketo.exports.job_queue import FamilyQueue, Job, RecentJobs
from tap_marketo.exports.job_tracker import Patience
from tap_marketo.marketo.export_calls import ExportStatus
from tests.unit.exports.test_job_creator import Family, days


class Waiting(NamedTuple):
    """A job that is waited for: when it was enqueued, and before when it was not processed."""

    enqueued: float
    begun: float | None


def next_poll(last: float, interval: float, waiting: list[Waiting], quickest: float) -> float:
    """Ask a queue when jobs are polled, of which none was quicker than so many seconds before."""
    family, recent = Family("leads"), RecentJobs()
    for _ in range(5):
        recent.add(quickest)
    queue = FamilyQueue(family, recent, last_poll=last)
    for enqueued, begun in waiting:
        job = Job(family, days(1, 0), "1", ExportStatus.QUEUED, enqueued=enqueued, begun=begun)
        queue.jobs.append(job)
    return queue.next_poll(interval)


MINUTE = 60.0
SECONDS = st.integers(0, 3600).map(float)
WAITING = st.builds(
    lambda enqueued, begun: Waiting(enqueued, None if begun is None else enqueued + begun),
    SECONDS,
    st.none() | SECONDS,
)


@given(SECONDS, st.integers(1, 300), st.lists(WAITING, min_size=1, max_size=6), SECONDS)
def test_polls_are_an_interval_apart_at_least_and_two_at_most(
    last: float, interval: int, jobs: list[Waiting], quickest: float
) -> None:
    due = next_poll(last, interval, jobs, quickest)
    assert last + interval <= due <= last + 2 * interval


@given(SECONDS, st.lists(WAITING, min_size=1, max_size=6))
def test_while_nothing_is_known_each_interval_has_a_poll(last: float, jobs: list[Waiting]) -> None:
    earlier = [Waiting(min(job.enqueued, last), None) for job in jobs]
    assert next_poll(last, MINUTE, earlier, 0.0) == last + MINUTE


@given(SECONDS, st.lists(WAITING, min_size=1, max_size=6), SECONDS)
def test_the_job_that_may_be_done_first_decides(
    last: float, jobs: list[Waiting], quickest: float
) -> None:
    due = next_poll(last, MINUTE, jobs, quickest)
    assert due == min(next_poll(last, MINUTE, [job], quickest) for job in jobs)


def polls_until_found(
    waits: int, takes: int, quickest: float, interval: float = MINUTE
) -> tuple[int, float]:
    """Poll one job, enqueued at 0, as the tracker does; its status is renewed each minute.

    Returns:
        How many polls it took, and when the last one was.
    """
    last, begun, count = 0.0, 0.0, 0
    while True:
        last = next_poll(last, interval, [Waiting(0.0, begun)], quickest)
        count += 1
        renewed = last // MINUTE * MINUTE
        if renewed >= waits + takes:
            return count, last
        begun = float(waits) if renewed >= waits else max(0.0, last - interval)


@given(st.integers(1, 1800), st.integers(0, 3600), st.integers(0, 3600))
def test_a_job_no_quicker_than_others_is_found_when_its_status_is_renewed_and_not_looked_at_oftener(
    waits: int, quickest: int, more: int
) -> None:
    takes = quickest + more
    each_minute = ceil((waits + takes) / MINUTE)
    count, found = polls_until_found(waits, takes, quickest)
    assert found == each_minute * MINUTE
    assert count <= each_minute
    # Of the minutes in which it cannot be done, half are looked in.
    assert count <= ceil(quickest / MINUTE / 2) + ceil(waits / MINUTE) + ceil(more / MINUTE) + 1


@given(st.integers(1, 1800), st.integers(1, 3600), SECONDS)
def test_a_job_quicker_than_any_before_is_found_two_minutes_after_its_end_at_most(
    waits: int, takes: int, quickest: float
) -> None:
    _, found = polls_until_found(waits, takes, quickest)
    assert found - (waits + takes) <= 2 * MINUTE


def test_a_job_that_always_takes_eight_minutes_needs_four_looks() -> None:
    assert polls_until_found(1, 479, 479.0) == (4, 480.0)
    assert polls_until_found(1, 479, 0.0) == (8, 480.0)


@given(st.lists(st.integers(1, 3600), min_size=5, max_size=40))
def test_the_quickest_of_the_last_ten_jobs_counts(seconds: list[int]) -> None:
    recent = RecentJobs()
    for each in seconds:
        recent.add(each)
    assert recent.quickest == min(seconds[-10:])


@pytest.mark.parametrize("count", range(5))
def test_of_few_jobs_nothing_is_concluded(count: int) -> None:
    recent = RecentJobs()
    for _ in range(count):
        recent.add(600)
    assert recent.quickest == 0


@given(st.integers(1, 1000), st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1))
def test_where_nothing_is_begun_the_second_end_comes_one_timeout_after_the_first(
    timeout: int, steps: list[tuple[bool, int]]
) -> None:
    patience, now = Patience(timeout), 0.0
    ends: list[float] = []
    # Until something waits for good, no clock runs.
    for waits, seconds in [(False, 1), *steps, (False, 1), (True, 1)]:
        now += seconds
        if patience.is_over(waits, now):
            return
    since = now
    while len(ends) < 2:
        now += timeout / 7
        if patience.is_over(True, now):
            ends.append(now - since)
            patience.has_run_out = True
    assert 8 * timeout < ends[0] <= 8.2 * timeout
    assert 9 * timeout < ends[1] <= 9.2 * timeout


def test_a_begin_gives_the_whole_patience_back() -> None:
    patience = Patience(10)
    assert not patience.is_over(True, 0)
    assert patience.is_over(True, 81)
    patience.has_run_out = True
    # What waits for a slot is no reason to stop the clock.
    assert not patience.is_over(False, 82)
    assert patience.is_over(True, 91)
    patience.restart()
    assert not patience.is_over(True, 100)
    assert not patience.is_over(True, 180)
    assert patience.is_over(True, 181)
