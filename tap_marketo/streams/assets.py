"""Assets."""

from __future__ import annotations

from tap_marketo.streams.paged import PagedStream, by_update_range

PROGRAMS = PagedStream(
    "programs",
    "/rest/asset/v1/programs.json",
    by_update_range,
    frozenset({"createdAt", "updatedAt"}),
)
