"""Members read by pages: what has changed, and passes over all programs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import replace

from tap_marketo.errors import NotFoundError
from tap_marketo.exports.family import RecordBlock
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.streams.increments import CALLS_SPENT, calls_left
from tap_marketo.streams.member_exports import STREAM, MembersFamily
from tap_marketo.streams.member_handover import Handover
from tap_marketo.streams.member_pages import ChangedLeads, MemberPages
from tap_marketo.streams.member_passes import Pass, PassKind
from tap_marketo.streams.programs import Programs


class MembersByPages:
    """Reads members by pages, as far as that works and the day's calls go."""

    def __init__(self, client: MarketoClient, family: MembersFamily, emitter: Emitter) -> None:
        """Read the columns that a family exports; the emitter takes messages and positions."""
        self._client = client
        self._family = family
        self._emitter = emitter
        self._pages = MemberPages(client, family, emitter)

    @property
    def _goes_on(self) -> bool:
        return not self._pages.is_over and calls_left(self._client) > 0

    def changes(
        self, changes: Pass, leads: ChangedLeads, created: Collection[int]
    ) -> Generator[None, None, Pass]:
        """Read what has changed; return the pass over what exports are to read.

        Args:
            changes: the programs in which something has.
            leads: the members that activities name.
            created: programs that are new, and are read whole.
        """
        left: list[int] = []
        for number in changes.programs:
            changed, is_read = leads.of(number), False
            if self._goes_on and number in created:
                is_read = yield from self._read(number, self._pages.all(number))
            elif self._goes_on and changed is not None:
                is_read = yield from self._read(number, self._pages.some(number, changed))
            if not is_read:
                left.append(number)
            elif not left:
                self._emitter.move_to(changes.mark_after([number]))
        read = counted(len(changes.programs) - len(left), "program")
        self._log(f"pages have read what has changed in {read}", len(left))
        return replace(changes, programs=left)

    def _log(self, what: str, left: int) -> None:
        """Log what pages have read, and how many programs exports are to read, and why."""
        why = "of which pages do not give all" if self._goes_on else f"as {CALLS_SPENT}"
        if self._pages.is_over:
            why = "as pages cannot be read"
        rest = f"; exports read {counted(left, 'program')}, {why}" if left else ""
        LOGGER.info("%s: %s%s.", STREAM, what, rest)

    def sample_again(self, program: int) -> list[bytes]:
        """Return the RECORD lines of a program that has been read before."""
        return [block.lines for block in self._pages.all(program)]

    def all(
        self, handover: Handover, note: Callable[[], object]
    ) -> Generator[MembersFamily | None, None, None]:
        """Read all programs of a pass, but for those that are handed over to exports.

        Args:
            handover: the pass.
            note: is called after each program.
        """
        for number in handover.programs():
            if not self._goes_on:
                # Those left are offered together.
                handover.hand_over(number)
                continue
            if (yield from self._program(number, handover)):
                handover.note_read(number)
            else:
                handover.hand_over(number)
            note()
            if handover.is_rejected:
                return
            self._emitter.move_to(handover.position(self._emitter.now()))
            if handover.has_to_offer():
                yield self._family
        handover.end()
        self._log("pages have read all programs", len(handover.left_to_exports))
        if handover.has_to_offer():
            yield self._family
        self._emitter.move_to(handover.position(self._emitter.now()))

    def _program(self, number: int, handover: Handover) -> Generator[None, None, bool]:
        sample, over = handover.sample, handover.over
        since = None if sample or over.kind is PassKind.FIRST else over.window.start
        lines: list[bytes] = []
        note = lines.append if sample else None
        is_read = yield from self._read(number, self._pages.all(number, since), note)
        if is_read and sample:
            sample.add(number, lines)
        return is_read

    def _read(
        self,
        number: int,
        blocks: Iterator[RecordBlock],
        note: Callable[[bytes], object] | None = None,
    ) -> Generator[None, None, bool]:
        """Read a program; return whether all that was asked for came, or the program is gone."""
        try:
            return (yield from self._pages.read(number, blocks, note))
        except NotFoundError as error:
            if (yield from Programs(self._client).existing({number})):
                self._pages.note_failure(number, error)
                return False
            LOGGER.info("%s: program %d is gone by now.", STREAM, number)
            return True
