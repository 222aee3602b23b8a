"""Streams that failed for good: set aside while the others are read, and named at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tap_marketo.errors import (
    CredentialsError,
    DataError,
    ExportError,
    FailedStreamsError,
    MarketoError,
    QueueFullError,
    QuotaError,
    TapError,
    ThrottledError,
    TokenRejectedError,
    TransientError,
)
from tap_marketo.log import LOGGER

_OF_A_STREAM = (MarketoError, ExportError, DataError)
_OF_THE_RUN = (CredentialsError, TokenRejectedError, QuotaError, QueueFullError)
_PASSING = (TransientError, ThrottledError)
# So many streams that fail in a passing way, while no call at all succeeds: Marketo is down.
_DOWN = 3


class Failures:
    """The failed streams of one run."""

    def __init__(self, successes: Callable[[], int]) -> None:
        """Start with none.

        Args:
            successes: tells how many calls Marketo has answered as it should.
        """
        self._successes = successes
        self._seen = 0
        self._in_a_row = 0
        self._failed: list[tuple[Sequence[str], TapError]] = []

    def set_aside(self, streams: Sequence[str], error: TapError) -> None:
        """Remember that streams failed, so that the others can go on.

        Raises:
            TapError: the error, if it concerns the whole run: credentials, allowances, the queue,
                a file of the user's, the target; or if it shows that Marketo is down.
        """
        self.tolerate(error)
        if isinstance(error, _PASSING):
            self._in_a_row = self._in_a_row + 1 if self._successes() == self._seen else 1
            self._seen = self._successes()
            if self._in_a_row >= _DOWN:
                raise error
        self._failed.append((streams, error))
        LOGGER.warning(
            "%s cannot be read and is set aside; the other streams go on. %s",
            _some(streams), error,
        )  # fmt: skip

    def tolerate(self, error: TapError) -> None:
        """Go on in spite of an error of something that can be done without.

        Raises:
            TapError: the error, if it concerns the whole run.
        """
        if not isinstance(error, _OF_A_STREAM) or isinstance(error, _OF_THE_RUN):
            raise error

    def check(self) -> None:
        """End the run with a failure if some streams failed.

        Raises:
            FailedStreamsError: it names all of them, with the reason of each.
        """
        if self._failed:
            reasons = "; ".join(f"{', '.join(names)} ({why})" for names, why in self._failed)
            raise FailedStreamsError(
                f"Not everything could be read: {reasons}. All other streams are up to date; the "
                "next run tries these again."
            )


def _some(streams: Sequence[str]) -> str:
    return streams[0] if len(streams) == 1 else f"{streams[0]} and {len(streams) - 1} more"
