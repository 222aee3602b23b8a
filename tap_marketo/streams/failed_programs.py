"""Programs whose members Marketo does not export, while it exports those of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from tap_marketo.errors import TapError
from tap_marketo.failed_parts import FailedParts
from tap_marketo.protocol.position import Parent, Position
from tap_marketo.protocol.state import State

# A run tries so many again, with a job each.
_MOST_AGAIN = 10


class FailedPrograms:
    """The programs whose members cannot be exported.

    Attributes:
        parts: they, as parts of the stream.
    """

    def __init__(self, state: State, stream: str, marked_as: Sequence[str]) -> None:
        """Begin with what earlier runs have left.

        Args:
            state: of the run.
            stream: the stream of the members.
            marked_as: where the state has the marks of the passes. Each has the programs that
                failed in it, so that an older version does not go on behind them either.
        """
        before = {name: state.failed(name, Parent.read) for name in marked_as}
        self._names = {name: {*failed} for name, failed in before.items()}
        self.parts = FailedParts(
            stream, {part: since for failed in before.values() for part, since in failed.items()}
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
        """Remember one, as ``FailedParts`` does.

        Args:
            number: its id.
            since: from which time on its members are not known, UTC.
            error: why.
            marked_as: where the state has the mark of the pass in which it failed; None for one
                that is remembered already.
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
