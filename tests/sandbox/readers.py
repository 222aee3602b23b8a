"""Answers of the read endpoints: describe, types, usage, campaigns, lists, programs, deletions."""

from __future__ import annotations

from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.assets import Asset, AssetTable
from tests.sandbox.calls import Call
from tests.sandbox.clock import DAY, Clock, activity_time, central_date, parse_time
from tests.sandbox.database import Database
from tests.sandbox.limits import Limits
from tests.sandbox.options import Options
from tests.sandbox.paging import (
    Place,
    make_token,
    read_batch_size,
    read_number,
    read_token,
)

NO_ASSETS = "No assets found for the given search criteria."
CUSTOM_OBJECTS = (
    {"name": "car_c", "displayName": "Car", "idField": "marketoGUID", "dedupeFields": ["vin"]},
    {"name": "visit_c", "displayName": "Visit", "idField": "marketoGUID", "dedupeFields": ["no"]},
)
"""The types of custom objects (custom-objects.md, "List")."""
SCANNED_DAYS = 7
"""Days of activities that one call looks through; see deleted_leads."""


class Readers:
    """The read endpoints. Each method gives the members of the envelope beside requestId."""

    def __init__(
        self, options: Options, database: Database, limits: Limits, clock: Clock, user: str
    ) -> None:
        self._token_bytes = options.token_bytes
        self._database = database
        self._limits = limits
        self._clock = clock
        self._user = user

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to a call of one of these kinds."""
        if call.kind == "usage":
            return self.usage()
        if call.kind == "describe":
            return {"result": [field.described() for field in self._database.leads.fields]}
        if call.kind == "types":
            return {"result": [kind.described() for kind in self._database.activities.types]}
        if call.kind == "campaigns":
            return self.page_of(call, self._database.campaigns)
        if call.kind == "lists":
            return self.page_of(call, self._database.lists)
        if call.kind == "programs":
            return self.programs(call)
        if call.kind == "customobjects":
            return {"result": [dict(each) for each in CUSTOM_OBJECTS]}
        if call.kind == "pagingtoken":
            return self.paging_token(call)
        return self.deleted_leads(call)

    def _token(self, kind: str, where: tuple[int, ...], page: int) -> str:
        return make_token(Place(kind, where, page), self._token_bytes)

    def usage(self) -> dict[str, Any]:
        """Calls of today, by user (usage.md, "Daily Usage")."""
        users = [{"userId": self._user, "count": self._limits.own_today()}]
        day = central_date(self._clock.now())
        foreign = self._limits.foreign_calls.get(day)
        if foreign:
            users.append({"userId": "another.user@example.com", "count": foreign})
        return {"result": [{"date": day, "total": self._limits.today(), "users": users}]}

    def page_of(self, call: Call, table: AssetTable) -> dict[str, Any]:
        """A page by token: nextPageToken while moreResult is true (paging-tokens.md)."""
        size = read_batch_size(call.query)
        rows = _filtered(call, table)
        place = read_token(call.token, call.kind) if call.token else Place(call.kind, (0,))
        (offset,) = place.where
        shown: dict[str, Any] = {"result": table.shown(rows[offset : offset + size])}
        more = offset + size < len(rows)
        if more:
            shown["nextPageToken"] = self._token(call.kind, (offset + size,), place.page + 1)
        shown["moreResult"] = more
        return shown

    def programs(self, call: Call) -> dict[str, Any]:
        """A page by offset and maxReturn (programs.md, "Browse" and "By Date Range")."""
        size = read_number(call.query.get("maxReturn"), 20, 1, 200, "maxReturn")
        offset = read_number(call.query.get("offset"), 0, 0, 1 << 31, "offset")
        low = _moment(call, "earliestUpdatedAt", 0.0)
        high = _moment(call, "latestUpdatedAt", float("inf"))
        # "either updated or initially created within the given range"
        rows = [
            row
            for row in self._database.programs.rows
            if low <= row.updated <= high or low <= row.created <= high
        ]
        chosen = rows[offset : offset + size]
        shown: dict[str, Any] = {"errors": [], "warnings": []}
        if chosen:
            shown["result"] = self._database.programs.shown(chosen)
        else:
            shown["warnings"] = [NO_ASSETS]
        return shown

    def paging_token(self, call: Call) -> dict[str, Any]:
        """A token that stands for a date (paging-tokens.md, "Date-Based")."""
        text = call.first("sinceDatetime")
        if not text:
            raise ApiError("1002", "Missing value for the required parameter 'sinceDatetime'")
        moment = parse_time(text)
        if moment is None:
            raise ApiError("704", f"Invalid date format: sinceDatetime '{text}'")
        # One before the first place of that second: records of the second itself are wanted.
        return {"nextPageToken": self._token("deletedleads", (int(moment), -1), 1)}

    def deleted_leads(self, call: Call) -> dict[str, Any]:
        """A page of Delete Lead activities (activities.md, "Deleted leads").

        The endpoint always gives a nextPageToken and may give fewer records than asked, even
        none, while moreResult is true: here one call looks through seven days at most.
        """
        if not call.token:
            raise ApiError("1002", "Missing value for the required parameter 'nextPageToken'")
        size = read_batch_size(call.query)
        place = read_token(call.token, "deletedleads")
        since, spot = place.where
        now = self._clock.now()
        until = min(now, since + SCANNED_DAYS * DAY)
        table = self._database.activities
        found = table.deletions(since, spot, until)
        more = len(found) > size or until < now
        found, rest = found[:size], found[size:]
        if rest:
            since, spot = found[-1]
        elif more:
            since, spot = int(until), -1
            # A record at the very second of the cut would come twice without this.
            spot = max([spot] + [each for date, each in found if date == since])
        elif found:
            since, spot = found[-1]
        rows = []
        for date, each in found:
            guid = table.guid(each)
            lead_id = table.lead[each]
            rows.append(
                {
                    "id": int(guid),
                    "marketoGUID": guid,
                    "leadId": lead_id,
                    "activityDate": activity_time(date),
                    "activityTypeId": table.kind[each],
                    "primaryAttributeValueId": lead_id,
                    "primaryAttributeValue": f"Lead {lead_id}",
                    "attributes": [],
                }
            )
        shown: dict[str, Any] = {"result": rows} if rows else {}
        token = self._token("deletedleads", (since, spot), place.page + 1)
        return {**shown, "nextPageToken": token, "moreResult": more}


def _moment(call: Call, name: str, usual: float) -> float:
    text = call.first(name)
    if not text:
        return usual
    moment = parse_time(text)
    if moment is None:
        raise ApiError("704", f"Invalid date format: {name} '{text}'")
    return moment


def _filtered(call: Call, table: AssetTable) -> list[Asset]:
    """Rows of the ids and names asked for, one or more, comma separated or repeated."""
    rows = table.rows
    ids = split_values(call.query.get("id"))
    if ids:
        rows = [row for row in rows if str(row.id) in ids]
    names = split_values(call.query.get("name"))
    if names:
        rows = [row for row in rows if row.more["name"] in names]
    return rows


def split_values(values: list[str] | None) -> list[str]:
    """The values of a parameter that may be repeated and may hold commas."""
    return [part for value in values or [] for part in value.split(",") if part]
