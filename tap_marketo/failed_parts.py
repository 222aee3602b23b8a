"""Parts of a stream that cannot be read while all others are: remembered, and asked for again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from tap_marketo.errors import (
    DataError,
    ExportError,
    FailedExportError,
    FieldNotFoundError,
    MarketoError,
    NotReachedError,
    TapError,
    ThrottledError,
    UnreachableError,
)
from tap_marketo.log import LOGGER

# A stream fails where this many parts in a row cannot be read, and nothing between them was.
MOST_IN_A_ROW = 5
# A stream remembers no more.
MOST_REMEMBERED = 100

# What the parts of a stream have in common: the way to Marketo, the pace, the fields asked for.
_OF_ALL = (NotReachedError, UnreachableError, ThrottledError, FieldNotFoundError)
_NOT_ASKED = ExportError("Could not be read in an earlier run, and is asked for again in the next")


class FailedParts:
    """The parts of one stream that cannot be read, such as a folder whose tokens are asked for.

    Attributes:
        remembered: each, with the time (UTC) from which on it has not been read; in the order in
            which they are asked for again.
    """

    def __init__(self, stream: str, remembered: Mapping[str, datetime]) -> None:
        """Begin with what earlier runs have left."""
        self.remembered = dict(remembered)
        self._stream = stream
        self._before = [*remembered]
        self._errors: dict[str, TapError] = {}
        self._last_error: TapError = _NOT_ASKED
        self._in_a_row = self._again_in_a_row = 0

    @property
    def errors(self) -> dict[str, TapError]:
        """Why each of them cannot be read."""
        return {part: self._errors.get(part, _NOT_ASKED) for part in self.remembered}

    @property
    def is_over(self) -> bool:
        """Whether too many in a row cannot be read."""
        return self._in_a_row >= MOST_IN_A_ROW

    def again(self) -> Iterator[str]:
        """Yield those that earlier runs have left, until too many in a row fail again."""
        for part in self._before:
            if self._again_in_a_row >= MOST_IN_A_ROW:
                return
            if part in self.remembered:
                yield part

    def add(self, part: str, since: datetime, error: TapError) -> None:
        """Remember a part that has not been read from a time (UTC) on, and cannot be read.

        Raises:
            TapError: the error, if others would meet it as well, or if too many are remembered.
        """
        is_new = part not in self.remembered
        if not concerns_one_part(error) or (is_new and len(self.remembered) >= MOST_REMEMBERED):
            raise error
        # Who failed last is asked for last.
        self.remembered[part] = self.remembered.pop(part, since)
        self._errors[part] = self._last_error = error
        if part in self._before:
            self._again_in_a_row += 1
        else:
            self._in_a_row += 1
        LOGGER.warning("%s: %s cannot be read, others are. %s", self._stream, part, error)

    def has_failed(self, part: str) -> bool:
        """Say whether a part could not be read in this run."""
        return part in self._errors

    def check(self) -> None:
        """Give the stream up where too many of its parts in a row cannot be read.

        Raises:
            TapError: why the last of them cannot be read.
        """
        if self.is_over:
            raise self._last_error

    def has_read(self, part: str) -> None:
        """Forget a part, as it has been read."""
        self.note_success()
        self.forget(part)

    def note_success(self) -> None:
        """Note that something of the stream has been read."""
        self._in_a_row = self._again_in_a_row = 0

    def forget(self, part: str) -> None:
        """Forget a part, as Marketo no longer has it."""
        self.remembered.pop(part, None)


def concerns_one_part(error: TapError) -> bool:
    """Say whether an error of a call about one part need not befall the others."""
    if isinstance(error, MarketoError):
        return not (error.ends_run or error.is_refusal or isinstance(error, _OF_ALL))
    return isinstance(error, (FailedExportError, DataError))
