"""Streams that failed or were refused: set aside while the others are read, named at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tap_marketo.errors import (
    AccessDeniedError,
    CredentialsError,
    DataError,
    ExportError,
    FailedStreamsError,
    FeatureUnavailableError,
    FilterUnavailableError,
    MarketoError,
    NotFoundError,
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
# error-codes.md: 603, 610 and HTTP 404, 616 and 1018, and 1035 where there is no other way.
_REFUSALS = (
    AccessDeniedError,
    NotFoundError,
    FeatureUnavailableError,
    FilterUnavailableError,
)
_PASSING = (TransientError, ThrottledError)
# So many streams that fail in a passing way, while no call at all succeeds: Marketo is down.
_DOWN = 3


class Failures:
    """The failed and the refused streams of one run."""

    def __init__(
        self,
        successes: Callable[[], int],
        permissions: Mapping[str, str],
        *,
        tolerates_refusals: bool,
    ) -> None:
        """Start with none.

        Args:
            successes: tells how many calls Marketo has answered as it should.
            permissions: what the API user's role needs, by stream.
            tolerates_refusals: whether a run that Marketo refuses streams is no failure.
        """
        self._successes = successes
        self._permissions = permissions
        self._tolerates_refusals = tolerates_refusals
        self._seen = 0
        self._in_a_row = 0
        self._failed: list[str] = []
        self._refused: list[str] = []

    def set_aside(
        self, streams: Sequence[str], error: TapError, permissions: Sequence[str] = ()
    ) -> None:
        """Remember that streams failed, so that the others can go on.

        Args:
            streams: which.
            error: why.
            permissions: what the API user's role needs for this reading beside those of the
                streams.

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
        if isinstance(error, _REFUSALS):
            needed = self._needed(streams, permissions)
            self._refused.append(f"{', '.join(streams)} ({error}{needed})")
            LOGGER.warning(
                "%s is refused by Marketo and is set aside; the other streams go on. %s%s",
                _some(streams), error, needed,
            )  # fmt: skip
            return
        self._failed.append(f"{', '.join(streams)} ({error})")
        LOGGER.warning(
            "%s cannot be read and is set aside; the other streams go on. %s",
            _some(streams), error,
        )  # fmt: skip

    def __bool__(self) -> bool:
        """Say whether a stream has failed or was refused."""
        return bool(self._failed or self._refused)

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
        said = self.told()
        if said:
            raise FailedStreamsError(
                f"{said} All other streams are up to date; the next run tries these again."
            )

    def told(self) -> str:
        """Name all streams that failed, with the reason of each; empty if none did."""
        said: list[str] = []
        if self._failed:
            said.append(f"Not everything could be read: {'; '.join(self._failed)}.")
        if self._refused and not self._tolerates_refusals:
            said.append(
                f"Marketo refuses: {'; '.join(self._refused)}. To do without them, deselect them "
                'or set "on_refused": "skip".'
            )
        return " ".join(said)

    def _needed(self, streams: Sequence[str], permissions: Sequence[str]) -> str:
        of_streams = {self._permissions.get(stream, "") for stream in streams}
        names = sorted({*of_streams, *permissions} - {""})
        return f". The permission needed is {' and '.join(names)}" if names else ""


def _some(streams: Sequence[str]) -> str:
    return streams[0] if len(streams) == 1 else f"{streams[0]} and {len(streams) - 1} more"
