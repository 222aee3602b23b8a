"""What the tables of what is read by keys should hold.

Written from docs/streams.md: of companies, sales persons, opportunities and roles whatever leads
lead to, by their companies, owners and roles; of named accounts those on chosen lists.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tests.end_to_end.expected import columns_of_fields, value
from tests.harness import Account
from tests.sandbox.crm.kinds import BY_TABLE

CRM = ("companies", "sales_persons", "opportunities", "opportunity_roles")
LISTS, ACCOUNTS, LISTED = NAMED = (
    "named_account_lists", "named_accounts", "named_account_list_members",
)  # fmt: skip
Rows = dict[Any, dict[str, Any]]


def tables(
    account: Account,
    catalog: Mapping[str, Any],
    *,
    filters: Collection[str] = (),
    companies: str = "linked",
    are_read: bool = True,
) -> dict[str, Rows]:
    """Return the tables after a first sync.

    Args:
        account: the sandbox.
        catalog: names the columns.
        filters: further fields that filters of opportunities take.
        companies: the setting of that name.
        are_read: whether companies are read, whose owners lead to opportunities.
    """
    return _shown(catalog, _found(account, filters, companies, are_read))


def every_row(account: Account, catalog: Mapping[str, Any]) -> dict[str, Rows]:
    """Return the tables with all that there is, whether anything leads to it or not."""
    return _shown(catalog, {name: account.truth(name) for name in CRM})


def _shown(
    catalog: Mapping[str, Any], found: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Rows]:
    shown = {}
    for name in CRM:
        kind = BY_TABLE[name]
        types = {field.name: field.data_type for field in kind.fields}
        names = columns_of_fields(catalog, name)
        shown[name] = {
            row[kind.key]: {
                names[field]: value(row.get(field), types.get(field, "string")) for field in names
            }
            for row in found[name]
        }
    return shown


def _found(
    account: Account, filters: Collection[str], companies: str, are_read: bool
) -> dict[str, list[dict[str, Any]]]:
    leads = account.truth("leads")
    truth = {name: account.truth(name) for name in CRM}
    linked = {
        int(lead["contactCompany"])
        for lead in leads
        if companies == "all" or lead["externalCompanyId"]
    }
    own = [row for row in truth["companies"] if row["id"] in linked]
    keys = {row["externalCompanyId"] for row in leads} - {None}
    owned = [*leads, *(own if are_read else ())]
    owners = {row["externalSalesPersonId"] for row in owned} - {None}
    deals: dict[str, dict[str, Any]] = {}
    roles: dict[str, dict[str, Any]] = {}
    ids = set() if filters else {lead["id"] for lead in leads}
    while True:
        before = len(deals), len(roles), len(owners)
        named = {row["externalOpportunityId"] for row in (*deals.values(), *roles.values())}
        for row in truth["opportunities"]:
            if (
                row["externalOpportunityId"] in named
                or ("externalCompanyId" in filters and row["externalCompanyId"] in keys)
                or ("externalSalesPersonId" in filters and row["externalSalesPersonId"] in owners)
            ):
                deals[row["marketoGUID"]] = row
        owners |= {row["externalSalesPersonId"] for row in deals.values()} - {None}
        for row in truth["opportunity_roles"]:
            if row["externalOpportunityId"] in named or row["leadId"] in ids:
                roles[row["marketoGUID"]] = row
        if before == (len(deals), len(roles), len(owners)):
            break
    persons = [row for row in truth["sales_persons"] if row["externalSalesPersonId"] in owners]
    return {
        "companies": own,
        "sales_persons": persons,
        "opportunities": [*deals.values()],
        "opportunity_roles": [*roles.values()],
    }


def named_tables(account: Account, names: Collection[str]) -> dict[str, Rows]:
    """Return the tables of named accounts after a first sync of the lists of some names."""
    lists = {row["marketoGUID"]: row for row in account.truth(LISTS) if row["name"] in names}
    pairs = {(row["list"], row["account"]) for row in account.truth(LISTED)}
    members = {pair for pair in pairs if pair[0] in lists}
    listed = {key for _, key in members}
    types = {field.name: field.data_type for field in BY_TABLE[ACCOUNTS].fields}
    return {
        LISTS: {
            key: {
                name: value(raw, "datetime" if name.endswith("At") else "string")
                for name, raw in row.items()
            }
            for key, row in lists.items()
        },
        ACCOUNTS: {
            row["marketoGUID"]: {name: value(raw, types[name]) for name, raw in row.items()}
            for row in account.truth(ACCOUNTS)
            if row["marketoGUID"] in listed
        },
        LISTED: {pair: {"namedAccountListId": pair[0], "marketoGUID": pair[1]} for pair in members},
    }
