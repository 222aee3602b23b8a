"""How leads became members of programs, and what the control API lets happen to members."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.sandbox.activities import ActivityTable
from tests.sandbox.activity_types import (
    ADD_TO_NURTURE,
    CHANGE_CADENCE,
    CHANGE_MEMBER_DATA,
    CHANGE_STATUS,
    CHANGE_TRACK,
)
from tests.sandbox.assets.table import AssetTable
from tests.sandbox.clock import DAY
from tests.sandbox.hostile import hostile_member_fields
from tests.sandbox.leads import FIRST_ID, LeadTable
from tests.sandbox.member_fields import TRACKS, make_member_fields
from tests.sandbox.members import Change, MemberTable
from tests.sandbox.options import Options
from tests.sandbox.values import POOL_SIZE

_EMPTY, _LARGE = 0.3, 0.3
"""Share of the programs that have no members, and of all members that one program has."""
_MORE, _LEFT, _BACK = 0.3, 0.08, 0.25
"""Share of the memberships with a further change (and of those again), of those that ended, and
of these that began again."""

_PLAIN = (CHANGE_STATUS, CHANGE_STATUS, CHANGE_MEMBER_DATA)
_NURTURED = (*_PLAIN, CHANGE_TRACK, CHANGE_CADENCE)

ChangeRequest = dict[str, Any]


def make_member_table(options: Options, leads: LeadTable, programs: AssetTable) -> MemberTable:
    """The empty table of memberships."""
    hostile = hostile_member_fields(options.seed) if options.hostile else []
    variety = options.variety or POOL_SIZE
    filters = options.member_filters.split(",")
    fields = make_member_fields()
    return MemberTable(options.seed, leads, programs, fields, hostile, variety, filters)


def make_history(
    options: Options, members: MemberTable, programs: AssetTable, start: int
) -> list[Change]:
    """Fill the table; gives all that has happened, in order of time.

    Members are spread unevenly; there are as many as asked for unless leads or programs are few.
    """
    rng = random.Random(f"{options.seed}:members")
    many = options.leads
    changes: list[Change] = []
    for row, count in _shares(rng, programs, options.program_members):
        for place in rng.sample(range(many), min(count, many)):
            begin = max(row.created, members.leads.created[place])
            changes += _life(rng, members, row.id, FIRST_ID + place, begin, start - 60)
    return sorted(changes)


def _shares(rng: random.Random, programs: AssetTable, count: int) -> list[tuple[Any, int]]:
    rows = rng.sample(programs.rows, len(programs.rows))
    rows = rows[: max(len(rows) - int(len(rows) * _EMPTY), 1)]
    if not rows:
        return []
    counts = [0] * len(rows)
    counts[0] = int(count * _LARGE)
    weights = [1 / (place + 3) ** 0.5 for place in range(len(rows))]
    for place in rng.choices(range(len(rows)), weights, k=count - counts[0]):
        counts[place] += 1
    return list(zip(rows, counts, strict=True))


def _life(
    rng: random.Random, members: MemberTable, program: int, lead: int, begin: int, end: int
) -> list[Change]:
    """One lead in one program: how it joined, what changed, at times how it left."""
    moments = [rng.randint(begin, end)]
    while rng.random() < _MORE and len(moments) < 4:
        moments.append(rng.randint(moments[-1], end))
    changes = members.join(program, lead, moments[0], rng.randrange(len(TRACKS)))
    place = changes[0].place
    kinds = _NURTURED if members.progression(place).nurtures else _PLAIN
    for moment in moments[1:]:
        changes.append(members.change(place, rng.choice(kinds), moment, rng.getrandbits(20)))
    if rng.random() < _LEFT:
        left = rng.randint(moments[-1], end)
        changes.append(members.leave(place, left))
        if rng.random() < _BACK:
            changes += members.join(program, lead, rng.randint(left, end), 0)
    return changes


class MemberChanges:
    """Tells activities of changes, and carries out what control calls ask for.

    A request may restrict a change to `programs` (ids), and let its activities be seen only
    `late_hours` after their date.
    """

    def __init__(self, seed: int, members: MemberTable, activities: ActivityTable) -> None:
        self._rng = random.Random(f"{seed}:member changes")
        self._members = members
        self._activities = activities
        self.handlers: dict[str, Callable[[int, int, ChangeRequest], list[list[int]]]] = {
            "new_program_members": self._join,
            "program_members_changed": self._change,
            "program_members_left": self._leave,
            "program_members_back": self._return,
            "silent_program_member_changes": self._touch,
        }

    def tell_history(self, changes: Sequence[Change], late_share: float) -> None:
        """Record the activities of the past; some of them are seen late."""
        rng = self._rng
        for change in changes:
            late = rng.randint(1, DAY) if rng.random() < late_share else 0
            self._tell(change, change.date + late)

    def activity(self, kind: int, date: int, visible: int, request: ChangeRequest) -> str:
        """An activity of this type, with the change that it tells of; gives its marketoGUID.

        Raises ValueError where nothing is left to change.
        """
        members = self._members
        nurtures = kind in (ADD_TO_NURTURE, CHANGE_TRACK, CHANGE_CADENCE)
        places = [] if kind == ADD_TO_NURTURE else members.places(self._programs(request))
        # A change of the past can only be the last one.
        places = [
            place
            for place in places
            if members.updated[place] <= date
            and (not nurtures or members.progression(place).nurtures)
        ]
        if not places:
            joined = self._new_members(1, date, request, nurtures)
            guids = {change.kind: self._tell(change, visible) for change in joined}
            if kind in guids:
                return str(guids[kind])
            places = [change.place for change in joined]
        if not places:
            raise ValueError(f"an activity of type {kind} could tell of nothing")
        luck = self._rng.getrandbits(20)
        return str(self._tell(members.change(self._rng.choice(places), kind, date, luck), visible))

    def _tell(self, change: Change, visible: int) -> str | None:
        """Record the activity of a change, unless the account has no such type."""
        if self._activities.type(change.kind) is None:
            return None
        lead, contents = self._members.lead[change.place], self._members.contents(change)
        return self._activities.tell(change.kind, lead, change.date, visible, contents)

    def _tell_all(self, changes: list[Change], request: ChangeRequest) -> list[list[int]]:
        late = int(3600 * float(request.get("late_hours", 0)))
        for change in changes:
            self._tell(change, change.date + late)
        return self._members.keys({change.place for change in changes})

    def _programs(self, request: ChangeRequest) -> list[int]:
        """Ids of the programs that a request is about."""
        existing = self._members.program_ids()
        wanted = [int(each) for each in request.get("programs", existing)]
        if strange := set(wanted) - set(existing):
            raise ValueError(f"no such programs: {sorted(strange)}")
        return wanted

    def _some(self, count: int, request: ChangeRequest) -> list[int]:
        places = self._members.places(self._programs(request))
        return self._rng.sample(places, min(count, len(places)))

    def _new_members(
        self, count: int, moment: int, request: ChangeRequest, nurtures: bool = False
    ) -> list[Change]:
        """So many leads join programs; fewer where no others are left."""
        members = self._members
        programs = self._programs(request)
        if nurtures:
            programs = [each for each in programs if members.about(each).progression.nurtures]
        free: dict[int, list[int]] = {}
        changes: list[Change] = []
        while programs and count:
            program = self._rng.choice(programs)
            if program not in free:
                taken = {members.lead[place] for place in members.places([program])}
                free[program] = [each for each in members.leads.ids if each not in taken]
                self._rng.shuffle(free[program])
            if not free[program]:
                programs.remove(program)
                continue
            lead, track = free[program].pop(), self._rng.randrange(len(TRACKS))
            changes += members.join(program, lead, moment, track)
            count -= 1
        return changes

    def _join(self, count: int, moment: int, request: ChangeRequest) -> list[list[int]]:
        return self._tell_all(self._new_members(count, moment, request), request)

    def _change(self, count: int, moment: int, request: ChangeRequest) -> list[list[int]]:
        """Changes of all kinds, those of tracks and cadences in engagement programs only."""
        changes = []
        for place in self._some(count, request):
            kinds = _NURTURED if self._members.progression(place).nurtures else _PLAIN
            kind, luck = self._rng.choice(kinds), self._rng.getrandbits(20)
            changes.append(self._members.change(place, kind, moment, luck))
        return self._tell_all(changes, request)

    def _leave(self, count: int, moment: int, request: ChangeRequest) -> list[list[int]]:
        places = self._some(count, request)
        return self._tell_all([self._members.leave(place, moment) for place in places], request)

    def _return(self, count: int, moment: int, request: ChangeRequest) -> list[list[int]]:
        """Who has left a program joins it again."""
        former = self._members.former(self._programs(request))
        changes: list[Change] = []
        for program, lead in self._rng.sample(former, min(count, len(former))):
            changes += self._members.join(program, lead, moment, self._rng.randrange(len(TRACKS)))
        return self._tell_all(changes, request)

    def _touch(self, count: int, moment: int, request: ChangeRequest) -> list[list[int]]:
        """Changes that leave no activity."""
        places = self._some(count, request)
        for place in places:
            self._members.touch(place, moment)
        return self._members.keys(places)
