"""The activities of the past that tell of nothing else in the account, and those of mails."""

from __future__ import annotations

import random

from tests.sandbox.activities import ActivityTable
from tests.sandbox.activity_types import (
    ABOUT_LEADS,
    ABOUT_MAILS,
    ABOUT_MEMBERS,
    DELETE_LEAD,
)
from tests.sandbox.clock import DAY
from tests.sandbox.leads import FIRST_ID
from tests.sandbox.mails import Mails
from tests.sandbox.options import Options

LEAST = 3
"""Activities of each type that occur by themselves, at least."""


def make_activities(
    options: Options, start: float, table: ActivityTable, mails: Mails, told: int
) -> None:
    """Record as many activities as the account is to have, less those that tell of changes.

    So many of them are told of elsewhere. Deleted leads are beside the number.
    """
    rng = random.Random(f"{options.seed}:activities")
    span = max(int(options.history_days * DAY), 120)
    others = (DELETE_LEAD, *ABOUT_LEADS, *ABOUT_MEMBERS)
    ids = [kind.id for kind in table.types if kind.id not in others]
    count = max(options.activities - told, 0)
    # Some types are far more frequent than others, as in any subscription.
    weights = [1 + 60 // (place + 1) for place in range(len(ids))]
    # And yet each of them occurs, in all but the smallest accounts.
    least = min(LEAST, count // (2 * max(len(ids), 1)))
    for kind in ids * least + rng.choices(ids, weights, k=count - least * len(ids)):
        date = int(start) - rng.randint(0, span)
        late = rng.randint(1, DAY) if rng.random() < options.late_share else 0
        lead = FIRST_ID + rng.randrange(max(options.leads, 1))
        if kind in ABOUT_MAILS:
            mails.record_next(lead, date, late)
        else:
            table.add(kind, lead, date, date + late)
    for number in range(options.deleted_leads):
        date = int(start) - rng.randint(0, min(span, 14 * DAY))
        table.add(DELETE_LEAD, 1 + number, date, date)
