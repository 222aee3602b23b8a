"""When a call may be made, and made again: our pace, the day's budget of calls, and retries."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import backoff

from tap_marketo.clock import Clock
from tap_marketo.errors import (
    CallQuotaError,
    MarketoError,
    NotReachedError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnreachableError,
)
from tap_marketo.log import LOGGER
from tap_marketo.times import next_allowance_reset, to_marketo

T = TypeVar("T")

# marketo-integration-best-practices.md: calls are counted over 20 seconds.
PERIOD_SECONDS = 20.0
# How often a call is made, and the longest wait between two tries in seconds: they grow from 1 s,
# with full jitter. 606 is over when 20 s have passed, 615 when another call ends (error-codes.md);
# others may keep the limits busy for longer.
_RETRIES: Mapping[type[MarketoError], tuple[int, float]] = {
    TransientError: (8, 60.0),
    ThrottledError: (40, 20.0),
    TokenRejectedError: (4, 60.0),
}
# A host that was never reached is most likely misspelt: a minute of tries would help nobody.
_FIRST_CONNECTION_TRIES = 3


class Pace:
    """Keeps the calls of any 20 seconds at or below a number."""

    def __init__(self, max_calls: int, clock: Clock) -> None:
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


class Retries:
    """Makes calls until they work, or it is clear that they will not."""

    def __init__(
        self,
        clock: Clock,
        forget_token: Callable[[], None],
        *,
        tries: int | None,
        wait_scale: float,
    ) -> None:
        """Remember how.

        ``tries`` is how often a call is made at most that fails in a way that passes, None for the
        usual number; all waits are multiplied by ``wait_scale``.
        """
        self._clock = clock
        self._forget_token = forget_token
        self._tries = tries or _RETRIES[TransientError][0]
        self._wait_scale = wait_scale

    def until_answered(self, attempt: Callable[[], T]) -> T:
        """Make a call, and make it again if it fails in a way that passes.

        Raises:
            MarketoError: what came of the last try.
        """
        failures: Counter[type[MarketoError]] = Counter()
        while True:
            try:
                return attempt()
            except (TransientError, ThrottledError, TokenRejectedError) as error:
                kind = next(kind for kind in _RETRIES if isinstance(error, kind))
                most, longest = _RETRIES[kind]
                failures[kind] += 1
                if failures[kind] >= (self._tries if kind is TransientError else most):
                    raise
                wait = min(2.0 ** (failures[kind] - 1), longest) * self._wait_scale
                seconds = backoff.full_jitter(wait)
                if kind is TokenRejectedError:
                    LOGGER.info("Marketo no longer takes the access token; fetching a new one.")
                    self._forget_token()
                else:
                    LOGGER.warning(
                        "%s. Trying again (try %d, next in %.1f s).",
                        error.brief, failures[kind], seconds,
                    )  # fmt: skip
                self._clock.sleep(seconds)

    def until_reached(self, attempt: Callable[[], None], setting: str) -> None:
        """Make one of a run's first calls, to a host that a setting names.

        Raises:
            NotReachedError: no connection can be made; it names the setting.
            MarketoError: what else came of the last try.
        """
        tries = 0

        def count_refusals() -> None:
            nonlocal tries
            try:
                attempt()
            except UnreachableError as error:
                tries += 1
                if tries < min(_FIRST_CONNECTION_TRIES, self._tries):
                    raise
                raise NotReachedError(
                    error.call,
                    f"{error.reason}, {tries} times",
                    remedy=f"Check the {setting} setting (Admin > Web Services), this machine's "
                    "network, its proxy (https_proxy) and its firewall",
                ) from None

        self.until_answered(count_refusals)
