"""Accounts in which objects of a CRM and named accounts can be read, beside all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.end_to_end import expected, expected_crm
from tests.end_to_end.expected_crm import ACCOUNTS, CRM, LISTED, LISTS
from tests.harness import Account, Target

BOTH = "externalCompanyId,externalSalesPersonId"
OPTIONS = ("--crm-objects", "--opportunity-filters", BOTH)
# The third is empty.
NAMES = ("Named List 1", "Named List 2", "Named List 3")
SETTINGS = {"named_account_lists": ", ".join(NAMES)}
BEGUN = "2026-05-18T00:00:00+00:00"
STREAMS = (*CRM, LISTS, ACCOUNTS, LISTED)


def state_of(time: str = BEGUN, *streams: str) -> dict[str, Any]:
    """Return the state of streams that have been read up to a time: no year of it is exported."""
    mark = {"updatedAt": time, "settled": time, "read_at": "2026-06-15T00:00:00+00:00"}
    return {"bookmarks": {name: dict(mark) for name in streams or CRM}}


def tables(marketo: Account, catalog: Mapping[str, Any]) -> dict[str, dict[Any, dict[str, Any]]]:
    """Return the tables after a first sync."""
    found = expected_crm.tables(marketo, catalog, filters=BOTH.split(","))
    return found | expected_crm.named_tables(marketo, NAMES)


def assert_right(marketo: Account, catalog: Mapping[str, Any], target: Target) -> None:
    """The target's tables of this kind hold all that leads lead to, and the chosen lists.

    A role that an activity names may lead to more.
    """
    true = tables(marketo, catalog)
    more = expected_crm.every_row(marketo, catalog)
    for name in target.tables.keys() & true.keys():
        assert true[name], "a test without rows would prove nothing"
        held = expected.table(target, name)
        rows = {**more.get(name, {}), **true[name]}
        assert held.keys() >= true[name].keys(), name
        assert held == {key: rows[key] for key in held}, name


def change(marketo: Account, some: int = 3, *, is_told: bool = True) -> None:
    """Let rows of each kind come and change.

    Args:
        marketo: the sandbox.
        some: so many of each.
        is_told: whether leads that change lead to those of a CRM that do.
    """
    if is_told:
        _change_told(marketo, some)
    accounts = range(1, 1 + some + len(marketo.truth(ACCOUNTS)))
    marketo.change(
        new_opportunity_roles=some, named_account_lists_updated=2, new_named_accounts=some,
        named_accounts_updated=some, named_accounts_listed=[[2, [*accounts]]],
    )  # fmt: skip


def _change_told(marketo: Account, some: int) -> None:
    companies, persons = (
        [row["id"] for row in marketo.truth(name) if "_own" not in row][:some]
        for name in ("companies", "sales_persons")
    )
    companies += marketo.change(new_companies=1)["new_companies"]
    persons += marketo.change(new_sales_persons=1)["new_sales_persons"]
    leads = marketo.truth("leads")
    alone = iter([row["id"] for row in leads if not row["externalCompanyId"]])
    unowned = iter([row["id"] for row in leads if not row["externalSalesPersonId"]])
    marketo.change(companies_updated=companies, sales_persons_updated=persons)
    marketo.change(
        linked_leads=[[next(alone), each] for each in companies],
        owned_leads=[[next(unowned), each] for each in persons],
    )
    sales = marketo.truth("sales_persons")
    owners = {row["externalSalesPersonId"] for row in sales if row["id"] in persons}
    deals = [
        row["marketoGUID"]
        for row in marketo.truth("opportunities")
        if row["externalSalesPersonId"] in owners
    ]
    marketo.change(opportunities_updated=deals[:some])
