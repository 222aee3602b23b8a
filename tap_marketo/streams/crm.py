"""Companies, sales persons, opportunities and their roles: one declaration each.

Where an account has a native CRM integration, lead-database.md has these objects switched off, and
companies.md has them read-only: what Marketo says of each decides.
"""

from __future__ import annotations

from functools import partial

from tap_marketo.exports.family import SyncContext
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.streams.account import Account
from tap_marketo.streams.keyed_object import KeyedStream
from tap_marketo.streams.permissions import (
    COMPANIES_PATH,
    OPPORTUNITIES_PATH,
    READ_ACTIVITY,
    READ_COMPANY,
    READ_LEAD,
    READ_OPPORTUNITY,
    READ_SALES_PERSON,
    SALES_PERSONS_PATH,
)
from tap_marketo.streams.references import (
    BULK_OBJECT,
    COMPANY,
    COMPANY_KEY,
    LEADS_COMPANY,
    NAME,
    SALES_PERSON,
)
from tap_marketo.streams.references_read import ReferencesRead
from tap_marketo.streams.role_changes import LEAD

_OPPORTUNITY_KEY = "externalOpportunityId"


def _by_references(
    entry: CatalogEntry, declared: KeyedStream, account: Account, context: SyncContext
) -> ReferencesRead | None:
    """Let one read have all of these streams: one export of references serves them."""
    read = account.shared(ReferencesRead, lambda: ReferencesRead(CRM, account, context))
    is_first = not read.streams
    read.add(entry, declared)
    return read if is_first else None


_found = partial(
    KeyedStream, read=_by_references, is_exported=True, families={NAME: BULK_OBJECT}
)

# They are asked in this order: whoever names others first, so that calls for those are full.
CRM = (
    _found(
        name="companies",
        path=COMPANIES_PATH,
        permission=READ_COMPANY,
        further_permissions=(READ_LEAD,),
        keys=("id",),
        filters={"id": COMPANY},
        own_key="id",
    ),
    _found(
        name="opportunities",
        path=OPPORTUNITIES_PATH,
        permission=READ_OPPORTUNITY,
        further_permissions=(READ_LEAD, READ_ACTIVITY),
        filters={
            COMPANY_KEY: LEADS_COMPANY,
            SALES_PERSON: SALES_PERSON,
            _OPPORTUNITY_KEY: _OPPORTUNITY_KEY,
        },
        own_key=_OPPORTUNITY_KEY,
        needs=("opportunity_roles",),
    ),
    _found(
        name="opportunity_roles",
        path=f"{OPPORTUNITIES_PATH}/roles",
        permission=READ_OPPORTUNITY,
        further_permissions=(READ_LEAD, READ_ACTIVITY),
        filters={_OPPORTUNITY_KEY: _OPPORTUNITY_KEY, "leadId": LEAD},
        own_key="marketoGUID",
        needs=("opportunities",),
        described_with=OPPORTUNITIES_PATH,
    ),
    _found(
        name="sales_persons",
        path=SALES_PERSONS_PATH,
        permission=READ_SALES_PERSON,
        further_permissions=(READ_LEAD,),
        keys=("id",),
        filters={SALES_PERSON: SALES_PERSON},
        own_key=SALES_PERSON,
        needs=("companies", "opportunities"),
    ),
)
