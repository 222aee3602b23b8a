"""A pass by pages over all programs: how far it is, and what exports are to read of it.

Adobe's pages do not promise that Get Program Members shows all that an export does. So of some
programs both are read and compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tap_marketo.errors import DataError, MarketoError
from tap_marketo.log import LOGGER
from tap_marketo.protocol.marks import PagesMark
from tap_marketo.protocol.position import Parent, Position
from tap_marketo.streams.member_passes import MOST_PROGRAMS, Pass

_NOT_COMPARED = "program_members: pages could not be compared with an export"
PAGES = "program_members_pages"
"""Where the state has the mark of such a pass, and whether pages have proved good.

The mark of the pass itself stays as it was when the pass began: a version that knows nothing of
pages reads all programs then, and loses nothing.
"""
# A program with more members is not compared: the rows are kept.
_MOST_ROWS = 2_000
# Where a stopped run had read all programs, this many are read once more to be compared.
_MOST_TRIED = 30

# Of each lead the record, as its RECORD line has it.
_Rows = Mapping[int, str]


@dataclass
class Sample:
    """As many programs with members as one export may be of, read by pages, then exported.

    The export lies between two readings by pages. A row is judged where both readings agree: what
    changed meanwhile says nothing. The second reading is made where the first one and the export
    differ.

    Attributes:
        began: when the first of them was read (UTC); an export made before is none to compare with.
        read_again: reads a program by pages; returns its RECORD lines.
        programs: those that pages have read, in order.
    """

    began: datetime
    read_again: Callable[[int], Iterable[bytes]]
    programs: list[int] = field(default_factory=list)
    _pages: dict[int, _Rows] = field(default_factory=dict)
    _file: list[bytes] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether no more programs are needed."""
        return len(self.programs) >= MOST_PROGRAMS

    def add(self, program: int, lines: Iterable[bytes]) -> None:
        """Take in what pages gave of a program; one without members is left out."""
        rows = _rows(lines).get(program, {})
        if rows and len(rows) <= _MOST_ROWS and not self.is_full and program not in self._pages:
            self.programs = sorted([*self.programs, program])
            self._pages[program] = rows

    def begin_file(self) -> None:
        """Forget what came of the export's file, as it comes from its beginning."""
        self._file.clear()

    def add_of_file(self, lines: bytes) -> None:
        """Take in RECORD lines of the export."""
        self._file.append(lines)

    def difference(self) -> str:
        """Name what pages and the export do not have in common; empty for nothing.

        Raises:
            MarketoError, DataError: pages could not be read again.
        """
        exported = _rows(self._file)
        for program in self.programs:
            own, first = exported.get(program, {}), self._pages[program]
            if own == first:
                continue
            second = _rows(self.read_again(program)).get(program, {})
            for lead in sorted({*own, *first, *second}):
                shown = first.get(lead)
                if shown == second.get(lead) and shown != own.get(lead):
                    what = _named(shown, own.get(lead))
                    return f"{what} of lead {lead} in program {program}"
        return ""


def _rows(lines: Iterable[bytes]) -> dict[int, dict[int, str]]:
    """Return the records of RECORD lines by program and lead."""
    found: dict[int, dict[int, str]] = {}
    for line in b"".join(lines).splitlines():
        record = json.loads(line)["record"]
        text = json.dumps(record, sort_keys=True)
        found.setdefault(record["programId"], {})[record["leadId"]] = text
    return found


def _named(shown: str | None, exported: str | None) -> str:
    if shown is None:
        return "pages lack the row"
    if exported is None:
        return "the export lacks the row"
    ours: dict[str, Any] = json.loads(shown)
    theirs: dict[str, Any] = json.loads(exported)
    return f"{', '.join(name for name in ours if ours[name] != theirs.get(name))} differs"


