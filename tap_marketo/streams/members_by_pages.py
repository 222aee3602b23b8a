"""Members read by pages, as records that an export of them would give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tap_marketo.errors import DataError, MarketoError, NotFoundError, RequestRefusedError
from tap_marketo.exports.family import RecordBlock
from tap_marketo.failed_parts import MOST_IN_A_ROW, concerns_one_part
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.by_keys import KeyedRows
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import BATCH_SIZE
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.streams.increments import CALLS_SPENT, calls_left
from tap_marketo.streams.member_exports import MembersFamily
from tap_marketo.streams.member_handover import Handover
from tap_marketo.streams.member_passes import REPLICATION_KEY, STREAM, Pass, PassKind
from tap_marketo.streams.programs import Programs
from tap_marketo.streams.stream_read import is_since

# A program that takes more calls is exported. At the default pace they take eight seconds. An
# export of ten programs takes Marketo minutes, on one of two workers: six seconds or more for each
# of them.
_MOST_CALLS = 20
MOST_LEADS = _MOST_CALLS * BATCH_SIZE
# At most this many changed leads are kept, of all programs together.
_MOST_OF_ALL = 300_000
EVERYONE = "reachedSuccess"
"""The field by which all members are asked for, where describe says that it is searchable."""
_BOTH = ("true", "false")
# What Marketo says of programs with more than 100,000 members (program-members.md, Query).
_TOO_LARGE = "membership size"


class ChangedLeads:
    """The leads of each program that activities name."""

    def __init__(self) -> None:
        """Begin without an activity."""
        self._leads: dict[int, set[int]] = {}
        self._too_many: set[int] = set()
        self._number = 0

    def note(self, program: int, lead: int) -> None:
        """Note that an activity names a lead of a program."""
        if program in self._too_many:
            return
        leads = self._leads.setdefault(program, set())
        self._number += lead not in leads
        leads.add(lead)
        if len(leads) > MOST_LEADS or self._number > _MOST_OF_ALL:
            self._too_many.add(program)
            self._number -= len(self._leads.pop(program))

    def expect_all(self, programs: Iterable[int]) -> None:
        """Note that no activity names all members of some programs."""
        self._too_many.update(programs)

    def of(self, program: int) -> Sequence[int] | None:
        """Return those of a program, in order; None where they are too many, or not all."""
        return None if program in self._too_many else sorted(self._leads.get(program, ()))


class _LargeProgramError(DataError):
    """A program has more members than pages are to read."""


class MembersByPages:
    """Reads programs by pages, one after the other, as far as that works and the day's calls go."""

    def __init__(self, client: MarketoClient, family: MembersFamily, emitter: Emitter) -> None:
        """Read the columns that a family exports."""
        self._client = client
        self._family = family
        self._emitter = emitter
        self._failed_in_a_row = 0
        # No more are read in this run, as others would fail as well.
        self._is_over = False

    @property
    def _goes_on(self) -> bool:
        return not self._is_over and calls_left(self._client) > 0

    def changes(
        self, changes: Pass, leads: ChangedLeads, created: Collection[int]
    ) -> Generator[None, None, Pass]:
        """Read what has changed; return the pass over what exports are to read.

        Programs in ``created`` are new and are read whole, of the others the leads that activities
        name.
        """
        left: list[int] = []
        for number in changes.programs:
            changed, is_read = leads.of(number), False
            if self._goes_on and number in created:
                is_read = yield from self._read(number, self._everyone(number))
            elif self._goes_on and changed is not None:
                values = list(map(str, changed))
                is_read = yield from self._read(number, self._blocks(number, "leadId", values))
            if not is_read:
                left.append(number)
            elif not left:
                self._emitter.move_to(changes.mark_after([number]))
        read = counted(len(changes.programs) - len(left), "program")
        self._log(f"pages have read what has changed in {read}", len(left))
        return replace(changes, programs=left)

    def all(
        self, handover: Handover, note: Callable[[], object]
    ) -> Generator[MembersFamily | None, None, None]:
        """Read all programs of a pass, but for those that are handed over to exports.

        ``note`` is called after each program.
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

    def _log(self, what: str, left: int) -> None:
        """Log what pages have read, and how many programs exports are to read, and why."""
        why = "of which pages do not give all" if self._goes_on else f"as {CALLS_SPENT}"
        if self._is_over:
            why = "as pages cannot be read"
        rest = f"; exports read {counted(left, 'program')}, {why}" if left else ""
        LOGGER.info("%s: %s%s.", STREAM, what, rest)

    def sample_again(self, program: int) -> list[bytes]:
        """Return the RECORD lines of a program that has been read before."""
        return [block.lines for block in self._everyone(program)]

    def _program(self, number: int, handover: Handover) -> Generator[None, None, bool]:
        sample, over = handover.sample, handover.over
        since = None if sample or over.kind is PassKind.FIRST else over.window.start
        lines: list[bytes] = []
        note = lines.append if sample else None
        is_read = yield from self._read(number, self._everyone(number, since), note)
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
            for block in blocks:
                self._emitter.records(block.lines, block.counts)
                if note:
                    note(block.lines)
                yield None
        except NotFoundError as error:
            if (yield from Programs(self._client).existing({number})):
                self._note_failure(number, error)
                return False
            LOGGER.info("%s: program %d is gone by now.", STREAM, number)
            return True
        except (MarketoError, DataError) as error:
            if error.ends_run:
                raise
            self._note_failure(number, error)
            return False
        self._failed_in_a_row = 0
        return True

    def _note_failure(self, program: int, error: MarketoError | DataError) -> None:
        """Note that pages did not give a program's members, which are exported then."""
        is_large = isinstance(error, _LargeProgramError)
        if is_large or (isinstance(error, RequestRefusedError) and _TOO_LARGE in error.reason):
            LOGGER.info("%s: program %d is exported, as it is large. %s", STREAM, program, error)
            return
        self._failed_in_a_row += 1
        if not concerns_one_part(error) or self._failed_in_a_row >= MOST_IN_A_ROW:
            self._is_over = True
            LOGGER.warning("%s: members are exported, as pages cannot be read. %s", STREAM, error)
            return
        LOGGER.warning(
            "%s: program %d is exported, as its pages cannot be read. %s", STREAM, program, error
        )

    def _everyone(self, program: int, since: datetime | None = None) -> Iterator[RecordBlock]:
        """Yield the RECORD lines of all members, or those that have changed since a time (UTC).

        Raises:
            MarketoError, DataError: they cannot be read, or are too many.
        """
        for calls, block in enumerate(self._blocks(program, EVERYONE, _BOTH, since)):
            if calls == _MOST_CALLS:
                raise _LargeProgramError(f"It has more than {MOST_LEADS:,} members")
            yield block

    def _blocks(
        self, program: int, field: str, values: Sequence[str], since: datetime | None = None
    ) -> Iterator[RecordBlock]:
        """Ask for members by the values of a field (program-members.md, Query), call by call."""
        # Exports have it unasked.
        fields = ["programId", *self._family.fields()]
        path = f"/rest/v1/programs/{program}/members.json"
        for rows in KeyedRows(self._client, path, "program_members", field).pages(values, fields):
            if any(str(row.get("programId")) != str(program) for row in rows):
                raise DataError(f"GET {path}: Marketo sent a member of another program. Run again")
            wanted = [
                row for row in rows if since is None or is_since(row.get(REPLICATION_KEY), since)
            ]
            yield self._family.block(wanted, fields, self._emitter)
