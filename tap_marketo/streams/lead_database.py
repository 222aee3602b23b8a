"""Small tables of the lead database: activity types, campaigns, static lists."""

from __future__ import annotations

from tap_marketo.streams.paged import PagedStream, by_token, whole_list
from tap_marketo.streams.permissions import READ_ACTIVITY, READ_CAMPAIGNS, READ_LEAD

ACTIVITY_TYPES = PagedStream(
    name="activity_types",
    path="/rest/v1/activities/types.json",
    read=whole_list,
    permission=READ_ACTIVITY,
    automatic=frozenset({"name"}),
    replication_key=None,
)
CAMPAIGNS = PagedStream(
    name="campaigns",
    path="/rest/v1/campaigns.json",
    read=by_token,
    permission=READ_CAMPAIGNS,
)
LISTS = PagedStream(
    name="lists",
    path="/rest/v1/lists.json",
    read=by_token,
    permission=READ_LEAD,
    automatic=frozenset({"name"}),
)
