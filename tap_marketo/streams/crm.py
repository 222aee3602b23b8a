"""Companies, sales persons, opportunities and their roles: their one sync, a declaration each.

Where an account has a native CRM integration, lead-database.md has these objects switched off, and
companies.md has them read-only: what Marketo says of each decides.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.names import find_names
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import KeyedStream
from tap_marketo.streams.keys_family import SearchRead
from tap_marketo.streams.object_links import COMPANY, COMPANY_KEY, LEADS
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
    LEAD,
    LEADS_COMPANY,
    LINKS,
    NAME,
    ROLES,
    SALES_PERSON,
    ReferencesFamily,
    RoleChanges,
)
from tap_marketo.streams.stream_read import ReadEstimate, Steps

_OPPORTUNITIES = "opportunities"
_OPPORTUNITY_KEY = "externalOpportunityId"


class ReferencesRead(SearchRead):
    """One sync of all streams whose rows references of leads lead to."""

    name = NAME

    def steps(self, emitter: Emitter) -> Steps:
        search, family = self._family(emitter)
        for table in search.live.values():
            table.announce(emitter)
        yield None
        if search.asks_for(LEAD):
            yield from RoleChanges(search, self._account, self._context).steps(emitter)
        yield family

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        search, family = self._family()
        changes = RoleChanges(search, self._account, self._context)
        calls = changes.calls if search.asks_for(LEAD) else Calls()
        return ReadEstimate(families=[family], calls=calls + search.calls)

    def _family(self, emitter: Emitter | None = None) -> tuple[KeySearch, ReferencesFamily]:
        """Return the search for rows, and the export of references that lead to them.

        Raises:
            TapError: no stream can be read.
        """
        search = KeySearch(CRM, self._tables, self._account, emitter)
        search.prepare()
        known = find_names(LINKS, [each.name for each in self._account.lead_fields])
        if search.asks_for(COMPANY):
            self._warn_of_missing(known)
        # Where opportunities can be found in neither way, the leads of roles lead to them.
        by_lead = not search.asks_by(_OPPORTUNITIES, COMPANY_KEY, SALES_PERSON)
        return search, ReferencesFamily(search, [*known.values()], self._context, by_lead)

    def _warn_of_missing(self, known: Collection[str]) -> None:
        """Warn of fields that this account has not: no company is found by them."""
        needed = [COMPANY, *([COMPANY_KEY] if self._context.config.companies == "linked" else [])]
        missing = [name for name in needed if name not in known]
        if missing:
            LOGGER.warning(
                "companies: leads have no field %s here, so that no company is found.%s",
                missing[0],
                ' To have the company of each lead, set "companies": "all".'
                if missing == [COMPANY_KEY] else "",
            )  # fmt: skip


_found = partial(KeyedStream, read=ReferencesRead.shared, is_exported=True, families={NAME: LEADS})

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
        name=_OPPORTUNITIES,
        path=OPPORTUNITIES_PATH,
        permission=READ_OPPORTUNITY,
        further_permissions=(READ_LEAD, READ_ACTIVITY),
        filters={
            COMPANY_KEY: LEADS_COMPANY,
            SALES_PERSON: SALES_PERSON,
            _OPPORTUNITY_KEY: _OPPORTUNITY_KEY,
        },
        own_key=_OPPORTUNITY_KEY,
        needs=(ROLES,),
    ),
    _found(
        name=ROLES,
        path=f"{OPPORTUNITIES_PATH}/roles",
        permission=READ_OPPORTUNITY,
        further_permissions=(READ_LEAD, READ_ACTIVITY),
        filters={_OPPORTUNITY_KEY: _OPPORTUNITY_KEY, "leadId": LEAD},
        own_key="marketoGUID",
        needs=(_OPPORTUNITIES,),
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
        needs=("companies", _OPPORTUNITIES),
    ),
)
