"""The sync of all streams whose rows references of leads lead to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tap_marketo.exports.family import SyncContext
from tap_marketo.exports.plan_line import Calls
from tap_marketo.log import LOGGER
from tap_marketo.marketo.by_keys import MOST_VALUES
from tap_marketo.marketo.list_sizes import ListSizes
from tap_marketo.names import find_names
from tap_marketo.protocol.catalog import CatalogEntry
from tap_marketo.protocol.emitter import Emitter
from tap_marketo.rows.column_types import ConversionIssues
from tap_marketo.streams.account import Account
from tap_marketo.streams.key_search import KeySearch
from tap_marketo.streams.keyed_object import KeyedStream
from tap_marketo.streams.keyed_table import KeyedTable
from tap_marketo.streams.references import (
    COMPANY,
    COMPANY_KEY,
    LINKS,
    NAME,
    SALES_PERSON,
    ReferencesFamily,
)
from tap_marketo.streams.role_changes import LEAD, RoleChanges
from tap_marketo.streams.stream_read import Read, ReadEstimate, Steps


class ReferencesRead(Read):
    """One sync of all streams that a search finds the rows of."""

    finds_families = True

    def __init__(
        self,
        declared: Sequence[KeyedStream],
        account: Account,
        context: SyncContext,
    ) -> None:
        """Prepare to read nothing yet; the streams may be some of those that are declared."""
        self._search = KeySearch(declared, account)
        self._account = account
        self._context = context

    def add(self, entry: CatalogEntry, declared: KeyedStream) -> None:
        """Read one more selected stream.

        Raises:
            CatalogError: the entry has no key column.
        """
        self._search.tables[entry.stream] = KeyedTable(entry, declared, self._context.now)

    @property
    def name(self) -> str:
        return NAME

    @property
    def streams(self) -> list[str]:
        return [*self._search.tables]

    @property
    def issues_of(self) -> Mapping[str, ConversionIssues]:
        return {name: table.issues for name, table in self._search.tables.items()}

    @property
    def unknown(self) -> set[str]:
        tables = self._search.tables.items()
        return {f"{name}.{key}" for name, table in tables for key in table.unknown}

    def steps(self, emitter: Emitter) -> Steps:
        family = self._family(emitter)
        for table in self._search.live.values():
            table.announce(emitter)
        yield None
        if self._search.asks_for(LEAD):
            yield from self._changes.steps(emitter)
        yield family

    def estimate(self, sizes: ListSizes) -> ReadEstimate:
        family = self._family()
        keys = f"one for {MOST_VALUES} keys of {', '.join(self._search.objects)}"
        calls = self._changes.calls if self._search.asks_for(LEAD) else Calls()
        return ReadEstimate(families=[family], calls=calls + Calls(0, keys))

    @property
    def _changes(self) -> RoleChanges:
        return RoleChanges(self._search, self._account, self._context)

    def _family(self, emitter: Emitter | None = None) -> ReferencesFamily:
        """Return what exports the references.

        Raises:
            TapError: no stream can be read.
        """
        self._search.prepare()
        if not self._search.live:
            raise next(iter(self._search.failed.values()))
        known = find_names(LINKS, [each.name for each in self._account.lead_fields])
        fields = [known[name] for name in LINKS if name in known]
        self._warn_of_missing(known)
        # Where opportunities can be found in neither way, the leads of roles lead to them.
        by_lead = not self._search.asks_by("opportunities", COMPANY_KEY, SALES_PERSON)
        return ReferencesFamily(self._search, fields, self._context, by_lead, emitter)

    def _warn_of_missing(self, known: Collection[str]) -> None:
        """Warn of fields that this account has not: nothing is found by them."""
        needed = [COMPANY, *([COMPANY_KEY] if self._context.config.companies == "linked" else [])]
        missing = [name for name in needed if name not in known]
        if missing and self._search.asks_for(COMPANY):
            LOGGER.warning(
                "companies: leads have no field %s here, so that no company is found.%s",
                missing[0],
                ' To have the company of each lead, set "companies": "all".'
                if missing == [COMPANY_KEY] else "",
            )  # fmt: skip
