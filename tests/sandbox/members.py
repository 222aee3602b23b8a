"""Members of programs: one row for each lead in each program (program-members.md)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from tests.sandbox.activity_contents import Details, told
from tests.sandbox.activity_types import (
    ADD_TO_NURTURE,
    CHANGE_CADENCE,
    CHANGE_MEMBER_DATA,
    CHANGE_STATUS,
    CHANGE_TRACK,
)
from tests.sandbox.assets.table import AssetTable
from tests.sandbox.clock import bulk_time
from tests.sandbox.leads import FIRST_ID, Lead, LeadSelection, LeadTable
from tests.sandbox.member_fields import CADENCES, PROGRESSIONS, TRACKS, MemberField, Progression
from tests.sandbox.values import ABSENT, Value, as_number, as_text, make_pool, mix

FIRST_MEMBER = 3_240_303
"""The first Program Member ID."""
FIRST_TRACK = 501

T = TypeVar("T")


class Change(NamedTuple):
    """One thing that happened to a membership, and that an activity tells of."""

    date: int
    kind: int
    """Id of the type of that activity."""
    place: int
    old: int
    """Status, track, cadence or version of the data before."""
    new: int
    success: bool = False
    """Whether success was reached by it."""


class Member(NamedTuple):
    """One membership at one moment: all that its cells are computed from."""

    place: int
    program: int
    lead: int
    created: int
    updated: int
    status: int
    reached: int
    """When success was reached, 0 where it was not."""
    track: int
    cadence: int
    data: int
    """How often a field that an activity tells of has changed."""
    silent: int
    """How often something else has changed."""
    hash: int


class Program(NamedTuple):
    """What memberships show of their program; neither ever changes."""

    name: str
    progression: Progression


@dataclass
class MemberSelection:
    """Memberships chosen by an export, frozen at the moment in which it was made."""

    table: MemberTable
    members: list[Member]
    leads: LeadSelection

    def __len__(self) -> int:
        return len(self.members)

    def rows(self, names: Sequence[str], render: Callable[[Value], T]) -> Iterator[list[T]]:
        """The memberships as rows of rendered cells; fields may be those of the lead as well.

        A name that both have means the membership's (createdAt, updatedAt): no page says so, but
        "program member" is what is exported.
        """
        table, leads = self.table, self.table.leads
        getters = [
            _of_lead(leads.getter(name, render))
            if field is None
            else _of_member(table.getter(field, render))
            for name, field in ((name, table.field(name)) for name in names)
        ]
        for member, lead in zip(self.members, leads.read(self.leads), strict=True):
            yield [get(member, lead) for get in getters]


class MemberTable:
    """Memberships in arrays of numbers: some 70 bytes for each, whatever its fields.

    A membership goes with its lead and with its program.
    """

    def __init__(
        self,
        seed: int,
        leads: LeadTable,
        programs: AssetTable,
        fields: list[MemberField],
        hostile: list[MemberField],
        variety: int,
        filters: Sequence[str],
    ) -> None:
        self.seed = seed
        self.filters = filters
        self.leads = leads
        self.fields = [*fields, *hostile]
        self._programs = programs
        # Which field a change is of must not depend on fields that only a hostile account has.
        self._changing = [field for field in fields if field.updateable]
        self._variety = variety
        self._pools: dict[str, Sequence[Value]] = {}
        self._known: dict[int, Program] = {}
        self._places: dict[int, array[int]] = {}
        """Places of all memberships that a program has had."""
        self.program: array[int] = array("q")
        self.lead: array[int] = array("q")
        self._created: array[int] = array("q")
        self.updated: array[int] = array("q")
        self._reached: array[int] = array("q")
        self._data: array[int] = array("i")
        self._silent: array[int] = array("i")
        self._status = bytearray()
        self._track = bytearray()
        self._cadence = bytearray()
        self._left = bytearray()

    # Who is a member -------------------------------------------------------------------------

    def program_ids(self) -> list[int]:
        """Ids of the programs that exist."""
        return [row.id for row in self._programs.rows]

    def about(self, program: int) -> Program:
        """What memberships show of a program, also after its end; KeyError where none was."""
        if program not in self._known:
            for row in self._programs.rows:
                name = str(self._programs.shown_row(row)["name"])
                self._known[row.id] = Program(name, PROGRESSIONS[row.more["type"]])
        return self._known[program]

    def places(self, programs: Collection[int] | None = None) -> list[int]:
        """Places of the memberships of some programs, or of all; in order of program."""
        existing = self.program_ids()
        chosen = [each for each in existing if programs is None or each in programs]
        return [
            place
            for program in chosen
            for place in self._places.get(program, ())
            if not self._left[place] and not self.leads.deleted[self.lead[place] - FIRST_ID]
        ]

    def former(self, programs: Collection[int]) -> list[tuple[int, int]]:
        """Programs and leads that were members, and are no longer."""
        there = {(self.program[place], self.lead[place]) for place in self.places(programs)}
        left = {
            (program, self.lead[place])
            for program in programs
            for place in self._places.get(program, ())
            if not self.leads.deleted[self.lead[place] - FIRST_ID]
        }
        return sorted(left - there)

    def keys(self, places: Collection[int]) -> list[list[int]]:
        """The keys of memberships: programId and leadId."""
        return sorted([self.program[place], self.lead[place]] for place in places)

    def progression(self, place: int) -> Progression:
        """The statuses that a membership may have."""
        return self.about(self.program[place]).progression

    # What happens to them --------------------------------------------------------------------

    def join(self, program: int, lead: int, moment: int, track: int) -> list[Change]:
        """A lead becomes a member, in the first status of the program."""
        place = len(self.program)
        self._places.setdefault(program, array("q")).append(place)
        self.program.append(program)
        self.lead.append(lead)
        self._created.append(moment)
        self.updated.append(moment)
        self._reached.append(0)
        self._data.append(0)
        self._silent.append(0)
        self._status.append(1)
        self._track.append(track)
        self._cadence.append(0)
        self._left.append(0)
        changes = [Change(moment, CHANGE_STATUS, place, 0, 1)]
        if self.progression(place).nurtures:
            changes.append(Change(moment, ADD_TO_NURTURE, place, 0, track))
        return changes

    def leave(self, place: int, moment: int) -> Change:
        """A lead leaves a program: its new status is the first, "Not in Program"."""
        self._left[place] = 1
        return Change(moment, CHANGE_STATUS, place, self._status[place], 0)

    def change(self, place: int, kind: int, moment: int, luck: int) -> Change:
        """Change what activities of a type tell of; `luck` picks one of the other values."""
        self.updated[place] = max(self.updated[place], moment)
        if kind == CHANGE_MEMBER_DATA:
            self._data[place] += 1
            return Change(moment, kind, place, self._data[place] - 1, self._data[place])
        if kind == CHANGE_STATUS:
            values, lowest, many = self._status, 1, len(self.progression(place).names) - 1
        elif kind == CHANGE_TRACK:
            values, lowest, many = self._track, 0, len(TRACKS)
        else:
            values, lowest, many = self._cadence, 0, len(CADENCES)
        old = values[place]
        new = values[place] = lowest + (old - lowest + 1 + luck % (many - 1)) % many
        if kind != CHANGE_STATUS or self._reached[place]:
            return Change(moment, kind, place, old, new)
        success = self.progression(place).is_success(new)
        self._reached[place] = moment if success else 0
        return Change(moment, kind, place, old, new, success)

    def touch(self, place: int, moment: int) -> None:
        """Change what no activity tells of."""
        self._silent[place] += 1
        self.updated[place] = max(self.updated[place], moment)

    def move_leads(self, heirs: Mapping[int, int]) -> None:
        """Let the memberships of leads pass to their heirs, as they are.

        "A merge combines ... program ... memberships", and "when field values conflict, the merge
        uses the winner's value" (leads.md, "Merge"): where the heir is a member, it stays as it
        is. No page speaks of an activity, or of another updatedAt.
        """
        for places in self._places.values():
            there = [place for place in places if not self._left[place]]
            held = {self.lead[place] for place in there}
            for place in there:
                heir = heirs.get(self.lead[place])
                if heir in held:
                    self._left[place] = 1
                elif heir is not None:
                    self.lead[place] = heir
                    held.add(heir)

    # What is exported ------------------------------------------------------------------------

    def select(
        self,
        programs: Collection[int] | None = None,
        low: float = 0.0,
        high: float = float("inf"),
        statuses: Collection[str] | None = None,
        cadence: str | None = None,
        exhausted: bool | None = None,
    ) -> MemberSelection:
        """Memberships that keep to all filters, and were last updated within the range."""
        found = [
            member
            for member in map(self._member, self.places(programs))
            for progression in (self.progression(member.place),)
            if low <= member.updated <= high
            and (statuses is None or progression.names[member.status] in statuses)
            and (cadence is None or _cadence_of(member, progression) == cadence)
            and (exhausted is None or _is_exhausted(member, progression) == exhausted)
        ]
        leads = self.leads.these([member.lead - FIRST_ID for member in found])
        return MemberSelection(self, found, leads)

    def truth(self) -> Iterator[dict[str, Any]]:
        """Every membership with typed values, in order of its key."""
        chosen = self.select()
        names = [field.name for field in self.fields]
        rows = [dict(zip(names, row, strict=True)) for row in chosen.rows(names, lambda v: v.typed)]
        yield from sorted(rows, key=lambda row: (row["programId"], row["leadId"]))

    def field(self, name: str) -> MemberField | None:
        """The field of a name."""
        return next((field for field in self.fields if field.name == name), None)

    def getter(self, field: MemberField, render: Callable[[Value], T]) -> Callable[[Member], T]:
        """A function that gives a membership's cell of a field, rendered."""
        special = self._special(field.name)
        if special is not None:
            return lambda member: render(special(member))
        cells = [render(value) for value in self._pool(field)]
        index = self._index(field)
        return lambda member: cells[index(member)]

    def contents(self, change: Change) -> Details:
        """What the activity that tells of a change holds (bulk-activity-extract.md, sample)."""
        program = self.program[change.place]
        return told(program, self.about(program).name, self._attributes(change))

    def _attributes(self, change: Change) -> dict[str, str | int | bool]:
        if change.kind == CHANGE_STATUS:
            return self._status_attributes(change)
        if change.kind == ADD_TO_NURTURE:
            return {"Track ID": FIRST_TRACK + change.new, "Track Name": TRACKS[change.new]}
        if change.kind == CHANGE_TRACK:
            return {
                "New Track ID": FIRST_TRACK + change.new,
                "New Track Name": TRACKS[change.new],
                "Previous Track ID": FIRST_TRACK + change.old,
                "Previous Track Name": TRACKS[change.old],
            }
        if change.kind == CHANGE_CADENCE:
            return {
                "New Nurture Cadence": CADENCES[change.new],
                "Previous Nurture Cadence": CADENCES[change.old],
            }
        field = self._changing[(change.new + change.place) % len(self._changing)]
        member = self._member(change.place)
        values = {
            when: self._pool(field)[self._index(field)(member._replace(data=version))].text
            for when, version in (("New Value", change.new), ("Old Value", change.old))
        }
        return {
            "Attribute Name": field.display,
            **{when: text for when, text in values.items() if text},
            "Source": "Web service API",
        }

    def _status_attributes(self, change: Change) -> dict[str, str | int | bool]:
        progression = self.progression(change.place)
        shown: dict[str, str | int | bool] = {
            "Program Member ID": FIRST_MEMBER + change.place,
            "Acquired By": _is_acquired(self._hash(change.place)),
            "Old Status": progression.names[change.old],
            "New Status ID": progression.first_id + change.new,
            "Success": change.success,
            "New Status": progression.names[change.new],
            "Old Status ID": progression.first_id + change.old,
        }
        if change.place % 3:
            shown["Reason"] = f"Changed by Smart Campaign Sandbox.Step {change.place % 7}"
        return shown

    def _hash(self, place: int) -> int:
        return mix(self.seed, place, 7)

    def _member(self, place: int) -> Member:
        return Member(
            place,
            self.program[place],
            self.lead[place],
            self._created[place],
            self.updated[place],
            self._status[place],
            self._reached[place],
            self._track[place],
            self._cadence[place],
            self._data[place],
            self._silent[place],
            self._hash(place),
        )

    def _pool(self, field: MemberField) -> Sequence[Value]:
        if field.name not in self._pools:
            name = f"{self.seed}:members:{field.name}"
            self._pools[field.name] = field.values or make_pool(
                name, field.data_type, field.absent, self._variety
            )
        return self._pools[field.name]

    def _index(self, field: MemberField) -> Callable[[Member], int]:
        """Which value of its pool a field has.

        The n-th change of the data of a membership changes one field, each in its turn.
        """
        size = len(self._pool(field))
        salt = mix(self.seed, self.fields.index(field), 9) >> 3
        if field not in self._changing:
            return lambda member: ((member.hash ^ salt) + member.silent) % size
        turn, many = self._changing.index(field), len(self._changing)

        def index(member: Member) -> int:
            first = member.place - turn
            changes = (first + member.data) // many - first // many
            return ((member.hash ^ salt) + changes) % size

        return index

    def _special(self, name: str) -> Callable[[Member], Value] | None:
        """Fields that follow from what happened, and so have no pool."""

        def progression(member: Member) -> Progression:
            return self.progression(member.place)

        getters: dict[str, Callable[[Member], Value]] = {
            "programId": lambda member: as_number(member.program),
            "leadId": lambda member: as_number(member.lead),
            "program": lambda member: as_text(self.about(member.program).name),
            "createdAt": lambda member: as_text(bulk_time(member.created)),
            "membershipDate": lambda member: as_text(bulk_time(member.created)),
            "updatedAt": lambda member: as_text(bulk_time(member.updated)),
            "acquiredBy": lambda member: _flag(_is_acquired(member.hash)),
            "statusName": lambda member: as_text(progression(member).names[member.status]),
            "reachedSuccess": lambda member: _flag(member.reached > 0),
            "reachedSuccessDate": lambda member: (
                as_text(bulk_time(member.reached)) if member.reached else ABSENT
            ),
            "isExhausted": lambda member: _flag(_is_exhausted(member, progression(member))),
            "nurtureCadence": lambda member: _text(_cadence_of(member, progression(member))),
            "trackName": lambda member: (
                as_text(TRACKS[member.track]) if progression(member).nurtures else ABSENT
            ),
        }
        return getters.get(name)


def _of_member(get: Callable[[Member], T]) -> Callable[[Member, Lead], T]:
    return lambda member, lead: get(member)


def _of_lead(get: Callable[[Lead], T]) -> Callable[[Member, Lead], T]:
    return lambda member, lead: get(lead)


def _flag(truth: bool) -> Value:
    return Value("true" if truth else "false", truth)


def _text(text: str | None) -> Value:
    return ABSENT if text is None else as_text(text)


def _is_acquired(number: int) -> bool:
    return number % 4 == 0


def _is_exhausted(member: Member, progression: Progression) -> bool:
    return progression.nurtures and (member.hash // 4 + member.silent) % 3 == 0


def _cadence_of(member: Member, progression: Progression) -> str | None:
    return CADENCES[member.cadence] if progression.nurtures else None
