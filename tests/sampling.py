"""Which cases of a test `make test` leaves to `make soak`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")


def left_out(cases: Sequence[Case], of_each: int, test: str) -> list[Case]:
    """Return all cases but one of each so many in a row.

    Chance chooses the one, so that no parameter is always the same. The name of the test seeds it,
    so that each run tries the same cases.
    """
    draw = random.Random(test)
    left: list[Case] = []
    for first in range(0, len(cases), of_each):
        some = list(cases[first : first + of_each])
        some.pop(draw.randrange(len(some)))
        left += some
    return left
