"""New rows: what points at other rows, which chance or a change decides once."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from tests.sandbox.crm.links import company_key, sales_person_key
from tests.sandbox.crm.tables import CrmTable, Record
from tests.sandbox.leads import LeadTable
from tests.sandbox.values import Value, as_number, as_text

_ROLES = ("Buyer", "Champion; of sorts", "Technical Buyer", "Größe", 'Said "no"')
_UNLINKED = 7
"""Every seventh opportunity has neither owner nor company; of the others some lack one of them."""

Tables = Mapping[str, CrmTable]
Links = dict[str, Value]


class RowMaker:
    """Makes the links of new rows."""

    def __init__(self, tables: Tables, leads: LeadTable) -> None:
        self._tables, self._leads = tables, leads
        self._makers: dict[str, Callable[[int, random.Random], Links]] = {
            "companies": self._company,
            "sales_persons": self._sales_person,
            "opportunities": self._opportunity,
            "opportunity_roles": self._role,
            "named_accounts": self._named_account,
            "named_account_lists": self._named_account_list,
        }

    def make(
        self, table: str, created: int, updated: int, rng: random.Random, key: str = ""
    ) -> Record:
        """Add a row to a table; the key is its first dedupe field, if it is not the usual one."""
        record = self._tables[table].add(created, updated)
        record.links = self._makers[table](record.number, rng)
        if key:
            record.links[self._tables[table].kind.dedupe[0]] = as_text(key)
            if table == "companies" and self._leads.links:
                self._leads.links.keys[record.number] = key
        return record

    def _company(self, number: int, rng: random.Random) -> Links:
        key = {"externalCompanyId": as_text(company_key(number))}
        return key | (self._owner(rng) if rng.random() < 0.7 else {})

    def _sales_person(self, number: int, rng: random.Random) -> Links:
        key = as_text(sales_person_key(number))
        return {"externalSalesPersonId": key, "email": key}

    def _opportunity(self, number: int, rng: random.Random) -> Links:
        links = {"externalOpportunityId": as_text(f"OPP-{number:06d}")}
        companies = list(self._tables["companies"].rows.values())
        if companies and number % _UNLINKED and number % 8 != 4:
            links["externalCompanyId"] = rng.choice(companies).links["externalCompanyId"]
        return links | (self._owner(rng) if number % _UNLINKED and number % 8 else {})

    def _owner(self, rng: random.Random) -> Links:
        owners = list(self._tables["sales_persons"].rows)
        if not owners:
            return {}
        return {"externalSalesPersonId": as_text(sales_person_key(rng.choice(owners)))}

    def _role(self, number: int, rng: random.Random) -> Links:
        chosen = rng.choice(list(self._tables["opportunities"].rows.values()))
        return {
            "externalOpportunityId": chosen.links["externalOpportunityId"],
            "leadId": as_number(rng.choice(self._leads.ids)),
            "role": as_text(f"{rng.choice(_ROLES)} {number}"),
        }

    def _named_account(self, number: int, rng: random.Random) -> Links:
        return {"name": as_text(f"Account {number}, Inc. – Größe")}

    def _named_account_list(self, number: int, rng: random.Random) -> Links:
        external = number % 3 == 0
        return {
            "name": as_text(f"Named List {number}"),
            "type": as_text("external" if external else "default"),
            "updateable": Value("false" if external else "true", not external),
        }
