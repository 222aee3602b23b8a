"""Limits on calls: by day, by 20 seconds and at once (rest-api.md, error-codes.md)."""

from __future__ import annotations

from collections import deque

from tests.sandbox.answers import ApiError
from tests.sandbox.clock import Clock, central_date
from tests.sandbox.options import Options

RATE_CALLS = 100
RATE_SECONDS = 20.0
MOST_AT_ONCE = 10


class Limits:
    """Counts calls against the limits; the owner's lock guards it."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._recent: deque[float] = deque()
        self._days: dict[str, int] = {}
        self.foreign_calls: dict[str, int] = {}
        self.at_once = 0
        self.most_at_once = 0

    def begin(self) -> None:
        """A call has come in."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def end(self) -> None:
        """The answer to a call has been sent."""
        self.at_once -= 1

    def charge(self) -> None:
        """Count the call, then refuse it when it is one too many.

        606, 607 and 615 have no star in error-codes.md, so a refused call counts too.
        """
        now = self._clock.now()
        day = central_date(now)
        while self._recent and self._recent[0] <= now - RATE_SECONDS:
            self._recent.popleft()
        crowded = len(self._recent) >= RATE_CALLS
        spent = self.today() >= self._options.daily_calls
        self._recent.append(now)
        self._days[day] = self._days.get(day, 0) + 1
        if spent:
            raise ApiError("607")
        if self._options.no_rate_limits:
            return
        if self.at_once > MOST_AT_ONCE:
            raise ApiError("615")
        if crowded:
            raise ApiError("606")

    def refund(self) -> None:
        """Take back the last charge: the call failed with a code that is not counted."""
        day = central_date(self._clock.now())
        if self._days.get(day):
            self._days[day] -= 1
        if self._recent:
            self._recent.pop()

    def own_today(self) -> int:
        """Calls of the sandbox's own API user since midnight Central Time."""
        return self.own_on(central_date(self._clock.now()))

    def own_on(self, day: str) -> int:
        """Calls of the sandbox's own API user on a day in Central Time."""
        return self._days.get(day, 0)

    def today(self) -> int:
        """Calls of the whole subscription since midnight Central Time."""
        return self.own_today() + self.foreign_calls.get(central_date(self._clock.now()), 0)

    def add_foreign(self, calls: int) -> None:
        """Calls made today by other API users."""
        day = central_date(self._clock.now())
        self.foreign_calls[day] = self.foreign_calls.get(day, 0) + calls
