"""Rows of pages made complete: their details, and those rows of which the call for these fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime

from tap_marketo.errors import NotFoundError, TapError
from tap_marketo.failed_parts import FailedParts
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.streams.details import RowDetails
from tap_marketo.times import parse_utc

LookUp = Callable[[datetime], Iterator[Page]]
"""Asks for the rows that have changed last within the second of a time, UTC."""


class RowCompletion:
    """Completes the rows of one sync, and asks again for those that could not be completed before.

    Such a row has not been emitted. Its name and the time of its last change are in the state.

    Attributes:
        failed: the rows that cannot be completed.
    """

    def __init__(
        self,
        details: RowDetails | None,
        keys: Sequence[str],
        replication_key: str | None,
        failed: FailedParts,
        look_up: LookUp | None,
        now: datetime,
    ) -> None:
        """Complete nothing yet.

        Args:
            details: adds the details to a row; None where there are none.
            keys: the key columns, which name a row.
            replication_key: the column that says when a row has changed last.
            failed: what earlier runs have left.
            look_up: finds a row by its last change; None where all rows are in the pages.
            now: when the run began, UTC.
        """
        self._details = details if details and details.selected else None
        self._keys = keys
        self._replication_key = replication_key
        self.failed = failed
        self._before = dict(failed.remembered)
        self._look_up = look_up
        self._now = now
        self._held: dict[str, Row] = {}

    @property
    def calls_again(self) -> int:
        """How many calls it takes to ask again for the rows that could not be completed."""
        details = len(self._details.selected) if self._details else 0
        calls = details + (2 if self._look_up else 0)
        return len(self._before) * calls

    def remarks(self) -> list[str]:
        """Return lines about details that could not be looked up."""
        return self._details.summary() if self._details else []

    def not_held(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows without those that could not be completed before, which are kept for then."""
        if not self._before:
            return rows
        self._hold(rows)
        return [row for row in rows if self._name(row) not in self._before]

    def completed(self, rows: Iterable[Row]) -> Generator[None, None, list[Row]]:
        """Return rows with their details, up to where too many in a row cannot be completed.

        It yields after each call.
        """
        if not self._details:
            return list(rows)
        completed = []
        for row in rows:
            completed += self._complete(row)
            yield None
            if self.failed.is_over:
                break
        return completed

    def again(self) -> Iterator[list[Row]]:
        """Ask for the rows that could not be completed before; yield what there is after a call."""
        for name in self.failed.again():
            if self.failed.has_failed(name):
                # It is no row but a part of the list, which has been asked for.
                continue
            if name not in self._held and self._look_up:
                for page in self._look_up(self._before[name]):
                    self._hold(page.rows)
                    yield []
            if name in self._held:
                yield self._complete(self._held[name])
            else:
                self.failed.forget(name)

    def _hold(self, rows: Sequence[Row]) -> None:
        self._held.update({n: row for row in rows if (n := self._name(row)) in self._before})

    def _complete(self, row: Row) -> list[Row]:
        """Return a row with its details; nothing if it has to be asked for again."""
        name = self._name(row)
        try:
            completed = self._details(row) if self._details else row
        except NotFoundError:
            # Marketo has answered for none of several.
            raise
        except TapError as error:
            # It is found by its last change.
            self.failed.forget(name)
            self.failed.add(name, self._changed(row, error), error)
            return []
        self.failed.has_read(name)
        return [completed]

    def _name(self, row: Row) -> str:
        return "/".join(str(row.get(key)) for key in self._keys)

    def _changed(self, row: Row, error: TapError) -> datetime:
        """Return when a row has changed last.

        Raises:
            TapError: the error, if the row could not be found by that.
        """
        try:
            return parse_utc(str(row.get(self._replication_key or "")))
        except ValueError:
            if self._look_up:
                raise error from None
            return self._now