class Handover:
    """One pass by pages. Programs that turn out large are handed over to exports of ten.

    Attributes:
        over: the pass.
        sample: the programs that are compared with an export; None where that has been done.
        is_rejected: whether pages have been found to differ from an export.
        is_offered: whether the sample has been offered to exports.
        left_to_exports: the programs that exports are to read and have not read.
    """

    def __init__(
        self, over: Pass, mark: PagesMark, sample: Sample | None, exported: Collection[int] = ()
    ) -> None:
        """Begin, or go on where the mark of a stopped run says, if it is of the same pass.

        Jobs of a stopped run export the programs in ``exported``.
        """
        is_resumed = mark.scan_started == over.window.end
        self.over = over
        self.sample = sample
        self.is_rejected = self.is_offered = False
        self.left_to_exports = {*mark.to_export} & {*over.programs} if is_resumed else set()
        self._compared = mark.compared
        self._read_up_to = mark.parent.id if is_resumed and mark.parent else 0
        self._offered = self.left_to_exports.intersection(exported)
        self._has_ended = False

    @property
    def left(self) -> Sequence[int]:
        """The programs that pages have not read."""
        return [number for number in self.over.programs if number > self._read_up_to]

    def programs(self) -> Iterator[int]:
        """Yield the programs in the order in which pages read them.

        Where a stopped run had read some, and none have been compared, the first of these again.
        """
        left = self.left
        if self.sample:
            before = [each for each in self.over.programs if each <= self._read_up_to]
            for number in before[:_MOST_TRIED]:
                if self.sample and not self.sample.is_full:
                    yield number
        yield from left

    def note_read(self, program: int) -> None:
        """Note that pages have read a program, or that exports are to."""
        self._read_up_to = max(self._read_up_to, program)

    def hand_over(self, program: int) -> None:
        """Let exports read a program, unless a stopped run has read it."""
        if program > self._read_up_to:
            self.left_to_exports.add(program)
        self.note_read(program)

    def has_to_offer(self) -> bool:
        """Say whether there is something new to be exported, and offer it then."""
        before = len(self._offered), self.is_offered
        fresh = sorted(self.left_to_exports - self._offered)
        whole = len(fresh) if self._has_ended else len(fresh) // MOST_PROGRAMS * MOST_PROGRAMS
        self._offered.update(fresh[:whole])
        if self.sample and (self.sample.is_full or self._has_ended):
            self.is_offered = bool(self.sample.programs)
            if not self.sample.programs:
                # Nobody is a member of any program.
                self.sample = None
        return before != (len(self._offered), self.is_offered)

    def end(self) -> None:
        """Note that pages have read all programs but those that exports are to read."""
        self._has_ended = True

    def to_export(self) -> Pass:
        """Return the pass over what exports are to read now."""
        return replace(self.over, programs=sorted(self._offered))

    def have_exported(self, programs: Collection[int]) -> None:
        """Note that programs have been exported, or are remembered as failed."""
        self.left_to_exports.difference_update(programs)
        self._offered.difference_update(programs)

    def compare(self, now: datetime | None) -> None:
        """Find out whether pages have given what the export of the sample does.

        ``now`` is the time (UTC); None where there is no export, so that it stays open.

        Raises:
            MarketoError: it concerns the whole run.
        """
        difference = ""
        if now and self.sample:
            try:
                difference, self._compared = self.sample.difference(), now
            except (MarketoError, DataError) as error:
                if error.ends_run:
                    raise
                LOGGER.warning("%s. %s", _NOT_COMPARED, error)
        if difference:
            LOGGER.warning(
                "program_members: pages do not give what an export does: %s. All members are "
                "exported, in this run and from now on.", difference,
            )  # fmt: skip
        elif self._compared:
            LOGGER.info("program_members: pages give what an export of the same programs does.")
        self.sample, self.is_rejected = None, bool(difference)

    def position(self, now: datetime) -> Position:
        """Return what has been reached."""
        if self.is_rejected:
            return Position(marks={PAGES: PagesMark(differ=now)})
        if self._has_ended and not self.left_to_exports and not self.sample:
            done = PagesMark(compared=self._compared)
            return replace(self.over.reached, marks={**self.over.reached.marks, PAGES: done})
        parent = Parent("Program", self._read_up_to) if self._read_up_to else None
        mark = PagesMark(
            scan_started=self.over.window.end,
            parent=parent,
            to_export=tuple(sorted(self.left_to_exports)),
            compared=self._compared,
        )
        return Position(marks={PAGES: mark})
