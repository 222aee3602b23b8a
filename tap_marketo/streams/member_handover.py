"""A pass by pages over all programs: how far it is, and what exports are to read of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from tap_marketo.errors import DataError, MarketoError
from tap_marketo.log import LOGGER
from tap_marketo.protocol.marks import PagesMark
from tap_marketo.protocol.position import Parent, Position
from tap_marketo.streams.member_passes import MOST_PROGRAMS, Pass
from tap_marketo.streams.member_sample import MOST_TRIED, Sample

_NOT_COMPARED = "program_members: pages could not be compared with an export"
PAGES = "program_members_pages"
"""Where the state has the mark of such a pass, and whether pages have proved good.

The mark of the pass itself stays as it was when the pass began: a version that knows nothing of
pages reads all programs then, and loses nothing.
"""


class Handover:
    """One pass by pages. Programs that turn out large are handed over to exports of ten.

    Attributes:
        over: the pass.
        sample: the programs that are compared with an export; None where that has been done.
        is_rejected: whether pages have been found to differ from an export.
        is_offered: whether the sample is to be exported.
    """

    def __init__(
        self, over: Pass, mark: PagesMark, sample: Sample | None, exported: Collection[int] = ()
    ) -> None:
        """Begin, or go on where the mark of a stopped run says, if it is of the same pass.

        Args:
            over: the pass.
            mark: in the state.
            sample: takes in what pages read first; None where nothing is to be compared.
            exported: programs that jobs of a stopped run export.
        """
        is_resumed = mark.scan_started == over.window.end
        reached = mark.parent.id if is_resumed and mark.parent else 0
        self.over = over
        self.sample = sample
        self.is_rejected = self.is_offered = False
        self._compared = mark.compared
        self._read_up_to = reached
        self._to_export = {*mark.to_export} & {*over.programs} if is_resumed else set()
        self._offered = self._to_export.intersection(exported)
        self._has_ended = False

    @property
    def left(self) -> Sequence[int]:
        """The programs that pages have not read."""
        return [number for number in self.over.programs if number > self._read_up_to]

    @property
    def left_to_exports(self) -> Collection[int]:
        """The programs that exports are to read and have not read."""
        return self._to_export

    def programs(self) -> Iterator[int]:
        """Yield the programs in the order in which pages read them.

        Where a stopped run had read some, and none have been compared, the first of these again.
        """
        left = self.left
        if self.sample:
            before = [each for each in self.over.programs if each <= self._read_up_to]
            for number in before[:MOST_TRIED]:
                if self.sample and not self.sample.is_full:
                    yield number
        yield from left

    def note_read(self, program: int) -> None:
        """Note that pages have read a program, or that exports are to."""
        self._read_up_to = max(self._read_up_to, program)

    def hand_over(self, program: int) -> None:
        """Let exports read a program, unless a stopped run has read it."""
        if program > self._read_up_to:
            self._to_export.add(program)
        self.note_read(program)

    def has_to_offer(self) -> bool:
        """Say whether there is something new to be exported, and offer it then."""
        before = len(self._offered), self.is_offered
        fresh = sorted(self._to_export - self._offered)
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
        self._to_export.difference_update(programs)
        self._offered.difference_update(programs)

    def drop_exports(self) -> None:
        """Do without what exports were to read: they would be of all members, each time."""
        self.have_exported([*self._to_export])

    def compare(self, now: datetime | None) -> None:
        """Find out whether pages have given what the export of the sample does.

        Args:
            now: when that was (UTC); None where there is no export, so that it stays open.

        Raises:
            MarketoError: it concerns the whole run.
        """
        difference = ""
        if now and self.sample:
            try:
                difference, self._compared = self.sample.difference(), now
            except (MarketoError, DataError) as error:
                if isinstance(error, MarketoError) and error.ends_run:
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
        if self._has_ended and not self._to_export and not self.sample:
            done = PagesMark(compared=self._compared)
            return replace(self.over.reached, marks={**self.over.reached.marks, PAGES: done})
        parent = Parent("Program", self._read_up_to) if self._read_up_to else None
        mark = PagesMark(
            scan_started=self.over.window.end,
            parent=parent,
            to_export=tuple(sorted(self._to_export)),
            compared=self._compared,
        )
        return Position(marks={PAGES: mark})
