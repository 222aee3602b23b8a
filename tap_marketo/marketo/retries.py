"""Calls that are made again: how often, after how long, and which failures are worth it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeVar

import backoff

from tap_marketo.clock import Clock
from tap_marketo.errors import (
    MarketoError,
    NotReachedError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
    UnreachableError,
)
from tap_marketo.log import LOGGER

T = TypeVar("T")

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

        Args:
            clock: waits.
            forget_token: drops an access token that Marketo no longer takes.
            tries: how often a call is made at most that fails in a way that passes; None for the
                usual number.
            wait_scale: what all waits are multiplied by.
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
                self._wait_after(error, failures[kind], backoff.full_jitter(wait))

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

    def _wait_after(self, error: MarketoError, tries: int, seconds: float) -> None:
        if isinstance(error, TokenRejectedError):
            LOGGER.info("Marketo no longer takes the access token; fetching a new one.")
            self._forget_token()
        else:
            LOGGER.warning(
                "%s. Trying again (try %d, next in %.1f s).", error.brief, tries, seconds
            )
        self._clock.sleep(seconds)
