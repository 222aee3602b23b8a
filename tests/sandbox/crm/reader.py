"""Answers of the calls about these objects: describe, and rows by keys (lead-database.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.calls import Call
from tests.sandbox.clock import bulk_time
from tests.sandbox.crm.database import CrmDatabase
from tests.sandbox.crm.kinds import DESCRIBED, MEMBERS
from tests.sandbox.crm.tables import KeyedTable
from tests.sandbox.options import Options
from tests.sandbox.paging import split_values, token_page

MOST_VALUES = 300
"""A "comma-separated list of up to 300 values" (lead-database.md, "Query")."""
_SPARE = 5
"""Every fifth row leaves out what is null: "its value is implied to be null"."""
_TEXTS = ("amount",)
"""Numbers that every example shows as text."""
_ALIASES = {"idField": "idField", "idFields": "idField", "dedupeFields": "dedupeFields"}


class CrmReader:
    """The endpoints of these objects. Each method gives the members of the envelope."""

    def __init__(self, options: Options, database: CrmDatabase, start: float) -> None:
        self._database = database
        self._token_bytes = options.token_bytes
        self._most = options.most_matches
        self._start = start

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to a call of one of these kinds."""
        if call.kind in DESCRIBED:
            return {"result": [self._described(DESCRIBED[call.kind].table)]}
        if call.kind == MEMBERS:
            return self._members(call)
        return self._query(call, self._database.tables[call.kind])

    def _described(self, name: str) -> dict[str, Any]:
        table = self._database.tables[name]
        return {
            "name": table.kind.title,
            "displayName": table.kind.title,
            "createdAt": bulk_time(self._start),
            "updatedAt": bulk_time(self._start),
            "idField": table.kind.key,
            "dedupeFields": [*table.kind.dedupe],
            # "Only fields of type String or Integer" of custom ones (opportunities.md, Query). The
            # example shows no other than the keys; which there are beside them no page says.
            "searchableFields": table.filters,
            "fields": [each.described() for each in table.fields if each.is_described],
        }

    def _members(self, call: Call) -> dict[str, Any]:
        lists, accounts = (
            self._database.tables[name] for name in ("named_account_lists", "named_accounts")
        )
        found = lists.matching("marketoGUID", [call.job_id])
        if not found:
            raise ApiError("1013", f"Named account list {call.job_id} not found")
        rows = [accounts.rows[number] for number in self._database.members[found[0].number]]
        return self._page(call, accounts, rows)

    def rows_of(self, call: Call, table: KeyedTable) -> dict[str, Any]:
        """The rows of another table that answers queries in the same way."""
        return self._query(call, table)

    def _query(self, call: Call, table: KeyedTable) -> dict[str, Any]:
        kind = call.first("filterType")
        if not kind:
            raise ApiError("1002", "Missing value for the required parameter 'filterType'")
        inputs = call.members.get("input")
        if inputs is not None:
            rows = self._by_inputs(table, kind, inputs)
        else:
            rows = self._by_values(table, kind, split_values(call.query.get("filterValues")))
        if self._most and len(rows) > self._most:
            raise ApiError("1003", "Too many results match the filter")
        return self._page(call, table, rows)

    def _by_values(self, table: KeyedTable, kind: str, values: list[str]) -> Sequence[Any]:
        if not values:
            raise ApiError("1002", "Missing value for the required parameter 'filterValues'")
        if len(values) > MOST_VALUES:
            raise ApiError("1003", f"filterValues may hold {MOST_VALUES} values at most")
        name = self._filter(table, kind)
        return table.matching(name, frozenset(values))

    def _filter(self, table: KeyedTable, kind: str) -> str:
        """The field that a filter takes, "always valid" aliases among them."""
        alias = _ALIASES.get(kind)
        if alias == "idField":
            return table.kind.key
        if alias:
            if len(table.kind.dedupe) > 1:
                raise ApiError("1003", "A compound key takes an input of objects")
            return table.kind.dedupe[0]
        if [kind] not in table.filters or not table.kind.has_describe:
            raise ApiError("1003", f"Invalid filterType '{kind}'")
        return kind

    def _by_inputs(self, table: KeyedTable, kind: str, inputs: Any) -> Sequence[Any]:
        if _ALIASES.get(kind) != "dedupeFields" or not isinstance(inputs, list):
            raise ApiError("1003", "input is of a filter by dedupeFields")
        if len(inputs) > MOST_VALUES:
            raise ApiError("1003", f"input may hold {MOST_VALUES} objects at most")
        if any(not isinstance(each, dict) or {*table.kind.dedupe} - {*each} for each in inputs):
            raise ApiError("1003", "Each object must have every field of the compound key")
        return table.matching_all(inputs)

    def _page(self, call: Call, table: KeyedTable, rows: Sequence[Any]) -> dict[str, Any]:
        shown, beside = token_page(
            rows, call.query, call.scan, call.token, self._token_bytes, lambda row: row.number
        )
        if not table.kind.tells_more:
            del beside["moreResult"]
        names = self._names(call, table)
        result = [self._record(table, row, seq, names) for seq, row in enumerate(shown)]
        return {"result": result, **beside}

    @staticmethod
    def _names(call: Call, table: KeyedTable) -> list[str]:
        """The fields that are asked for, or those that come unasked."""
        kind = table.kind
        asked = split_values(call.query.get("fields"))
        usual = [kind.key, *kind.dedupe, "createdAt", "updatedAt", *kind.usual]
        if not asked and kind.table == "sales_persons":
            # "By default, the query returns all populated fields" (sales-persons.md).
            usual = [each.name for each in table.fields]
        names = []
        for name in asked or usual:
            found = table.field(name)
            if found is None and asked:
                raise ApiError("1006", f"Field '{name}' not found")
            names += [found.name] if found else []
        return list(dict.fromkeys([kind.key, *names]))

    @staticmethod
    def _record(table: KeyedTable, row: Any, seq: int, names: Sequence[str]) -> Mapping[str, Any]:
        record: dict[str, Any] = {"seq": seq}
        for name in names:
            value = table.cell(row, name)
            typed = value.text if name in _TEXTS else value.typed
            if typed is not None or row.number % _SPARE:
                record[name] = typed
        return record
