"""Random mixes of faults, budgets, queues, other users' jobs and kills: each run ends by itself.

It ends with the right tables or with a line that names the reason. The run after the faults are
over ends with the right tables.
"""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end import people
from tests.end_to_end.checks import MAILS, START, VISITS, discovered, jobs, stopped
from tests.end_to_end.expected import MEMBERS, MEMBERSHIPS
from tests.end_to_end.fault_calls import PAGES, PAGES_LATER
from tests.end_to_end.fault_cases import FAULT_CASES, TIMES, FaultCase
from tests.end_to_end.test_kill import CLOSED, cut_run
from tests.harness import SOAK, Account, Tap, Target, account, assert_secrets_kept, select

SEEDS = range(300) if SOAK else range(1)
STREAMS = ("leads", VISITS, MAILS, "lists", MEMBERS, MEMBERSHIPS, people.OBJECTS[0])
OPTIONS = (
    "--leads 60 --activities 600 --history-days 40 --late-share 0 --programs 6 --lists 4 "
    "--list-memberships 60 --custom-objects 20 --program-members 60 --export-minutes 0.5"
).split()
BYTES_A_DAY = 500_000_000
# The calls of these streams and of their jobs, where exports bring what is new. What a run goes on
# without is another subject, and slow ones would make a trial long.
FAULTS = [
    case
    for case in FAULT_CASES
    if {*case.fails} & {*STREAMS} and not case.lacking and not case.is_slow
    and case.scenario not in (PAGES, PAGES_LATER)
]  # fmt: skip
CALLS = sorted({case.call for case in FAULTS})
# The day's bytes, a queue that stays full, a job that waits too long.
USED_UP = r"1029|1035|quota|day's export|job_timeout|queue"


@dataclass(frozen=True)
class Mix:
    """What goes on in a trial.

    Attributes:
        cases: the faults.
        settings: of the tap.
        foreign_jobs, minutes: jobs of other users, and how long each of them takes.
        foreign_bytes: what other users have exported today.
        kills: runs that are cut before the one that ends by itself: how, after so many lines or
            calls.
    """

    cases: list[FaultCase]
    settings: dict[str, Any]
    foreign_jobs: int
    minutes: float
    foreign_bytes: int
    kills: list[tuple[object, int, int]]


def mix_of(seed: int) -> Mix:
    rng = random.Random(seed)
    # By the call and the number of times first: those with few faults are met as often.
    kinds = [
        (rng.choice(CALLS), rng.choice(["for ever", *TIMES])) for _ in range(rng.randint(1, 2))
    ]
    cases = [
        rng.choice([case for case in FAULTS if (case.call, case.times) == kind]) for kind in kinds
    ]
    settings: dict[str, Any] = {
        "start_date": START,
        "job_timeout": 0.5,
        "max_queued_exports": rng.choice([1, 2, 5, 10]),
        "max_export_days": rng.choice([2, 7, 31]),
    }
    for case in cases:
        settings |= case.settings
    ways = (signal.SIGKILL, signal.SIGTERM, CLOSED)
    return Mix(
        cases,
        settings,
        foreign_jobs=rng.choice([0, 0, 5, 10]),
        minutes=rng.choice([1, 10_000]),
        foreign_bytes=rng.choice([0, 0, BYTES_A_DAY - rng.randint(1, 40_000)]),
        kills=[
            (rng.choice(ways), rng.randint(1, 400), rng.randint(1, 100))
            for _ in range(rng.randint(0, 2))
        ],
    )


def arrange(marketo: Account, mix: Mix) -> None:
    if mix.foreign_jobs:
        queue = {"foreign_jobs": mix.foreign_jobs, "minutes": mix.minutes}
        marketo.control("POST", "queue", queue)
    marketo.control("POST", "usage", {"foreign_bytes": mix.foreign_bytes})
    for case in mix.cases:
        marketo.control("POST", "faults", list(case.rules))
        job_outcomes = [{**outcome, "object": case.object} for outcome in case.job_outcomes]
        marketo.control("POST", "next_jobs", job_outcomes)


def heal(marketo: Account) -> None:
    """End the faults and the jobs of other users; the next day's bytes are unused."""
    marketo.heal()
    marketo.control("DELETE", "next_jobs")
    for job in jobs(marketo):
        if job["status"] not in ("Completed", "Failed", "Cancelled"):
            end = {"status": None} if job["owner"] == "user" else {"status": "Completed"}
            marketo.control("POST", f"jobs/{job['exportId']}", {"stick": None, **end})
    marketo.advance(hours=25)


def assert_right(marketo: Account, catalog: dict[str, Any], target: Target) -> None:
    tables = people.tables(marketo, catalog, START)
    for name in STREAMS:
        assert tables[name], "a table without rows would prove nothing"
        assert people.table(target, name) == tables[name], name


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_ends_whatever_goes_wrong_together(
    tap: Tap, seed: int, record_property: Callable[[str, object], None]
) -> None:
    mix, chosen, target = mix_of(seed), select(discovered(*OPTIONS), STREAMS), Target()
    with account(*OPTIONS) as marketo:
        config = marketo.config(**mix.settings)
        arrange(marketo, mix)
        for kill in mix.kills:
            ending = cut_run(marketo, tap.command(config, chosen, target.state), *kill)
            assert "Traceback" not in ending.log
            assert_secrets_kept(config, ending.log, *ending.lines)
            target.take(ending.lines)
        done = tap.run(config, chosen, target.state)
        target.take(done.lines)
        if done.code == 0:
            assert_right(marketo, chosen, target)
        else:
            reasons = "|".join([*(case.said for case in mix.cases if case.said), USED_UP])
            message = stopped(done, done.code)
            assert re.search(reasons, message), message
        heal(marketo)
        tap.sync(config, chosen, target)
        assert_right(marketo, chosen, target)
    ended = {"right at once": int(done.code == 0), "stopped with a reason": int(done.code != 0)}
    record_property("sums", {"label": "mixes", "mixes": 1, **ended, "kills": len(mix.kills)})
