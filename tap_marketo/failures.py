"""Streams that failed or were refused: skipped while the others are read, named at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tap_marketo.errors import (
    AccessDeniedError,
    DataError,
    ExportError,
    FailedStreamsError,
    MarketoError,
    TapError,
    ThrottledError,
    TransientError,
)
from tap_marketo.log import LOGGER, some_of

_PASSING = (TransientError, ThrottledError)
# Marketo is down where this many streams fail in a passing way and no call at all succeeds.
_DOWN = 3
_ROLES = "Admin > Users & Roles"
# More streams of one family are named as that family; of parts of a stream, so many reasons.
_MOST_NAMED = 4
_IN_THE_LOG = DataError("Other reasons, which are in the log above")


@dataclass
class _Failure:
    """What failed for one reason, which has Marketo's code and the first of its requests."""

    reason: str
    remedy: str
    streams: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        remedy = f" {self.remedy}." if self.remedy else ""
        return f"{self.reason}. Not read: {', '.join(self.streams)}.{remedy}"


class Failures:
    """The failed and the refused streams of one run."""

    def __init__(
        self,
        successes: Callable[[], int],
        permissions: Mapping[str, Sequence[str]],
        *,
        tolerates_refusals: bool,
    ) -> None:
        """Start with none.

        ``successes`` returns how many calls Marketo has answered as it should; ``permissions`` are
        what the API user's role needs, by stream.
        """
        self._successes = successes
        self._permissions = permissions
        self._tolerates_refusals = tolerates_refusals
        self._seen = 0
        self._in_a_row = 0
        self._last: TapError | None = None
        self._failed: dict[tuple[str, str], _Failure] = {}
        self._refused: dict[tuple[str, str], _Failure] = {}

    def skip(
        self,
        streams: Sequence[str],
        error: TapError,
        permissions: Sequence[str] = (),
        family: str = "",
        part: str = "",
    ) -> None:
        """Skip streams that failed, and let the others go on.

        Args:
            streams: their names.
            error: why they cannot be read.
            permissions: what the API user's role needs for this reading, beside the permissions
                of the streams.
            family: the name of all of them together, if they have one.
            part: the part of the streams that is skipped; empty if they are skipped whole.

        Raises:
            TapError: the error, if it concerns the whole run: credentials, allowances, the queue,
                a file of the user's, the target; or if it shows that Marketo is down.
        """
        self.tolerate(error)
        self._check_that_marketo_is_up(error)
        named = ", ".join(streams)
        if family and len(streams) > _MOST_NAMED:
            named = f"{family} ({len(streams)} streams)"
        if part:
            named = f"{named} ({part})"
        if isinstance(error, MarketoError) and error.is_refusal:
            remedy = error.remedy
            if isinstance(error, AccessDeniedError):
                remedy = self._permissions_to_grant(streams, permissions) or remedy
            _note(self._refused, named, error, remedy)
            LOGGER.warning(
                "%s: skipped in this run, as Marketo refuses it; other streams continue. %s. %s.",
                named, error.brief, remedy,
            )  # fmt: skip
            return
        _note(self._failed, named, error)
        LOGGER.warning(
            "%s: skipped in this run, as it cannot be read; other streams continue. %s",
            named, error,
        )  # fmt: skip

    def _check_that_marketo_is_up(self, error: TapError) -> None:
        """Raise the error if several in a row would pass, and no call succeeds between them.

        What several streams need is asked for once, and fails once.
        """
        if isinstance(error, _PASSING) and error is not self._last:
            self._last = error
            self._in_a_row = self._in_a_row + 1 if self._successes() == self._seen else 1
            self._seen = self._successes()
            if self._in_a_row >= _DOWN:
                raise error

    def add_parts(self, stream: str, errors: Mapping[str, TapError]) -> None:
        """Note parts of a stream that cannot be read, where others are, each with the reason."""
        by_problem: dict[str, list[str]] = {}
        for part, error in errors.items():
            by_problem.setdefault(_problem(error), []).append(part)
        problems = sorted(by_problem.values(), key=len, reverse=True)
        for parts in problems[:_MOST_NAMED]:
            _note(self._failed, f"{stream} ({some_of(parts)})", errors[parts[0]])
        if others := sum(map(len, problems[_MOST_NAMED:])):
            _note(self._failed, f"{stream} ({others} more)", _IN_THE_LOG)

    def __bool__(self) -> bool:
        """Say whether a stream has failed or was refused."""
        return bool(self._failed or self._refused)

    def tolerate(self, error: TapError) -> None:
        """Go on in spite of an error of something that can be done without.

        Raises:
            TapError: the error, if it concerns the whole run.
        """
        if isinstance(error, MarketoError):
            if error.ends_run:
                raise error
        elif not isinstance(error, (ExportError, DataError)):
            raise error

    def check(self) -> None:
        """End the run with a failure if some streams failed.

        Raises:
            FailedStreamsError: it names all of them, with the reason of each.
        """
        summary = self.summary()
        if summary:
            raise FailedStreamsError(
                f"{summary} All other streams are up to date; the next run tries these again."
            )

    def summary(self) -> str:
        """Return each reason, with the streams that failed for it; empty if none did."""
        failures = [*self._failed.values()]
        if self._tolerates_refusals or not self._refused:
            return " ".join(map(str, failures))
        skip = 'To do without what Marketo refuses, deselect it or set "on_refused": "skip".'
        return " ".join([*map(str, [*failures, *self._refused.values()]), skip])

    def _permissions_to_grant(self, streams: Sequence[str], permissions: Sequence[str]) -> str:
        of_streams = (name for stream in streams for name in self._permissions.get(stream, ()))
        names = [*dict.fromkeys((*of_streams, *permissions))]
        if not names:
            return ""
        noun = "permission" if len(names) == 1 else "permissions"
        return f"Give the API user's role the {noun} {', '.join(names)} ({_ROLES})"


def _note(
    failures: dict[tuple[str, str], _Failure], named: str, error: TapError, remedy: str = ""
) -> None:
    """Add streams to those that failed for the same reason.

    ``named`` is what the message calls them; an empty ``remedy`` means that of the error.
    """
    problem = reason = _problem(error)
    if isinstance(error, MarketoError):
        remedy = remedy or error.remedy
        request_id = f", requestId {error.request_id}" if error.request_id else ""
        reason = f"{problem} ({error.call}{request_id})"
    failure = failures.setdefault((problem, remedy), _Failure(reason, remedy))
    if named not in failure.streams:
        failure.streams.append(named)


def _problem(error: TapError) -> str:
    """Return what is wrong, without the one request that it befell."""
    return error.problem if isinstance(error, MarketoError) else str(error).removesuffix(".")
