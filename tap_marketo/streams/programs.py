"""Which programs there are, what has changed (programs.md), whose members are not exported."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from datetime import datetime

from tap_marketo.errors import NotFoundError, TapError, odd_data
from tap_marketo.failed_parts import FailedParts, concerns_one_part
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize
from tap_marketo.marketo.moving_list import offset_pages
from tap_marketo.marketo.pages import Row, all_rows
from tap_marketo.protocol.position import Parent, Position
from tap_marketo.protocol.state import State
from tap_marketo.streams.member_passes import STREAM, SWEEP
from tap_marketo.streams.stream_read import id_of, is_since, raw_id
from tap_marketo.times import to_marketo

# Up to this many programs are looked up one by one. For more, all programs are listed.
_FEW_PROGRAMS = 10
# A run tries so many again whose members could not be exported, with a job each.
_MOST_AGAIN = 10
PROGRAMS = "/rest/asset/v1/programs.json"


class Programs:
    """The programs of an account, by their ids. Each method yields after each of its calls."""

    def __init__(self, client: MarketoClient) -> None:
        """Ask for nothing yet."""
        self._client = client
        self._all: set[int] | None = None

    def all(self) -> Generator[None, None, set[int]]:
        """Return all programs; they are listed once."""
        if self._all is None:
            found: set[int] = set()
            for page in offset_pages(self._client, PROGRAMS, "programs", {}, raw_id):
                found.update(_ids(page.rows))
                yield
            self._all = found
        return self._all

    def updated(self, since: datetime) -> Generator[None, None, tuple[set[int], set[int]]]:
        """Return the programs created since a time (UTC), and all that were changed since."""
        span = {"earliestUpdatedAt": to_marketo(since)}
        created: set[int] = set()
        updated: set[int] = set()
        for page in offset_pages(self._client, PROGRAMS, "programs", span, raw_id):
            updated.update(_ids(page.rows))
            created.update(_ids(row for row in page.rows if is_since(row.get("createdAt"), since)))
            yield
        return created, updated

    def existing(self, programs: set[int]) -> Generator[None, None, set[int]]:
        """Return which of some programs still exist.

        Raises:
            DataError: Marketo returned another program than the one asked for.
        """
        if len(programs) > _FEW_PROGRAMS or self._all is not None:
            return programs & (yield from self.all())
        found: set[int] = set()
        for number in sorted(programs):
            path = f"/rest/asset/v1/program/{number}.json"
            ids: list[int] = []
            try:
                ids = _ids(all_rows(self._client, path, "program"))
            except TapError as error:
                # Marketo may answer with an error for one program, and that for ever.
                if not (isinstance(error, NotFoundError) or concerns_one_part(error)):
                    raise
            if not ids:
                # Its changes are not asked for again, so that one answer is not enough.
                return programs & (yield from self.all())
            if any(other != number for other in ids):
                raise odd_data(
                    f"GET {path}: Marketo returned another program than the one asked for"
                )
            found.update(ids)
            yield
        return found


def expected_programs(
    programs: ListSize[int], known: Collection[int], reached: Parent | None
) -> set[int]:
    """Return ids that stand for all programs: those that are known, and made up ones behind them.

    As many as are left follow the last one that stopped runs have reached.
    """
    behind = reached.id if reached else 0
    left = programs.about(lambda number: number > behind)
    others = left - sum(number > behind for number in known)
    first = max(known, default=behind) + 1
    return {*known, *range(first, first + others)}


def _ids(rows: Iterable[Row]) -> list[int]:
    return [id_of(row, "program") for row in rows]


class FailedPrograms:
    """The programs whose members Marketo does not export, while it exports those of others.

    Attributes:
        parts: they, as parts of the stream.
    """

    def __init__(self, state: State) -> None:
        """Begin with what earlier runs have left.

        Where the state has the mark of a pass, it has the programs that failed in it as well, so
        that an older version does not go on behind them either.
        """
        before = {name: state.failed(name, Parent.read) for name in (STREAM, SWEEP)}
        self._names = {name: {*failed} for name, failed in before.items()}
        self.parts = FailedParts(
            STREAM, {part: since for failed in before.values() for part, since in failed.items()}
        )

    @property
    def again(self) -> list[int]:
        """The ids of those that a run tries again."""
        return self.ids[:_MOST_AGAIN]

    @property
    def ids(self) -> list[int]:
        """Their ids, in the order in which they are asked for again."""
        return [Parent.read(part).id for part in self.parts.remembered]

    def as_position(self) -> Position:
        """Return a position with nothing but them."""
        known = self.parts.remembered
        return Position(
            failed={
                name: {part: since for part, since in known.items() if part in own}
                for name, own in self._names.items()
            }
        )

    def keep_only(self, existing: Collection[int]) -> None:
        """Forget those that are gone."""
        for number in set(self.ids).difference(existing):
            self.parts.forget(_part(number))

    def add(self, number: int, since: datetime, error: TapError, marked_as: str | None) -> None:
        """Remember one, as ``FailedParts`` does, and where the state has the mark of its pass.

        That is None for one that is remembered already.
        """
        self.parts.add(_part(number), since, error)
        if marked_as:
            self._names[marked_as].add(_part(number))

    def have_read(self, programs: Collection[int]) -> None:
        """Forget programs whose members have been read, all of them."""
        for number in programs:
            self.parts.has_read(_part(number))
            for own in self._names.values():
                own.discard(_part(number))


def _part(number: int) -> str:
    return str(Parent("Program", number))
