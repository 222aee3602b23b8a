"""Which leads are members of which static lists (list-membership.md)."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

Pair = tuple[int, int]
"""A list and one of its members."""

_EMPTY = 5
"""Every fifth list has no members to begin with."""


class Memberships:
    """The members of each list, an array of lead ids in order; who is in none is nowhere."""

    def __init__(self) -> None:
        self._members: dict[int, array[int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._members.values()))

    def of(self, list_id: int) -> Sequence[int]:
        """The members of a list, in order of their ids."""
        return self._members.get(list_id, array("q"))

    def has(self, list_id: int, lead_id: int) -> bool:
        """Whether a lead is a member of a list."""
        members = self.of(list_id)
        place = bisect_left(members, lead_id)
        return place < len(members) and members[place] == lead_id

    def fill(self, list_id: int, leads: Collection[int]) -> None:
        """Give a list its members."""
        if leads:
            self._members[list_id] = array("q", sorted(leads))

    def add(self, list_id: int, lead_id: int) -> bool:
        """Let a lead be a member; False when it is one."""
        if self.has(list_id, lead_id):
            return False
        insort(self._members.setdefault(list_id, array("q")), lead_id)
        return True

    def remove(self, list_id: int, lead_id: int) -> bool:
        """Let a lead be a member no more; False when it is none."""
        if not self.has(list_id, lead_id):
            return False
        self._members[list_id].remove(lead_id)
        return True

    def keep_lists(self, lists: Collection[int]) -> None:
        """Forget the members of all lists but these."""
        for gone in self._members.keys() - set(lists):
            del self._members[gone]

    def drop_leads(self, leads: Collection[int]) -> None:
        """Leads that are gone are members of nothing."""
        self.move_leads(dict.fromkeys(leads))

    def move_leads(self, heirs: Mapping[int, int | None]) -> None:
        """Let the memberships of leads pass to their heirs, where they have one.

        "A merge combines ... list memberships" (leads.md, "Merge").
        """
        for list_id, members in self._members.items():
            moved = [heirs[lead] for lead in members if lead in heirs]
            if moved:
                left = {lead for lead in members if lead not in heirs}
                left.update(heir for heir in moved if heir is not None)
                self._members[list_id] = array("q", sorted(left))

    def at(self, lists: Sequence[int], places: Iterable[int]) -> list[Pair]:
        """The memberships of these places among all that these lists have, in order."""
        ends = list(accumulate(len(self.of(list_id)) for list_id in lists))
        found = []
        for place in places:
            which = bisect_right(ends, place)
            members = self.of(lists[which])
            found.append((lists[which], members[place - ends[which]]))
        return found

    def count(self, lists: Sequence[int]) -> int:
        """How many memberships these lists have."""
        return sum(len(self.of(list_id)) for list_id in lists)

    def pairs(self) -> Iterator[Pair]:
        """Every membership, in order of list and lead."""
        for list_id in sorted(self._members):
            for lead_id in self._members[list_id]:
                yield list_id, lead_id

    def truth(self) -> Iterator[dict[str, Any]]:
        """Every membership, in order of list and lead."""
        return ({"listId": list_id, "leadId": lead_id} for list_id, lead_id in self.pairs())


def make_memberships(
    seed: int, count: int, lists: Sequence[int], leads: Sequence[int]
) -> Memberships:
    """As many memberships as asked, spread unevenly.

    Some lists are empty; the first has half of all, more than a page holds, but never all leads.
    """
    made = Memberships()
    rng = random.Random(f"{seed}:list_memberships")
    filled = [list_id for place, list_id in enumerate(lists) if place % _EMPTY != _EMPTY - 1]
    most = (len(leads) * 9 + 9) // 10
    if not filled or not most:
        return made
    first, *others = filled
    large = min(count // 2, most)
    made.fill(first, rng.sample(leads, large))
    weights = [rng.random() ** 3 for _ in others]
    short = count - large
    for list_id, weight in zip(others, weights, strict=True):
        share = round(short * weight / sum(weights))
        made.fill(list_id, rng.sample(leads, min(share, most)))
    return made
