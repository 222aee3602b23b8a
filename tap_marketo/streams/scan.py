"""One reading of a list: which of its rows are wanted, and how they are made complete."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tap_marketo.errors import NotFoundError, TapError
from tap_marketo.exports.family import SyncContext
from tap_marketo.failed_parts import FailedParts
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.protocol.marks import PageMark
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import DetailReader
from tap_marketo.streams.stream_read import is_since
from tap_marketo.times import before, parse_utc

LookUp = Callable[[datetime], Iterator[Page]]
"""Asks for the rows that have changed last within the second of a time, UTC."""

# Rows are wanted from this long before the bookmark: a row shows a moment after its date, and the
# clock that dated it and the clock of the scan may differ by minutes.
LOOKBACK = timedelta(minutes=15)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Scan:
    """One reading of a list. All times are UTC.

    Attributes:
        replication_key: None for a list that is emitted in full.
        since: rows that changed from then on are wanted.
        now: when the run began.
        mark: where a stopped scan continues.
        failed: the rows that earlier runs could not complete, with their last changes.
        until: rows that changed from then on are not asked for; None for no such end.
        wants_all: whether all rows are asked for, without a filter.
    """

    stream: str
    keys: tuple[str, ...]
    replication_key: str | None
    since: datetime
    now: datetime
    mark: PageMark
    failed: Mapping[str, datetime] = field(default_factory=dict)
    until: datetime | None = None
    wants_all: bool = False

    @classmethod
    def of(
        cls,
        context: SyncContext,
        stream: str,
        keys: tuple[str, ...],
        replication_key: str | None,
        lookback: timedelta = LOOKBACK,
    ) -> Scan:
        """Return the scan of a stream, from a look-back before its bookmark on."""
        state = context.state
        bookmark = state.bookmark(stream, replication_key) if replication_key else None
        since = before(bookmark, lookback) if bookmark else context.earliest
        mark, failed = state.mark(PageMark, stream), state.failed(stream)
        return cls(stream, keys, replication_key, since, context.now, mark, failed)

    def at(self, time: datetime) -> Scan:
        """Return a scan of the rows that changed within the second of a time."""
        since = time.replace(microsecond=0)
        return replace(self, since=since, until=since + _SECOND)

    @classmethod
    def whole(cls, stream: DeclaredStream, now: datetime) -> Scan:
        """Return a scan of the whole list of a stream, from its first row on: all are wanted."""
        return cls(stream.name, stream.keys, None, now, now, PageMark(), wants_all=True)

    @property
    def token(self) -> str | None:
        """The page token at which a stopped scan continues."""
        return self.mark.next_page_token

    def identity(self, row: Row) -> object:
        """Return what distinguishes a row, as Marketo sends it, from the others."""
        return [row.get(key) for key in self.keys]

    def since_of(self, part: str) -> datetime:
        """Return from which time on rows of a part of the list are wanted, UTC."""
        return min(self.since, self.failed.get(part, self.since))

    def wants(self, row: Row, part: str = "") -> bool:
        """Say whether a row of a part is emitted: it has changed, or cannot be compared."""
        if self.replication_key is None:
            return True
        return is_since(row.get(self.replication_key), self.since_of(part))


class RowCompletion:
    """Completes the rows of one sync, and asks again for those that could not be completed before.

    Such a row has not been emitted. Its name and the time of its last change are in the state.
    """

    def __init__(
        self, scan: Scan, readers: Sequence[DetailReader] = (), look_up: LookUp | None = None
    ) -> None:
        """Complete nothing yet; without a way to look rows up, all of them are in the pages."""
        self.failed = FailedParts(scan.stream, scan.failed)
        self._scan = scan
        self._readers = readers
        self._look_up = look_up
        self._held: dict[str, Row] = {}

    @property
    def calls_again(self) -> int:
        """How many calls it takes to ask again for the rows that could not be completed."""
        calls = len(self._readers) + (2 if self._look_up else 0)
        return len(self._scan.failed) * calls

    def remarks(self) -> list[str]:
        """Return lines about details that could not be looked up."""
        return [line for reader in self._readers for line in reader.summary()]

    def not_held(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows without those that could not be completed before, which are kept for then."""
        if not self._scan.failed:
            return rows
        self._hold(rows)
        return [row for row in rows if self._name(row) not in self._scan.failed]

    def completed(self, rows: Iterable[Row]) -> Generator[None, None, list[Row]]:
        """Return rows with their details, up to where too many in a row cannot be completed.

        It yields after each call.
        """
        if not self._readers:
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
                for page in self._look_up(self._scan.failed[name]):
                    self._hold(page.rows)
                    yield []
            if name in self._held:
                yield self._complete(self._held[name])
            else:
                self.failed.forget(name)

    def _hold(self, rows: Sequence[Row]) -> None:
        self._held.update({n: row for row in rows if (n := self._name(row)) in self._scan.failed})

    def _complete(self, row: Row) -> list[Row]:
        """Return a row with its details; nothing if it has to be asked for again."""
        name, completed = self._name(row), row
        try:
            for reader in self._readers:
                completed = reader(completed)
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
        return "/".join(str(row.get(key)) for key in self._scan.keys)

    def _changed(self, row: Row, error: TapError) -> datetime:
        """Return when a row has changed last.

        Raises:
            TapError: the error, if the row could not be found by that.
        """
        try:
            return parse_utc(str(row.get(self._scan.replication_key or "")))
        except ValueError:
            if self._look_up:
                raise error from None
            return self._scan.now
