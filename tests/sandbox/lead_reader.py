"""Answers of the calls that give lead records: by a filter, and the members of a list."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.calls import Call
from tests.sandbox.database import EXPORT_ONLY, Database
from tests.sandbox.paging import (
    Place,
    integers,
    make_token,
    read_batch_size,
    read_token,
    split_values,
)

LEAD_CALLS = frozenset(("leads_by_filter", "list_members"))

USUAL_FIELDS = ("id", "email", "updatedAt", "createdAt", "firstName", "lastName")
"""What a call that names no fields gives (leads.md, "Query"; list-membership.md)."""
MOST_VALUES = 300
MOST_MATCHES = 1000
""" "Too many results match the filter" beyond (leads.md, "Query")."""

_SEARCHABLE = ("cookies", "email", "id", "leadPartitionId")
"""Standard fields of the account that filterType takes (swagger-mapi.json)."""
_SEARCHABLE_TYPES = ("string", "email", "integer")
"""Data types of custom fields that it takes (leads.md, "Query")."""
_SPARE = 5
"""The record of every fifth lead leaves out what is null."""


class LeadReader:
    """The endpoints that give lead records."""

    def __init__(self, token_bytes: int, database: Database) -> None:
        self._token_bytes = token_bytes
        self._database = database

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to a call of one of these kinds."""
        if call.kind == "list_members":
            return self.list_members(call)
        return self.leads_by_filter(call)

    def list_members(self, call: Call) -> dict[str, Any]:
        """A page of the members of a list (list-membership.md, "Get Leads by List ID").

        All three examples have a nextPageToken and no moreResult beside it.
        """
        number = int(call.job_id)
        if self._database.lists.find(number) is None:
            raise ApiError("1013", f"List {number} not found")
        return self._page(call, self._database.memberships.of(number))

    def leads_by_filter(self, call: Call) -> dict[str, Any]:
        """A page of the leads whose field has one of some values (leads.md, "Query").

        "the response sets the moreResult field to true and returns a nextPageToken"
        (paging-tokens.md, "Position-Based", of this very call).
        """
        kind = call.first("filterType")
        if not kind:
            raise ApiError("1002", "Missing value for the required parameter 'filterType'")
        values = split_values(call.query.get("filterValues"))
        if not values:
            raise ApiError("1002", "Missing value for the required parameter 'filterValues'")
        if len(values) > MOST_VALUES:
            raise ApiError("1003", f"filterValues may hold {MOST_VALUES} values at most")
        found = self._matching(kind, values)
        if len(found) > MOST_MATCHES:
            raise ApiError("1003", "Too many results match the filter")
        page = self._page(call, found)
        return {**page, "moreResult": True} if "nextPageToken" in page else page

    def _matching(self, name: str, values: list[str]) -> list[int]:
        """Ids of the leads that a filter means, in order."""
        leads = self._database.leads
        if name == "id":
            return [lead_id for lead_id in sorted(set(integers(values))) if leads.has(lead_id)]
        field = leads.field(name)
        if field is None:
            raise ApiError("1006", f"Field '{name}' not found")
        fits = name in _SEARCHABLE if field.standard else field.data_type in _SEARCHABLE_TYPES
        if not fits:
            raise ApiError("1011", f"Field '{name}' not supported")
        wanted = frozenset(values)
        cell = leads.getter(name, lambda value: value.text)
        return [lead.id for lead in leads.read(leads.everything()) if cell(lead) in wanted]

    def _page(self, call: Call, ids: Sequence[int]) -> dict[str, Any]:
        """The records of a page; a token stands for the last lead of the page before.

        It "works like a database cursor" (paging-tokens.md): who leaves moves nobody to a page
        already read.
        """
        size = read_batch_size(call.query)
        place = read_token(call.token, call.scan) if call.token else Place(call.scan, (0,))
        (last,) = place.where
        first = bisect_right(ids, last)
        shown = ids[first : first + size]
        answer: dict[str, Any] = {"result": self._records(call, shown)}
        if first + size < len(ids):
            following = Place(call.scan, (shown[-1],), place.page + 1)
            answer["nextPageToken"] = make_token(following, self._token_bytes)
        return answer

    def _records(self, call: Call, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Leads with the fields asked for; the id is always there (swagger-mapi.json, Lead).

        "If you request a field that is not returned, its value is implied to be null"
        (lead-database.md, "Query").
        """
        leads = self._database.leads
        names = split_values(call.query.get("fields")) or list(USUAL_FIELDS)
        refused = self._database.refused_fields[EXPORT_ONLY]
        for name in names:
            if leads.field(name) is None or name in refused:
                raise ApiError("1006", f"Field '{name}' not found")
        names = list(dict.fromkeys(["id", *names]))
        records = []
        for row in leads.rows(leads.pick(ids), names, lambda value: value.typed):
            record = dict(zip(names, row, strict=True))
            if row[0] is not None and int(row[0]) % _SPARE == 0:
                record = {name: value for name, value in record.items() if value is not None}
            records.append(record)
        return records
