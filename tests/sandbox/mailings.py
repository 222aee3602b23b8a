"""Which email is sent when: by which run of which campaign, and what its activities say of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import NamedTuple

from tests.sandbox.activity_contents import About, Flow
from tests.sandbox.activity_types import (
    CLICK_EMAIL,
    EMAIL_BOUNCED,
    EMAIL_BOUNCED_SOFT,
    OPEN_EMAIL,
    UNSUBSCRIBE_EMAIL,
)
from tests.sandbox.assets.table import AssetTable
from tests.sandbox.clock import DAY
from tests.sandbox.options import Options
from tests.sandbox.values import ABSENT, Value, as_number, as_text

LANES = 3
"""Runs that go on at the same time."""
_RUNS = 30
"""Runs of each lane over the history."""
_GONE, _BY_HAND, _UNMARKED = 0.08, 0.1, 0.3
"""Shares of the runs whose email is deleted since, of those without a campaign, as where a single
lead is sent an email, and of those from before bots were marked."""

FAILED, SKIPPED, SUCCEEDED = as_text("failed"), as_text("skipped"), as_text("succeeded")
_TRUE, _FALSE = Value("true", True), Value("false", False)
_PATTERNS = ("Match with IAB bot list", "Match with proximity pattern")


class Mailing(NamedTuple):
    """One run, in which an email is sent to leads."""

    number: int
    email: int
    name: str
    campaign: int | None
    step: int
    choice: int
    variant: int | None
    marked: bool
    """Whether opens and clicks say if they are a bot's."""


class Mailings:
    """The runs of an account, each a stretch of time long; the same whatever was asked before."""

    def __init__(self, options: Options, start: int, assets: Mapping[str, AssetTable]) -> None:
        self._seed = options.seed
        span = max(int(options.history_days * DAY), 120)
        self._begin = start - span
        self._length = max(span // _RUNS, 1)
        self._emails = [
            (row.created, row.id, str(assets["emails"].shown_row(row)["name"]))
            for row in assets["emails"].rows
        ]
        self._campaigns = [(row.created, row.id) for row in assets["campaigns"].rows]
        self._known: dict[int, Mailing] = {}

    def at(self, date: int, lane: int) -> Mailing:
        """The run that goes on at a time."""
        part = (date - self._begin) // self._length
        number = part * LANES + lane
        if number not in self._known:
            self._known[number] = self._make(number, self._begin + part * self._length)
        return self._known[number]

    def _make(self, number: int, begin: int) -> Mailing:
        rng = random.Random(f"{self._seed}:mailing:{number}")
        emails = [each[1:] for each in self._emails if each[0] <= begin]
        campaigns = [each[1] for each in self._campaigns if each[0] <= begin]
        there = rng.random() >= _GONE and emails
        email, name = rng.choice(emails) if there else (101 + number, f"Email {101 + number}")
        return Mailing(
            number,
            email,
            # As the name of an asset that stands in a program.
            f"Program {1001 + number}.{name}" if rng.random() < 0.3 else name,
            rng.choice(campaigns) if campaigns and rng.random() >= _BY_HAND else None,
            rng.randint(1, 900),
            rng.choice((0, 0, rng.randint(1, 900))),
            rng.choice((None, None, 0, 1, 2)),
            rng.random() >= _UNMARKED,
        )


def about(mailing: Mailing, kind: int, bot: bool, result: Value) -> About:
    """What an activity of a type says of the run that it goes back to.

    Who opens or clicks is marked: "Is Bot Activity" is true, with the pattern, or false, with
    "N/A"; both are empty in activities from before they were marked (product docs, "Filtering
    Email Bot Activity").
    """
    attributes = {
        "Step ID": as_number(mailing.step),
        "Choice Number": as_number(mailing.choice),
        "Test Variant": ABSENT if mailing.variant is None else as_number(mailing.variant),
    }
    campaign = mailing.campaign
    if kind == UNSUBSCRIBE_EMAIL and mailing.number % 2:
        # By the form of a page: a real one names neither campaign nor run.
        campaign = None
    # What is sent by hand, or undone by a form, is no part of a run.
    attributes["Campaign Run ID"] = ABSENT if campaign is None else as_number(7 + mailing.number)
    if kind in (OPEN_EMAIL, CLICK_EMAIL):
        pattern = _PATTERNS[mailing.number % 2] if bot else "N/A"
        attributes["Is Bot Activity"] = (_TRUE if bot else _FALSE) if mailing.marked else ABSENT
        attributes["Bot Activity Pattern"] = as_text(pattern) if mailing.marked else ABSENT
    if kind in (EMAIL_BOUNCED, EMAIL_BOUNCED_SOFT):
        # Seen: "2" with 2003 of a rejected recipient, "3" with 3001 of a full mailbox.
        hard = kind == EMAIL_BOUNCED
        attributes["Category"] = as_text("2" if hard else "3")
        attributes["Subcategory"] = as_text("2003" if hard else "3001")
    # A row in eleven shows no name.
    name = ABSENT if mailing.number % 11 == 0 else as_text(mailing.name)
    return About(as_number(mailing.email), name, attributes, Flow(campaign, result))
