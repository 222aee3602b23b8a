"""Answers of the read endpoints: describe, types, usage, campaigns, lists, assets, deletions."""

from __future__ import annotations

from typing import Any

from tests.sandbox.answers import ApiError
from tests.sandbox.assets.kinds import BY_CALL, SINGLE
from tests.sandbox.assets.reader import AssetReader
from tests.sandbox.assets.table import Asset, AssetTable
from tests.sandbox.calls import Call
from tests.sandbox.clock import DAY, Clock, activity_time, parse_time
from tests.sandbox.database import Database
from tests.sandbox.fields import schema_of
from tests.sandbox.options import Options
from tests.sandbox.paging import Place, make_token, read_batch_size, read_token, token_page
from tests.sandbox.permissions import SCHEMA, Permissions
from tests.sandbox.usage import USAGE_CALLS, Usage

ASSET_CALLS = frozenset((*BY_CALL, *SINGLE, "programs", "folders"))
SCANNED_DAYS = 7
"""Days of activities that one call looks through; see deleted_leads."""


class Readers:
    """The read endpoints. Each method gives the members of the envelope beside requestId."""

    def __init__(
        self,
        options: Options,
        database: Database,
        clock: Clock,
        usage: Usage,
        permissions: Permissions,
    ) -> None:
        self._token_bytes = options.token_bytes
        self._database = database
        self._clock = clock
        self._usage = usage
        self._permissions = permissions
        self._assets = AssetReader(database.assets, options.seed)

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to a call of one of these kinds."""
        if call.kind in ASSET_CALLS:
            return self._assets.answer(call)
        if call.kind in USAGE_CALLS:
            return {"result": self._usage.answer(call.kind)}
        if call.kind == "describe":
            return {"result": [field.described() for field in self._database.leads.fields]}
        if call.kind == "types":
            return {"result": self._database.described_types()}
        if call.kind == "campaigns":
            return self.page_of(call, self._database.campaigns)
        if call.kind == "lists":
            return self.page_of(call, self._database.lists)
        if call.kind == "schema_fields":
            return self.schema_fields(call)
        if call.kind == "pagingtoken":
            return self.paging_token(call)
        return self.deleted_leads(call)

    def _token(self, kind: str, where: tuple[int, ...], page: int) -> str:
        return make_token(Place(kind, where, page), self._token_bytes)

    def page_of(self, call: Call, table: AssetTable) -> dict[str, Any]:
        """A page by token: nextPageToken while moreResult is true (paging-tokens.md)."""
        rows, beside = token_page(
            _filtered(call, table), call.query, call.kind, call.token, self._token_bytes,
            lambda row: row.id,
        )  # fmt: skip
        return {"result": table.shown(list(rows)), **beside}

    def schema_fields(self, call: Call) -> dict[str, Any]:
        """A page of the lead fields that the role may see (leads.md, "Browse")."""
        standard, custom = (self._permissions.grants(name) for name in SCHEMA)
        fields = schema_of(self._database.leads.fields, standard, custom)
        rows, beside = token_page(
            list(enumerate(fields, start=1)), call.query, call.kind, call.token, self._token_bytes,
            lambda row: row[0],
        )  # fmt: skip
        return {"result": [field for _, field in rows], **beside}

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
