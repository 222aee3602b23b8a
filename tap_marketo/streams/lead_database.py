"""Small tables of the lead database: activity types, campaigns, static lists."""

from __future__ import annotations

from tap_marketo.streams.paged import PagedStream, by_token, whole_list

ACTIVITY_TYPES = PagedStream(
    "activity_types",
    "/rest/v1/activities/types.json",
    whole_list,
    frozenset({"name"}),
    replication_key=None,
)
CAMPAIGNS = PagedStream(
    "campaigns", "/rest/v1/campaigns.json", by_token, frozenset({"createdAt", "updatedAt"})
)
LISTS = PagedStream(
    "lists", "/rest/v1/lists.json", by_token, frozenset({"name", "createdAt", "updatedAt"})
)
