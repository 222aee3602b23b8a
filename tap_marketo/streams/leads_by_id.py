"""Leads read by their ids, as records that an export of them would give."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice

from tap_marketo.errors import FieldNotFoundError, TapError
from tap_marketo.exports.family import RecordBlock
from tap_marketo.failed_parts import MOST_IN_A_ROW, FailedParts, concerns_one_part
from tap_marketo.log import LOGGER, counted
from tap_marketo.marketo.by_keys import MOST_VALUES, KeyedRows
from tap_marketo.marketo.client import MarketoClient
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.protocol.position import Parent, Position
from tap_marketo.streams.described import DescribedFamily
from tap_marketo.times import whole_seconds

LEAD_CHANGES = "lead_changes"
"""Where the state has how far changed leads have been found, and which could not be read."""
_LEADS = "/rest/v1/leads.json"
_LEAD = "Lead"
lead_number = partial(Parent.number, _LEAD)
"""Returns the id of a lead that the state names."""


class LeadsById:
    """Reads leads by their ids, with all fields that a family exports."""

    def __init__(self, client: MarketoClient, leads: DescribedFamily, emitter: Emitter) -> None:
        """Prepare to read; the emitter takes the SCHEMA message of the family's stream."""
        self._rows = KeyedRows(client, _LEADS, "leads_by_id", "id")
        self._leads = leads
        self._emitter = emitter

    def blocks(self, ids: Iterable[int]) -> Iterator[RecordBlock]:
        """Yield the RECORD lines of leads, call by call; a lead that is gone by now has none.

        Raises:
            TapError: they cannot be read.
        """
        waiting = iter(sorted(ids))
        while some := list(islice(waiting, MOST_VALUES)):
            yield from self._some(some)

    def _some(self, ids: Sequence[int]) -> Iterator[RecordBlock]:
        """Read as many leads as one call may be for."""
        yield self._block(ids)

    def _block(self, ids: Sequence[int]) -> RecordBlock:
        fields = self._leads.fields()
        pages = self._rows.pages(list(map(str, ids)), fields)
        return self._leads.block([row for page in pages for row in page], fields, self._emitter)


class ReadableLeads(LeadsById):
    """Reads those leads that can be read, and remembers the others in the state.

    A call that Marketo never answers is halved until the lead is found that is the reason. A field
    that Marketo does not know is left out.
    """

    def __init__(
        self, client: MarketoClient, leads: DescribedFamily, emitter: Emitter, failed: FailedParts
    ) -> None:
        """Begin with the leads that earlier runs could not read."""
        super().__init__(client, leads, emitter)
        self._failed = failed
        self._has_answered = False

    def blocks(self, ids: Iterable[int]) -> Iterator[RecordBlock]:
        """Yield the RECORD lines of leads, but for those that could not be read before.

        Raises:
            TapError: none can be read, or too many in a row cannot.
        """
        yield from super().blocks({*ids}.difference(self._failed_numbers()))

    def again(self) -> Iterator[RecordBlock]:
        """Yield the RECORD lines of the leads that could not be read before."""
        numbers = self._failed_numbers()
        if not numbers:
            return
        LOGGER.info(
            "%s: reading %s by id that could not be read before.",
            self._leads.stream, counted(len(numbers), "lead"),
        )  # fmt: skip
        have_come = yield from self._try(numbers)
        if not have_come and len(numbers) > 1:
            for name in self._failed.again():
                yield from self._try([lead_number(name)])
        self._remember()

    def _block(self, ids: Sequence[int]) -> RecordBlock:
        while True:
            try:
                return super()._block(ids)
            except FieldNotFoundError as error:
                self._leads.do_without_field(error)

    def _some(self, ids: Sequence[int]) -> Iterator[RecordBlock]:
        left = [ids]
        while left:
            asked = left.pop()
            have_come = yield from self._try(asked)
            if not have_come and len(asked) > 1:
                left += reversed(self._parts_of(asked))
            self._failed.check()

    def _try(self, ids: Sequence[int]) -> Generator[RecordBlock, None, bool]:
        """Read leads in one call; return whether they came. One that does not is remembered."""
        try:
            block = self._block(ids)
        except TapError as error:
            if not concerns_one_part(error):
                raise
            if len(ids) == 1:
                self._failed.add(_lead_name(ids[0]), whole_seconds(self._emitter.now()), error)
                self._remember()
            return False
        self._has_answered = True
        for number in ids:
            self._failed.has_read(_lead_name(number))
        yield block
        return True

    def _parts_of(self, ids: Sequence[int]) -> list[Sequence[int]]:
        """Return how leads are asked for that one call does not give."""
        if self._has_answered:
            middle = len(ids) // 2
            return [ids[:middle], ids[middle:]]
        # If it is not for a lead that nothing comes, as many as end a stream show it at once.
        parts = [*([number] for number in ids[:MOST_IN_A_ROW]), ids[MOST_IN_A_ROW:]]
        return list(filter(None, parts))

    def _failed_numbers(self) -> list[int]:
        return sorted(map(lead_number, self._failed.remembered))

    def _remember(self) -> None:
        self._emitter.move_to(Position(failed={LEAD_CHANGES: self._failed.remembered}))


def _lead_name(number: int) -> str:
    """Return what the state and messages call a lead."""
    return str(Parent(_LEAD, number))
