"""Members of programs page by page, as records that an export of them would give."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime

from tap_marketo.errors import DataError, MarketoError, NotFoundError, RequestRefusedError
from tap_marketo.exports.family import RecordBlock
from tap_marketo.failed_parts import MOST_IN_A_ROW, concerns_one_part
from tap_marketo.log import LOGGER
from tap_marketo.marketo.by_keys import KeyedRows
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.marketo.pages import BATCH_SIZE, Row
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.page_blocks import value_block
from tap_marketo.rows.row_records import RowRecords
from tap_marketo.streams.member_exports import REPLICATION_KEY, STREAM, MembersFamily
from tap_marketo.times import parse_utc, to_time_extracted

MOST_CALLS = 20
"""A program that takes more calls is exported.

At the default pace they take eight seconds. An export of ten programs takes Marketo minutes, on one
of two workers: six seconds or more for each of them.
"""
MOST_LEADS = MOST_CALLS * BATCH_SIZE
# So many changed leads are kept of all programs together.
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


class MemberPages:
    """Reads programs by pages, one after the other, as long as that works.

    Attributes:
        is_over: whether no more are read in this run, as others would fail as well.
    """

    def __init__(self, client: MarketoClient, family: MembersFamily, emitter: Emitter) -> None:
        """Read the columns that a family exports; the emitter takes its messages."""
        self.is_over = False
        self._client = client
        self._family = family
        self._emitter = emitter
        self._failed_in_a_row = 0

    def some(self, program: int, leads: Iterable[int]) -> Iterator[RecordBlock]:
        """Yield the RECORD lines of some members, call by call; who is none has no line.

        Raises:
            MarketoError, DataError: they cannot be read.
        """
        return self._blocks(program, "leadId", list(map(str, leads)))

    def all(self, program: int, since: datetime | None = None) -> Iterator[RecordBlock]:
        """Yield the RECORD lines of all members, call by call.

        Args:
            program: which.
            since: those that have changed from this time on (UTC); None for all.

        Raises:
            MarketoError, DataError: they cannot be read, or are too many.
        """
        for calls, block in enumerate(self._blocks(program, EVERYONE, _BOTH, since)):
            if calls == MOST_CALLS:
                raise _LargeProgramError(f"It has more than {MOST_LEADS:,} members")
            yield block

    def read(
        self,
        program: int,
        blocks: Iterator[RecordBlock],
        note: Callable[[bytes], object] | None = None,
    ) -> Generator[None, None, bool]:
        """Emit the members of a program; return whether all of them came.

        Args:
            program: which.
            blocks: its members.
            note: takes the RECORD lines as well; None for nobody.

        Raises:
            MarketoError: it concerns the whole run, or says that there is no such program.
        """
        try:
            for block in blocks:
                self._emitter.records(block.lines, block.counts)
                if note:
                    note(block.lines)
                yield None
        except NotFoundError:
            raise
        except (MarketoError, DataError) as error:
            if isinstance(error, MarketoError) and error.ends_run:
                raise
            self.note_failure(program, error)
            return False
        self._failed_in_a_row = 0
        return True

    def note_failure(self, program: int, error: MarketoError | DataError) -> None:
        """Note that pages did not give a program's members, which are exported then."""
        is_large = isinstance(error, _LargeProgramError)
        if is_large or (isinstance(error, RequestRefusedError) and _TOO_LARGE in error.reason):
            LOGGER.info("%s: program %d is exported, as it is large. %s", STREAM, program, error)
            return
        self._failed_in_a_row += 1
        if not concerns_one_part(error) or self._failed_in_a_row >= MOST_IN_A_ROW:
            self.is_over = True
            LOGGER.warning("%s: members are exported, as pages cannot be read. %s", STREAM, error)
            return
        LOGGER.warning(
            "%s: program %d is exported, as its pages cannot be read. %s", STREAM, program, error
        )

    def _blocks(
        self, program: int, field: str, values: Sequence[str], since: datetime | None = None
    ) -> Iterator[RecordBlock]:
        """Ask for members by the values of a field (program-members.md, Query)."""
        family = self._family
        # Exports have it unasked.
        fields = ["programId", *family.fields()]
        path = f"/rest/v1/programs/{program}/members.json"
        for rows in KeyedRows(self._client, path, "program_members", field).pages(values, fields):
            if any(str(row.get("programId")) != str(program) for row in rows):
                raise DataError(f"GET {path}: Marketo sent a member of another program. Run again")
            wanted = [row for row in rows if since is None or _has_changed(row, since)]
            yield self._block(wanted, fields)

    def _block(self, rows: Sequence[Row], fields: Sequence[str]) -> RecordBlock:
        family = self._family
        family.announce(STREAM, self._emitter)
        writer = family.writer(STREAM, to_time_extracted(self._emitter.now()))
        lines = b""
        if rows:
            lines = RowRecords(fields, writer, family.field_of).lines(value_block(rows, fields))
        return RecordBlock({STREAM: len(rows)}, lines)


def _has_changed(row: Row, since: datetime) -> bool:
    """Say whether a member has changed from a time (UTC) on, or does not say when it has."""
    try:
        return parse_utc(str(row.get(REPLICATION_KEY))) >= since
    except ValueError:
        return True
