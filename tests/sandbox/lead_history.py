"""The past of an account: which leads came and changed, were merged, and joined or left lists."""

from __future__ import annotations

import random

from tests.sandbox.activity_types import (
    ADD_TO_LIST,
    CHANGE_DATA_VALUE,
    MERGE_LEADS,
    NEW_LEAD,
    REMOVE_FROM_LIST,
)
from tests.sandbox.assets.table import Asset, AssetTable
from tests.sandbox.lead_changes import Event
from tests.sandbox.leads import FIRST_ID, LeadTable
from tests.sandbox.memberships import Memberships, Pair
from tests.sandbox.options import Options

_SHARE = 3
"""One activity in so many, at most, is one of these; see make_lead_history."""
_BACK, _AT_ONCE, _FORMER = 0.1, 0.13, 10
"""Shares of the members who had left before, of those who did so within a second (up to this
number), and one former member beside so many members."""


def make_lead_history(
    options: Options, leads: LeadTable, lists: AssetTable, members: Memberships, start: int
) -> list[Event]:
    """What activities tell of the past, in order of time.

    A third of the account's activities at most. Where that is too little, some leads have none of
    these activities at all, and some members were there before: merges come first, then leads,
    then members of lists.
    """
    room = options.activities // _SHARE
    history = _History(options.seed, leads, lists.rows, members, start)
    told = history.fitting(history.merges(options.merged_leads, options.deleted_leads + 1), room)
    told += history.fitting(history.changes(), room - len(told))
    told += history.fitting(history.members(room - len(told)), room - len(told))
    # Within a second they stay in order.
    return sorted(told, key=lambda event: event.date)


class _History:
    def __init__(
        self, seed: int, leads: LeadTable, lists: list[Asset], members: Memberships, start: int
    ) -> None:
        self._rng = random.Random(f"{seed}:lead history")
        self._leads = leads
        self._lists = lists
        self._created = {row.id: row.created for row in lists}
        self._members = members
        self._end = start - 1
        self._inherited: set[Pair] = set()
        """Memberships out of merges, of which no activity tells."""

    def _between(self, begin: int, end: int) -> int:
        return self._rng.randint(min(begin, end), end)

    def fitting(self, lives: list[list[Event]], room: int) -> list[Event]:
        """Whole lives, drawn at random, as far as there is room for their events."""
        chosen: list[Event] = []
        for life in self._rng.sample(lives, len(lives)):
            if len(chosen) + len(life) <= room:
                chosen += life
        return chosen

    def changes(self) -> list[list[Event]]:
        """Every lead's creation, and its last change to a standard and to a custom field."""
        lives = []
        table = self._leads
        rows = zip(table.created, table.updated, table.changed, strict=True)
        for lead_id, (created, updated, changed) in enumerate(rows, FIRST_ID):
            life = [Event(created, NEW_LEAD, lead_id)]
            if updated > created:
                life.append(Event(updated, CHANGE_DATA_VALUE, lead_id, (0,)))
            if changed > updated:
                life.append(Event(changed, CHANGE_DATA_VALUE, lead_id, (1,)))
            lives.append(life)
        return lives

    def merges(self, count: int, first: int) -> list[list[Event]]:
        """So many merges, some of them with a winner that loses the next one.

        Losers, numbered from `first` on, are no leads any more; a list of each has passed to the
        winner without an activity.
        """
        lives: list[list[Event]] = []
        done, turn, loser = 0, 0, first
        ids = self._leads.ids
        while ids and done < count:
            turn += 1
            winner = self._rng.choice(ids)
            moment = self._between(self._leads.created[winner - FIRST_ID], self._end)
            events = self._loser(loser, winner, moment)
            if turn % 3 == 2 and done + 1 < count:
                earlier = self._between(events[-1].date, moment)
                events += self._loser(loser + 1, winner, earlier)
                events.append(Event(earlier, MERGE_LEADS, loser, (0, loser + 1)))
                events.append(Event(moment, MERGE_LEADS, winner, (0, loser)))
                done, loser = done + 2, loser + 2
            else:
                losers = [loser]
                if turn % 3 == 0:
                    losers.append(loser + 1)
                    events += self._loser(loser + 1, winner, moment)
                events.append(Event(moment, MERGE_LEADS, winner, (0, *losers)))
                done, loser = done + 1, losers[-1] + 1
            lives.append(events)
        return lives

    def _loser(self, loser: int, winner: int, end: int) -> list[Event]:
        """How a lead came that was merged in the end, and a list that it was in."""
        created = self._between(end - 30 * 86_400, end)
        events = [Event(created, NEW_LEAD, loser)]
        lists = [row.id for row in self._lists if row.created <= end and self._members.of(row.id)]
        if lists:
            list_id = self._rng.choice(lists)
            listed = self._between(max(created, self._created[list_id]), end)
            if self._members.add(list_id, winner):
                self._inherited.add((list_id, winner))
            events.append(Event(listed, ADD_TO_LIST, loser, (list_id,)))
        return events

    def members(self, most: int) -> list[list[Event]]:
        """How members came, at times more than once, and some who are members no more."""
        rng = self._rng
        total = len(self._members)
        chosen = set(rng.sample(range(total), min(most, total)))
        lives: list[list[Event]] = []
        for place, (list_id, lead_id) in enumerate(self._members.pairs()):
            if place in chosen and (list_id, lead_id) not in self._inherited:
                luck = rng.random()
                moments = [self._begin(list_id, lead_id)]
                if luck < _AT_ONCE:
                    end = self._end if luck < _BACK else moments[0]
                    moments.append(self._between(moments[-1], end))
                    moments.append(self._between(moments[-1], end))
                lives.append(_life(list_id, lead_id, moments))
        ids = self._leads.ids
        for _ in range(len(chosen) // _FORMER):
            list_id, lead_id = rng.choice(self._lists).id, rng.choice(ids)
            if not self._members.has(list_id, lead_id):
                begin = self._begin(list_id, lead_id)
                end = self._end if rng.random() < 0.8 else begin
                lives.append(_life(list_id, lead_id, [begin, self._between(begin, end)]))
        return lives

    def _begin(self, list_id: int, lead_id: int) -> int:
        created = self._leads.created[lead_id - FIRST_ID]
        return self._between(max(self._created[list_id], created), self._end)


def _life(list_id: int, lead_id: int, moments: list[int]) -> list[Event]:
    """Added, removed, added ..."""
    kinds = (ADD_TO_LIST, REMOVE_FROM_LIST, ADD_TO_LIST)
    return [
        Event(moment, kind, lead_id, (list_id,))
        for moment, kind in zip(moments, kinds, strict=False)
    ]
