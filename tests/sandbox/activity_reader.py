"""Answers of the calls that give activities page by page (activities.md, paging-tokens.md)."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from tests.sandbox.activity_types import DELETE_LEAD, Attribute
from tests.sandbox.answers import ApiError
from tests.sandbox.calls import Call
from tests.sandbox.clock import DAY, Clock, activity_time, bulk_time, parse_time
from tests.sandbox.database import Database
from tests.sandbox.paging import (
    DATED,
    Place,
    integers,
    make_token,
    read_batch_size,
    read_token,
    split_values,
)

ACTIVITY_CALLS = frozenset(("pagingtoken", "activities_page", "deletedleads"))

_WITHOUT_ID = 5
"""One record in so many has no id beside its marketoGUID."""
_WITH_EMPTY = 4
"""One record in so many shows its empty attributes."""
SCANNED_DAYS = 7
"""Days of activities that one call looks through."""
MOST_TYPES = 10
MOST_LEADS = 30
"""Most activityTypeIds and leadIds of a call (activities.md, "Query")."""
LARGE_LIST = 10_000
LARGE_LISTS_END = parse_time("2026-12-30T00:00:00Z") or 0.0
"""From then on lists of so many leads are refused with 1003 (activities.md, "Query")."""


class ActivityReader:
    """The endpoints that go through activities from a datetime on."""

    def __init__(self, token_bytes: int, database: Database, clock: Clock) -> None:
        self._token_bytes = token_bytes
        self._database = database
        self._clock = clock

    def answer(self, call: Call) -> dict[str, Any]:
        """The answer to a call of one of these kinds."""
        if call.kind == "pagingtoken":
            return self.paging_token(call)
        if call.kind == "deletedleads":
            return self.deleted_leads(call)
        return self.activities(call)

    def paging_token(self, call: Call) -> dict[str, Any]:
        """A token that stands for a date (paging-tokens.md, "Date-Based")."""
        text = call.first("sinceDatetime")
        if not text:
            raise ApiError("1002", "Missing value for the required parameter 'sinceDatetime'")
        moment = parse_time(text)
        if moment is None:
            raise ApiError("704", f"Invalid date format: sinceDatetime '{text}'")
        # Behind that second: it is for what "occurred after the date represented by" the token.
        token = make_token(Place(DATED, (int(moment) + 1, -1)), self._token_bytes)
        return {"nextPageToken": token}

    def activities(self, call: Call) -> dict[str, Any]:
        """A page of the activities of some types (activities.md, "Query").

        No page takes Delete Lead out, as bulk-activity-extract.md does.
        """
        kinds = integers(split_values(call.query.get("activityTypeIds")))
        if not kinds:
            raise ApiError("1002", "Missing value for the required parameter 'activityTypeIds'")
        if len(kinds) > MOST_TYPES:
            raise ApiError("1003", f"activityTypeIds may hold {MOST_TYPES} ids at most")
        if call.first("assetIds"):
            raise ApiError("1003", "The sandbox does not do the filter assetIds")
        places, beside = self._page(call, kinds, self._leads(call))
        return {**_shown([self._record(place) for place in places]), **beside}

    def _leads(self, call: Call) -> Collection[int] | None:
        """The leads to which "one of these parameters" narrows a query, leadIds or listId."""
        ids = integers(split_values(call.query.get("leadIds")))
        if len(ids) > MOST_LEADS:
            raise ApiError("1003", f"leadIds may hold {MOST_LEADS} ids at most")
        listed = integers(split_values(call.query.get("listId")))
        if not listed:
            return ids or None
        if ids or len(listed) > 1:
            raise ApiError("1003", "Only one of leadIds and listId may be given, and one list")
        if self._database.lists.find(listed[0]) is None:
            raise ApiError("1013", f"List {listed[0]} not found")
        members = self._database.memberships.of(listed[0])
        if len(members) >= LARGE_LIST and self._clock.now() >= LARGE_LISTS_END:
            raise ApiError("1003", f"List {listed[0]} has {LARGE_LIST} leads or more")
        return members

    def deleted_leads(self, call: Call) -> dict[str, Any]:
        """A page of Delete Lead activities (activities.md, "Deleted leads")."""
        places, beside = self._page(call, [DELETE_LEAD], None)
        records = [self._record(place) for place in places]
        for record, place in zip(records, places, strict=True):
            record["activityDate"] = activity_time(self._database.activities.date[place])
        return {**_shown(records), **beside}

    def _page(
        self, call: Call, kinds: Collection[int], leads: Collection[int] | None
    ) -> tuple[list[int], dict[str, Any]]:
        """Places of the activities of a page, and the members beside them.

        The endpoint always gives a nextPageToken and may give fewer records than asked, even
        none, while moreResult is true: here one call looks through seven days at most. The last
        page's token goes on after what there was; what is written later with an earlier date
        stays behind it.
        """
        if not call.token:
            raise ApiError("1002", "Missing value for the required parameter 'nextPageToken'")
        size = read_batch_size(call.query)
        position = read_token(call.token, call.scan)
        since, spot = position.where
        now = self._clock.now()
        until = min(now, since + SCANNED_DAYS * DAY)
        found = self._database.activities.after((since, spot), until, now, kinds, leads)
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
        following = Place(call.scan, (since, spot), position.page + 1)
        token = make_token(following, self._token_bytes)
        return [place for _, place in found], {"nextPageToken": token, "moreResult": more}

    def _record(self, place: int) -> dict[str, Any]:
        """One activity (activities.md, "Query"; swagger-mapi.json, Activity).

        What is empty is left out: the ids and names that the Swagger does not require, as the
        campaign in the example; of attributes the page says so, and yet its example has some that
        are empty texts: so have some records here. The id "may not be present" (swagger-mapi.json).
        """
        table = self._database.activities
        guid, kind, lead_id = table.guid(place), table.kind[place], table.lead[place]
        details = table.details(place)
        primary_id, primary = details.primary_id.typed, details.primary.typed
        values = json.loads(details.attributes.text or "{}").values()
        attributes = dict(zip(details.canonical, values, strict=True))
        if kind == DELETE_LEAD:
            primary_id, primary, attributes = lead_id, f"Lead {lead_id}", {}
        record: dict[str, Any] = {} if place % _WITHOUT_ID == 3 else {"id": int(guid)}
        record |= {
            "marketoGUID": guid,
            "leadId": lead_id,
            "activityDate": bulk_time(table.date[place]),
            "activityTypeId": kind,
        }
        if kind != DELETE_LEAD and (campaign := table.campaign(place)) is not None:
            record["campaignId"] = campaign
        if primary_id is not None:
            record["primaryAttributeValueId"] = primary_id
        if primary is not None:
            record["primaryAttributeValue"] = primary
        defined = table.type(kind)
        known = defined.attributes if defined is not None and kind != DELETE_LEAD else ()
        if place % _WITH_EMPTY == 1:
            attributes |= {each.name: "" for each in known if each.name not in attributes}
        record["attributes"] = [_attribute(known, *each) for each in attributes.items()]
        return record


def _attribute(known: Sequence[Attribute], name: str, value: Any) -> dict[str, Any]:
    """Name and value; attributes of custom types have an apiName (swagger-mapi.json)."""
    api_name = next((each.api_name for each in known if each.name == name), None)
    return {"name": name, "value": value} | ({"apiName": api_name} if api_name else {})


def _shown(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The result, which is left out where it is empty."""
    return {"result": records} if records else {}
