"""All rows of these objects, and what the control API lets happen to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.sandbox.activities import ActivityTable
from tests.sandbox.activity_contents import told
from tests.sandbox.clock import DAY
from tests.sandbox.crm.kinds import BY_TABLE, MEMBERS
from tests.sandbox.crm.links import FIRST_COMPANY, FIRST_SALES_PERSON
from tests.sandbox.crm.rows import RowMaker
from tests.sandbox.crm.tables import CrmTable, Record
from tests.sandbox.leads import FIRST_ID, LeadTable
from tests.sandbox.options import Options
from tests.sandbox.values import POOL_SIZE, Value

ADDED_TO_OPPORTUNITY, REMOVED_FROM_OPPORTUNITY = 34, 35
_FIRST = {"companies": FIRST_COMPANY, "sales_persons": FIRST_SALES_PERSON}
# Owners before what they own.
_ORDER = ("sales_persons", *(name for name in BY_TABLE if name != "sales_persons"))
_NONE = Value(None, None)
ChangeRequest = dict[str, Any]
Handler = Callable[[Any, int, ChangeRequest], list[Any]]


class CrmDatabase:
    """The tables by their names, and the members of the lists of named accounts."""

    def __init__(
        self, options: Options, leads: LeadTable, activities: ActivityTable, start: int
    ) -> None:
        self._leads, self._activities = leads, activities
        self._rng = random.Random(f"{options.seed}:crm changes")
        variety = options.variety or POOL_SIZE
        self.tables = {
            name: CrmTable(options.seed, BY_TABLE[name], _FIRST.get(name, 1), variety)
            for name in _ORDER
        }
        self.tables["companies"].find_other = self._own_company
        self.tables["opportunities"].more_filters = options.more_filters
        self._maker = RowMaker(self.tables, leads)
        self.members: dict[int, list[int]] = {}
        self._fill(options, start)
        self.handlers: dict[str, Handler] = {
            "linked_leads": partial(self._link, "companies"),
            "owned_leads": partial(self._link, "sales_persons"),
            "named_accounts_listed": self._list_accounts,
            "removed_object_fields": self._remove_fields,
        }
        for name in self.tables:
            self.handlers[f"new_{name}"] = partial(self._new, name)
            self.handlers[f"{name}_updated"] = partial(self._update, name)
            self.handlers[f"{name}_deleted"] = partial(self._delete, name)

    def _fill(self, options: Options, start: int) -> None:
        rng = random.Random(f"{options.seed}:crm")
        span = max(int(options.history_days * DAY), 7200)
        for name, table in self.tables.items():
            is_there = options.crm_objects or not table.kind.is_of_crm
            if name == "opportunity_roles":
                is_there = bool(self.tables["opportunities"].rows and self._leads.ids)
            for _ in range(getattr(options, name) if is_there else 0):
                created = start - rng.randint(3600, span)
                later = created + int((start - created) * rng.random())
                self._maker.make(name, created, later if rng.random() < 0.6 else created, rng)
        accounts = list(self.tables["named_accounts"].rows)
        for number in self.tables["named_account_lists"].rows:
            # Every third list is empty.
            some = rng.sample(accounts, len(accounts) * 2 // 3) if number % 3 else []
            self.members[number] = sorted(some)

    def truth(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table; of companies also those that leads without one have of their own."""
        if table == MEMBERS:
            lists, accounts = self.tables["named_account_lists"], self.tables["named_accounts"]
            for number, members in self.members.items():
                key = lists.key_of(lists.rows[number])
                for each in members:
                    yield {"list": key, "account": accounts.key_of(accounts.rows[each])}
            return
        yield from self.tables[table].truth()
        if table == "companies" and self._leads.links:
            for lead in self._leads.ids:
                if own := self._own_company(lead):
                    yield {**self.tables[table].typed(own), "_own": True}

    def _own_company(self, number: int) -> Record | None:
        """The company of a lead that belongs to none."""
        leads, place = self._leads, number - FIRST_ID
        if not leads.links or not leads.has(number) or leads.links.companies[place]:
            return None
        links = {"externalCompanyId": _NONE, "externalSalesPersonId": _NONE}
        created, updated = leads.created[place], leads.updated[place]
        return Record(number, created, updated, leads.standard[place], links)

    # What control calls ask for -----------------------------------------------------------------

    def _new(self, table: str, value: Any, moment: int, request: ChangeRequest) -> list[Any]:
        """So many new rows; a role leaves an activity. `external_id` is the key of the first."""
        keys = [str(request.get("external_id", ""))] if table != "opportunity_roles" else []
        made = [
            self._maker.make(table, moment, moment, self._rng, keys.pop() if keys else "")
            for _ in range(int(value))
        ]
        for record in made:
            if table == "opportunity_roles":
                self._tell(ADDED_TO_OPPORTUNITY, record, moment, request)
            if table == "named_account_lists":
                self.members[record.number] = []
        return [self.tables[table].key_of(record) for record in made]

    def _update(self, table: str, value: Any, moment: int, request: ChangeRequest) -> list[Any]:
        chosen = self._chosen(table, value)
        for record in chosen:
            self.tables[table].change(record, moment)
        return [self.tables[table].key_of(record) for record in chosen]

    def _delete(self, table: str, value: Any, moment: int, request: ChangeRequest) -> list[Any]:
        chosen = self._chosen(table, value)
        for record in chosen:
            del self.tables[table].rows[record.number]
            if table == "opportunity_roles":
                self._tell(REMOVED_FROM_OPPORTUNITY, record, moment, request)
            if table == "named_account_lists":
                del self.members[record.number]
            if table == "named_accounts":
                for members in self.members.values():
                    members[:] = [each for each in members if each != record.number]
        return [self.tables[table].key_of(record) for record in chosen]

    def _chosen(self, name: str, value: Any) -> list[Record]:
        table = self.tables[name]
        rows = list(table.rows.values())
        if isinstance(value, int):
            return self._rng.sample(rows, min(value, len(rows)))
        found = {table.key_of(record): record for record in rows}
        if strange := [key for key in value if key not in found]:
            raise ValueError(f"no such rows of {name}: {strange}")
        return [found[key] for key in value]

    def _tell(self, kind: int, role: Record, moment: int, request: ChangeRequest) -> None:
        """Record that a lead has got or lost a role, unless the account has no such type."""
        if self._activities.type(kind) is None:
            return
        key = role.links["externalOpportunityId"].text or ""
        found = self.tables["opportunities"].matching("externalOpportunityId", [key])
        number = found[0].number if found else 0
        contents = told(number, f"Opportunity {number}", {"Role": role.links["role"].text})
        visible = moment + int(3600 * float(request.get("late_hours", 0)))
        lead = int(role.links["leadId"].text or 0)
        self._activities.tell(kind, lead, moment, visible, contents)

    def _link(self, table: str, value: Any, moment: int, request: ChangeRequest) -> list[Any]:
        """Let leads belong to a company or a sales person, by pairs of ids; both are updated."""
        links = self._leads.links
        if links is None:
            raise ValueError("the leads of this account have no such fields (crm_objects)")
        for lead, number in value:
            if not self._leads.has(lead) or (number and number not in self.tables[table].rows):
                raise ValueError(f"no such lead, or nothing to link it to: {lead}, {number}")
            column = links.companies if table == "companies" else links.sales_persons
            column[lead - FIRST_ID] = number
            self._leads.touch(lead, moment, custom_only=False)
        return list(value)

    def _list_accounts(self, value: Any, moment: int, request: ChangeRequest) -> list[Any]:
        """Let lists have other members, by the numbers of the list and of its accounts."""
        for number, accounts in value:
            self.members[number] = sorted(accounts)
        return list(value)

    def _remove_fields(self, value: Any, moment: int, request: ChangeRequest) -> list[Any]:
        """Fields that an object has no more, by pairs of table and name."""
        for table, name in value:
            fields = self.tables[table].fields
            fields[:] = [each for each in fields if each.name != name]
        return list(value)
