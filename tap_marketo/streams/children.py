"""Streams that take a call for each parent, and resume at the parent that they had reached."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tap_marketo.errors import NotFoundError, TapError
from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.failed_parts import FailedParts
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.list_sizes import ListSize, ListSizes
from tap_marketo.marketo.pages import Page, Row
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.marks import ChildMark
from tap_marketo.protocol.position import Parent
from tap_marketo.streams.account import Account
from tap_marketo.streams.definition import DeclaredStream
from tap_marketo.streams.details import NotFoundGuard
from tap_marketo.streams.stream_read import IN_FULL, ReadEstimate, Steps, StreamRead, log_not_due
from tap_marketo.times import to_marketo


@dataclass(frozen=True)
class Children:
    """How a declared stream is read parent by parent: the ``read`` of its declaration.

    Parents are listed all at once, or group by group where one of these may fail; the group is the
    part of a page then.

    Attributes:
        calls: what one parent takes.
        guess: what that is based on; empty where it is certain.
        at_intervals: whether the stream is read at most once in child_refresh_hours, which is for
            parents that are many.
    """

    parents: Callable[[MarketoClient], Iterator[Page]]
    parent_of: Callable[[Row], Parent]
    fetch: Callable[[MarketoClient, Parent], Iterator[Page]]
    size: Callable[[ListSizes], ListSize[Row]]
    calls: int = 1
    guess: str = ""
    at_intervals: bool = True
    groups: Sequence[str] = ()
    in_group: Callable[[MarketoClient, str], Iterator[Page]] = lambda client, group: iter(())

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
        self._client = account.client
        self._now = context.now
        hours = context.config.child_refresh_hours if children.at_intervals else 0
        self._interval = timedelta(hours=hours)
        self._mark = context.state.mark(ChildMark, entry.stream)
        self._have_been_read: set[Parent] = set()
        failed = context.state.failed(entry.stream, self._read_part)
        self.failed = FailedParts(entry.stream, failed)

    def steps(self, emitter: Emitter) -> Steps:
        due = self._due
        if due:
            log_not_due(self.stream, due - self._interval, self._interval)
            if not self.failed.remembered:
                return
        self._announce(emitter)
        if not due:
            yield from self._read_all(emitter)
        yield from self._read_failed(emitter)

    def _read_all(self, emitter: Emitter) -> Steps:
        """Read all parents, but for those that earlier runs could not read."""
        mark = self._mark
        began = (mark.parent and mark.scan_started) or self._now
        found: set[Parent] = set()
        for page in self._children.parents(self._client):
            found.update(map(self._children.parent_of, page.rows))
            if page.error:
                self.failed.add(page.part, began, page.error)
            yield None
        remembered = self.failed.remembered
        failed = {Parent.read(part) for part in remembered if part not in self._children.groups}
        # Who is not listed is gone, unless it is in a group that is not.
        if len(failed) == len(remembered):
            for parent in failed - found:
                self.failed.forget(str(parent))
        parents = {each for each in found - failed if not mark.parent or each > mark.parent}
        LOGGER.info(
            "%s: reading %s, a call each%s.", self.stream, counted(len(parents), "parent"),
            f", behind {mark.parent}" if mark.parent else "",
        )  # fmt: skip
        yield from self._read_each(parents, replace(mark, scan_started=began), emitter)
        self._move_to(emitter, ChildMark(refreshed=began))

    def _read_failed(self, emitter: Emitter) -> Steps:
        """Read the parents that earlier runs could not read."""
        for part in self.failed.again():
            LOGGER.info("%s: reading %s, which could not be read before.", self.stream, part)
            is_group = part in self._children.groups
            try:
                if is_group:
                    yield from self._read_group(part, emitter)
                else:
                    yield from self._read(Parent.read(part), NotFoundGuard(), emitter)
            except NotFoundError:
                if is_group:
                    # A group is never gone: nothing of it is found, for one reason or another.
                    raise
                self.failed.forget(part)
            except TapError as error:
                self.failed.add(part, self._now, error)
            self._move_to(emitter)
            yield None

    def _read_group(self, group: str, emitter: Emitter) -> Steps:
        """Read all parents of a group that earlier runs could not list.

        A stopped run may have gone on behind some of them, so that none of them counts as read but
        those of this run.
        """
        found: set[Parent] = set()
        for page in self._children.in_group(self._client, group):
            found.update(map(self._children.parent_of, page.rows))
            yield None
        yield from self._read_each(found - self._have_been_read, None, emitter)
        self.failed.has_read(group)

    def _read_part(self, text: str) -> object:
        """Read a part as the state names it.

        Raises:
            ValueError: it is none.
        """
        return text if text in self._children.groups else Parent.read(text)

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        mark, children, failed = self._mark, self._children, self.failed.remembered
        if due := self._due:
            how = f"not before {to_marketo(due)} (child_refresh_hours)"
            if not failed:
                return ReadEstimate(how=how)
            how = f"{counted(len(failed), 'parent')} that could not be read; the others {how}"
            calls = Calls(len(failed) * children.calls)
            return ReadEstimate(how=how, calls=calls, guess=children.guess)
        size = children.size(sizes)
        left = size.of(children.parent_of).about(
            lambda parent: not mark.parent or parent > mark.parent or str(parent) in failed
        )
        behind = f", behind {mark.parent}, which a stopped run has reached" if mark.parent else ""
        how = f"{IN_FULL}, parent by parent{behind}"
        calls = Calls(size.calls + left * children.calls)
        return ReadEstimate(how=how, calls=calls, guess=children.guess)

    @property
    def _due(self) -> datetime | None:
        """When all parents are to be read again (UTC); None for now."""
        mark = self._mark
        due = mark.refreshed and mark.refreshed + self._interval
        return due if due and mark.parent is None and self._now < due else None

    def _read_each(
        self, parents: Collection[Parent], mark: ChildMark | None, emitter: Emitter
    ) -> Steps:
        """Read parents; skip those that are gone by now, remember those that cannot be read.

        A mark moves with them. Without one nothing is reached but those that are read.
        """
        guard = NotFoundGuard(len(parents))
        since = (mark and mark.scan_started) or self._now
        self.parents += len(parents)
        for parent in sorted(parents):
            try:
                yield from self._read(parent, guard, emitter)
            except NotFoundError as error:
                guard.skip(error)
            except TapError as error:
                self.failed.add(str(parent), since, error)
            # Those before the first answer may be missing for another reason than that they went.
            reached = replace(mark, parent=parent) if mark and guard.has_answered else None
            self._move_to(emitter, reached)
            self.failed.check()
            self.parents_read += 1
            yield None
        guard.check()

    def _read(self, parent: Parent, guard: NotFoundGuard, emitter: Emitter) -> Steps:
        """Read the rows of a parent."""
        for page in self._children.fetch(self._client, parent):
            guard.has_answered = True
            self._emit(page.rows, emitter)
            yield None
        self._have_been_read.add(parent)
        self.failed.has_read(str(parent))
