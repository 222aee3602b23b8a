"""The arithmetic of the benchmarks."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.marketo_time import slowest_job, workers_time


def job(minutes: float, pickup: float = 0.0, queued: float = 0.0) -> dict[str, Any]:
    """A job that was begun long after it was queued, as one of many."""
    started = queued + 1000
    return {
        "queued": queued,
        "pickup": pickup,
        "started": started,
        "finished": started + minutes,
    }


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([job(5, pickup=2)], 7, id="one worker"),
        pytest.param([job(5), job(4, queued=1)], 5, id="side by side"),
        pytest.param([job(5), job(4, queued=1), job(3, queued=2)], 7, id="to the idle worker"),
        pytest.param([job(3, queued=2), job(5), job(4, queued=1)], 7, id="in order of the queue"),
        pytest.param(
            [job(5, pickup=3), job(4, pickup=1, queued=1)], 8, id="none overtakes in the queue"
        ),
        pytest.param(
            [job(5), *(job(5, queued=n) for n in range(1, 10)), job(5, pickup=25, queued=10)],
            35,
            id="the eleventh waits for a place",
        ),
    ],
)
def test_time_of_two_workers(jobs: list[dict[str, Any]], expected: float) -> None:
    assert workers_time(jobs) == expected


def test_slowest_job() -> None:
    assert slowest_job([job(5), job(7), job(6, queued=10)]) == 1007
