"""What activities tell of leads, lists and merges, and what the control API lets happen to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from tests.sandbox.activities import ActivityTable
from tests.sandbox.activity_contents import Details, told
from tests.sandbox.activity_types import (
    ADD_TO_LIST,
    CHANGE_DATA_VALUE,
    CHANGE_OWNER,
    CHANGE_PARTITION,
    CHANGE_SCORE,
    CHANGE_STAGE,
    MERGE_LEADS,
    NEW_LEAD,
    REMOVE_FROM_LIST,
)
from tests.sandbox.assets.table import AssetTable
from tests.sandbox.clock import DAY, date_text
from tests.sandbox.fields import LeadField
from tests.sandbox.leads import Lead, LeadTable
from tests.sandbox.members import MemberTable
from tests.sandbox.memberships import Memberships, Pair
from tests.sandbox.values import WORDS, Value, mix

ChangeRequest = dict[str, Any]
T = TypeVar("T")

_UPDATES = (
    *(CHANGE_DATA_VALUE,) * 7,
    CHANGE_SCORE,
    CHANGE_OWNER,
    CHANGE_STAGE,
    CHANGE_PARTITION,
)
"""What an update of a lead leaves, the usual one most often."""
_STANDARD = ("city", "title", "company", "leadStatus", "industry", "phone", "annualRevenue")
_CUSTOM = ("favouriteColour", "shortNotes", "externalNumber", "renewalDate", "isSubscriber")
"""Fields of whose changes activities tell."""
_SCORE = "behaviourScore"
_STAGES = range(1, 9)
_WHY = "Web service API"
"""Reason and Source of a change (activities.md, "Data value changes")."""


class Event(NamedTuple):
    """Something that happened to a lead, as an activity tells of it."""

    date: int
    kind: int
    lead: int
    about: tuple[int, ...] = ()
    """The list; of a change, 1 where only custom fields changed; of a merge, 1 where the winner
    was updated, then the losers."""


class LeadChanges:
    """Tells activities of changes, and carries out what control calls ask for.

    A request may let its activities be seen only `late_hours` after their date.
    """

    def __init__(
        self,
        seed: int,
        leads: LeadTable,
        memberships: Memberships,
        members: MemberTable,
        assets: Mapping[str, AssetTable],
        activities: ActivityTable,
    ) -> None:
        self._seed = seed
        self._rng = random.Random(f"{seed}:lead changes")
        self._leads = leads
        self._memberships = memberships
        self._members = members
        self._lists = assets["lists"]
        self._partitions = assets["lead_partitions"]
        self._activities = activities
        self._cells: dict[str, Callable[[Lead], Value]] = {}
        self._listed: dict[int, Details] = {}
        """Contents about each list, whose name never changes: the same for all its members."""
        self.handlers: dict[str, Callable[[Any, int, ChangeRequest], list[Any]]] = {
            "silent_updates": self._silent_updates,
            "merged_leads": self._merged_leads,
            "list_members_added": self._added,
            "list_members_removed": self._removed,
        }

    def tell_history(self, events: Iterable[Event], late_share: float) -> None:
        """Record the activities of the past; some of them are seen late."""
        rng = self._rng
        merges = []
        for event in events:
            late = rng.randint(1, DAY) if rng.random() < late_share else 0
            self._tell(event, event.date + late)
            if event.kind == MERGE_LEADS:
                merges.append([event.lead, *event.about[1:]])
        self._activities.move_leads(_heirs(merges))

    def tell(self, event: Event, request: ChangeRequest) -> None:
        """Record the activity of a change that a request makes."""
        self._tell(event, event.date + int(3600 * float(request.get("late_hours", 0))))

    def _tell(self, event: Event, visible: int) -> None:
        """Record the activity of an event, unless the account has no such type."""
        kind, contents = self._contents(event)
        if self._activities.type(kind) is not None:
            self._activities.tell(kind, event.lead, event.date, visible, contents)

    def _contents(self, event: Event) -> tuple[int, Details]:
        """The type of an event's activity, and what it holds."""
        match event.kind:
            case _ if event.kind in (ADD_TO_LIST, REMOVE_FROM_LIST):
                return event.kind, self._about_list(event.about[0])
            case _ if event.kind == NEW_LEAD:
                about = {"Source Type": _WHY, "Created Date": date_text(event.date)}
                return NEW_LEAD, told(None, None, {**about, "API Method Name": "syncLead"})
            case _ if event.kind == MERGE_LEADS:
                updated, *losers = event.about
                merge = {
                    "Master Updated": bool(updated),
                    "Merge IDs": losers,
                    "Merge Source": _WHY,
                    "Merged in Sales": False,
                }
                # Named as the leads of Delete Lead activities.
                return MERGE_LEADS, told(event.lead, f"Lead {event.lead}", merge)
            case _:
                return self._about_update(event.lead, custom_only=event.about == (1,))

    def _about_list(self, list_id: int) -> Details:
        """The list is the primary attribute (bulk-activity-extract.md, "Filters")."""
        if list_id not in self._listed:
            row = self._lists.find(list_id)
            name = None if row is None else str(row.more["name"])
            self._listed[list_id] = told(list_id, name, {"Source": _WHY})
        return self._listed[list_id]

    def _about_update(self, lead_id: int, custom_only: bool) -> tuple[int, Details]:
        """The activity of a lead's last change; every number follows from lead and version."""
        now, before = self._leads.as_of(lead_id), self._leads.as_of(lead_id, back=1)
        luck = mix(self._seed, now.standard, now.custom) >> 7
        kind = CHANGE_DATA_VALUE if custom_only else _UPDATES[luck % len(_UPDATES)]
        if self._activities.type(kind) is None:
            kind = CHANGE_DATA_VALUE
        if kind == CHANGE_SCORE and (field := self._leads.field(_SCORE)) is not None:
            cell = self._cell(field)
            new, old = cell(now).typed, cell(before).typed
            change: dict[str, Any] = {"New Value": new, "Old Value": old, "Reason": _WHY}
            if isinstance(new, int) and isinstance(old, int):
                change["Change Value"] = new - old
            return kind, told(field.number, field.display, _filled(change))
        if kind == CHANGE_OWNER:
            new_owner, old_owner = _two(WORDS, luck)
            return kind, told(None, new_owner, {"Old Owner": old_owner, "Reason": _WHY})
        if kind == CHANGE_STAGE:
            new_stage, old_stage = _two(_STAGES, luck)
            stages = {"New Stage ID": new_stage, "Old Stage ID": old_stage}
            return kind, told(1, "Revenue Cycle Model", {**stages, "Reason": _WHY})
        if kind == CHANGE_PARTITION and (rows := self._partitions.rows):
            row, other = _two(rows, luck)
            name, old_name = (str(self._partitions.shown_row(r)["name"]) for r in (row, other))
            partitions = {"New Partition": name, "Old Partition": old_name, "Reason": _WHY}
            return kind, told(row.id, name, partitions)
        field, new_value, old_value = self._changed(now, before, luck, custom_only)
        change = {"New Value": new_value, "Old Value": old_value, "Reason": _WHY, "Source": _WHY}
        # The field is the primary attribute, by id and display name (bulk-activity-extract.md).
        return CHANGE_DATA_VALUE, told(field.number, field.display, _filled(change))

    def _changed(
        self, now: Lead, before: Lead, luck: int, custom_only: bool
    ) -> tuple[LeadField, str | None, str | None]:
        """A field that changed, with its values: the first that differ, if there are any."""
        names = _CUSTOM if custom_only else _STANDARD
        fields = [field for field in self._leads.fields if field.rest in names]
        fields = fields or [field for field in self._leads.fields if field.exportable]
        first = luck % len(fields)
        for field in (*fields[first:], *fields[:first]):
            cell = self._cell(field)
            if cell(now) != cell(before):
                break
        return field, cell(now).text, cell(before).text

    def _cell(self, field: LeadField) -> Callable[[Lead], Value]:
        name = str(field.rest)
        if name not in self._cells:
            self._cells[name] = self._leads.getter(name, lambda value: value)
        return self._cells[name]

    # What control calls ask for -----------------------------------------------------------------

    def _silent_updates(self, value: Any, moment: int, request: ChangeRequest) -> list[int]:
        """Updates that leave no activity."""
        ids = self._leads.ids
        chosen = sorted(self._rng.sample(ids, min(int(value), len(ids))))
        for lead_id in chosen:
            self._leads.touch(lead_id, moment, custom_only=False)
        return chosen

    def _merged_leads(self, value: Any, moment: int, request: ChangeRequest) -> list[list[int]]:
        """Merge leads: so many times, or each winner with its losers; gives those.

        "A merge combines activity logs; program, campaign, and list memberships" and field
        values (leads.md, "Merge"): what a loser was and did goes to the winner, and half of the
        winners are updated by it.
        """
        merges = self._merges(value, int(request.get("merge_chains", 0)))
        for winner, *losers in merges:
            updated = mix(self._seed, winner, *losers) >> 3 & 1
            if updated:
                self._leads.touch(winner, moment, custom_only=False)
            self.tell(Event(moment, MERGE_LEADS, winner, (updated, *losers)), request)
            for loser in losers:
                self._leads.delete(loser)
            # In their order, as a member stays what it is where two of them become one.
            self._members.move_leads(dict.fromkeys(losers, winner))
        heirs = _heirs(merges)
        self._activities.move_leads(heirs)
        self._memberships.move_leads(heirs)
        return merges

    def _merges(self, value: Any, chains: int) -> list[list[int]]:
        """Winners, each with its losers; the winner of the first half of a chain loses then."""
        if not isinstance(value, int):
            merges = [[int(lead) for lead in merge] for merge in value]
            gone: set[int] = set()
            for merge in merges:
                there = {lead for lead in merge if self._leads.has(lead)} - gone
                if len(merge) < 2 or len(there) < len(merge):
                    raise ValueError(f"no such leads, or too few: {merge}")
                gone.update(merge[1:])
            return merges
        ids = self._leads.ids
        free = self._rng.sample(ids, min(3 * value, len(ids)))
        merges = []
        for place in range(value - min(chains, value // 2)):
            chained = place < chains
            leads, free = free[: 3 if chained or place % 3 == 2 else 2], free[3:]
            if len(leads) > 1 and not chained:
                merges.append(leads)
            elif len(leads) == 3:
                first, middle, last = leads
                merges += [[middle, first], [last, middle]]
        return merges

    def fill(self, lists: Sequence[int], count: int, moment: int, request: ChangeRequest) -> None:
        """Let new lists have so many members each."""
        ids = self._leads.ids
        for list_id in lists:
            for lead_id in sorted(self._rng.sample(ids, min(count, len(ids)))):
                self._add((list_id, lead_id), moment, request)

    def _add(self, pair: Pair, moment: int, request: ChangeRequest) -> bool:
        added = self._memberships.add(*pair)
        if added:
            self.tell(Event(moment, ADD_TO_LIST, pair[1], (pair[0],)), request)
        return added

    def _added(self, value: Any, moment: int, request: ChangeRequest) -> list[Pair]:
        """Add leads to lists: so many, or these pairs of list and lead; gives the pairs."""
        lists = self._chosen_lists(request)
        if not isinstance(value, int):
            pairs = [(int(list_id), int(lead_id)) for list_id, lead_id in value]
            for list_id, lead_id in pairs:
                if self._lists.find(list_id) is None or not self._leads.has(lead_id):
                    raise ValueError(f"no such list or lead: {list_id}, {lead_id}")
            return sorted(pair for pair in pairs if self._add(pair, moment, request))
        ids, done = self._leads.ids, []
        room = len(ids) * len(lists) - self._memberships.count(lists)
        for _ in range(min(value, room)):
            done.append(self._random_new(lists, ids))
            self._add(done[-1], moment, request)
        return sorted(done)

    def _random_new(self, lists: Sequence[int], ids: Sequence[int]) -> Pair:
        """A pair of list and lead that is no membership; there must be one."""
        for _ in range(20):
            list_id, lead_id = self._rng.choice(lists), self._rng.choice(ids)
            if not self._memberships.has(list_id, lead_id):
                return list_id, lead_id
        # Nearly everybody is a member.
        free = [
            (list_id, lead_id)
            for list_id in lists
            for lead_id in set(ids).difference(self._memberships.of(list_id))
        ]
        return self._rng.choice(sorted(free))

    def _removed(self, value: Any, moment: int, request: ChangeRequest) -> list[Pair]:
        """Remove leads from lists: so many, or these pairs of list and lead; gives the pairs."""
        lists = self._chosen_lists(request)
        if isinstance(value, int):
            count = self._memberships.count(lists)
            places = self._rng.sample(range(count), min(value, count))
            pairs = self._memberships.at(lists, places)
        else:
            pairs = [(int(list_id), int(lead_id)) for list_id, lead_id in value]
        done = sorted(pair for pair in pairs if self._memberships.remove(*pair))
        for list_id, lead_id in done:
            self.tell(Event(moment, REMOVE_FROM_LIST, lead_id, (list_id,)), request)
        return done

    def _chosen_lists(self, request: ChangeRequest) -> list[int]:
        existing = [row.id for row in self._lists.rows]
        chosen = [int(list_id) for list_id in request.get("lists", existing)]
        if strange := set(chosen) - set(existing):
            raise ValueError(f"no such lists: {sorted(strange)}")
        return chosen


def _heirs(merges: Iterable[Sequence[int]]) -> dict[int, int]:
    """Who each loser is in the end, given winners, each with its losers, in order of time."""
    heirs = {loser: winner for winner, *losers in merges for loser in losers}
    # The last first: who won and lost later has an heir by then.
    for loser in reversed(heirs):
        heirs[loser] = heirs.get(heirs[loser], heirs[loser])
    return heirs


def _two(choices: Sequence[T], luck: int) -> tuple[T, T]:
    """Two of some values, different ones where there are as many."""
    first = luck % len(choices)
    step = 1 + luck // 31 % max(len(choices) - 1, 1)
    return choices[first], choices[(first + step) % len(choices)]


def _filled(attributes: dict[str, Any]) -> dict[str, Any]:
    """ "If a field is empty, that attribute is omitted" (activities.md, "Describe")."""
    return {name: value for name, value in attributes.items() if value not in (None, "")}
