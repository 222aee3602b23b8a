"""Streams that take a call for each parent, and resume at the parent that they had reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tap_marketo.errors import NotFoundError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import Page
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import ChildMark, Parent, Position
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import NotFoundGuard
from tap_marketo.streams.estimate import IN_FULL, ReadEstimate
from tap_marketo.streams.stream_read import Steps, StreamRead
from tap_marketo.times import to_marketo


@dataclass(frozen=True)
class Children:
    """How a declared stream is read parent by parent: the ``read`` of its declaration.

    Attributes:
        parents: yields all parents, some at a time.
        fetch: asks for the pages of one parent's rows.
        size: asks how many parents there are.
        calls: what one parent takes.
        guess: what that is based on; empty where it is certain.
        at_intervals: whether the stream is read at most once in child_refresh_hours, which is for
            parents that are many.
    """

    parents: Callable[[Account], Iterator[Sequence[Parent]]]
    fetch: Callable[[MarketoClient, Parent], Iterator[Page]]
    size: Callable[[ListSizes], ListSize[Parent]]
    calls: int = 1
    guess: str = ""
    at_intervals: bool = True

    def __call__(
        self, entry: CatalogEntry, stream: DeclaredStream, account: Account, context: SyncContext
    ) -> ChildRead:
        """Prepare one sync of a stream."""
        return ChildRead(entry, stream, self, account, context)


class ChildRead(StreamRead):
    """One sync of a stream that is read parent by parent."""

    def __init__(
        self,
        entry: CatalogEntry,
        stream: DeclaredStream,
        children: Children,
        account: Account,
        context: SyncContext,
    ) -> None:
        """Prepare to read.

        Raises:
            CatalogError: the entry has no key column.
        """
        super().__init__(entry, stream.keys, stream.replication_key)
        self._children = children
        self._account = account
        self._now = context.now
        hours = context.config.child_refresh_hours if children.at_intervals else 0
        self._interval = timedelta(hours=hours)
        self._mark = context.state.mark(ChildMark, entry.stream)

    def steps(self, emitter: Emitter, now: Callable[[], datetime]) -> Steps:
        mark = self._mark
        if mark.parent is None and self._is_fresh(mark.refreshed):
            return
        self._announce(emitter)
        began = (mark.parent and mark.scan_started) or self._now
        parents: set[Parent] = set()
        for some in self._children.parents(self._account):
            parents.update(parent for parent in some if not mark.parent or parent > mark.parent)
            yield None
        LOGGER.info(
            "%s: reading %s, a call each%s.", self.stream, counted(len(parents), "parent"),
            f", behind {mark.parent}" if mark.parent else "",
        )  # fmt: skip
        guard = NotFoundGuard(len(parents))
        self.parents = len(parents)
        for parent in sorted(parents):
            for page in self._pages(parent, guard):
                self._emit(page.rows, emitter, now())
                yield None
            # Those before the first answer may be missing for another reason than that they went.
            if guard.has_answered:
                self._move_to(
                    emitter, ChildMark(parent=parent, scan_started=began, refreshed=mark.refreshed)
                )
            self.parents_read += 1
            yield None
        self._move_to(emitter, ChildMark(refreshed=began))

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        mark = self._mark
        if mark.parent is None and mark.refreshed and not self._is_due(mark.refreshed):
            due = to_marketo(mark.refreshed + self._interval)
            return ReadEstimate(how=f"not before {due} (child_refresh_hours)")
        children, size = self._children, self._children.size(sizes)
        left = size.about(lambda parent: not mark.parent or parent > mark.parent)
        behind = f", behind {mark.parent}, which a stopped run has reached" if mark.parent else ""
        how = f"{IN_FULL}, parent by parent{behind}"
        calls = Calls(size.calls + left * children.calls)
        return ReadEstimate(how=how, calls=calls, guess=children.guess)

    def _is_due(self, refreshed: datetime) -> bool:
        return self._now - refreshed >= self._interval

    def _is_fresh(self, refreshed: datetime | None) -> bool:
        """Say whether it was read not long ago, and log so."""
        if refreshed is None or self._is_due(refreshed):
            return False
        LOGGER.info(
            "%s was read at %s, and is read again %g hours later (child_refresh_hours).",
            self.stream, refreshed.isoformat(), self._interval / timedelta(hours=1),
        )  # fmt: skip
        return True

    def _pages(self, parent: Parent, guard: NotFoundGuard) -> Iterator[Page]:
        """Read the rows of a parent; a parent that is gone by now is skipped."""
        try:
            for page in self._children.fetch(self._account.client, parent):
                guard.answered()
                yield page
        except NotFoundError as error:
            guard.skip(error)

    def _move_to(self, emitter: Emitter, mark: ChildMark) -> None:
        emitter.move_to(Position(marks={self.stream: mark}))
