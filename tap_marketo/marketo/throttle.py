"""Our own pace and the day's budget of calls, both kept below what Marketo would refuse."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from tap_marketo.clock import Clock
from tap_marketo.errors import CallQuotaError
from tap_marketo.times import next_allowance_reset, to_marketo

# marketo-integration-best-practices.md: calls are counted over 20 seconds.
PERIOD_SECONDS = 20.0


class Pace:
    """Keeps the calls of any 20 seconds at or below a number."""

    def __init__(self, max_calls: int, clock: Clock) -> None:
        """Start with no call made."""
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=max_calls)

    def wait(self) -> None:
        """Wait until one more call is allowed, and count it."""
        if len(self._sent) == self._sent.maxlen:
            early = self._sent[0] + PERIOD_SECONDS - self._clock.monotonic()
            if early > 0:
                self._clock.sleep(early)
        self._sent.append(self._clock.monotonic())


class CallBudget:
    """The subscription's calls of today, as Marketo counts them, plus our own since then."""

    CHECK_EVERY = 250

    def __init__(self, max_daily_calls: int) -> None:
        """Start without knowing today's total; stop at ``max_daily_calls``."""
        self.allowed = max_daily_calls
        self._reported: int | None = None
        self._since = 0

    @property
    def used(self) -> int:
        """Calls made today by the whole subscription, as far as known."""
        return (self._reported or 0) + self._since

    @property
    def is_spent(self) -> bool:
        """Whether the total at which to stop is known to be reached."""
        return self._reported is not None and self.used >= self.allowed

    @property
    def check_is_due(self) -> bool:
        """Whether Marketo's own count has to be read before the next call."""
        return self._reported is None or self._since >= self.CHECK_EVERY

    def learn(self, total: int) -> None:
        """Take over Marketo's count of today's calls."""
        self._reported = total
        self._since = 0

    def spend(self, call: str, now: datetime) -> None:
        """Count one call.

        Raises:
            CallQuotaError: the day's total has reached max_daily_calls.
        """
        if self.is_spent:
            raise CallQuotaError(
                call,
                f"{self.used:,} calls have been made today by the whole subscription, of the "
                f"{self.allowed:,} that max_daily_calls allows. The count resets at "
                f"{to_marketo(next_allowance_reset(now))}",
            )
        self._since += 1
