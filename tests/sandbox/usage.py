"""Calls and errors of each day (usage.md)."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

from tests.sandbox.clock import Clock, central_date
from tests.sandbox.limits import Limits

USAGE_CALLS = ("usage", "usage_week", "errors", "errors_week")
OTHER_USER = "another.user@example.com"
DAYS = 7
"""Days of the weekly calls, today among them: usage.md leaves open whether it is."""


class Usage:
    """The figures of the sandbox's own days, and invented ones for the days before its start."""

    def __init__(self, seed: int, clock: Clock, limits: Limits, user: str) -> None:
        self._seed = seed
        self._clock = clock
        self._limits = limits
        self._user = user
        self._started = central_date(clock.now())
        self._errors: dict[str, Counter[str]] = {}

    def note(self, code: str | None) -> None:
        """A call of the day was answered, with this error or none."""
        if code is not None:
            day = central_date(self._clock.now())
            self._errors.setdefault(day, Counter())[code] += 1

    def answer(self, kind: str) -> list[dict[str, Any]]:
        """The result of one of the four calls; the oldest day comes first."""
        show = self._errors_on if kind.startswith("errors") else self._calls_on
        today = date.fromisoformat(central_date(self._clock.now()))
        days = range(DAYS - 1, -1, -1) if kind.endswith("week") else range(1)
        return [show((today - timedelta(days=back)).isoformat()) for back in days]

    def _calls_on(self, day: str) -> dict[str, Any]:
        if day < self._started:
            rng = random.Random(f"{self._seed}:usage:{day}")
            own, foreign = rng.randint(0, 900), rng.choice((0, 0, rng.randint(1, 9000)))
        else:
            own, foreign = self._limits.own_on(day), self._limits.foreign_calls.get(day, 0)
        users = [{"userId": self._user, "count": own}]
        if foreign:
            users.append({"userId": OTHER_USER, "count": foreign})
        return {"date": day, "total": own + foreign, "users": users}

    def _errors_on(self, day: str) -> dict[str, Any]:
        counted = self._errors.get(day, Counter())
        if day < self._started:
            rng = random.Random(f"{self._seed}:errors:{day}")
            codes = rng.sample(("604", "606", "609", "610", "1029"), rng.randint(0, 3))
            counted = Counter({code: rng.randint(1, 60) for code in codes})
        errors = [{"errorCode": code, "count": counted[code]} for code in sorted(counted)]
        return {"date": day, "total": sum(counted.values()), "errors": errors}
