"""Answers of the call that gives the members of a program (program-members.md, "Query")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.calls import Call
from tests.sandbox.clock import DAY, parse_time
from tests.sandbox.database import Database
from tests.sandbox.member_fields import describe
from tests.sandbox.members import Member, MemberSelection
from tests.sandbox.options import Options
from tests.sandbox.paging import integers, split_values, token_page
from tests.sandbox.values import Value

MEMBERS_CALL = "members_of_program"

USUAL_FIELDS = ("acquiredBy", "leadId", "membershipDate", "programId", "reachedSuccess")
"""What a call that names no fields gives."""
MOST_VALUES = 300
MOST_DAYS = 7
"""The range of the filter by updatedAt "must be seven days or fewer"."""

_SEARCHABLE_TYPES = ("string", "integer")
"""Data types of custom fields that filterType takes."""
_SPARE = 5
"""The record of every fifth lead leaves out what is null (lead-database.md, "Query")."""
_HIDDEN = 7
"""Of every seventh lead pages differ from exports, with the option `member_pages`."""


class MemberReader:
    """The endpoint that gives the members of a program."""

    def __init__(self, options: Options, database: Database) -> None:
        self._token_bytes = options.token_bytes
        self._most = options.most_members
        self._pages = options.member_pages
        self._database = database

    def answer(self, call: Call) -> dict[str, Any]:
        """A page of the members that a filter means, in order of their lead ids."""
        members, program = self._database.members, int(call.job_id)
        if program not in members.program_ids():
            raise ApiError("1013", f"Program {program} not found")
        kind = call.first("filterType")
        if not kind:
            raise ApiError("1002", "Missing value for the required parameter 'filterType'")
        names = self._names(call)
        if kind == "updatedAt":
            found = self._updated(call, program)
        else:
            found = self._matching(call, program, kind)
        if kind != "leadId" and self._pages == "fewer":
            found = [each for each in found if each.lead % _HIDDEN]
        found.sort(key=lambda each: each.lead)
        shown, beside = token_page(
            found, call.query, call.scan, call.token, self._token_bytes, lambda each: each.lead
        )
        return {"result": self._records(shown, names), **beside}

    def described(self) -> dict[str, Any]:
        """What describe.json says of members."""
        return describe(self._database.members.fields, self._database.members.filters)

    def _matching(self, call: Call, program: int, kind: str) -> list[Member]:
        values = split_values(call.query.get("filterValues"))
        if not values:
            raise ApiError("1002", "Missing value for the required parameter 'filterValues'")
        if len(values) > MOST_VALUES:
            raise ApiError("1003", f"filterValues may hold {MOST_VALUES} values at most")
        table = self._database.members
        everyone = table.select([program]).members
        if kind == "leadId":
            wanted = frozenset(integers(values))
            return [each for each in everyone if each.lead in wanted]
        field = table.field(kind)
        if field is None or not (kind in table.filters or field.custom):
            raise ApiError("1003", f"Invalid filterType '{kind}'")
        if field.custom and field.data_type not in _SEARCHABLE_TYPES:
            raise ApiError("1003", f"filterType '{kind}' is neither string nor integer")
        self._check_size(everyone)
        cell = table.getter(field, lambda value: value.text)
        texts = frozenset(values)
        return [each for each in everyone if cell(each) in texts]

    def _updated(self, call: Call, program: int) -> list[Member]:
        low, high = (self._time(call, name) for name in ("startAt", "endAt"))
        if high < low:
            raise ApiError("1003", "endAt is before startAt")
        if high - low > MOST_DAYS * DAY:
            raise ApiError("1003", f"the range must be {MOST_DAYS} days or fewer")
        table = self._database.members
        self._check_size(table.select([program]).members)
        return table.select([program], low, high).members

    @staticmethod
    def _time(call: Call, name: str) -> float:
        text = call.first(name)
        if not text:
            raise ApiError("1002", f"Missing value for the required parameter '{name}'")
        moment = parse_time(text)
        if moment is None:
            raise ApiError("704", f"Invalid date '{text}'")
        return moment

    def _check_size(self, members: Sequence[Member]) -> None:
        """ "When filterType is not "leadId", ... a maximum of 100,000 program member records"."""
        if len(members) > self._most:
            raise ApiError(
                "1003",
                f"Total membership size: {len(members):,} exceeds the limit allowed "
                f"{self._most:,} for the filter",
            )

    def _names(self, call: Call) -> list[str]:
        """The fields of each record; those in the example's "seq" beside them."""
        names = split_values(call.query.get("fields")) or list(USUAL_FIELDS)
        for name in names:
            if self._database.members.field(name) is None:
                raise ApiError("1006", f"Field '{name}' not found")
        return list(dict.fromkeys(["leadId", *names]))

    def _records(self, shown: Sequence[Member], names: Sequence[str]) -> list[dict[str, Any]]:
        members = list(shown)
        leads = self._database.leads
        chosen = leads.pick([member.lead for member in members])
        selection = MemberSelection(self._database.members, members, chosen)
        records = []
        for seq, row in enumerate(selection.rows(names, _typed)):
            record: dict[str, Any] = {"seq": seq, **dict(zip(names, row, strict=True))}
            lead = members[seq].lead
            if self._pages == "other" and lead % _HIDDEN == 0:
                record |= {name: None for name in names if name == "statusReason"}
            if lead % _SPARE == 0:
                record = {name: value for name, value in record.items() if value is not None}
            records.append(record)
        return records


def _typed(value: Value) -> Any:
    return value.typed
