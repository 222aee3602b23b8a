"""The arithmetic of the benchmarks."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import row_cases
from benchmarks.marketo_time import slowest_job, workers_time
from benchmarks.report import Figure, Measure, at_most, sample, times_less
from benchmarks.row_cases import RowCase
from tests.sandbox.fields import make_fields
from tests.sandbox.options import parse_options


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
            [job(5, pickup=3), job(7, pickup=1, queued=1)], 10, id="none overtakes in the queue"
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


@pytest.mark.parametrize(
    ("case", "columns"),
    [(row_cases.LEADS, 50), (row_cases.WIDE_LEADS, 300), (row_cases.HARD_LEADS, 50)],
)
def test_lead_files_have_columns_that_the_sandbox_exports(case: RowCase, columns: int) -> None:
    options = parse_options(case.account_options(0))
    exportable = {field.rest for field in make_fields(options) if field.exportable}
    assert len(set(case.lead_columns)) == columns
    assert set(case.lead_columns) <= exportable


def test_a_sample_is_compared_run_by_run() -> None:
    ours, theirs = sample([2, 3, 10]), sample([4, 9])
    assert theirs.over(ours).values == (2, 3)
    assert theirs.over(ours).median == 2.5
    assert ours.median == 3


def test_tables() -> None:
    figure = Figure("Title", notes=["A note."])
    figure.measures = [
        Measure("plain", {"ours": 1234.56}, "s", 1),
        Measure("several", {"ours": sample([3, 1, 2]), "floor": 0.5}, digits=2, ratio=12.34),
        at_most("bounded", 1.5, 1.35),
        times_less("less", 2, 10, 4, unit="s"),
    ]
    assert figure.table() == (
        "## Title\n"
        "\n"
        "|         |                ours | incumbent | floor | ratio | expected             |"
        "            |\n"
        "| ------- | ------------------: | --------: | ----: | ----: | -------------------- |"
        " ---------- |\n"
        "| plain   |           1,234.6 s |           |       |       |                      |"
        "            |\n"
        "| several | 2.00 (1.00 to 3.00) |           |  0.50 |  12.3 |                      |"
        "            |\n"
        "| bounded |                1.50 |           |       |       | at most 1.35 by ours |"
        " **missed** |\n"
        "| less    |                 2 s |      10 s |       |  5.00 | 4 times less         |"
        " met        |\n"
        "\n"
        "- A note.\n"
    )
